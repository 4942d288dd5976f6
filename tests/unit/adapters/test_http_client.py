"""The HTTP client against backends that are down, slow, wrong or hostile, over real sockets."""

import asyncio
import socket

import pytest

from adapters.base import Answer, Fault
from adapters.http_client import HttpClient, Origin
from tests.unit.adapters.hostile import Peer, response
from tests.unit.adapters.talking import always, get, talking_to

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


async def outcome_of(*segments: bytes, close: bool = False, timeout_ms: int = 5000) -> object:
    """What comes of one call, after which a second call must be answered on its own merits, on a new connection."""

    async def reply(peer: Peer, number: int) -> None:
        if peer.number or number:
            await peer.send(response(b"second"))
            return
        await always(*segments, close=close)(peer, number)

    async with talking_to(reply) as (client, served):
        first = await get(client, timeout_ms=timeout_ms)
        second = await get(client)
        assert second == Answer(200, "application/json", b"second")
        assert served.connections == 2, "a connection on which something was wrong was used again"
        return first


async def test_an_answer_comes_with_status_type_and_body() -> None:
    async with talking_to(always(response(b'{"a":1}', status=b"418 Teapot"))) as (client, _):
        assert await get(client) == Answer(418, "application/json", b'{"a":1}')


async def test_a_connection_is_used_again_after_a_clean_answer() -> None:
    async with talking_to(always(response(b"{}"))) as (client, served):
        for _ in range(5):
            assert await get(client) == Answer(200, "application/json", b"{}")
        assert served.connections == 1


async def test_an_answer_byte_by_byte_is_the_same_answer() -> None:
    whole = CHUNKED + b"3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\nTrailer: x\r\n\r\n"
    async with talking_to(always(*(bytes([byte]) for byte in whole))) as (client, served):
        for _ in range(3):
            assert await get(client) == Answer(200, "application/json", b"abcde")
        assert served.connections == 1


async def test_interim_answers_are_skipped() -> None:
    interim = b"HTTP/1.1 103 Early Hints\r\nContent-Type: text/html\r\nLink: </x>\r\n\r\n"
    async with talking_to(always(b"HTTP/1.1 100 Continue\r\n\r\n" + interim, response(b"{}"))) as (client, served):
        assert await get(client) == Answer(200, "application/json", b"{}")
        assert await get(client) == Answer(200, "application/json", b"{}")
        assert served.connections == 1


async def test_a_body_without_length_ends_with_the_connection() -> None:
    assert await outcome_of(HEAD + b"\r\nab", b"cd", close=True) == Answer(200, "application/json", b"abcd")


async def test_an_answer_that_says_close_is_taken_and_its_connection_is_not_used_again() -> None:
    assert await outcome_of(response(b"{}", b"Connection: close")) == Answer(200, "application/json", b"{}")


async def test_an_http_1_0_answer_is_taken_and_its_connection_is_not_used_again() -> None:
    assert await outcome_of(response(b"{}").replace(b"1.1", b"1.0")) == Answer(200, "application/json", b"{}")


MALFORMED = {
    "not HTTP": b"<html>",
    "another protocol version": HEAD.replace(b"1.1", b"2.0") + b"Content-Length: 2\r\n\r\nhi",
    "two lengths": HEAD + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi",
    "length and chunks": HEAD + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "a length with a sign": HEAD + b"Content-Length: +2\r\n\r\nhi",
    "a bad chunk size": CHUNKED + b"zz\r\nhi\r\n0\r\n\r\n",
    "an overflowing chunk size": CHUNKED + b"fffffffffffffffff\r\nhi",
    "a chunk that is too long": CHUNKED + b"2\r\nhiX\r\n0\r\n\r\n",
    "a coding before chunks": HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
    "another transfer coding": HEAD + b"Transfer-Encoding: gzip\r\n\r\nhi",
    "a content coding": HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\nhi",
    "two content types": HEAD + b"Content-Type: text/html\r\nContent-Length: 2\r\n\r\nhi",
    "a folded header": HEAD + b"X: a\r\n b\r\nContent-Length: 2\r\n\r\nhi",
    "a switch of protocols": b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
    "surplus bytes": response(b"hi") + b"surplus",
    "a surplus line": response(b"hi") + b"\r\n",
    "a surplus answer": response(b"hi") + response(b"smuggled"),
    "a surplus answer after chunks": CHUNKED + b"2\r\nhi\r\n0\r\n\r\n" + response(b"smuggled"),
    "data after close": response(b"hi", b"Connection: close") + b"surplus",
}


