"""What was seen between two observations of one agreement and product, and the observations it is written down as."""

from collections import Counter
from collections.abc import Iterator
from typing import Literal

from contracts.plan import Plan
from gateway.audit.leaf import Measured, Observation
from gateway.quality.measure import Found

Direction = Literal["out", "in"]
_LEAF_BYTES = 32_000
"""Half of what a record of the log may hold: names of fields are as long as a product wants them."""
_ITEM_BYTES = 64
"""What one item takes besides its name: numbers and punctuation."""


class Account:
    """The counts of one agreement version, product and direction since the last observation."""

    def __init__(self, plan: Plan, direction: Direction) -> None:
        self._contract, self._product, self._direction = plan.contract, plan.resource, direction
        self.samples = self.records = 0
        self.measured: dict[str, list[int]] = {}
        self.drift: Counter[str] = Counter()
        self.undeclared: Counter[str] = Counter()

    def add(self, found: Found) -> None:
        """Count a sample."""
        self.samples += 1
        self.records += found.records
        for rule, counts in found.measured.items():
            total = self.measured.setdefault(rule, [0, 0, 0, 0])
            for index, count in enumerate(counts):
                total[index] += count
        self.undeclared.update(found.undeclared)

    def observations(self, time_us: int) -> Iterator[Observation]:
        """All of it, as records of the log: nearly always one, more where the names would not fit."""
        samples, records = self.samples, self.records
        for page in self._pages():
            yield Observation(
                time_us=time_us,
                partner=self._contract.partner,
                agreement=self._contract.agreement,
                version=self._contract.version,
                contract=self._contract.hash,
                product=self._product,
                direction=self._direction,
                samples=samples,
                records=records,
                measured=tuple(
                    Measured(rule, *counts) for rule, counts in self.measured.items() if ("rule", rule) in page
                ),
                drift=tuple((path, count) for path, count in self.drift.items() if ("drift", path) in page),
                undeclared=tuple(
                    (path, count) for path, count in self.undeclared.items() if ("undeclared", path) in page
                ),
            )
            samples = records = 0

    def _pages(self) -> Iterator[set[tuple[str, str]]]:
        """What goes into each record: (kind, name) of counts that fit into one together; at least one, empty or not."""
        page: set[tuple[str, str]] = set()
        size_bytes = 0
        names = [
            *(("rule", rule) for rule in self.measured),
            *(("drift", path) for path in self.drift),
            *(("undeclared", path) for path in self.undeclared),
        ]
        for kind, name in names:
            item_bytes = len(name.encode()) + _ITEM_BYTES
            if page and size_bytes + item_bytes > _LEAF_BYTES:
                yield page
                page, size_bytes = set(), 0
            page.add((kind, name))
            size_bytes += item_bytes
        yield page
