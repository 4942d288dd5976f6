"""Exports of a large table: whole, in order, as slow as the limits say, and told by the log piece by piece."""

import csv
import io
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.audit.leaf import Exchange, Part
from gateway.audit.reader import read_counted
from tests.flows.demo import clausegate, until
from tests.flows.desk import SWIFT, Desk, Serving, desk

LEADS = "/v1/leads"
ROWS, PAGE = 20_000, 200
LINES, COMMAS = {"accept": "application/x-ndjson"}, {"accept": "text/csv"}
BURST, CALLS_PER_MINUTE = 20, 1200
A_MILLION, PEAK_MIB_MAX = 1_000_000, 300


def leads(count: int) -> Iterator[tuple[Any, ...]]:
    """So many rows of SWIFT, and one of RAIL beside every tenth."""
    for number in range(count):
        yield (
            2 * number,
            "SWIFT",
            f"city {number % 300}, “长沙”",
            None if number % 7 == 0 else number / 4,
            f"20{number % 30:02}-0{number % 9 + 1}-1{number % 10}",
            f"138{number:08}",
        )
        if number % 10 == 0:
            yield 2 * number + 1, "RAIL", "canary-rail", 1, None, None


def shown(count: int) -> Iterator[dict[str, Any]]:
    """What SWIFT is to see of them, worked out by hand."""
    for key, dealer, city, budget, visit, phone in leads(count):
        if dealer == "SWIFT":
            masked = "*" * 7 + phone[-4:]
            yield {"lead_id": key, "dealer": dealer, "city": city, "budget": budget, "visit": visit, "phone": masked}


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    """A gateway over all rows, with limits that nobody meets."""
    made = desk(tmp_path_factory.mktemp("export"))
    made.fill(leads(ROWS))
    with made.serving() as up:
        yield up


@pytest.fixture
def narrow(tmp_path: Path) -> Iterator[Serving]:
    """A gateway over as many rows as take three times the calls that may be made at once."""
    made = desk(tmp_path, limit=CALLS_PER_MINUTE, burst=BURST)
    made.fill(leads(3 * BURST * PAGE))
    with made.serving() as up:
        yield up


def told(made: Desk, answer: httpx.Response) -> tuple[Exchange, list[Part]]:
    """The record of an export's first piece, and those of the others, which are numbered from 2."""
    parts = made.parts(answer)
    assert [part.number for part in parts] == list(range(2, len(parts) + 2))
    return made.exchange(answer), parts


def counted(made: Desk) -> tuple[int, int]:
    """Calls and records as `clausegate status` has them for SWIFT."""
    said = clausegate("status", made.folder, "--format", "json")
    assert said.returncode == 0, said.stderr
    (row,) = [row for row in json.loads(said.stdout)["rows"] if row["partner"] == SWIFT]
    return row["requests"], row["records"]


