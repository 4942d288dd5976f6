"""docs/limits.md: every row of its tables is computed again, from the clause above it, by the code that serves."""

import asyncio
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast
from zoneinfo import ZoneInfo

import msgspec
import pytest
import yaml
from msgspec.structs import replace

from gateway.exchange.admit import note, ratelimit
from policies.calendar_window import window_of
from policies.clause import Anomaly, Binding, Bulk, Clause, PageSize
from policies.counters import Counters
from policies.gate import Gate
from policies.hours import Weekly
from policies.kinds import KINDS
from policies.kinds.page_size import WITHOUT_CLAUSE
from policies.limit import Charge, Decision, InFlight, Limit, Moment, Period, Quota, Rate
from policies.reference import ClauseRef
from policies.settling.promise import Promise
from tests.house.checks.documents import sections
from tests.house.project import page

TEXT = page("docs/limits.md")
SECTIONS = sections(TEXT)
ZONE = "Asia/Shanghai"
NUMBERS = {"rate_limit": "4.1", "quota": "4.2"}
Row = Sequence[str]


def example(kind: str, **changes: Any) -> Clause:
    """The clause of a section."""
    (block,) = re.findall(r"```yaml\n(.*?)```", SECTIONS[kind], re.DOTALL)
    values = yaml.load(block, yaml.BaseLoader)  # noqa: S506 - the safest there is: everything is text, as a time of day is
    assert values["kind"] == kind
    return msgspec.convert(values | {"id": "4", "text": {}} | changes, KINDS[kind], strict=False)


def effect(kind: str, operation: str = "list", **changes: Any) -> Any:
    """What the clause of a section does to an operation."""
    number = NUMBERS.get(kind, "4")
    ref = ClauseRef("a", "1.0.0", number, kind, {"zh": "", "en": ""})
    return example(kind, **changes).effect(Binding(ref, "p", "shipments", operation, (), ZONE))


def rows(text: str, header: str) -> list[list[str]]:
    """The cells of the table below a header."""
    assert text.count(header) == 1, header
    lines = text.split(header)[1].strip().splitlines()[1:]
    table = lines[: next(number for number, line in enumerate([*lines, ""]) if not line.startswith("|"))]
    assert table
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table]


def moment(text: str, zone: str = ZONE) -> Moment:
    time_us = round(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp()) * 1_000_000
    return Moment(time_us, time_us * 1_000)


class Engine:
    """The engine in this process, asked without an event loop of its own."""

    def __init__(self) -> None:
        self.counters = Counters()

    def decide(self, limit: Limit, amount: int, at: Moment, members: frozenset[bytes] = frozenset()) -> Decision:
        return asyncio.run(self.counters.decide((Charge(limit.key, limit, amount, members),), at, "hold"))


