"""What status says of limits: what they let pass, what they cut, and whether shared counters are reached."""

import json
from pathlib import Path

import pytest
from rich.console import Console

from contracts.plan import Plans
from gateway.audit.faults import CorruptLogError
from gateway.audit.frames import frame, frames
from gateway.audit.leaf import Authority
from gateway.commands.outages import counter_events
from gateway.health.counter_report import CounterEvent, CounterRow, What, counter_rows
from gateway.health.limit_table import limit_table
from gateway.health.report import StatusRow, as_json, status_rows
from gateway.sla.tally import Tally
from policies.reference import LANGUAGES, Language
from tests.unit.audit.doubles import an_exchange, opened
from tests.unit.sla.hub import NOON_S, exchange, plan_of, plans_of

S = 1_000_000
AWAY = CounterRow("gw-1", False, "2026-11-28T09:00:00+00:00", 2, 1)


@pytest.fixture(scope="module")
def plans() -> Plans:
    return plans_of()


@pytest.fixture
def rows(plans: Plans) -> list[StatusRow]:
    tally, plan = Tally(plans), plan_of(plans)
    tally.add(exchange(plan, NOON_S, observed="4.2 4.1", uncounted="4.1"))
    tally.add(exchange(plan, NOON_S, clause="4.3"))
    return status_rows(tally, plans, NOON_S)


def said(rows: list[StatusRow], counters: list[CounterRow], language: Language) -> str:
    terminal = Console(width=160, color_system=None)
    with terminal.capture() as captured:
        terminal.print(limit_table(rows, counters, language))
    return captured.get()


def test_each_clause_that_let_pass_or_cut_has_its_figures(rows: list[StatusRow]) -> None:
    (swift,) = (row for row in rows if row.agreement == "swift-logistics-2026")
    assert (swift.observed, swift.uncounted, swift.cuts) == ({"4.1": 1, "4.2": 1}, {"4.1": 1}, {"4.3": 1})
    assert list(swift.observed) == ["4.1", "4.2"]
    for language in LANGUAGES:
        lines = said(rows, [], language).splitlines()
        for clause, figures in (("4.1", ["1", "1", "0"]), ("4.2", ["1", "0", "0"]), ("4.3", ["0", "0", "1"])):
            (line,) = (line for line in lines if clause in line)
            assert line.replace("│", " ").split() == ["swift-logistics-2026", "1.0.0", clause, *figures]


def test_where_limits_only_refused_nothing_is_said(plans: Plans) -> None:
    tally = Tally(plans)
    tally.add(exchange(plan_of(plans), NOON_S, status=429, clause="4.1"))
    assert said(status_rows(tally, plans, NOON_S), [], "en").strip() == ""


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", "gw-1: the shared counters cannot be reached since 2026-11-28T09:00:00Z (lost 2 times in all)"),
        ("zh", "gw-1：自 2026-11-28T09:00:00Z 起无法连接共享计数服务（累计 2 次）"),
    ],
)
def test_shared_counters_that_cannot_be_reached_are_said_with_since_when(language: Language, words: str) -> None:
    assert words in said([], [AWAY], language)


def test_the_document_for_machines_holds_both(rows: list[StatusRow]) -> None:
    document = json.loads(as_json(rows, NOON_S, counters=[AWAY]))
    (swift,) = (row for row in document["rows"] if row["agreement"] == "swift-logistics-2026")
    assert (swift["observed"], swift["uncounted"], swift["cuts"]) == ({"4.1": 1, "4.2": 1}, {"4.1": 1}, {"4.3": 1})
    assert document["counters"] == [
        {"writer": "gw-1", "reachable": False, "since": "2026-11-28T09:00:00+00:00", "outages": 2, "rebuilt": 1}
    ]
    assert "counters" not in json.loads(as_json(rows, NOON_S))


def test_a_gateway_is_cut_off_from_its_last_loss_until_it_reaches_them_or_starts_anew() -> None:
    began, lost = CounterEvent(0, "gw-1", "started"), CounterEvent(9 * S, "gw-1", "unreachable")
    assert counter_rows([began]) == []
    (row,) = counter_rows([began, lost, CounterEvent(8 * S, "gw-2", "started")])
    assert row == CounterRow("gw-1", False, "1970-01-01T00:00:09+00:00", 1, 0)
    returns: tuple[What, ...] = ("reachable", "started")
    for after in returns:
        (row,) = counter_rows([CounterEvent(20 * S, "gw-1", after), began, lost])
        assert (row.reachable, row.since, row.outages) == (True, "1970-01-01T00:00:20+00:00", 1)


def test_a_second_loss_that_was_never_ended_keeps_the_first_ones_time_and_rebuilding_ends_none() -> None:
    events: list[tuple[int, What]] = [(5, "unreachable"), (7, "unreachable"), (8, "rebuilt")]
    (row,) = counter_rows(CounterEvent(at * S, "gw-1", what) for at, what in events)
    assert row == CounterRow("gw-1", False, "1970-01-01T00:00:05+00:00", 2, 1)


def test_events_are_found_among_all_records_of_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert list(counter_events(log)) == []
    writer = opened(log, "gw-1")
    writer.append_written(an_exchange(1, route='/v1/"event":"counter-unreachable"'))
    writer.append_written(Authority(3 * S, "counter-unreachable", "gw-1"))
    writer.append_written(Authority(4 * S, "counter-rebuilt", "gw-1"))
    writer.append_written(Authority(5 * S, "counter-reachable", "gw-1"))
    writer.append_written(Authority(6 * S, "client-added", "gw-1"))
    writer.append_written(Authority(7 * S, "counter-of-another-kind", "gw-1"))
    writer.close()
    found = [event for event in counter_events(log) if event.what != "started"]
    assert [(event.time_us // S, event.writer, event.what) for event in found] == [
        (3, "gw-1", "unreachable"),
        (4, "gw-1", "rebuilt"),
        (5, "gw-1", "reachable"),
    ]
    assert [event.writer for event in counter_events(log) if event.what == "started"] == ["gw-1"]


def test_a_record_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    log = tmp_path / "log"
    writer = opened(log, "gw-1")
    writer.append_written(Authority(3 * S, "counter-unreachable", "gw-1"))
    writer.close()
    (segment,) = (log / "gw-1").glob("*.seg")
    segment.write_bytes(broken(segment.read_bytes()))
    with pytest.raises(CorruptLogError):
        list(counter_events(log))


def broken(data: bytes) -> bytes:
    """The same frames, the second with a leaf that is not one."""
    first, second = (raw for _, raw in frames(data))
    return frame(first) + frame(second.replace(b'"subject"', b'"subjecT"'))