@pytest.mark.parametrize(
    ("form", "coding"), [(LINES, "identity"), (LINES, "zstd"), (COMMAS, "identity"), (COMMAS, "gzip")]
)
def test_every_row_comes_once_in_order_and_is_on_the_log(serving: Serving, form: dict[str, str], coding: str) -> None:
    answer = serving.partner().get(LEADS, headers=form | {"accept-encoding": coding})
    assert answer.status_code == 200
    assert answer.headers.get("content-encoding", "identity") == coding
    expected = list(shown(ROWS))
    if form is LINES:
        assert [json.loads(line) for line in answer.content.splitlines()] == expected
    else:
        rows = csv.DictReader(io.StringIO(answer.content.decode(), newline=""), strict=True)
        assert list(rows) == [{name: as_text(value) for name, value in row.items()} for row in expected]
    first, parts = told(serving.desk, answer)
    assert (first.status, first.code) == (200, "")
    assert first.records + sum(part.records for part in parts) == ROWS
    assert first.bytes + sum(part.bytes for part in parts) == len(answer.content)
    assert [part.code for part in parts] == [""] * (ROWS // PAGE - 1)
    assert [part.last for part in parts] == [False] * (len(parts) - 1) + [True]


def as_text(value: Any) -> str:
    """A value as a cell. A column of SQLite that is NUMERIC keeps 3.0 as the integer that it is."""
    if value is None:
        return ""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def test_status_counts_the_records_of_every_piece(serving: Serving) -> None:
    calls, records = counted(serving.desk)
    for rows in (301, 1):
        answer = serving.partner().get(LEADS, headers=LINES, params={"limit": str(rows)})
        assert len(answer.content.splitlines()) == rows
    assert counted(serving.desk) == (calls + 2, records + 302)
    entries = [entry for entry in read_counted(serving.desk.log) if isinstance(entry, Exchange | Part)]
    assert sum(entry.records for entry in entries) == records + 302


# --- limits


def test_an_export_costs_a_call_for_every_page_and_waits_for_what_it_may_not_have_yet(narrow: Serving) -> None:
    swift, calls = narrow.partner(), 3 * BURST
    began = time.monotonic()
    answer = swift.get(LEADS, headers=LINES)
    took_s = time.monotonic() - began
    assert len(answer.content.splitlines()) == calls * PAGE
    _, parts = told(narrow.desk, answer)
    assert {part.code for part in parts} == {""}
    assert 1 + len(parts) == calls
    assert took_s > (calls - BURST) * 60 / CALLS_PER_MINUTE * 0.9  # what goes beyond the burst waits for its turn


def test_an_export_that_would_wait_too_long_is_broken_off(tmp_path: Path) -> None:
    made = desk(tmp_path, limit=10, burst=3, window="PT1H")
    made.fill(leads(10 * PAGE))
    with made.serving() as serving:
        seen, answer = broken_off(serving, COMMAS)
        _, parts = told(made, answer)
        assert seen == 1 + 3 * PAGE
        assert [(part.code, part.records, part.last) for part in parts] == [
            ("", PAGE, False),
            ("", PAGE, False),
            ("rate-limited", 0, True),
        ]
        assert counted(made) == (1, 3 * PAGE)
        assert serving.partner().get(LEADS).status_code == 429


def broken_off(
    serving: Serving, headers: dict[str, str], meanwhile: Callable[[], None] = lambda: None
) -> tuple[int, httpx.Response]:
    """How many lines came of an export whose connection must end before its body does. `meanwhile` is done once the
    first of them are there."""
    seen = 0
    with serving.partner().stream("GET", LEADS, headers=headers) as answer:
        pieces = answer.iter_bytes()
        try:
            for data in pieces:
                if not seen:
                    meanwhile()
                seen += data.count(b"\n")
        except httpx.RemoteProtocolError:
            return seen, answer
    pytest.fail("a broken export looked whole")


# --- when something fails


def test_a_table_that_goes_away_ends_the_connection_without_the_end_of_the_body(narrow: Serving) -> None:
    # The export is waiting for its limit when the first lines have come, or soon will be.
    seen, answer = broken_off(narrow, LINES, lambda: narrow.desk.write("ALTER TABLE lead RENAME TO elsewhere"))
    first, (*sent, last) = told(narrow.desk, answer)
    assert (last.code, last.records, last.bytes, last.last) == ("backend-invalid", 0, 0, True)
    assert {part.code for part in sent} <= {""}
    assert len(sent) < 3 * BURST - 1
    assert seen == first.records + sum(part.records for part in sent)
    assert counted(narrow.desk) == (1, seen)
    assert "export broken off" in narrow.process.stderr
    assert "elsewhere" not in narrow.process.stderr


def test_a_caller_that_hangs_up_is_sent_and_charged_nothing_more(narrow: Serving) -> None:
    swift = narrow.partner()
    with swift.stream("GET", LEADS, headers=LINES) as answer:
        next(answer.iter_raw(1))
    served(swift, 2)
    _, before = told(narrow.desk, answer)
    served(swift, 10)  # in this time the export would have got calls of its own
    _, parts = told(narrow.desk, answer)
    assert parts == before
    assert len(parts) < 3 * BURST - 1
    assert not any(part.last or part.code for part in parts)


def served(swift: httpx.Client, calls: int) -> None:
    """Make so many calls, waiting for the limit where it is to be waited for."""
    for _ in range(calls):
        until(lambda: swift.get(f"{LEADS}/0").status_code == 200)


# --- size


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_million_rows_pass_through_little_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    made = desk(tmp_path)
    made.fill(leads(A_MILLION))
    with made.serving() as serving:
        swift = serving.partner()
        began = time.monotonic()
        with swift.stream("GET", LEADS, headers=LINES) as answer:
            rows, size_bytes = counting(answer.iter_bytes())
        took_s = time.monotonic() - began
        peak_mib = peak_memory_mib(serving.process.process.pid)
        first, parts = told(made, answer)
    with capsys.disabled():
        sys.stdout.write(
            f"\n{rows:,} rows, {size_bytes / 2**20:.0f} MiB in {took_s:.1f} s, peak {peak_mib:.0f} MiB of memory\n"
        )
    assert rows == A_MILLION
    assert first.records + sum(part.records for part in parts) == A_MILLION
    assert first.bytes + sum(part.bytes for part in parts) == size_bytes
    assert peak_mib < PEAK_MIB_MAX


def counting(data: Iterable[bytes]) -> tuple[int, int]:
    """Lines and bytes; each line's key is twice its number."""
    rows = size_bytes = 0
    rest = b""
    for piece in data:
        size_bytes += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            assert line.startswith(b'{"lead_id":%d,' % (2 * rows))
            rows += 1
    assert rest == b""
    return rows, size_bytes


def peak_memory_mib(pid: int) -> float:
    """The most memory that a process ever held, in MiB."""
    (line,) = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM:")]
    return int(line.split()[1]) / 1024
