"""Attempts: what is tried again and what never is, within which time, and when a partner is left alone."""

import asyncio
import socket
from pathlib import Path

import pytest

from tests.stalls import timed
from tests.unit.outbound.partner_api import Reply, says
from tests.unit.outbound.stage import staged, together

GOOD = says({"price": "12.50"})
FAILS = [says({}, 502), says({}, 503), says({}, 504), Reply(after_bytes=0), Reply(after_bytes=20)]


@pytest.mark.parametrize("failure", FAILS)
async def test_a_question_is_asked_again(tmp_path: Path, failure: Reply) -> None:
    async with staged(tmp_path) as stage:
        stage.api.first["/rates/a-b"] = [failure, failure]
        stage.api.usual["/rates/a-b"] = GOOD
        assert (await stage.rate()).status == 200
        assert len(stage.api.got) == 3
        assert stage.calls()[0].attempts == 3


async def test_a_question_is_asked_so_often_and_no_more(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.api.usual["/rates/a-b"] = says({}, 503)
        assert (await stage.rate()).status == 502
        assert (len(stage.api.got), stage.calls()[0].attempts) == (3, 3)


@pytest.mark.parametrize("failure", FAILS)
async def test_a_change_is_never_sent_twice(tmp_path: Path, failure: Reply) -> None:
    async with staged(tmp_path) as stage:
        stage.api.first["/quotes"] = [failure]
        stage.api.usual["/quotes"] = GOOD
        assert (await stage.quote()).status == 502
        assert len(stage.api.got) == 1


async def test_a_change_with_a_key_is_sent_again_with_the_same_key(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.api.first["/cancellations"] = [Reply(after_bytes=0)]
        stage.api.usual["/cancellations"] = Reply(status=204, content_type="")
        for given in ({}, {"idempotency_key": '"mine-1"'}):
            assert (await stage.ask("POST", "/out/swift/cancel", **given)).status == 204
        keys = [got.headers["idempotency-key"] for got in stage.api.got]
        assert keys[0] == keys[1] != keys[2] == '"mine-1"'


async def test_a_change_never_goes_out_on_a_connection_that_was_idle(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.api.usual |= {"/quotes": GOOD, "/rates/a-b": GOOD}
        await stage.rate()
        await stage.rate()
        assert stage.api.connections == 1
        await stage.quote()
        await stage.quote()
        assert stage.api.connections == 3


async def test_where_nobody_listens_a_change_may_be_tried_again_for_nothing_was_sent(tmp_path: Path) -> None:
    async with staged(tmp_path, url=free_url()) as stage:
        told = await stage.quote()
        assert (told.status, told.json["type"]) == (502, "/problems/partner-unreachable")
        (one,) = stage.calls()
        assert (one.attempts, one.status) == (3, 0)


@pytest.mark.parametrize("method", ["quote", "rate"])
async def test_the_deadline_holds_whatever_the_partner_does(tmp_path: Path, method: str) -> None:
    async with staged(tmp_path, timeout_ms=200, connect_timeout_ms=100) as stage:
        stage.api.usual |= {"/quotes": Reply(stall=True), "/rates/a-b": Reply(stall=True)}
        told, took_s = await timed(getattr(stage, method)())
        assert took_s < 1.5
        assert (told.status, told.json["type"]) == (504, "/problems/partner-timeout")
        (one,) = stage.calls()
        assert one.latency_us >= 190_000


async def test_no_attempt_begins_that_could_not_end_in_time(tmp_path: Path) -> None:
    async with staged(tmp_path, timeout_ms=300, connect_timeout_ms=100) as stage:
        stage.api.usual["/rates/a-b"] = says({}, 503, Retry_After="60")
        told = await stage.rate()
        assert (told.status, told.headers["retry-after"]) == (502, "60")
        assert len(stage.api.got) == 1


async def test_a_partner_that_keeps_failing_is_left_alone_and_then_tried_by_one_call(tmp_path: Path) -> None:
    async with staged(tmp_path, failures=2, pause_ms=150, attempts=1) as stage:
        stage.api.first["/quotes"] = [says({}, 500), says({}, 500)]
        stage.api.usual["/quotes"] = GOOD
        assert [(await stage.quote()).status for _ in range(2)] == [502, 502]
        told = await stage.quote()
        assert (told.status, told.json["type"], told.headers["retry-after"]) == (503, "/problems/partner-failing", "1")
        assert len(stage.api.got) == 2
        assert stage.calls()[-1].attempts == 0
        async with asyncio.timeout(5):
            while (await stage.quote()).status != 200:  # noqa: ASYNC110 - the pause ends by a real clock
                await asyncio.sleep(0.02)
        assert len(stage.api.got) == 3
        assert (await stage.quote()).status == 200


async def test_answers_that_are_wrong_do_not_say_that_the_partner_is_down(tmp_path: Path) -> None:
    async with staged(tmp_path, failures=2) as stage:
        stage.api.usual["/quotes"] = says({"price": 1})
        for _ in range(5):
            assert (await stage.quote()).status == 502
        assert len(stage.api.got) == 5


async def test_no_more_calls_at_a_time_than_agreed(tmp_path: Path) -> None:
    async with staged(tmp_path, connections=2, timeout_ms=300, connect_timeout_ms=100) as stage:
        stage.api.usual["/quotes"] = Reply(stall=True)
        told = await together(*(stage.quote() for _ in range(3)))
        assert sorted(one.status for one in told) == [429, 504, 504]
        assert len(stage.api.got) == 2


async def test_another_address_in_backends_is_used_from_the_next_call_on(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.api.usual["/quotes"] = GOOD
        right = stage.services["rates"]
        stage.services = {}
        assert (await stage.quote()).status == 500
        stage.services = {"rates": right}
        assert (await stage.quote()).status == 200


def free_url() -> str:
    """Where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{taken.getsockname()[1]}"
