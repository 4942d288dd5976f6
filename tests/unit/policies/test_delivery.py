"""delivery: on time is on time, late is credited by how late, and what nobody could deliver is not judged."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from policies.clause import Binding, Meter
from policies.kinds.delivery import Delivery
from policies.reference import ClauseRef
from policies.settling.facts import Delivery as Delivered
from policies.settling.facts import Excluded, FactFault, Facts, Span
from policies.settling.settled import Settled

FROM, TO = datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 5, 1, tzinfo=UTC)
REF = ClauseRef("a", "1", "6.1", "delivery", {"zh": "", "en": ""})
CREDIT = {"of": "monthly_fee", "per_started": "P1D", "percent": "2", "cap_percent": 10}


def clause(**said: Any) -> Delivery:
    given = {
        "kind": "delivery",
        "id": "6.1",
        "text": {"zh": "", "en": ""},
        "owed_by": "partner",
        "window": "month",
        "product": "parts",
        "days": ["mon", "tue", "wed", "thu", "fri"],
        "by": "08:00",
        "credit": CREDIT,
    }
    return msgspec.convert(given | said, Delivery)


def facts(*delivered: Delivered, **said: Any) -> Facts:
    return Facts(from_=FROM, to=TO, fee=Decimal(1000), currency="CNY", deliveries=delivered, **said)


def late(day: int, by: timedelta | None) -> Delivered:
    due = datetime(2026, 4, day, 8, tzinfo=UTC)
    return Delivered(due, None if by is None else due + by)


def settled(found: Facts, **said: Any) -> Settled:
    answer = clause(**said).settle(found)
    assert isinstance(answer, Settled), answer
    return answer


@pytest.mark.parametrize(
    ("by", "verdict", "credit"),
    [
        (timedelta(0), "met", "0.00"),
        (timedelta(minutes=-5), "met", "0.00"),
        (timedelta(minutes=1), "missed", "20.00"),
        (timedelta(days=1), "missed", "20.00"),
        (timedelta(days=1, minutes=1), "missed", "40.00"),
        (timedelta(days=9), "missed", "100.00"),
        (None, "missed", "100.00"),
    ],
)
def test_a_delivery_is_credited_by_each_started_period(by: timedelta | None, verdict: str, credit: str) -> None:
    answer = settled(facts(late(1, by)))
    assert (answer.verdict, str(answer.credit)) == (verdict, credit)


def test_several_late_deliveries_add_up_and_the_share_is_of_all() -> None:
    hour = timedelta(hours=1)
    answer = settled(facts(late(1, hour), late(2, -hour), late(3, hour)))
    assert (answer.measured, str(answer.credit)) == ("33.333333", "40.00")


def test_where_only_delays_are_known_they_are_credited_alike_and_said_once() -> None:
    known = Facts(from_=FROM, to=TO, fee=Decimal(1000), durations_s=(Decimal(0), Decimal(3600)))
    answer, dated = settled(known), settled(facts(late(1, timedelta(0)), late(2, timedelta(hours=1))))
    assert (answer.measured, answer.credit) == (dated.measured, dated.credit)
    assert answer.explanation["en"].count("A delay of 1 hour counts") == 1


def test_exactly_at_the_share_is_met() -> None:
    hour = timedelta(hours=1)
    found = facts(late(1, hour), late(2, -hour), late(3, -hour), late(6, -hour))
    assert settled(found, share="75").verdict == "met"
    assert settled(found, share="75.000001").verdict == "missed"


def test_bands_of_percentages_look_at_the_share_and_bands_of_durations_at_each() -> None:
    found = facts(late(1, timedelta(hours=3)), late(2, timedelta(minutes=1)))
    shares = {"of": "monthly_fee", "bands": [{"below": "90", "percent": 3}, {"below": "50", "percent": 7}]}
    assert str(settled(found, credit=shares).credit) == "70.00"
    durations = {"bands": [{"longer_than": "PT0S", "amount": "5"}, {"longer_than": "PT2H", "amount": "9"}]}
    assert str(settled(found, credit=durations).credit) == "14.00"


def test_a_time_that_is_excluded_or_at_which_the_hub_was_away_is_not_judged() -> None:
    spans = [(datetime(2026, 4, day, 7, tzinfo=UTC), datetime(2026, 4, day, 8, 0, 1, tzinfo=UTC)) for day in (1, 2)]
    found = facts(
        late(1, None),
        late(2, None),
        late(3, timedelta(0)),
        excluded=(Excluded(*spans[0], "announced_maintenance"),),
        missing=(Span(*spans[1]),),
    )
    assert settled(found).verdict == "missed"
    answer = settled(found, exclude=["announced_maintenance"])
    assert (answer.verdict, answer.measured) == ("met", "100.000000")
    assert "2 more are not judged" in answer.explanation["en"]


def test_without_any_delivery_due_nothing_is_judged() -> None:
    assert settled(facts()).verdict == "unknown"


@pytest.mark.parametrize(
    ("found", "fact"),
    [
        (Facts(from_=FROM, to=TO), "deliveries"),
        (facts(Delivered(TO)), "deliveries[0].due"),
        (facts(late(1, None), late(1, None)), "deliveries[1].due"),
        (Facts(from_=FROM, to=TO, deliveries=(late(1, None),)), "fee"),
        (Facts(from_=TO, to=FROM, deliveries=()), "to"),
    ],
)
def test_a_wrong_fact_is_named(found: Facts, fact: str) -> None:
    answer = clause().settle(found)
    assert isinstance(answer, FactFault)
    assert answer.fact == fact


def test_due_times_are_by_the_clock_of_the_zone_and_skip_other_days() -> None:
    dues = list(
        clause().due_times(datetime(2026, 3, 26, 23, tzinfo=UTC), datetime(2026, 3, 31, tzinfo=UTC), "Europe/Berlin")
    )
    assert dues == [datetime(2026, 3, 27, 7, tzinfo=UTC), datetime(2026, 3, 30, 6, tzinfo=UTC)]
    assert clause().due_before(dues[1], "Europe/Berlin") == dues[0]


def test_a_time_that_clocks_skip_is_due_when_they_have_gone_on() -> None:
    one = clause(days=["sun"], by="02:30")
    dues = list(one.due_times(datetime(2026, 3, 28, tzinfo=UTC), datetime(2026, 3, 30, tzinfo=UTC), "Europe/Berlin"))
    assert dues == [datetime(2026, 3, 29, 1, 30, tzinfo=UTC)]


@pytest.mark.parametrize(
    ("product", "operation", "counts"), [("parts", "create", True), ("parts", "list", False), ("x", "create", False)]
)
def test_only_records_that_are_created_count(product: str, operation: str, counts: bool) -> None:
    effect = clause().effect(Binding(REF, "p", product, operation, (), "UTC"))
    assert isinstance(effect, Meter) is counts
