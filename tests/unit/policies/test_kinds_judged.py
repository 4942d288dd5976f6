"""Which way a changed clause counts for the partner: to be called looser, a change must never refuse more."""

from typing import Any

import pytest

from contracts.compare_clauses import compare_clauses
from policies.direction import EITHER, LOOSENS, NEITHER, TIGHTENS, Directions, opposite
from tests.unit.policies.clauses import (
    ANOMALY,
    AUTHENTICATION,
    BULK,
    CONCURRENCY,
    HOURS,
    NETWORKS,
    PAGE,
    QUOTA,
    RATE,
    clause,
)

SUSPEND = ANOMALY | {"action": "suspend", "calls": None, "window": None}

CHANGES: list[tuple[dict[str, Any], dict[str, Any], str, Directions]] = [
    (RATE, {"weights": {"list": 2}}, "weights", TIGHTENS),
    (RATE | {"weights": {"list": 2}}, {"weights": {"get": 2}}, "weights", EITHER),
    (RATE | {"weights": {"list": 2}}, {"weights": {"list": 2, "get": 1}}, "weights", NEITHER),
    (RATE, {"enforce": "observe"}, "enforce", LOOSENS),
    (QUOTA, {"limit": 60_000}, "limit", LOOSENS),
    (QUOTA, {"unit": "bytes"}, "unit", EITHER),
    (QUOTA, {"period": "hour"}, "period", LOOSENS),
    (QUOTA, {"period": "week"}, "period", TIGHTENS),
    (QUOTA, {"period": "year"}, "period", TIGHTENS),
    (QUOTA | {"period": "week"}, {"period": "month"}, "period", EITHER),
    (QUOTA, {"per": "client"}, "per", LOOSENS),
    (QUOTA, {"on_outage": "allow"}, "on_outage", LOOSENS),
    (QUOTA, {"enforce": "observe"}, "enforce", LOOSENS),
    (CONCURRENCY, {"limit": 7}, "limit", TIGHTENS),
    (CONCURRENCY, {"per": "operation"}, "per", EITHER),
    (CONCURRENCY, {"on_outage": "local"}, "on_outage", TIGHTENS),
    (HOURS, {"days": ["mon", "tue", "wed", "thu", "fri", "sat"]}, "days", LOOSENS),
    (HOURS, {"from": "09:00"}, "from", TIGHTENS),
    (HOURS, {"to": "06:00"}, "to", LOOSENS),
    (HOURS, {"to": "17:00"}, "to", TIGHTENS),
    (HOURS, {"from": "19:00", "to": "23:00"}, "from", EITHER),
    (HOURS, {"holidays": ["2026-10-01"]}, "holidays", TIGHTENS),
    (HOURS, {"enforce": "observe"}, "enforce", LOOSENS),
    (NETWORKS, {"allowed": ["192.0.2.0/25", "2001:db8::/32"]}, "allowed", TIGHTENS),
    (NETWORKS, {"allowed": ["192.0.2.128/25", "2001:db8::/32", "192.0.2.0/25"]}, "allowed", NEITHER),
    (NETWORKS, {"allowed": ["192.0.0.0/16"]}, "allowed", EITHER),
    (NETWORKS, {"allowed": ["192.0.2.0/24", "2001:db8::/31"]}, "allowed", LOOSENS),
    (PAGE, {"default": 99}, "default", TIGHTENS),
    (PAGE, {"maximum": 501}, "maximum", LOOSENS),
    (BULK, {"days": ["sat"]}, "days", TIGHTENS),
    (BULK, {"from": "21:00"}, "from", LOOSENS),
    (BULK, {"to": "03:00"}, "to", TIGHTENS),
    (BULK, {"records": 1}, "records", TIGHTENS),
    (ANOMALY, {"findings": ["off-hours"]}, "findings", LOOSENS),
    (ANOMALY, {"calls": 61}, "calls", LOOSENS),
    (ANOMALY, {"window": "PT2M"}, "window", TIGHTENS),
    (ANOMALY, {"lasts": "P2D"}, "lasts", TIGHTENS),
    (ANOMALY, {"action": "suspend", "calls": None, "window": None}, "action", TIGHTENS),
    (SUSPEND, {"action": "throttle", "calls": 5, "window": "PT1M"}, "calls", LOOSENS),
    (SUSPEND, {"action": "throttle", "calls": 5, "window": "PT1M"}, "window", NEITHER),
]


@pytest.mark.parametrize(
    ("values", "changes", "name", "expected"),
    CHANGES,
    ids=[f"{values['kind']} {name} {number}" for number, (values, _, name, _) in enumerate(CHANGES)],
)
def test_a_change_counts_for_the_partner_as_it_should_and_back_the_other_way(
    values: dict[str, Any], changes: dict[str, Any], name: str, expected: Directions
) -> None:
    old, new = clause(values), clause(values | changes)
    assert old.judged(new, name) == expected
    assert new.judged(old, name) == opposite(expected)
    assert old.judged(old, name) == NEITHER


@pytest.mark.parametrize("values", [AUTHENTICATION, RATE, QUOTA, CONCURRENCY, HOURS, NETWORKS, PAGE, BULK, ANOMALY])
def test_every_parameter_is_judged(values: dict[str, Any]) -> None:
    """Those that no judge is named for are `unit`, which nothing orders, and times, which are judged together."""
    kind = clause(values)
    assert kind.parameters().keys() - kind.judges.keys() <= {"unit", "from", "to"}


@pytest.mark.parametrize(
    ("values", "presence"),
    [
        (QUOTA, TIGHTENS),
        (HOURS, TIGHTENS),
        (ANOMALY, TIGHTENS),
        (BULK, LOOSENS),
        (PAGE, LOOSENS),
        (PAGE | {"default": 20, "maximum": 100}, TIGHTENS),
        (PAGE | {"default": 20, "maximum": 500}, EITHER),
        (PAGE | {"default": 50, "maximum": 201}, LOOSENS),
    ],
)
def test_that_a_clause_is_there_counts_too(values: dict[str, Any], presence: Directions) -> None:
    assert clause(values).presence() == presence


def test_a_difference_is_said_in_words() -> None:
    (weights, enforce) = compare_clauses([clause(RATE)], [clause(RATE, weights={"list": 5}, enforce="observe")])
    assert (weights.part, weights.old, weights.new) == ("weights", "each call counts 1", "list counts 5, any other 1")
    assert (enforce.old, enforce.new, enforce.effects) == ("refused", "recorded and not refused", ("loosens",))
    (holidays,) = compare_clauses([clause(HOURS)], [clause(HOURS, holidays=["2026-10-01"])])
    assert (holidays.old, holidays.new) == ("none", "2026-10-01")
    (closing,) = compare_clauses([clause(HOURS)], [clause(HOURS, to="06:00")])
    assert (closing.part, closing.old, closing.new) == ("to", "18:00", "06:00 the next day")
