"""Takes connections from a socket on which other processes listen as well, so that each gets its share of them.

Whoever is awake could take all that wait, and would keep them for as long as their callers do. So after each one a
process leaves the next to the others for a moment, the longer the more it has already.
"""

import asyncio
import socket
import ssl
from collections.abc import Callable
from typing import Final, TypeAlias

import structlog

PAUSE_S: Final = 0.0002
"""The moment, for each connection that is open here."""
PAUSE_S_MAX: Final = 0.002
"""A process that is alone still takes 500 connections a second."""
_FAULT_PAUSE_S: Final = 1.0
HANDSHAKE_S: Final = 10.0
"""As long as a caller has to shake hands."""
PARTING_S: Final = 1.0
"""And when no more are taken."""

Later: TypeAlias = Callable[[float, Callable[[], None]], asyncio.TimerHandle]
"""As the event loop's call_later."""

_log = structlog.get_logger(__name__)


class SharedListening:
    """As asyncio.Server for whoever closes it. `opened` tells how many connections are open here.

    With `tls` a connection is the protocol's once its handshake is done; others are taken meanwhile.
    """

    def __init__(
        self,
        listening: socket.socket,
        protocol: Callable[[], asyncio.Protocol],
        opened: Callable[[], int],
        *,
        later: Later | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._listening, self._protocol, self._opened, self._tls = listening, protocol, opened, tls
        self._loop = asyncio.get_running_loop()
        self._call_later: Later = later or self._loop.call_later
        self._opening: set[asyncio.Task[object]] = set()
        self._closed = False
        self._later: asyncio.TimerHandle | None = None
        listening.setblocking(False)
        self._listen()

    def close(self) -> None:
        """Take no more. What was taken is served."""
        self._closed = True
        if self._later is not None:
            self._later.cancel()
        self._loop.remove_reader(self._listening.fileno())

    async def wait_closed(self) -> None:
        """Return when all that was taken is served by its protocol. Who does not shake hands is not waited for."""
        if self._opening:
            _, hesitating = await asyncio.wait(self._opening, timeout=PARTING_S)
            for task in hesitating:
                task.cancel()

    def _listen(self) -> None:
        if not self._closed:
            self._loop.add_reader(self._listening.fileno(), self._accept)

    def _accept(self) -> None:
        try:
            connection, _ = self._listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionError):
            return  # another process took it, or its caller went away
        except OSError as error:
            _log.error("no connection can be taken", errno=error.errno)
            self._pause(_FAULT_PAUSE_S)
            return
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        task = asyncio.create_task(self._open(connection))
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)
        self._pause(min(PAUSE_S * (self._opened() + len(self._opening)), PAUSE_S_MAX))

    async def _open(self, connection: socket.socket) -> None:
        allowed_s = HANDSHAKE_S if self._tls is not None else None
        try:
            await self._loop.connect_accepted_socket(
                self._protocol, connection, ssl=self._tls, ssl_handshake_timeout=allowed_s
            )
        except OSError:
            connection.close()

    def _pause(self, pause_s: float) -> None:
        self._loop.remove_reader(self._listening.fileno())
        self._later = self._call_later(pause_s, self._listen)