@pytest.mark.parametrize("name", MALFORMED)
async def test_what_is_not_well_formed_is_a_protocol_fault_and_its_connection_is_not_used_again(name: str) -> None:
    outcome = await outcome_of(MALFORMED[name])
    assert isinstance(outcome, Fault), outcome
    assert outcome.kind == "protocol"


CUT_SHORT = {
    "in the status line": b"HTTP/1.1 2",
    "in the headers": HEAD,
    "in a body of known length": HEAD + b"Content-Length: 10\r\n\r\nabc",
    "in a chunk": CHUNKED + b"5\r\nab",
    "before the last chunk": CHUNKED + b"2\r\nab\r\n",
}


@pytest.mark.parametrize("name", CUT_SHORT)
async def test_an_answer_that_is_cut_short_is_a_protocol_fault(name: str) -> None:
    outcome = await outcome_of(CUT_SHORT[name], close=True)
    assert isinstance(outcome, Fault), outcome
    assert outcome.kind == "protocol"


TOO_LARGE = {
    "announced": HEAD + b"Content-Length: 100001\r\n\r\n",
    "announced beyond any memory": HEAD + b"Content-Length: 999999999999999\r\n\r\n",
    "in chunks": CHUNKED + b"ffff\r\n" + b"x" * 0xFFFF + b"\r\nffff\r\n" + b"x" * 0xFFFF,
    "until the end": HEAD + b"\r\n" + b"x" * 100_001,
    "one header of 1 MB": HEAD + b"X: " + b"x" * 1_000_000 + b"\r\nContent-Length: 2\r\n\r\nhi",
    "a header name of 1 MB": HEAD + b"x" * 1_000_000,
    "a thousand headers": HEAD + b"X: y\r\n" * 1000 + b"Content-Length: 2\r\n\r\nhi",
    "endless interim answers": b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000,
}


@pytest.mark.parametrize("name", TOO_LARGE)
async def test_what_is_too_large_is_not_read(name: str) -> None:
    outcome = await outcome_of(TOO_LARGE[name])
    assert isinstance(outcome, Fault), outcome
    assert outcome.kind == "too_large"


async def test_a_body_of_exactly_the_maximum_is_read() -> None:
    async with talking_to(always(response(b"x" * 100_000))) as (client, _):
        answer = await get(client)
        assert isinstance(answer, Answer)
        assert len(answer.body) == 100_000


SLOW = {
    "no answer": (),
    "half a head": (HEAD,),
    "half a body": (HEAD + b"Content-Length: 10\r\n\r\nabc",),
    "a body without end": (HEAD + b"\r\nabc",),
}


@pytest.mark.parametrize("name", SLOW)
async def test_a_slow_backend_is_a_timeout_and_its_connection_is_not_used_again(name: str) -> None:
    outcome = await outcome_of(*SLOW[name], timeout_ms=60)
    assert isinstance(outcome, Fault), outcome
    assert outcome.kind == "timeout"


async def test_dripping_bytes_do_not_extend_the_deadline() -> None:
    async def reply(peer: Peer, _number: int) -> None:
        await peer.send(HEAD + b"Content-Length: 1000000\r\n\r\n")
        for _ in range(1000):
            await peer.send(b"x")
            await asyncio.sleep(0.005)

    async with talking_to(reply) as (client, _):
        started = asyncio.get_running_loop().time()
        outcome = await get(client, timeout_ms=100, max_bytes=2_000_000)
        assert isinstance(outcome, Fault)
        assert outcome.kind == "timeout"
        assert asyncio.get_running_loop().time() - started < 2


async def test_a_backend_that_is_down_is_unreachable() -> None:
    with socket.socket() as taken:  # bound and not listening: nobody else gets the port, and nobody answers
        taken.bind(("127.0.0.1", 0))
        client = HttpClient(Origin("http", "127.0.0.1", taken.getsockname()[1]), {}, 1)
        for _ in range(3):  # a failure to connect gives its place back
            outcome = await get(client)
            assert isinstance(outcome, Fault)
            assert outcome.kind == "unreachable"
        await client.close()