def answered(decision: Decision) -> tuple[str, str, str]:
    """Answer, what is left, Retry-After."""
    wait = "" if decision.bound is None else str(-(-decision.wait_ns // 10**9))
    return ("refused" if decision.bound else "admitted", str(decision.standings[0].remaining), wait)


def test_calls_are_admitted_in_the_window_and_at_the_pace_of_the_page() -> None:
    engine = Engine()
    for second, operation, counts, *expected in rows(
        SECTIONS["rate_limit"], "| second | operation | counts | answer | left | Retry-After |"
    ):
        limit = effect("rate_limit", operation)
        assert isinstance(limit, Rate)
        assert limit.cost == int(counts)
        at = Moment(int(second) * 10**6, int(second) * 10**9)
        assert answered(engine.decide(limit, limit.cost, at)) == tuple(expected), (second, operation)


def test_a_quota_of_records_is_given_out_and_begins_anew_as_the_page_says() -> None:
    engine, limit = Engine(), effect("quota")
    assert isinstance(limit, Quota)
    for at, asked, given, left, wait in rows(
        SECTIONS["quota"], "| Asia/Shanghai | records asked for | given | left | Retry-After |"
    ):
        admission = engine.decide(limit, 0, moment(at))
        if admission.bound is not None:
            assert (given, left, wait) == answered(admission)
            continue
        fits = min(int(asked), admission.standings[0].remaining)
        assert answered(engine.decide(limit, fits, moment(at))) == ("admitted", left, wait)
        assert given == str(fits)


@pytest.mark.parametrize("row", rows(SECTIONS["quota"], "| zone | at | period | begins | ends | hours |"), ids=str)
def test_a_period_lasts_from_and_until_the_times_of_the_page(row: Row) -> None:
    zone, at, period, begins, ends, hours = row
    start_s, end_s = window_of(cast(Period, period), zone, moment(at, zone).time_us)
    shown = [f"{datetime.fromtimestamp(each, ZoneInfo(zone)):%Y-%m-%d %H:%M}" for each in (start_s, end_s)]
    assert shown == [begins, ends]
    assert timedelta(seconds=end_s - start_s) == timedelta(hours=int(hours))


def test_people_are_counted_once_as_the_page_says() -> None:
    (most,) = re.findall(r"`limit: (\d+)`", SECTIONS["quota"])
    engine, limit, at = Engine(), effect("quota", unit="subjects", limit=int(most)), moment("2026-11-28 09:00")
    seen: set[str] = set()
    for about, new, answer, left in rows(SECTIONS["quota"], "| page shows records of | new | answer | left |"):
        people = about.split(", ")
        assert int(new) == len(set(people) - seen)
        assert engine.decide(limit, limit.cost, at).bound is None  # before the backend is asked nobody can tell
        lengths = range(len(people), 0, -1)
        handles = (frozenset(map(str.encode, people[:length])) for length in lengths)
        given = (
            length for length, each in zip(lengths, handles, strict=True) if not engine.decide(limit, 0, at, each).bound
        )
        fits = next(given, 0)
        cut = f"cut before {people[fits]}" if 0 < fits < len(people) else "refused"
        assert answer == ("given" if fits == len(people) else cut)
        seen |= set(people[:fits])
        assert left == str(int(most) - len(seen))


def test_calls_under_way_hold_their_place_as_the_page_says() -> None:
    counters, limit = Counters(), effect("concurrency")
    assert isinstance(limit, InFlight)
    charges = (Charge(limit.key, limit, 1),)
    for second, happens, answer, left in rows(SECTIONS["concurrency"], "| second | what happens | answer | left |"):
        call, what = happens.split()
        at = Moment(int(second) * 10**6, int(second) * 10**9)
        if what == "begins":
            assert answered(asyncio.run(counters.decide(charges, at, call)))[:2] == (answer, left)
        else:
            asyncio.run(counters.release(charges, call))
            assert str(counters.stand(charges, at)[0].remaining) == left
    said = f"{limit.hold_s // 60} minutes"
    assert said.replace("2", "two") in SECTIONS["concurrency"]


def gate_answer(gate: Gate, **call: Any) -> tuple[str, str]:
    asked: Any = SimpleNamespace(**call)
    held = gate.check(asked)
    return ("admitted", "") if held is None else ("refused", str(held.retry_after_s or ""))


@pytest.mark.parametrize("row", rows(SECTIONS["access_hours"], "| at | answer | Retry-After |"), ids=str)
def test_hours_are_open_as_the_page_says(row: Row) -> None:
    at, *expected = row
    assert gate_answer(effect("access_hours"), time_us=moment(at).time_us) == tuple(expected)


@pytest.mark.parametrize("row", rows(SECTIONS["source_networks"], "| address | answer |"), ids=str)
def test_addresses_are_admitted_as_the_page_says(row: Row) -> None:
    address, answer = row
    assert gate_answer(effect("source_networks"), source="" if address == "not known" else address) == (answer, "")


@pytest.mark.parametrize("row", rows(SECTIONS["page_size"], "| `limit` in the query | answer |"), ids=str)
def test_a_page_holds_what_the_page_says(row: Row) -> None:
    asked, answer = row
    size = effect("page_size")
    assert isinstance(size, PageSize)
    wanted = size.default if asked == "none" else int(asked)
    assert answer == (f"{wanted} records at most" if wanted <= size.maximum else "400")
    assert "Without any it is {}, and {} at most.".format(*WITHOUT_CLAUSE) in SECTIONS["page_size"]


@pytest.mark.parametrize("row", rows(SECTIONS["bulk_sync"], "| at | agreed |"), ids=str)
def test_a_bulk_read_is_agreed_when_the_page_says(row: Row) -> None:
    at, agreed = row
    bulk = effect("bulk_sync")
    assert isinstance(bulk, Bulk)
    weekly = Weekly(bulk.days, bulk.from_minute, bulk.until_minute, bulk.zone)
    assert agreed == ("yes" if weekly.span_at(moment(at).time_us).open else "no")


def test_a_measure_is_what_the_page_says() -> None:
    found = effect("anomaly")
    assert isinstance(found, Anomaly)
    text = " ".join(SECTIONS["anomaly"].split())
    assert f"here of {found.calls} calls in {found.window_ns // 10**9} seconds and {found.calls} at once" in text
    assert f"here {found.lasts_s} seconds after" in text


def test_the_header_of_the_page_is_the_one_that_is_sent() -> None:
    rate, quota, counters = effect("rate_limit"), effect("quota"), Counters()
    settled = (Charge(rate.key, rate, rate.cost), Charge(quota.key, quota, 900))
    caller: Any = SimpleNamespace(limits={}, policy=())
    note(caller, asyncio.run(counters.decide(settled, moment("2026-11-28 09:00"))))
    ((name, value),) = ratelimit(caller)
    (shown,) = re.findall(r"```\n(RateLimit: .*)\n```", TEXT)
    assert (name.decode(), f"RateLimit: {value.decode()}") == ("ratelimit", shown)


def test_what_only_watches_lets_pass_and_stays_uncharged_as_the_page_says() -> None:
    bare = effect("rate_limit", weights={})
    watching = replace(bare, key="w", limit=1, burst=1, enforce="observe", clause=replace(bare.clause, id="w"))
    refusing = replace(bare, key="r", limit=2, burst=2)
    charges, counters = (Charge("w", watching, 1), Charge("r", refusing, 1)), Counters()
    left = [1, 2]
    header = "| call | limit that only watches, of 1 a minute | limit that refuses, of 2 a minute | answer | recorded |"
    for _, *states, answer, recorded in rows(TEXT, header):
        decision = asyncio.run(counters.decide(charges, moment("2026-11-28 09:00")))
        assert answer == ("refused" if decision.bound else "admitted")
        assert recorded == ("watches" if decision.observed else "")
        for place, state in enumerate(states):
            now = decision.standings[place].remaining
            assert state == ("charged" if now < left[place] else "no room")
            left[place] = now


def test_every_kind_that_limits_has_its_section() -> None:
    promises = {name for name, kind in KINDS.items() if issubclass(kind, Promise)}
    # what a call has to be: nothing is counted
    conditions = {"purpose", "disclosure", "authentication", "signed_requests"}
    assert set(SECTIONS) == set(KINDS) - promises - conditions
