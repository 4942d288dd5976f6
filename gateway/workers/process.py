"""A worker as the process that started it sees it: its number, what it says, its end."""

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

import msgspec

from gateway.workers.messages import Message, Place, message_of


class Worker(Protocol):
    """A process that was started."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    def messages(self) -> AsyncIterator[Message]:
        """What it says, until it says no more."""
        ...

    def send(self, number: signal.Signals) -> None:
        """Send a signal; to one that has ended, none."""
        ...

    async def ended(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        ...


class WorkerProcess:
    """A worker in a process group of its own: what is typed at the terminal reaches whoever started it, and only it."""

    def __init__(
        self, process: asyncio.subprocess.Process, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """`writer` is never written to: it is our end, open for as long as we are here."""
        self._process, self._reader, self._writer = process, reader, writer

    @classmethod
    async def start(cls, folder: Path, listening: socket.socket, number: int, workers: int, redis_url: str) -> Worker:
        """Start worker `number` of `workers`. Raises OSError."""
        ours, theirs = socket.socketpair()
        with theirs:
            reader, writer = await asyncio.open_connection(sock=ours)
            place = Place(
                folder=str(folder),
                number=number,
                workers=workers,
                listening=listening.fileno(),
                starter=theirs.fileno(),
                redis_url=redis_url,
            )
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "gateway.workers.worker",
                msgspec.json.encode(place).decode(),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.DEVNULL,
                pass_fds=(listening.fileno(), theirs.fileno()),
                start_new_session=True,
            )
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    async def messages(self) -> AsyncIterator[Message]:
        while line := await self._reader.readline():
            message = message_of(line)
            if message is not None:
                yield message

    def send(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            self._process.send_signal(number)

    async def ended(self) -> int:
        status = await self._process.wait()
        self._writer.close()
        return status
