"""Lists as lines: every piece charged, masked, on the log before it leaves, and no more than one in memory."""

import gzip
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from msgspec.structs import replace

from adapters.base import Answer, Fault
from contracts.plan import Plan
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Exchange, Part
from gateway.audit.reader import read_counted
from gateway.audit.receipt import parse_receipt
from gateway.sla.tally import Tally
from policies.gate import Call, Gate, Held
from policies.reference import Enforce
from tests.unit.exchange.stage import Reply, Stage, said
from tests.unit.exchange.wares import WARES, ware, wares

LINES, CSV = "application/x-ndjson", "text/csv"
TWO_CALLS_A_DAY = '"4.1": {limit: 2, window: P1D, burst: 2}'
BRISK = '"4.1": {limit: 1200, burst: 1}'  # a call every 50 ms


def page(*numbers: int, following: bool = True, **more: Any) -> Answer:
    """Records by number, and a token if more follow."""
    records = [ware(f"W-{number}", **more) for number in numbers]
    return said({"data": records, "next": f"after-{numbers[-1]}" if following else None})


@pytest.fixture
def made(tmp_path: Path) -> Callable[..., Stage]:
    def make(*pages: Answer | Fault | Exception, rate: str = '"4.1": {limit: 1200}', agreement: str = "") -> Stage:
        stage = Stage(tmp_path / "log", wares(rate=rate, agreement=agreement))
        stage.grant = WARES
        stage.adapter.first = list(pages)
        stage.adapter.says = RuntimeError("asked for more than there is")
        return stage

    return make


def ids(reply: Reply) -> list[str]:
    return [json.loads(line)["id"] for line in reply.body.splitlines()]


def parts(stage: Stage) -> list[Part]:
    return [entry for entry in stage.entries() if isinstance(entry, Part)]


async def test_a_list_goes_out_page_by_page_masked_as_any_answer_is(made: Callable[..., Stage]) -> None:
    stage = made(page(1, 2), page(3, 4, owner="OTHER"), page(5, following=False))
    reply = await stage.get("/v1/wares", accept=LINES)
    assert (reply.status, reply.ended, ids(reply)) == (200, True, ["W-1", "W-2", "W-5"])
    assert b"canary" not in reply.body
    assert reply.headers["content-type"] == "application/x-ndjson"
    assert reply.headers["cache-control"] == "no-store"
    for absent in ("content-length", "etag"):
        assert absent not in reply.headers
    assert [query.after for _, query in stage.adapter.asked] == [None, "after-2", "after-4"]
    assert parse_receipt(reply.headers["clausegate-receipt"]) is not None


async def test_csv_has_one_header_and_only_the_wanted_columns(made: Callable[..., Stage]) -> None:
    reply = await made(page(1), page(2, following=False)).get("/v1/wares?fields=id,price", accept=CSV)
    assert reply.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert reply.body == b"id,price\r\nW-1,1.5\r\nW-2,1.5\r\n"


async def test_each_piece_is_on_the_log_before_it_leaves_and_before_the_next_is_asked_for(
    made: Callable[..., Stage],
) -> None:
    stage = made(page(1, 2), page(3), page(4, following=False))
    seen: list[tuple[int, int, int]] = []

    def sent(message: Any) -> None:
        if message["type"] == "http.response.body":
            entries = stage.entries()
            seen.append((len(entries), len(stage.adapter.asked), len(message["body"])))
            (last,) = entries[-1:]
            assert isinstance(last, Exchange | Part)
            assert last.bytes == len(message["body"])

    stage.sent = sent
    await stage.get("/v1/wares", accept=LINES)
    assert [(logged, asked) for logged, asked, _ in seen] == [(1, 1), (2, 2), (3, 3)]
    first, *rest = stage.entries()
    assert isinstance(first, Exchange)
    assert (first.status, first.records, first.operation) == (200, 2, "list")
    assert [(part.number, part.records, part.last, part.code) for part in parts(stage)] == [
        (2, 1, False, ""),
        (3, 1, True, ""),
    ]
    assert {entry.request_id for entry in rest if isinstance(entry, Part)} == {first.request_id}


