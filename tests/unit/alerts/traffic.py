"""Traffic that tests of alerts make up: minute by minute, so that they know what any window holds."""

from collections.abc import Iterable
from functools import cache

from contracts.plan import Contract
from gateway.alerts.burning import MINUTE_US, Counting, Events
from gateway.alerts.rules import DEFAULT_RULES, Rule
from gateway.alerts.watched import Watched, watched_clauses
from policies.clause import Meter
from tests.unit.sla.hub import NOON_S, plans_of

NOW_US = NOON_S * 1_000_000
FAST, STEADY, SLOW = DEFAULT_RULES
AVAILABILITY = ("swift-logistics-2026", "5.1")
"""Promises 99.95 percent."""


class Traffic:
    """Counts of one clause. Real enough to stand for an account, of whatever contract."""

    def __init__(self) -> None:
        self.minutes: dict[int, tuple[int, int]] = {}
        self.asked = 0

    def add(self, before_now: range, total: int, bad: int = 0, now_us: int = NOW_US) -> "Traffic":
        """In each of these minutes before now (1 is the last whole one) so many calls, so many of them bad."""
        for minute in before_now:
            at = now_us // MINUTE_US - minute
            had, good = self.minutes.get(at, (0, 0))
            self.minutes[at] = (had + total, good + total - bad)
        return self

    def window(self, _: Meter, from_us: int, until_us: int) -> tuple[int, int]:
        self.asked += 1
        inside = [counts for at, counts in self.minutes.items() if from_us <= at * MINUTE_US < until_us]
        return sum(total for total, _ in inside), sum(good for _, good in inside)

    def of(self, _: Contract) -> "Traffic":
        return self

    def counting(self) -> Counting:
        return lambda from_us, until_us: Events(*self.window(METER, from_us, until_us))


@cache
def all_watched() -> tuple[Watched, ...]:
    return tuple(watched_clauses(plans_of(), NOON_S))


def watched(agreement: str = AVAILABILITY[0], clause: str = AVAILABILITY[1]) -> Watched:
    (found,) = (each for each in all_watched() if (each.contract.agreement, each.clause) == (agreement, clause))
    return found


def names(rules: Iterable[Rule]) -> list[str]:
    return [rule.name for rule in rules]


METER = watched().meter
