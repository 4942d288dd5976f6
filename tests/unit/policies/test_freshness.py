"""freshness: the share of samples that are young enough, with its boundaries, and what a calculator may be told."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from policies.clause import Binding, Meter
from policies.kinds.freshness import Freshness, is_promised, rule_id
from policies.reference import ClauseRef
from policies.settling.facts import Excluded, FactFault, Facts, Slice
from policies.settling.settled import Settled

FROM, TO = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
REF = ClauseRef("a", "1", "5.4", "freshness", {"zh": "", "en": ""})


def clause(**said: Any) -> Freshness:
    given = {
        "kind": "freshness",
        "id": "5.4",
        "text": {"zh": "", "en": ""},
        "owed_by": "hub",
        "window": "month",
        "product": "shipments",
        "field": "updated_at",
        "max_age": "PT15M",
        "share": "99",
        "credit": {"of": "monthly_fee", "bands": [{"below": "99", "percent": 5}, {"below": "90", "percent": 20}]},
    }
    return msgspec.convert(given | said, Freshness)


def facts(*slices: tuple[int, int], **said: Any) -> Facts:
    found = tuple(Slice(FROM.replace(hour=hour), total, good) for hour, (total, good) in enumerate(slices))
    given: dict[str, Any] = {"from_": FROM, "to": TO, "fee": Decimal(200), "currency": "CNY", "slices": found}
    return Facts(**(given | said))


def settled(found: Facts, **said: Any) -> Settled:
    answer = clause(**said).settle(found)
    assert isinstance(answer, Settled), answer
    return answer


@pytest.mark.parametrize(
    ("slices", "verdict", "measured", "credit"),
    [
        ([(100, 99)], "met", "99.000000", "0.00"),
        ([(60, 60), (40, 39)], "met", "99.000000", "0.00"),
        ([(1000, 989)], "missed", "98.900000", "10.00"),
        ([(10, 9)], "missed", "90.000000", "10.00"),
        ([(1000, 899)], "missed", "89.900000", "40.00"),
        ([], "unknown", None, "0.00"),
    ],
)
def test_a_window_is_judged_by_the_share_of_its_samples(
    slices: list[tuple[int, int]], verdict: str, measured: str | None, credit: str
) -> None:
    answer = settled(facts(*slices))
    assert (answer.verdict, answer.measured, str(answer.credit)) == (verdict, measured, credit)


def test_too_few_samples_are_not_judged() -> None:
    assert settled(facts((9, 0)), samples_min=10).verdict == "unknown"
    assert settled(facts((10, 0)), samples_min=10).verdict == "missed"


def test_excluded_samples_do_not_count() -> None:
    window = Excluded(FROM, FROM.replace(hour=1), "announced_maintenance")
    found = facts((0, 0), slices=(Slice(FROM, 10, 5, 5), Slice(FROM.replace(hour=1), 4, 4)), excluded=(window,))
    assert settled(found, exclude=["announced_maintenance"]).measured == "100.000000"


def test_ages_may_be_given_and_exactly_so_old_is_young_enough() -> None:
    found = facts(slices=None, durations_s=(Decimal(900), Decimal("900.000001")))
    assert settled(found).measured == "50.000000"


def test_a_figure_that_is_known_may_be_given() -> None:
    assert settled(facts(slices=None, measured=Decimal("98.5"))).verdict == "missed"


@pytest.mark.parametrize(
    ("found", "fact"),
    [
        (facts(slices=None), "slices"),
        (facts((5, 6)), "slices[0].good"),
        (facts(slices=None, durations_s=(Decimal(1), Decimal(-1))), "durations_s[1]"),
        (facts(measured=Decimal(101)), "measured"),
        (facts((10, 0), fee=None), "fee"),
        (facts(to=FROM), "to"),
    ],
)
def test_a_wrong_fact_is_named(found: Facts, fact: str) -> None:
    answer = clause().settle(found)
    assert isinstance(answer, FactFault)
    assert answer.fact == fact


@pytest.mark.parametrize("credit", [{"bands": [{"above": "1", "percent": 5}]}, {"per_started": "P1D", "percent": 5}])
def test_a_schedule_that_looks_at_something_else_is_a_fault(credit: dict[str, Any]) -> None:
    assert clause().faults() == []
    assert [name for name, _ in clause(credit={"of": "monthly_fee"} | credit).faults()]


def test_samples_are_counted_under_a_name_of_their_own() -> None:
    effect = clause().effect(Binding(REF, "p", "shipments", "list", (), "UTC"))
    assert isinstance(effect, Meter)
    assert (effect.side, effect.direction, effect.rule) == ("data", "out", rule_id("5.4"))
    assert is_promised(effect.rule)
    assert not is_promised("updated_at freshness")
    assert clause().effect(Binding(REF, "p", "parts", "list", (), "UTC")) is None
    pushed = clause(owed_by="partner").effect(Binding(REF, "p", "shipments", "create", (), "UTC"))
    assert isinstance(pushed, Meter)
    assert pushed.direction == "in"


@pytest.mark.parametrize("field", ["", "a..b", "a b", "a[0]", "[]", "a.[]"])
def test_a_field_is_a_path(field: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        clause(field=field)
