"""Clauses and facts for tests of settling, short to write."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec

from policies.kinds import KINDS
from policies.settling.credit import Credit
from policies.settling.facts import FactFault, Facts, Slice
from policies.settling.promise import Promise
from policies.settling.settled import Settled

JANUARY, FEBRUARY = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
SLICE = timedelta(minutes=5)
BASE: dict[str, Any] = {"id": "5.1", "text": {}, "owed_by": "hub", "window": "month"}
AVAILABILITY: dict[str, Any] = BASE | {
    "kind": "availability",
    "slice": "PT5M",
    "empty_slice": "ignore",
    "good": "status < 500",
    "target": "99",
}
ERRORS: dict[str, Any] = BASE | {"kind": "error_rate", "at_most": "1"}
RESPONSE: dict[str, Any] = BASE | {"kind": "response_time", "within": "PT0.5S"}


def promise(values: dict[str, Any], **changes: Any) -> Promise:
    """The clause with other values; one that contradicts itself is an error of the test."""
    made = unchecked(values, **changes)
    assert made.faults() == []
    return made


def unchecked(values: dict[str, Any], **changes: Any) -> Promise:
    """The clause with other values, whatever they are."""
    made = msgspec.convert(values | changes, KINDS[values["kind"]])
    assert isinstance(made, Promise)
    return made


def credit(**values: Any) -> Credit:
    """A credit schedule without contradictions."""
    made = msgspec.convert(values, Credit)
    assert made.faults() == []
    return made


def facts(*slices: tuple[int, int, int], **values: Any) -> Facts:
    """January with slices given as (number, total, good), and a fee of 1000 unless said."""
    named = tuple(Slice(JANUARY + number * SLICE, total, good) for number, total, good in slices)
    given: dict[str, Any] = {"from_": JANUARY, "to": FEBRUARY, "fee": Decimal(1000), "slices": named}
    return Facts(**given | values)


def settled(clause: Promise, given: Facts) -> Settled:
    """What the clause makes of the facts; a fault is an error of the test."""
    found = clause.settle(given)
    assert not isinstance(found, FactFault), found
    return found


def fault(clause: Promise, given: Facts) -> FactFault:
    """The fault that the clause finds in the facts."""
    found = clause.settle(given)
    assert isinstance(found, FactFault), found
    return found