async def test_every_page_costs_one_call_and_an_export_that_has_none_left_is_broken_off(
    made: Callable[..., Stage],
) -> None:
    stage = made(page(1), page(2), page(3), rate=TWO_CALLS_A_DAY)
    reply = await stage.get("/v1/wares", accept=LINES)
    assert (reply.status, reply.ended, ids(reply)) == (200, False, ["W-1", "W-2"])
    assert len(stage.adapter.asked) == 2
    assert [(part.number, part.code, part.records) for part in parts(stage)] == [(2, "", 1), (3, "rate-limited", 0)]
    assert (await stage.get("/v1/wares")).status == 429


async def test_an_export_waits_until_its_limits_admit_the_next_page(made: Callable[..., Stage]) -> None:
    stage = made(page(1), page(2), page(3, following=False), rate=BRISK)
    stage.monotonic_ns = time.monotonic_ns
    began_ns = time.monotonic_ns()
    reply = await stage.get("/v1/wares", accept=LINES)
    assert (reply.ended, ids(reply)) == (True, ["W-1", "W-2", "W-3"])
    assert time.monotonic_ns() - began_ns >= 100_000_000


async def test_an_agreement_that_ends_meanwhile_ends_the_export(made: Callable[..., Stage]) -> None:
    stage = made(page(1), page(2))

    def sent(_message: Any) -> None:
        stage.now_us = 1_798_732_800_000_000  # 2027-01-01T00:00:00+08:00

    stage.sent = sent
    reply = await stage.get("/v1/wares", accept=LINES)
    assert (reply.ended, ids(reply)) == (False, ["W-1"])
    assert [part.code for part in parts(stage)] == ["not-in-force"]


