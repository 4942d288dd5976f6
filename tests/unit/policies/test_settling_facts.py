"""Facts as JSON: what is read, and that whatever is missing or nonsensical is named by its path."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from policies.settling.decoding import facts_of
from policies.settling.facts import FactFault, Facts
from tests.unit.policies.settling import AVAILABILITY, BASE, RESPONSE, fault, promise, settled

GIVEN: dict[str, Any] = {
    "from": "2026-01-01",
    "to": "2026-02-01",
    "fee": "100",
    "slices": [
        {"start": "2026-01-01T00:00Z", "total": 9, "good": 9},
        {"start": "2026-01-01T00:05Z", "total": 9, "good": 8, "excluded": 1},
    ],
}
CREDIT = {"credit": {"bands": [{"below": "99", "percent": 10}]}, "target": None}


def read(**changes: Any) -> Facts:
    found = facts_of(json.dumps(GIVEN | changes).encode())
    assert isinstance(found, Facts), found
    return found


def refused(data: dict[str, Any] | bytes) -> FactFault:
    found = facts_of(data if isinstance(data, bytes) else json.dumps(data).encode())
    assert isinstance(found, FactFault), found
    return found


def slices(*changes: dict[str, Any]) -> dict[str, Any]:
    base = {"start": "2026-01-01T00:00Z", "total": 9, "good": 9}
    return GIVEN | {"slices": [base | change for change in changes]}


def test_a_date_is_midnight_in_the_zone_and_a_time_may_say_its_offset() -> None:
    found = read(zone="Asia/Shanghai", to="2026-01-31T00:00:00+09:00")
    assert found.from_ == datetime(2025, 12, 31, 16, tzinfo=UTC)
    assert found.to == datetime(2026, 1, 30, 15, tzinfo=UTC)
    assert read(**{"from": "2026-01-01T08:00", "zone": "Asia/Shanghai"}).from_ == datetime(2026, 1, 1, tzinfo=UTC)
    assert read(**{"from": "2026-01-01T00:00Z"}).from_ == read().from_


@pytest.mark.parametrize("fee", ["0.10", 0.1, 1, "1e2"])
def test_a_fee_is_text_or_a_number_and_stays_exact(fee: Any) -> None:
    assert read(fee=fee).fee == Decimal(str(fee))


@pytest.mark.parametrize(
    ("data", "fact", "word"),
    [
        (b"", "", "JSON"),
        (b"[]", "", "object"),
        (b"\xff", "", "UTF-8"),
        (b"[" * 100_000, "", "nested"),
        (b'{"from": "2026-01-01", "from": "2026-01-02"}', "", "'from' is given twice"),
        (b'{"fee": NaN}', "", "NaN"),
        (b'{"fee": -Infinity}', "", "Infinity"),
        (b'{"fee": ' + b"9" * 100 + b"}", "", "digits"),
        ({"to": "2026-01-01"}, "from", "missing"),
        ({"from": "2026-01-01"}, "to", "missing"),
        (GIVEN | {"from": None}, "from", "datetime"),
        (GIVEN | {"from": 5}, "from", "2026-10-01"),
        (GIVEN | {"from": "2026-02-30"}, "from", "2026-02-30"),
        (GIVEN | {"from": "yesterday"}, "from", "yesterday"),
        (GIVEN | {"from": "0001-01-01", "zone": "Asia/Shanghai"}, "from", "0001-01-01"),
        (GIVEN | {"from": "2026-10-25T02:30", "zone": "Europe/Berlin"}, "from", "twice or never"),
        (GIVEN | {"from": "2026-03-29T02:30", "zone": "Europe/Berlin"}, "from", "twice or never"),
        (GIVEN | {"zone": "Mars/Olympus"}, "zone", "Mars/Olympus"),
        (GIVEN | {"zone": "../etc/passwd"}, "zone", "time zone"),
        (GIVEN | {"zone": 8}, "zone", "time zone"),
        (GIVEN | {"feee": 1}, "feee", "no such fact"),
        (GIVEN | {"fee": "a lot"}, "fee", "decimal"),
        (GIVEN | {"fee": True}, "fee", "decimal"),
        (GIVEN | {"fee": []}, "fee", "decimal"),
        (slices({}, {"totl": 1}), "slices[1].totl", "no such fact"),
        (slices({}, {}, {"good": -1}), "slices[2].good", ">= 0"),
        (slices({"total": 1.5}), "slices[0].total", "int"),
        (slices({"total": "9"}), "slices[0].total", "int"),
        (slices({"start": "noon"}), "slices[0].start", "noon"),
        (GIVEN | {"slices": [{"start": "2026-01-01", "total": 1}]}, "slices[0].good", "missing"),
        (GIVEN | {"slices": {}}, "slices", "array"),
        (GIVEN | {"prior": [{"month": "2025-13", "fee": 1, "credit": 0}]}, "prior[0].month", "regex"),
        (GIVEN | {"prior": [{"month": "2025-12", "fee": 1}]}, "prior[0].credit", "missing"),
        (
            GIVEN | {"excluded": [{"from": "2026-01-01", "to": "2026-01-02", "cause": "rain"}]},
            "excluded[0].cause",
            "rain",
        ),
    ],
)
def test_what_is_no_fact_is_named(data: dict[str, Any] | bytes, fact: str, word: str) -> None:
    found = refused(data)
    assert (found.fact, word in found.message) == (fact, True), found


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"to": "2026-01-01"}, "to"),
        ({"to": "2025-12-31"}, "to"),
        ({"fee": -1}, "fee"),
        ({"fee": "1e999999999"}, "fee"),
        ({"fee": "1e-999999999"}, "fee"),
        ({"fee": None}, "fee"),
        ({"measured": "-1"}, "measured"),
        ({"measured": "100.01"}, "measured"),
        ({"slices": None}, "slices"),
        (slices({"good": 10}), "slices[0].good"),
        (slices({"excluded": 1}), "slices[0].good"),
        (slices({"excluded": 10, "good": 0}), "slices[0].excluded"),
        (slices({}, {}), "slices[1].start"),
        (slices({"start": "2025-12-31T23:55Z"}), "slices[0].start"),
        (slices({"start": "2026-02-01T00:00Z"}), "slices[0].start"),
        (slices({"start": "2026-01-01T00:01Z"}), "slices[0].start"),
        (slices({"start": "2026-01-01T00:00:00.000001Z"}), "slices[0].start"),
        ({"deployed": {"from": "2026-01-02", "to": "2026-01-03"}}, "slices[0].start"),
        ({"deployed": {"from": "2026-01-02", "to": "2026-01-02"}}, "deployed.to"),
        ({"missing": [{"from": "2026-01-02", "to": "2026-01-01"}]}, "missing[0].to"),
        ({"excluded": [{"from": "2026-01-02", "to": "2026-01-02", "cause": "force_majeure"}]}, "excluded[0].to"),
        ({"prior": [{"month": "2026-01", "fee": 1, "credit": 0}]}, "prior[0].month"),
        ({"prior": [{"month": "2026-02", "fee": 1, "credit": 0}]}, "prior[0].month"),
        ({"prior": [{"month": "2025-12", "fee": 1, "credit": 0}] * 2}, "prior[1].month"),
        ({"prior": [{"month": "2025-12", "fee": -1, "credit": 0}]}, "prior[0].fee"),
        ({"prior": [{"month": "2025-12", "fee": 1, "credit": "-0.01"}]}, "prior[0].credit"),
    ],
)
def test_what_cannot_be_true_is_named(changes: dict[str, Any], fact: str) -> None:
    assert fault(promise(AVAILABILITY, **CREDIT), read(**changes)).fact == fact


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"slices": None, "durations_s": ["0.1", -1]}, "durations_s[1]"),
        ({"durations_s": [1] * 18}, "durations_s"),
        ({"slices": None}, "slices"),
        ({}, "within"),
        ({"within": {"PT0.4S": 1}}, "within"),
        ({"within": {"0.5": 1}}, "within.0.5"),
        ({"within": {"PT0.5S": 18}}, "within.PT0.5S"),
        ({"within": {"PT0.5S": 3, "PT1S": 2}}, "within"),
        ({"within": {"PT0.5S": 3, "PT0.50S": 3}}, "within.PT0.50S"),
    ],
)
def test_times_that_cannot_be_true_are_named(changes: dict[str, Any], fact: str) -> None:
    """16 of the 17 calls of these facts count."""
    clause = promise(RESPONSE, percentile="95", slice="PT5M")
    assert fault(clause, read(**changes)).fact == fact


def test_no_fee_is_asked_for_where_nothing_is_a_share_of_it() -> None:
    clause = promise(AVAILABILITY, credit={"bands": [{"below": "99", "amount": "7"}]})
    assert settled(clause, read(**slices({"good": 1}) | {"fee": None})).credit == 7
    assert settled(promise(AVAILABILITY), read(fee=None)).credit == 0


def test_slices_of_other_operations_are_not_asked_about() -> None:
    clause = promise(AVAILABILITY, operations=["read"])
    listed = slices({"operation": "list", "good": 8}, {"operation": "create", "good": 0}, {"operation": "get"})
    assert settled(clause, read(**listed)).measured == "94.444444"
    assert settled(promise(AVAILABILITY), read(**listed)).measured == "62.962962"


def test_a_measured_figure_stands_for_whatever_would_be_measured() -> None:
    clause = promise(AVAILABILITY, **CREDIT)
    found = settled(clause, read(measured="98.9999999"))
    assert (found.measured, found.verdict, found.credit) == ("98.999999", "missed", Decimal(10))
    assert settled(clause, read(measured=99, slices=None)).verdict == "met"


def test_a_period_of_centuries_takes_no_longer_than_a_month() -> None:
    clause = promise(AVAILABILITY | BASE, slice="PT1M", empty_slice="good", method="downtime", bad_slice="errors > 0")
    found = settled(clause, read(**{"from": "1000-01-01", "to": "9000-01-01", "slices": []}))
    assert found.measured == "100.000000"
