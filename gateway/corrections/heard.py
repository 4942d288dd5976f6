"""Reported data errors as the audit log alone tells of them: the same facts as from the state store."""

from collections.abc import Mapping
from types import MappingProxyType

from gateway.audit.leaf import Authority, Entry
from gateway.corrections.facts import History, reports_of
from gateway.corrections.steps import Action, Taken, action_of
from policies.promise import OwedBy
from policies.settling.facts import Correction

_WORDS = 5
"""A subject is id, agreement, clause, severity, and the side that is to correct it."""
_SIDES: Mapping[str, OwedBy] = MappingProxyType({"hub": "hub", "partner": "partner"})


class HeardCorrections:
    """Hears every record of a log, in any order of writers, and knows the reports in it."""

    def __init__(self) -> None:
        self._about: dict[str, tuple[str, str, str, str, OwedBy]] = {}
        self._steps: dict[str, list[Taken]] = {}

    def hear(self, entry: Entry) -> None:
        """Take one record; those about something else are passed over."""
        if not isinstance(entry, Authority):
            return
        words = tuple(entry.subject.split(" "))
        action = action_of(entry.event, words)
        if action is not None and len(words) >= _WORDS:
            self._take(entry, action, words)

    def _take(self, entry: Authority, action: Action, words: tuple[str, ...]) -> None:
        name, agreement, clause, severity, side = words[:_WORDS]
        if owed_by := _SIDES.get(side):
            self._about.setdefault(name, (entry.partner, agreement, clause, severity, owed_by))
            self._steps.setdefault(name, []).append(Taken(entry.time_us, action))

    def histories(self) -> tuple[History, ...]:
        """Every report with its steps in the order of their times."""
        return tuple(
            History(name, *self._about[name], steps=tuple(sorted(set(steps)))) for name, steps in self._steps.items()
        )

    def facts(self, agreement: str, clause: str, from_us: int, to_us: int) -> tuple[Correction, ...]:
        """What a clause is settled by for a window (gateway/corrections/facts.py)."""
        return reports_of(self.histories(), agreement, clause, from_us, to_us)
