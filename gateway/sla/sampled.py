"""What samples of one product's data showed, as counts that add up."""

from collections.abc import Iterable

from msgspec import Struct, field

from gateway.audit.leaf import Observation


class RuleCounts(Struct, gc=False):
    """How one quality rule fared: gateway/audit/leaf.py's Measured, summed."""

    checked: int = 0
    failed: int = 0
    judged: int = 0
    broken: int = 0


class Sampled(Struct, gc=False):
    """The observations of one product and direction, summed. `rules` by id, `drift` and `undeclared` by path."""

    samples: int = 0
    records: int = 0
    rules: dict[str, RuleCounts] = field(default_factory=dict)
    drift: dict[str, int] = field(default_factory=dict)
    undeclared: dict[str, int] = field(default_factory=dict)

    def observe(self, observation: Observation) -> None:
        """Count one observation."""
        self.samples += observation.samples
        self.records += observation.records
        for one in observation.measured:
            self._count(one.rule, one.checked, one.failed, one.judged, one.broken)
        _sum(self.drift, observation.drift)
        _sum(self.undeclared, observation.undeclared)

    def add(self, other: "Sampled") -> None:
        """Count what another counted, which may be counted on meanwhile."""
        self.samples += other.samples
        self.records += other.records
        for rule, one in list(other.rules.items()):
            self._count(rule, one.checked, one.failed, one.judged, one.broken)
        _sum(self.drift, list(other.drift.items()))
        _sum(self.undeclared, list(other.undeclared.items()))

    def _count(self, rule: str, checked: int, failed: int, judged: int, broken: int) -> None:
        counts = self.rules.get(rule)
        if counts is None:
            counts = self.rules[rule] = RuleCounts()
        counts.checked += checked
        counts.failed += failed
        counts.judged += judged
        counts.broken += broken


def _sum(total: dict[str, int], counts: Iterable[tuple[str, int]]) -> None:
    for name, count in counts:
        total[name] = total.get(name, 0) + count