@pytest.mark.parametrize(
    ("trouble", "code"),
    [
        (Fault("timeout", "slow"), "backend-timeout"),
        (Fault("unreachable", "gone"), "backend-unreachable"),
        (Answer(500, "application/json", b'{"canary":1}'), "backend-error"),
        (Answer(200, "application/json", b'{"data":[{"id":"canary'), "backend-invalid"),
        (Answer(200, "text/html", b"canary"), "backend-invalid"),
        (page(*range(300)), "backend-invalid"),
        (RuntimeError("canary: a defect of ours"), "internal"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
async def test_trouble_on_a_later_page_leaves_the_body_without_an_end_and_says_so_on_the_log(
    made: Callable[..., Stage], trouble: Any, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = made(page(1), trouble)
    reply = await stage.get("/v1/wares", accept=LINES)
    assert (reply.status, reply.ended, ids(reply)) == (200, False, ["W-1"])
    (part,) = parts(stage)
    assert (part.code, part.records, part.bytes) == (code, 0, 0)
    assert b"canary" not in reply.body
    assert "canary" not in "".join(capsys.readouterr())


async def test_trouble_on_the_first_page_is_a_problem_as_for_any_list(made: Callable[..., Stage]) -> None:
    stage = made(Fault("timeout", "slow"))
    reply = await stage.get("/v1/wares", accept=CSV)
    assert (reply.status, reply.code) == (504, "backend-timeout")
    assert parts(stage) == []


async def test_a_piece_that_cannot_be_recorded_is_not_sent(
    made: Callable[..., Stage], monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = made(page(1), page(2))

    async def fail(_entry: object, _ack: object) -> LogFault:
        return LogFault("stopped", "fdatasync: EIO")

    monkeypatch.setattr(stage.writer, "append", fail)
    reply = await stage.get("/v1/wares", accept=LINES)
    assert (reply.ended, ids(reply)) == (False, ["W-1"])


@pytest.mark.parametrize(
    ("limit", "asked", "expected"), [(1, [1], 1), (3, [3, 1], 3), (4, [4, 2], 4), (1000, [200] * 3, 6)]
)
async def test_a_limit_is_of_the_whole_export(
    made: Callable[..., Stage], limit: int, asked: list[int], expected: int
) -> None:
    numbers = iter(range(1, 99))
    sizes = [min(2, size) for size in asked]
    pages = [page(*(next(numbers) for _ in range(size)), following=True) for size in sizes]
    if limit == 1000:
        pages[-1] = page(5, 6, following=False)
    stage = made(*pages)
    reply = await stage.get(f"/v1/wares?limit={limit}", accept=LINES)
    assert reply.ended
    assert len(ids(reply)) == expected
    assert [query.limit for _, query in stage.adapter.asked] == asked


async def test_a_caller_that_is_gone_is_asked_nothing_more_for(made: Callable[..., Stage]) -> None:
    stage = made(page(1), page(2), rate=TWO_CALLS_A_DAY)
    stage.gone.set()
    reply = await stage.get("/v1/wares", accept=LINES)
    assert not reply.ended
    assert len(stage.adapter.asked) <= 2


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
async def test_pieces_are_compressed_as_one_stream(made: Callable[..., Stage], coding: str) -> None:
    reply = await made(page(1), page(2), page(3, following=False)).get(
        "/v1/wares", accept=LINES, accept_encoding=coding
    )
    assert reply.headers["content-encoding"] == coding
    plain = (
        gzip.decompress(reply.body)
        if coding == "gzip"
        else zstandard.ZstdDecompressor().decompressobj().decompress(reply.body)
    )
    assert [json.loads(line)["id"] for line in plain.splitlines()] == ["W-1", "W-2", "W-3"]
    assert all(reply.pieces)


async def test_head_of_an_export_has_its_headers_and_no_body(made: Callable[..., Stage]) -> None:
    stage = made(page(1))
    reply = await stage.get("/v1/wares", method="HEAD", accept=LINES)
    assert (reply.status, reply.body, reply.ended) == (200, b"", True)
    assert reply.headers["content-type"] == "application/x-ndjson"
    assert len(stage.adapter.asked) == 1


async def test_what_drifts_on_a_later_page_is_withheld_and_counted(made: Callable[..., Stage]) -> None:
    stage = made(page(1), page(2, following=False, price={"canary": 1}))
    reply = await stage.get("/v1/wares", accept=LINES)
    assert b"canary" not in reply.body
    assert [part.withheld for part in parts(stage)] == [1]


async def test_what_is_counted_as_it_happens_is_what_the_log_tells(made: Callable[..., Stage]) -> None:
    stage = made(page(1, 2), page(3), page(4, following=False))
    reply = await stage.get("/v1/wares", accept=LINES)
    (counted,) = [account.total() for account in stage.tally.accounts()]
    assert (counted.requests, counted.parts, counted.records, counted.bytes) == (1, 2, 4, len(reply.body))
    (replayed,) = [
        account.total() for account in Tally(stage.gateway.serving.plans).replay(read_counted(stage.folder)).accounts()
    ]
    assert replayed == counted


class Closing(Gate, frozen=True, kw_only=True):
    """Open until a moment."""

    until_us: int

    def check(self, call: Call) -> Held | None:
        return None if call.time_us < self.until_us else Held("outside-hours", 3_600)


@pytest.mark.parametrize(
    ("enforce", "ends", "code", "observed"), [("refuse", 2, "outside-hours", ""), ("observe", 3, "", "4.4")]
)
async def test_an_export_does_not_go_on_when_the_hours_are_over(
    made: Callable[..., Stage], enforce: Enforce, ends: int, code: str, observed: str
) -> None:
    stage = made(page(1), page(2), page(3, following=False))
    plans, until_us = stage.gateway.serving.plans, stage.now_us + 60_000_000

    def closing(plan: Plan) -> Plan:
        clause = replace(plan.contract.effective_clause, id="4.4")
        return replace(plan, gates=(Closing(clause=clause, enforce=enforce, until_us=until_us),))

    routes = {route: tuple(map(closing, each)) for route, each in plans.by_route.items()}
    stage.gateway.serving = replace(stage.gateway.serving, plans=replace(plans, by_route=routes))

    def late(message: Any) -> None:
        stage.now_us += 40_000_000 if message["type"] == "http.response.body" else 0

    stage.sent = late
    reply = await stage.get("/v1/wares", accept=LINES)
    assert (ids(reply), reply.ended) == ([f"W-{number}" for number in range(1, ends + 1)], enforce == "observe")
    assert (parts(stage)[-1].code, parts(stage)[-1].observed) == (code, observed)
