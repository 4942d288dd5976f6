"""Clauses: the words are rendered from the values that are executed, and contradictions are found."""

from datetime import timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.clause import Binding, Clause, ClauseRef, Gate, Limit, Meter
from policies.library import KINDS, render, text_faults
from policies.wording import duration

RATE = {
    "id": "4.1",
    "kind": "rate_limit",
    "per": "partner",
    "limit": 600,
    "window": "PT1M",
    "burst": 60,
    "on_outage": "refuse",
    "text": {
        "zh": "每 {window} 不超过 {limit} 次,瞬时突发不超过 {burst} 次,按{per}计算;计数服务中断时{on_outage}。",
        "en": "At most {limit} calls per {window}, bursts of {burst}, per {per}; during an outage {on_outage}.",
    },
}
PURPOSE = {
    "id": "2.1",
    "kind": "purpose",
    "allowed": ["delivery", "claims"],
    "unstated": "assume",
    "text": {"zh": "仅限{allowed};未声明者{unstated}。", "en": "Only {allowed}; unstated ones are {unstated}."},
}
AVAILABILITY = {
    "id": "5.1",
    "kind": "availability",
    "owed_by": "hub",
    "window": "month",
    "slice": "PT5M",
    "empty_slice": "good",
    "good": "status < 500",
    "exclude": ["partner_fault"],
    "target": "99.9",
    "text": {
        "zh": "{owed_by}{window}{slice}{empty_slice}{good}{exclude}{target}",
        "en": "{owed_by} {window} {slice} {empty_slice} {good} {exclude} {target}",
    },
}
CREDIT = {
    "of": "monthly_fee",
    "bands": [{"below": "99.95", "percent": 10}, {"below": "99.0", "percent": 25}],
    "minimum_exclusive": "1.00",
    "cap_percent": 100,
    "claim_within": "P2M",
}
RESPONSE = {
    "id": "5.2",
    "kind": "response_time",
    "owed_by": "hub",
    "window": "month",
    "within": "PT0.5S",
    "share": "99.0",
    "text": {
        "zh": "{owed_by}{window}{within}{share}{good}{exclude}",
        "en": "{owed_by} {window} {within} {share} {good} {exclude}",
    },
}


def clause(values: dict[str, Any], **changes: Any) -> Clause:
    return msgspec.convert(values | changes, KINDS[values["kind"]])


def binding(ref_id: str = "4.1", purposes: tuple[str, ...] = ("delivery",)) -> Binding:
    ref = ClauseRef("swift-2026", "1.0.0", ref_id, "", {"zh": "", "en": ""})
    return Binding(ref, "swift", "shipments", "list", purposes)


def test_a_sentence_reads_with_its_numbers_in_both_languages() -> None:
    words = render(clause(RATE))
    assert words["zh"] == "每 1 分钟 不超过 600 次,瞬时突发不超过 60 次,按合作方计算;计数服务中断时拒绝调用。"
    assert words["en"] == "At most 600 calls per 1 minute, bursts of 60, per partner; during an outage refused."


@given(st.integers(1, 1_000_000), st.integers(1, 3600))
def test_the_number_in_the_words_is_the_number_that_is_enforced(count: int, window_s: int) -> None:
    bound = clause(RATE, limit=count, burst=1, window=f"PT{window_s}S")
    effect = bound.effect(binding())
    assert isinstance(effect, Limit)
    assert effect.limit == count
    assert effect.window_ns == window_s * 1_000_000_000
    assert f"At most {count} calls" in render(bound)["en"]
    assert f"per {duration(timedelta(seconds=window_s))['en']}," in render(bound)["en"]


@pytest.mark.parametrize("values", [RATE, PURPOSE, AVAILABILITY, RESPONSE], ids=lambda values: values["kind"])
def test_a_text_that_names_every_parameter_is_complete_and_one_that_leaves_one_out_is_not(
    values: dict[str, Any],
) -> None:
    whole = clause(values)
    assert text_faults(whole) == []
    for name in whole.words():
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
    ],
)
def test_values_that_contradict_each_other_are_found(
    values: dict[str, Any], changes: dict[str, Any], parameter: str
) -> None:
    assert [name for name, _ in clause(values, **changes).faults()] == [parameter]


def test_a_purpose_clause_lets_through_what_clause_and_view_share() -> None:
    gate = clause(PURPOSE).effect(binding(purposes=("claims", "research")))
    assert isinstance(gate, Gate)
    assert gate.purposes == {"claims"}
    assert gate.when_unstated == "claims"
    strict = clause(PURPOSE, unstated="refuse").effect(binding())
    assert isinstance(strict, Gate)
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
