"""Connections are shared by all who listen on a socket, and none that was taken is dropped."""

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest
import structlog

from gateway.server import listen
from gateway.workers.sharing import PAUSE_S, PAUSE_S_MAX, SharedListening
from tests.conftest import ROOT

CONNECTIONS = 60
PROCESSES = 3
PATIENCE_S = 30

TAKER = """
import asyncio, socket, sys
import uvloop
from gateway.workers.sharing import SharedListening
class Name(asyncio.Protocol):
    def connection_made(self, transport):
        opened.add(transport)
        transport.write(sys.argv[2].encode())
opened = set()
async def main():
    SharedListening(socket.socket(fileno=int(sys.argv[1])), Name, lambda: len(opened))
    print("ready", flush=True)
    await asyncio.sleep(600)
uvloop.run(main())
"""


@contextmanager
def taker(listening: socket.socket, name: str) -> Iterator[None]:
    """A process that takes connections and says its name to each."""
    command = [sys.executable, "-c", TAKER, str(listening.fileno()), name]
    descriptors = (listening.fileno(),)
    with subprocess.Popen(command, cwd=ROOT, pass_fds=descriptors, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            process.send_signal(signal.SIGKILL)


async def names(port: int) -> Counter[bytes]:
    """Who took each of many connections that come at once and stay."""

    async def one(stack: ExitStack) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        stack.callback(writer.close)
        return await reader.readexactly(1)

    with ExitStack() as stack:
        async with asyncio.timeout(PATIENCE_S):
            return Counter(await asyncio.gather(*(one(stack) for _ in range(CONNECTIONS))))


def test_a_burst_of_connections_is_shared_by_all_who_listen() -> None:
    with listen("127.0.0.1", 0) as listening, ExitStack() as stack:
        for number in range(PROCESSES):
            stack.enter_context(taker(listening, str(number)))
        taken = asyncio.run(names(listening.getsockname()[1]))
    assert sum(taken.values()) == CONNECTIONS
    assert len(taken) == PROCESSES
    assert max(taken.values()) < 2 * CONNECTIONS / PROCESSES


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(b"x")
        transport.close()


@pytest.mark.parametrize(("opened", "pause_s"), [(0, PAUSE_S), (4, 5 * PAUSE_S), (10_000, PAUSE_S_MAX)])
async def test_after_each_the_next_is_left_to_the_others_the_longer_the_more_are_open(
    opened: int, pause_s: float
) -> None:
    pauses_s = []

    def later(seconds: float, then: Callable[[], None]) -> asyncio.TimerHandle:
        pauses_s.append(seconds)
        return asyncio.get_running_loop().call_later(0, then)

    with listen("127.0.0.1", 0) as listening:
        shared = SharedListening(listening, Echo, lambda: opened, later=later)
        for _ in range(2):
            reader, writer = await asyncio.open_connection(*listening.getsockname())
            assert await reader.read() == b"x"
            writer.close()
        shared.close()
    assert pauses_s == [pause_s, pause_s]


async def test_after_closing_nothing_is_taken_and_what_was_taken_is_served() -> None:
    with listen("127.0.0.1", 0) as listening:
        shared = SharedListening(listening, Echo, lambda: 0)
        reader, writer = await asyncio.open_connection(*listening.getsockname())
        assert await reader.read() == b"x"
        shared.close()
        await shared.wait_closed()
        waiting, unserved = await asyncio.open_connection(*listening.getsockname())  # in the queue, for others
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(waiting.read(1), 0.05)
        writer.close()
        unserved.close()


async def test_when_no_descriptor_is_left_it_says_so_and_goes_on_when_there_is() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with listen("127.0.0.1", 0) as listening:
        caller = socket.socket()
        with caller, structlog.testing.capture_logs() as lines:
            shared = SharedListening(listening, Echo, lambda: 0)
            lowest = os.dup(0)
            os.close(lowest)
            resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
            try:
                caller.connect(listening.getsockname())
                async with asyncio.timeout(PATIENCE_S):
                    while not lines:  # noqa: ASYNC110
                        await asyncio.sleep(0)
            finally:
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            assert lines[0]["event"] == "no connection can be taken"
            caller.setblocking(False)
            async with asyncio.timeout(PATIENCE_S):
                assert await asyncio.get_running_loop().sock_recv(caller, 1) == b"x"
            shared.close()
