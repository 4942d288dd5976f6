"""The connections to partners' interfaces: opened at the first call, made anew when backends.toml says otherwise or the
files of their certificates and keys were replaced."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from gateway.file_stamp import reason_of
from gateway.outbound.connection import Connection
from gateway.outbound.target import ServiceTarget
from gateway.outbound.tokens import KeyFileError

REPLACED_S = 2.0
"""So often it is looked whether files were replaced."""
_RETIRED_CLOSE_AFTER_S = 130.0
"""Longer than any call may take: those in flight finish on the connection they know."""

_log = structlog.get_logger(__name__)


class Connections:
    """By service. `services` gives what backends.toml says now."""

    def __init__(self, services: Callable[[], Mapping[str, ServiceTarget]], monotonic_ns: Callable[[], int]) -> None:
        self._services, self._monotonic_ns = services, monotonic_ns
        self._open: dict[str, Connection] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    def of(self, service: str) -> Connection | None:
        """The connection to a service; None where there is none, or its files are no good: the log says why."""
        target = self._services().get(service)
        known = self._open.get(service)
        if known is not None and known.target == target:
            return known
        if known is not None:
            self._retire(self._open.pop(service))
        if target is None:
            _log.error("service not connected", service=service)
            return None
        try:
            made = self._open[service] = Connection(target, monotonic_ns=self._monotonic_ns)
        except (OSError, KeyFileError) as error:
            _log.error("service not connected", service=service, error=type(error).__name__)
            return None
        return made

    async def follow(self) -> None:
        """Look once whether files were replaced, and connect anew with what they hold now: a token that is bound to the
        certificate before is good with that one alone. Files that cannot be used change nothing, and are said once."""
        for service, known in tuple(self._open.items()):
            if not await asyncio.to_thread(known.files.look):
                continue
            try:
                made = await asyncio.to_thread(
                    Connection, known.target, monotonic_ns=self._monotonic_ns, breaker=known.breaker
                )
            except (OSError, KeyFileError) as error:
                reason = reason_of(error) if isinstance(error, OSError) else str(error)
                _log.error("new files of a service cannot be used: those before stay", service=service, reason=reason)
                continue
            if self._open.get(service) is not known:  # backends.toml says otherwise meanwhile
                await made.close()
                continue
            self._open[service] = made
            self._retire(known)
            _log.info("a service is connected with its new files", service=service)

    async def close(self) -> None:
        """Drop all, those that are being retired as well."""
        for task in self._retiring:
            task.cancel()
        await asyncio.gather(*self._retiring, return_exceptions=True)
        for connection in self._open.values():
            await connection.close()
        self._open.clear()

    def _retire(self, connection: Connection) -> None:
        async def close_later() -> None:
            try:
                await asyncio.sleep(_RETIRED_CLOSE_AFTER_S)
            finally:
                await connection.close()

        task = asyncio.get_running_loop().create_task(close_later())
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
