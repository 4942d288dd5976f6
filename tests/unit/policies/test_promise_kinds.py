"""Promises about traffic: what they say, what they contradict, which way they change, and what is counted for them."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from contracts.compare_clauses import compare_clauses
from policies.clause import Binding, Meter
from policies.direction import EITHER, LOOSENS, NEITHER, TIGHTENS, Directions, opposite
from policies.library import text_faults
from policies.reference import ClauseRef
from policies.settling.promise import Promise
from policies.settling.traffic import TrafficPromise
from tests.unit.policies.settling import AVAILABILITY, ERRORS, RESPONSE, facts, promise, settled, unchecked

BANDS = [{"below": "99", "percent": 10}]
CREDIT = {"bands": BANDS, "minimum_exclusive": "1", "cap_percent": 50, "claim_within": "P2M"}
CREDITED = AVAILABILITY | {"target": None, "credit": CREDIT}
SHARE, PERCENTILE = RESPONSE | {"share": "95"}, RESPONSE | {"percentile": "95"}
DOWN = AVAILABILITY | {"method": "downtime", "bad_slice": "errors > 5"}
RICH = CREDITED | {
    "method": "downtime",
    "bad_slice": "good < 95",
    "run_min": "PT10M",
    "missing_slice": "ignore",
    "excluded_slice": "good",
    "slice_requests_min": 5,
    "requests_min": 100,
    "per": "operation",
    "operations": ["read", "update"],
    "products": ["shipments"],
    "exclude": ["partner_fault"],
}


def with_credit(values: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return values | {"target": None, "credit": CREDIT | changes}


def bound(product: str = "shipments", operation: str = "list") -> Binding:
    ref = ClauseRef("swift-2026", "1.0.0", "5.1", "availability", {"zh": "", "en": ""})
    return Binding(ref, "swift", product, operation, (), "Asia/Shanghai")


def meter(clause: Promise, *where: str) -> Meter:
    found = clause.effect(bound(*where))
    assert isinstance(found, Meter)
    return found


@pytest.mark.parametrize("values", [AVAILABILITY, CREDITED, DOWN, ERRORS, SHARE, PERCENTILE, RICH])
def test_a_sentence_has_to_name_what_binds_and_nothing_that_is_at_its_default(values: dict[str, Any]) -> None:
    clause = promise(values)
    binding = clause.words().keys() - clause.unsaid()
    text = " ".join(f"{{{name}}}" for name in sorted(binding))
    whole = promise(values, text={"zh": text, "en": text})
    assert text_faults(whole) == []
    for name in binding:
        shorter = promise(values, text={"zh": text, "en": text.replace(f"{{{name}}}", "")})
        assert [fault.code for fault in text_faults(shorter)] == ["text-without-parameter"]


def test_what_is_not_at_its_default_has_to_be_said() -> None:
    rich = promise(RICH)
    defaulted = promise(AVAILABILITY).unsaid()
    named = {"missing_slice", "excluded_slice", "slice_requests_min", "requests_min", "per", "operations", "products"}
    assert named | {"method"} <= defaulted
    assert not (named | {"method", "bad_slice", "run_min"}) & rich.unsaid()
    words = rich.words()
    assert words["bad_slice"]["en"] == "good answers are less than 95%"
    assert words["bad_slice"]["zh"] == "合格应答比例低于 95%"
    assert words["operations"] == {"zh": "读取、update", "en": "reading, update"}
    assert words["run_min"]["en"] == "10 minutes"


@pytest.mark.parametrize(
    ("values", "changes", "parameters"),
    [
        (AVAILABILITY, {"slice": "PT90S"}, ["slice"]),
        (AVAILABILITY, {"bad_slice": "errors > 5"}, ["bad_slice"]),
        (AVAILABILITY, {"run_min": "PT5M"}, ["run_min"]),
        (DOWN, {"bad_slice": None}, ["bad_slice"]),
        (DOWN, {"bad_slice": "errors > 100"}, ["bad_slice"]),
        (DOWN, {"bad_slice": "errors >= 0"}, ["bad_slice"]),
        (DOWN, {"bad_slice": "good < 0"}, ["bad_slice"]),
        (DOWN, {"bad_slice": "good <= 100"}, ["bad_slice"]),
        (DOWN, {"run_min": "PT4M"}, ["run_min"]),
        (DOWN, {"run_min": "PT12M"}, ["run_min"]),
        (AVAILABILITY, {"target": None}, ["target"]),
        (AVAILABILITY, {"target": None, "credit": {"percent": 5}}, ["target"]),
        (AVAILABILITY, {"credit": {"bands": [{"above": "1", "percent": 5}]}}, ["credit.bands"]),
        (AVAILABILITY, {"credit": {"bands": [{"longer_than": "PT1H", "percent": 5}]}}, ["credit.bands"]),
        (AVAILABILITY, {"credit": {"per_started": "P1D", "percent": 5}}, ["credit.per_started"]),
        (ERRORS, {"at_most": None}, ["at_most"]),
        (ERRORS, {"at_most": "101"}, ["at_most"]),
        (ERRORS, {"credit": {"bands": BANDS}}, ["credit.bands"]),
        (RESPONSE, {}, ["share"]),
        (RESPONSE, {"share": "95", "percentile": "95"}, ["share"]),
        (PERCENTILE, {"percentile": "0"}, ["percentile"]),
        (PERCENTILE, {"method": "mean_of_slices"}, ["method"]),
        (PERCENTILE, {"credit": {"bands": BANDS}}, ["credit.bands"]),
        (PERCENTILE, {"credit": {"per_points": "1", "percent": 1}}, ["credit.per_points"]),
        (SHARE, {"credit": {"bands": [{"longer_than": "PT1S", "percent": 5}]}}, ["credit.bands"]),
    ],
)
def test_parameters_that_contradict_each_other_are_found(
    values: dict[str, Any], changes: dict[str, Any], parameters: list[str]
) -> None:
    assert [name for name, _ in unchecked(values, **changes).faults()] == parameters


@pytest.mark.parametrize(
    ("schedule", "parameter"),
    [
        ({}, "credit.bands"),
        ({"bands": [{"percent": 5}]}, "credit.bands"),
        ({"bands": [{"below": "9", "above": "9", "percent": 5}]}, "credit.bands"),
        ({"bands": [{"below": "9"}]}, "credit.bands"),
        ({"bands": [{"below": "9", "percent": 5, "amount": "5"}]}, "credit.bands"),
        ({"bands": [{"below": "9", "percent": "100.5"}]}, "credit.bands"),
        ({"bands": [{"below": "99", "percent": 5}, {"below": "99", "percent": 6}]}, "credit.bands"),
        ({"bands": [{"below": "99", "percent": 5}, {"below": "98", "percent": 5}]}, "credit.bands"),
        ({"bands": [{"below": "99", "percent": 5}, {"below": "98", "amount": "9"}]}, "credit.bands"),
        ({"bands": [{"below": "99", "percent": 5}, {"above": "98", "percent": 9}]}, "credit.bands"),
        ({"bands": BANDS, "percent": 5}, "credit.percent"),
        ({"percent": 5, "amount": "5"}, "credit.amount"),
        ({"percent": "0"}, "credit.percent"),
        ({"per_started": "P1D"}, "credit.per_started"),
        ({"per_started": "PT1S", "percent": 5}, "credit.per_started"),
        ({"per_started": "P1D", "started_unit": "PT7H", "percent": 5}, "credit.started_unit"),
        ({"per_started": "P1D", "started_unit": "P2D", "percent": 5}, "credit.started_unit"),
        ({"started_unit": "P1D", "percent": 5}, "credit.started_unit"),
        ({"per_points": "0", "percent": 5}, "credit.per_points"),
        ({"per_points": "1", "per_started": "P1D", "percent": 5}, "credit.per_points"),
        ({"bands": BANDS, "minimum": "1", "minimum_exclusive": "1"}, "credit.minimum"),
        ({"bands": BANDS, "cap_percent": "100.01"}, "credit.cap_percent"),
        ({"bands": BANDS, "cap_12_months_percent": "0"}, "credit.cap_12_months_percent"),
    ],
)
def test_schedules_that_contradict_themselves_are_found(schedule: dict[str, Any], parameter: str) -> None:
    assert [name for name, _ in unchecked(AVAILABILITY, credit=schedule).faults()] == [parameter]


CHANGES: list[tuple[dict[str, Any], dict[str, Any], str, Directions]] = [
    (AVAILABILITY, {"target": "99.5"}, "target", LOOSENS),
    (AVAILABILITY, {"missing_slice": "good"}, "missing_slice", TIGHTENS),
    (AVAILABILITY, {"empty_slice": "bad"}, "empty_slice", LOOSENS),
    (AVAILABILITY, {"excluded_slice": "good"}, "excluded_slice", TIGHTENS),
    (AVAILABILITY, {"requests_min": 5}, "requests_min", TIGHTENS),
    (AVAILABILITY, {"slice_requests_min": 5}, "slice_requests_min", EITHER),
    (AVAILABILITY, {"per": "operation"}, "per", EITHER),
    (AVAILABILITY, {"method": "requests"}, "method", EITHER),
    (AVAILABILITY, {"slice": "PT10M"}, "slice", EITHER),
    (AVAILABILITY, {"operations": ["list"]}, "operations", EITHER),
    (AVAILABILITY | {"products": ["a"]}, {"products": ["a", "b"]}, "products", EITHER),
    (DOWN, {"run_min": "PT10M"}, "run_min", TIGHTENS),
    (DOWN | {"run_min": "PT5M"}, {"run_min": "PT10M"}, "run_min", TIGHTENS),
    (DOWN, {"bad_slice": "errors > 6"}, "bad_slice", EITHER),
    (ERRORS, {"at_most": "0.5"}, "at_most", LOOSENS),
    (SHARE, {"share": "96"}, "share", LOOSENS),
    (PERCENTILE, {"percentile": "99"}, "percentile", LOOSENS),
    (SHARE, {"within": "PT1S"}, "within", TIGHTENS),
    (CREDITED, with_credit(CREDITED, cap_percent="50.5"), "credit.cap_percent", LOOSENS),
    (CREDITED, with_credit(CREDITED, cap_percent=None), "credit.cap_percent", LOOSENS),
    (CREDITED, with_credit(CREDITED, cap_amount="9"), "credit.cap_amount", TIGHTENS),
    (CREDITED, with_credit(CREDITED, minimum_exclusive="2"), "credit.minimum_exclusive", TIGHTENS),
    (CREDITED, with_credit(CREDITED, minimum_exclusive=None), "credit.minimum_exclusive", LOOSENS),
    (CREDITED, with_credit(CREDITED, claim_within="P3M"), "credit.claim_within", LOOSENS),
    (CREDITED, with_credit(CREDITED, claim_within="P99D"), "credit.claim_within", EITHER),
    (CREDITED, with_credit(CREDITED, claim_within=None), "credit.claim_within", LOOSENS),
    (CREDITED, with_credit(CREDITED, decimals=0), "credit.decimals", EITHER),
    (CREDITED, with_credit(CREDITED, bands=[{"below": "99", "percent": "10.5"}]), "credit.bands", LOOSENS),
    (CREDITED, with_credit(CREDITED, bands=[{"at_or_below": "99", "percent": 10}]), "credit.bands", EITHER),
]


@pytest.mark.parametrize(
    ("values", "changes", "name", "expected"),
    CHANGES,
    ids=[f"{values['kind']} {name} {number}" for number, (values, _, name, _) in enumerate(CHANGES)],
)
def test_a_change_counts_for_the_partner_as_it_should_and_for_its_own_promises_the_other_way(
    values: dict[str, Any], changes: dict[str, Any], name: str, expected: Directions
) -> None:
    old, new = promise(values), promise(values | changes)
    assert old.judged(new, name) == expected
    assert new.judged(old, name) == opposite(expected)
    assert old.judged(old, name) == NEITHER
    own = {"owed_by": "partner"}
    assert promise(values | own).judged(promise(values | changes | own), name) == opposite(expected)


def test_a_difference_of_schedules_is_said_in_words() -> None:
    (minimum,) = compare_clauses([promise(CREDITED)], [promise(with_credit(CREDITED, minimum_exclusive="2"))])
    assert (minimum.part, minimum.old, minimum.new) == ("credit.minimum_exclusive", "1", "2")


def test_a_promise_about_some_operations_and_products_counts_those_alone() -> None:
    clause = promise(RICH)
    assert meter(clause, "shipments", "get").per_operation
    assert meter(clause, "shipments/line", "update").slice_s == 300
    assert clause.effect(bound("shipments", "create")) is None
    assert clause.effect(bound("parts", "list")) is None
    assert meter(promise(AVAILABILITY), "parts", "delete").clause.id == "5.1"


def test_what_the_partner_owes_is_counted_where_the_hub_calls_it() -> None:
    assert meter(promise(AVAILABILITY)).side == "in"
    assert meter(promise(AVAILABILITY, owed_by="partner")).side == "out"


def test_a_meter_counts_at_every_time_that_the_schedule_asks_for() -> None:
    bands = [{"longer_than": "PT0.5S", "percent": 5}, {"longer_than": "PT2S", "percent": 9}]
    found = meter(promise(PERCENTILE, credit={"bands": bands}))
    assert (found.within_us, found.thresholds_us) == (500_000, (500_000, 2_000_000))
    assert meter(promise(SHARE)).thresholds_us == (500_000,)
    assert meter(promise(ERRORS)).target_percent == "99"


def test_the_promise_of_bands_that_include_their_threshold_is_missed_at_it() -> None:
    clause = promise(CREDITED, credit={"bands": [{"at_or_below": "99", "percent": 10}]})
    found = settled(clause, facts((0, 100, 99)))
    assert (found.verdict, found.percent) == ("missed", Decimal(10))


def test_the_explanation_tells_every_step_in_both_languages() -> None:
    found = settled(promise(RICH, requests_min=3), facts((0, 10, 0), (1, 10, 0), (9, 10, 10)))
    assert found.explanation["en"] == (
        "The period runs from 2026-01-01 00:00 UTC to 2026-02-01 00:00 UTC. In slices of 5 minutes there are 8928: "
        "3 with calls, 8925 without calls (not counted). 30 calls count, 10 of them good. "
        "Runs of bad slices: 1; of at least 10 minutes, which are downtime: 1. "
        "Downtime is 10 minutes of a base of 15 minutes. Availability is 33.333333…%. "
        "Promised is at least 99%: it is missed. That is below 99%: 10% is credited. 10% of the fee of 1000 is 100. "
        "It is to be claimed on or before 2026-03-31."
    )
    for figure in ("2026-02-01", "8928", "30", "10 分钟", "15 分钟", "33.333333…%", "99%", "100", "2026-03-31"):
        assert figure in found.explanation["zh"]


def test_every_traffic_kind_decodes_its_own_parameters_alone() -> None:
    for values in (AVAILABILITY, ERRORS, SHARE):
        clause = promise(values)
        assert isinstance(clause, TrafficPromise)
        with pytest.raises(msgspec.ValidationError):
            promise(values, colour="red")