async def test_a_backend_that_hangs_up_without_a_word_is_unreachable_and_asked_once() -> None:
    async with talking_to(always(close=True)) as (client, served):
        outcome = await get(client)
        assert isinstance(outcome, Fault)
        assert outcome.kind == "unreachable"
        assert len(served.requests) == 1


async def test_a_stale_connection_is_replaced_once() -> None:
    async def reply(peer: Peer, number: int) -> None:
        if number == 0:
            await peer.send(response(b"%d" % peer.number))
        else:
            await peer.close()  # the second request on a connection meets a peer that has just given up

    async with talking_to(reply) as (client, served):
        assert await get(client) == Answer(200, "application/json", b"0")
        assert await get(client) == Answer(200, "application/json", b"1")
        assert (served.connections, len(served.requests)) == (2, 3)


async def test_a_connection_that_breaks_after_the_first_byte_is_not_tried_again() -> None:
    async def reply(peer: Peer, number: int) -> None:
        if number == 0:
            await peer.send(response(b"{}"))
        else:
            await peer.send(b"H")
            await peer.close()

    async with talking_to(reply) as (client, served):
        await get(client)
        outcome = await get(client)
        assert isinstance(outcome, Fault)
        assert outcome.kind == "protocol"
        assert len(served.requests) == 2


@pytest.mark.parametrize("turns", [0, 20], ids=["unseen by the event loop", "seen by the event loop"])
async def test_bytes_that_come_between_requests_are_never_taken_for_an_answer(turns: int) -> None:
    sent = asyncio.Event()

    async def reply(peer: Peer, _number: int) -> None:
        await peer.send(response(b"%d" % peer.number))
        if peer.number == 0:
            await asyncio.sleep(0.01)  # a segment of its own, after the first answer was taken
            await peer.send(response(b"smuggled"))
            sent.set()

    async with talking_to(reply) as (client, served):
        assert await get(client) == Answer(200, "application/json", b"0")
        await sent.wait()
        for _ in range(turns):
            await asyncio.sleep(0)
        assert await get(client) == Answer(200, "application/json", b"1")
        assert served.connections == 2


async def test_bytes_that_the_event_loop_has_not_seen_yet_are_noticed_before_a_connection_is_used_again() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(10)  # a thread that waited for ever would keep a failing test from ending
    client = HttpClient(Origin("http", "127.0.0.1", listener.getsockname()[1]), {}, 1)
    loop = asyncio.get_running_loop()
    call = asyncio.create_task(client.get("/x", timeout_ms=5000, max_bytes=1000))
    peer, _ = await loop.run_in_executor(None, listener.accept)
    await loop.run_in_executor(None, peer.recv, 10_000)
    peer.sendall(response(b"first"))
    assert await call == Answer(200, "application/json", b"first")
    peer.sendall(response(b"smuggled"))  # no await between this and the next call: only the kernel knows of it
    call = asyncio.create_task(client.get("/y", timeout_ms=5000, max_bytes=1000))
    other, _ = await loop.run_in_executor(None, listener.accept)
    await loop.run_in_executor(None, other.recv, 10_000)
    other.sendall(response(b"second"))
    assert await call == Answer(200, "application/json", b"second")
    await client.close()
    for open_socket in (peer, other, listener):
        open_socket.close()


@pytest.mark.parametrize("target", ["x", "/a b", "/a\r\nX: y", "/é", "/\x00", "", "/" + "x" * 9000])
async def test_a_target_that_would_say_something_else_is_never_sent(target: str) -> None:
    async with talking_to(always(response(b"{}"))) as (client, served):
        outcome = await get(client, target)
        assert isinstance(outcome, Fault)
        assert outcome.kind == "protocol"
        assert served.connections == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "s3cret\r\nY: b"),
        ("X", "s3cret\nb"),
        ("X", ""),
        ("X", "s3cret é"),
        ("X Y", "s3cret"),
        ("X:", "s3cret"),
        ("Host", "s3cret"),
        ("", "s3cret"),
    ],
)
def test_a_header_that_would_say_something_else_is_refused_without_its_value(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header") as refused:
        HttpClient(Origin("http", "127.0.0.1", 80), {name: value}, 1)
    assert "s3cret" not in str(refused.value)
