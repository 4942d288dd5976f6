"""Clauses: the words are rendered from the values that are executed, and contradictions are found."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.clause import Meter
from policies.kinds.purpose import PurposeGate
from policies.library import render, text_faults
from policies.limit import Limit, Rate
from policies.wording import duration
from tests.unit.policies.clauses import (
    ALL,
    ANOMALY,
    AVAILABILITY,
    CONCURRENCY,
    CREDIT,
    HOURS,
    NETWORKS,
    PAGE,
    PURPOSE,
    QUOTA,
    RATE,
    RESPONSE,
    SIGNED,
    binding,
    clause,
)


def test_a_sentence_reads_with_its_numbers_in_both_languages() -> None:
    words = render(clause(RATE))
    assert words["zh"] == "每 1 分钟 不超过 600 次,瞬时突发不超过 60 次,按合作方计算;计数服务中断时拒绝调用。"
    assert words["en"] == "At most 600 calls per 1 minute, bursts of 60, per partner; during an outage refused."


@given(st.integers(1, 1_000_000), st.integers(1, 3600))
def test_the_number_in_the_words_is_the_number_that_is_enforced(count: int, window_s: int) -> None:
    bound = clause(RATE, limit=count, burst=1, window=f"PT{window_s}S")
    effect = bound.effect(binding())
    assert isinstance(effect, Rate)
    assert effect.limit == count
    assert effect.window_ns == window_s * 1_000_000_000
    assert f"At most {count} calls" in render(bound)["en"]
    assert f"per {duration(timedelta(seconds=window_s))['en']}," in render(bound)["en"]


@pytest.mark.parametrize("values", ALL, ids=lambda values: values["kind"])
def test_a_text_that_names_every_parameter_is_complete_and_one_that_leaves_one_out_is_not(
    values: dict[str, Any],
) -> None:
    whole = clause(values)
    assert text_faults(whole) == []
    for name in whole.words().keys() - whole.unsaid():
        for language in ("zh", "en"):
            text = values["text"] | {language: values["text"][language].replace(f"{{{name}}}", "…")}
            (fault,) = text_faults(clause(values, text=text))
            assert (fault.language, fault.code) == (language, "text-without-parameter")
            assert f"{{{name}}}" in fault.message


def test_a_text_that_names_what_does_not_exist_is_refused() -> None:
    text = RATE["text"] | {"en": RATE["text"]["en"] + " {penalty}"}  # type: ignore[index,operator]
    (fault,) = text_faults(clause(RATE, text=text))
    assert (fault.code, "{penalty}" in fault.message) == ("unknown-placeholder", True)


def test_a_clause_without_one_of_the_languages_is_refused() -> None:
    (fault,) = text_faults(clause(RATE, text={"en": RATE["text"]["en"]}))  # type: ignore[index]
    assert (fault.language, fault.code) == ("zh", "text-missing")


def test_credit_schedules_are_part_of_the_words() -> None:
    with_credit = clause(AVAILABILITY, credit=CREDIT)
    assert {fault.code for fault in text_faults(with_credit)} == {"text-without-parameter"}
    assert with_credit.words()["credit.bands"]["en"] == "10% when below 99.95%; 25% when below 99.0%"


@pytest.mark.parametrize(
    ("values", "changes", "parameter"),
    [
        (RATE, {"burst": 601}, "burst"),
        (RATE, {"window": "PT0.1S"}, "window"),
        (RATE, {"window": "P400D"}, "window"),
        (AVAILABILITY, {"slice": "PT7M"}, "slice"),
        (AVAILABILITY, {"slice": "PT1S"}, "slice"),
        (AVAILABILITY, {"target": "100.1"}, "target"),
        (AVAILABILITY, {"target": None}, "target"),
        (AVAILABILITY, {"credit": CREDIT | {"bands": CREDIT["bands"][::-1]}}, "credit.bands"),  # type: ignore[index]
        (AVAILABILITY, {"credit": CREDIT | {"bands": [{"below": "101", "percent": 5}]}}, "credit.bands"),
        (RESPONSE, {"share": "0"}, "share"),
        (RESPONSE, {"within": "PT0S"}, "within"),
        (RATE, {"weights": {"list": 61}}, "weights"),
        (QUOTA, {"unit": "subjects", "limit": 1_000_001}, "limit"),
        (QUOTA, {"unit": "bytes", "weights": {"list": 2}}, "weights"),
        (QUOTA, {"unit": "calls", "limit": 9, "weights": {"list": 10}}, "weights"),
        (NETWORKS, {"allowed": ["192.0.2.1/24"]}, "allowed"),
        (PAGE, {"default": 501}, "default"),
        (ANOMALY, {"calls": None}, "action"),
        (ANOMALY, {"window": None}, "action"),
        (ANOMALY, {"action": "suspend", "window": None}, "calls"),
        (ANOMALY, {"action": "suspend", "calls": None}, "window"),
        (ANOMALY, {"window": "P40D"}, "window"),
        (ANOMALY, {"lasts": "PT59M"}, "lasts"),
        (ANOMALY, {"lasts": "P32D"}, "lasts"),
    ],
)
def test_values_that_contradict_each_other_are_found(
    values: dict[str, Any], changes: dict[str, Any], parameter: str
) -> None:
    assert [name for name, _ in clause(values, **changes).faults()] == [parameter]


@pytest.mark.parametrize(
    "values", [*ALL, QUOTA | {"unit": "subjects", "limit": 1_000_000}], ids=lambda values: str(values["kind"])
)
def test_values_within_their_bounds_are_no_contradiction(values: dict[str, Any]) -> None:
    assert clause(values).faults() == []


@pytest.mark.parametrize(
    "values", [RATE, QUOTA, CONCURRENCY, HOURS, NETWORKS, SIGNED], ids=lambda values: values["kind"]
)
def test_what_only_watches_has_to_say_so(values: dict[str, Any]) -> None:
    """A sentence that does not speak of `enforce` says that calls are refused; one that does is true either way."""
    silent = {language: text.replace("{enforce}", "") for language, text in values["text"].items()}
    speaking = {language: f"{text} {{enforce}}" for language, text in silent.items()}
    assert text_faults(clause(values, text=silent)) == []
    assert text_faults(clause(values, text=speaking)) == []
    assert text_faults(clause(values, text=speaking, enforce="observe")) == []
    faults = text_faults(clause(values, text=silent, enforce="observe"))
    assert {(fault.code, fault.language) for fault in faults} == {
        ("text-without-parameter", "zh"),
        ("text-without-parameter", "en"),
    }


def test_weights_and_holidays_have_to_be_said_once_they_are_given() -> None:
    assert text_faults(clause(RATE)) == []
    assert len(text_faults(clause(RATE, weights={"list": 2}))) == 2
    assert text_faults(clause(HOURS)) == []
    assert len(text_faults(clause(HOURS, holidays=["2026-10-01"]))) == 2


def test_a_purpose_clause_lets_through_what_clause_and_view_share() -> None:
    gate = clause(PURPOSE).effect(binding(purposes=("claims", "research")))
    assert isinstance(gate, PurposeGate)
    assert gate.purposes == {"claims"}
    assert gate.when_unstated == "claims"
    strict = clause(PURPOSE, unstated="refuse").effect(binding())
    assert isinstance(strict, PurposeGate)
    assert strict.when_unstated is None


def test_meters_say_what_counts_as_good() -> None:
    available = clause(AVAILABILITY).effect(binding())
    in_time = clause(RESPONSE).effect(binding())
    assert isinstance(available, Meter)
    assert isinstance(in_time, Meter)
    assert (available.basis, available.slice_s, available.good_below_status) == ("slices", 300, 500)
    assert (available.counts_refusals, available.target_percent) == (False, "99.9")
    assert (in_time.basis, in_time.within_us, in_time.counts_refusals) == ("requests", 500_000, True)


def test_without_a_target_the_highest_band_of_the_credit_is_the_promise() -> None:
    meter = clause(AVAILABILITY, target=None, credit=CREDIT).effect(binding())
    assert isinstance(meter, Meter)
    assert meter.target_percent == "99.95"


def test_a_limit_per_operation_has_a_counter_for_each_operation() -> None:
    listing = clause(RATE, per="operation").effect(binding())
    whole = clause(RATE).effect(binding())
    assert isinstance(listing, Limit)
    assert isinstance(whole, Limit)
    assert listing.key == "swift-2026/4.1/shipments/list"
    assert whole.key == "swift-2026/4.1"
