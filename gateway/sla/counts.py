"""Counts of exchanges over a span of time: one value that adds up."""

from collections.abc import Iterable

from msgspec import Struct, field

from gateway.audit.leaf import Exchange, Part
from gateway.sla.sampled import Sampled


class Counts(Struct, gc=False):
    """How many exchanges there were, and what they disclosed.

    `statuses` counts answers by the first digit of their status, index 0 being unused. `refusals` counts refused
    exchanges by the id of the clause that refused, `operations` exchanges by "product operation". `drifted` counts
    good answers from which values were withheld, `withheld` those values. `parts` counts the further pieces of answers
    that were sent piece by piece; what they disclosed is counted with the rest. `sampled` is what samples of the data
    showed, by "product direction".
    Three more by the id of a clause: `observed` exchanges that it would have refused if it did more than watch,
    `uncounted` those that passed a limit while it could not be counted with everybody, `cuts` answers that it made
    shorter.
    """

    requests: int = 0
    records: int = 0
    bytes: int = 0
    subjects: int = 0
    withheld: int = 0
    drifted: int = 0
    statuses: list[int] = field(default_factory=lambda: [0] * 10)
    refusals: dict[str, int] = field(default_factory=dict)
    operations: dict[str, int] = field(default_factory=dict)
    parts: int = 0
    sampled: dict[str, Sampled] = field(default_factory=dict)
    observed: dict[str, int] = field(default_factory=dict)
    uncounted: dict[str, int] = field(default_factory=dict)
    cuts: dict[str, int] = field(default_factory=dict)

    def note(self, entry: Exchange | Part, *, refused: bool) -> None:
        """Count the clauses that an entry names: the one that refused or else cut, and those that let it pass."""
        if entry.clause:
            _add(self.refusals if refused else self.cuts, {entry.clause: 1})
        if entry.observed:
            _add(self.observed, dict.fromkeys(entry.observed.split(), 1))
        if entry.uncounted:
            _add(self.uncounted, dict.fromkeys(entry.uncounted.split(), 1))

    @property
    def good(self) -> int:
        """Answers with a status below 400."""
        return self.statuses[1] + self.statuses[2] + self.statuses[3]

    @property
    def faults(self) -> int:
        """Answers with a status of 500 and above: the hub's own and its backends'."""
        return self.statuses[5]

    @property
    def judged(self) -> int:
        """Answers that tell how the hub did: refusals and the caller's own mistakes (400-499) are left out."""
        return self.good + self.faults

    @property
    def refused(self) -> int:
        """Exchanges that some clause refused."""
        return sum(self.refusals.values())


def added(parts: Iterable[Counts]) -> Counts:
    """The sum, as a new value. The parts may be counted on meanwhile: their dictionaries are copied at once."""
    total = Counts()
    for part in parts:
        total.requests += part.requests
        total.records += part.records
        total.bytes += part.bytes
        total.subjects += part.subjects
        total.withheld += part.withheld
        total.drifted += part.drifted
        for index, count in enumerate(part.statuses):
            total.statuses[index] += count
        _add(total.refusals, part.refusals)
        _add(total.operations, part.operations)
        _add(total.observed, part.observed)
        _add(total.uncounted, part.uncounted)
        _add(total.cuts, part.cuts)
        total.parts += part.parts
        for name, sampled in list(part.sampled.items()):
            total.sampled.setdefault(name, Sampled()).add(sampled)
    return total


def _add(total: dict[str, int], part: dict[str, int]) -> None:
    for name, count in list(part.items()):
        total[name] = total.get(name, 0) + count
