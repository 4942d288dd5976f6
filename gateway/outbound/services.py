"""The connections to partners' interfaces: opened at the first call, made anew when backends.toml says otherwise."""

import asyncio
from collections.abc import Callable, Mapping

import structlog

from gateway.outbound.connection import Connection
from gateway.outbound.target import ServiceTarget
from gateway.outbound.tokens import KeyFileError

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
