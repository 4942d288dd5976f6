"""Interruptions and late notices: the tables of tests/cases/interruptions.yaml, and what no table can say."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.clause import Clause
from policies.interrupted import uncovered
from policies.kinds import KINDS
from policies.kinds.interruption import InterruptionClause
from policies.kinds.notice import NoticeClause
from policies.library import text_faults
from policies.settling.facts import FactFault, Facts
from policies.settling.promise import Promise
from policies.settling.settled import Settled
from tests.conftest import ROOT

CASES: list[dict[str, Any]] = yaml.safe_load((ROOT / "tests" / "cases" / "interruptions.yaml").read_text())
WINDOW = {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "fee": "1000", "currency": "CNY"}
START = datetime(2026, 11, 1, tzinfo=UTC)


def clause_of(said: dict[str, Any]) -> Promise:
    found = msgspec.convert({"id": "6.1", "text": {}, **said}, KINDS[said["kind"]])
    assert isinstance(found, Promise)
    assert found.faults() == []
    return found


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_a_clause_makes_of_the_facts_what_the_table_says(case: dict[str, Any]) -> None:
    expect = case["expect"]
    settled = clause_of(case["clause"]).settle(msgspec.convert(WINDOW | case["facts"], Facts))
    if isinstance(settled, FactFault):
        assert {"fact": settled.fact} == expect
        assert settled.message
        return
    found = {"measured": settled.measured, "verdict": settled.verdict, "percent": f"{settled.percent:f}"}
    assert found | {"credit": f"{settled.credit:f}"} == {name: expect.get(name) for name in (*found, "credit")}
    assert settled.capped_by == expect.get("capped_by", settled.capped_by)
    assert settled.unit == "s"
    assert settled.explanation["zh"]
    assert settled.explanation["en"]


def credit_for(minutes: list[tuple[int, int]], **clause: Any) -> Decimal:
    spans = [
        {"from": START + timedelta(minutes=begins), "to": START + timedelta(minutes=ends)} for begins, ends in minutes
    ]
    said = {"kind": "interruption", "owed_by": "hub", "window": "month", **clause}
    settled = clause_of(said).settle(msgspec.convert(WINDOW | {"interruptions": spans}, Facts))
    assert isinstance(settled, Settled)
    return settled.credit


MONTH_MINUTES = 30 * 24 * 60


@st.composite
def separate(draw: st.DrawFn) -> list[tuple[int, int]]:
    edges = sorted(draw(st.sets(st.integers(0, MONTH_MINUTES), max_size=12)))
    return list(zip(edges[::2], edges[1::2], strict=False))


@settings(max_examples=40)
@given(separate(), st.integers(0, 600), st.integers(1, 90))
def test_longer_interruptions_never_cost_less_and_never_more_than_the_cap(
    spans: list[tuple[int, int]], free_minutes: int, at_least_minutes: int
) -> None:
    clause = {
        "unplanned": {"free": timedelta(minutes=free_minutes)},
        "at_least": timedelta(minutes=at_least_minutes),
        "credit": {"per_started": "PT1H", "percent": "3", "cap_percent": 40},
    }
    before = credit_for(spans, **clause)
    assert 0 <= before <= 400
    counted = [ends - begins for begins, ends in spans if ends - begins >= at_least_minutes]
    if sum(counted) <= free_minutes:
        assert before == 0
    if spans and spans[-1][1] < MONTH_MINUTES:
        longer = [*spans[:-1], (spans[-1][0], MONTH_MINUTES)]
        assert credit_for(longer, **clause) >= before
    assert credit_for(spans[::-1], **clause) == before


@settings(max_examples=40)
@given(separate(), separate(), separate())
def test_what_no_cut_covers_is_what_is_left_minute_by_minute(
    spans: list[tuple[int, int]], cuts: list[tuple[int, int]], more: list[tuple[int, int]]
) -> None:
    scale = MONTH_MINUTES // 200  # few minutes, so that each can be looked at
    span = (spans[0][0] // scale, spans[0][1] // scale) if spans else (0, 100)
    cut = [(begins // scale, ends // scale) for begins, ends in cuts + more]
    left = sum(not any(begins <= at < ends for begins, ends in cut) for at in range(*span))
    moments = [(START + timedelta(minutes=begins), START + timedelta(minutes=ends)) for begins, ends in [span, *cut]]
    assert uncovered(*moments[0], moments[1:]) == timedelta(minutes=left)


def test_moments_of_a_zone_are_as_long_as_they_pass() -> None:
    clause = clause_of({"kind": "interruption", "owed_by": "hub", "window": "month"})
    spans = [{"from": "2026-10-25T00:00:00+02:00", "to": "2026-10-25T06:00:00+01:00"}]
    facts = {"from": "2026-10-01T00:00:00+02:00", "to": "2026-11-01T00:00:00+01:00", "interruptions": spans}
    settled = clause.settle(msgspec.convert(facts, Facts))
    assert isinstance(settled, Settled)
    assert settled.measured == str(7 * 3600)


@pytest.mark.parametrize(
    ("kind", "given", "name"),
    [
        ("interruption", {"exclude": ["partner_fault"]}, "exclude"),
        ("interruption", {"counts": "unplanned", "planned": {"free": "PT8H"}}, "planned.free"),
        ("interruption", {"counts": "planned", "unplanned": {"free": "PT8H"}}, "unplanned.free"),
        ("interruption", {"at_least": "P32D"}, "at_least"),
        ("interruption", {"planned": {"free": "P32D"}}, "planned.free"),
        ("interruption", {"credit": {"per_started": "P1D"}}, "credit.per_started"),
        ("notice", {"notice": "PT0S"}, "notice"),
        ("notice", {"notice": "P1200D"}, "notice"),
    ],
)
def test_values_that_contradict_each_other_are_said(kind: str, given: dict[str, Any], name: str) -> None:
    said = {"id": "1", "kind": kind, "text": {}, "owed_by": "hub", "window": "month"}
    said |= {"notice": "P90D"} if kind == "notice" else {}
    clause: Clause = msgspec.convert(said | given, KINDS[kind])
    assert name in [found for found, _ in clause.faults()]


@pytest.mark.parametrize(
    ("kind", "silent", "binding"),
    [
        ("interruption", {}, {"at_least": "PT5M", "planned": {"notice": "P7D", "free": "PT8H"}, "counts": "planned"}),
        ("notice", {"notice": "P90D"}, {"notice": "P90D", "change": "P30D", "maintenance": "P3D"}),
    ],
)
def test_a_sentence_names_what_binds_and_nothing_else(
    kind: str, silent: dict[str, Any], binding: dict[str, Any]
) -> None:
    text = {"zh": "{owed_by}{window}{notice}", "en": "{owed_by}{window}{notice}"}
    if kind == "interruption":
        text = {language: said.replace("{notice}", "") for language, said in text.items()}
    said = {"id": "1", "kind": kind, "owed_by": "hub", "window": "month", "text": text}
    assert text_faults(msgspec.convert(said | silent, KINDS[kind])) == []
    faults = text_faults(msgspec.convert(said | binding, KINDS[kind]))
    named = {"counts", "at_least", "planned.notice", "planned.free"} if kind == "interruption" else {"change"}
    assert all(any(f"{{{name}}}" in fault.message for fault in faults) for name in named)


def test_more_free_time_is_less_for_the_partner_and_less_from_it() -> None:
    said: dict[str, Any] = {"id": "1", "text": {}, "window": "month"}
    for owed_by, direction in (("hub", "tightens"), ("partner", "loosens")):
        old = msgspec.convert(said | {"kind": "interruption", "owed_by": owed_by}, InterruptionClause)
        new = msgspec.convert(
            said | {"kind": "interruption", "owed_by": owed_by, "unplanned": {"free": "PT1H"}}, InterruptionClause
        )
        assert old.judged(new, "unplanned.free") == {direction}
    early = msgspec.convert(said | {"kind": "notice", "owed_by": "hub", "notice": "P90D"}, NoticeClause)
    late = msgspec.convert(said | {"kind": "notice", "owed_by": "hub", "notice": "P30D"}, NoticeClause)
    assert early.judged(late, "notice") == {"tightens"}
