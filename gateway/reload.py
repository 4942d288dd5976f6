"""What is in force, and how it changes: adapters reconnected, activations recorded, one reference swapped."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import structlog

from adapters.base import Adapter, Backend
from adapters.registry import connect
from contracts.plan import Plans
from gateway.audit.contracts import ArchiveError, archive_contracts
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Authority
from gateway.audit.writer import Writer
from gateway.exchange.serve import Gateway, Serving
from gateway.sla.tally import Tally
from gateway.workspace import Workspace, load_workspace
from policies.keys import PartnerKeys

_RETIRED_CLOSE_AFTER_S = 130.0
"""Longer than any request may take (a backend's timeout is at most 120 s): they finish on the connections they know."""

_log = structlog.get_logger(__name__)


class LogUnavailableError(Exception):
    """An agreement cannot come into force because that cannot be recorded. The text says why."""


def connect_all(
    backends: Mapping[str, Backend], current: Mapping[str, Adapter], known: Mapping[str, Backend]
) -> dict[str, Adapter]:
    """Adapters for `backends`; one whose configuration did not change stays connected as it is."""
    return {
        name: current[name] if name in current and known.get(name) == backend else connect(backend)
        for name, backend in backends.items()
    }


async def record_activations(writer: Writer, plans: Plans, recorded: dict[str, str], log: Path) -> list[Authority]:
    """Record every agreement that comes into force in a form not yet on the log, its document archived before.

    A contract that is recorded already and has no document in the archive gets one as well. `recorded` maps
    "agreement version" to the contract hash last recorded, and is kept up to date. Gives the new records. Raises
    LogUnavailableError: what is not on the log is not in force.
    """
    try:
        await asyncio.to_thread(archive_contracts, log, plans.canonical.items())
    except ArchiveError as error:
        raise LogUnavailableError(str(error)) from None
    made = []
    for contract in plans.contracts.values():
        name = f"{contract.agreement} {contract.version}"
        if recorded.get(name) != contract.hash:
            entry = Authority(time.time_ns() // 1000, "agreement-activated", name, contract.hash, contract.partner)
            receipt = await writer.append_durable(entry)
            if isinstance(receipt, LogFault):
                raise LogUnavailableError(f"{receipt.kind}: {receipt.detail}")
            recorded[name] = contract.hash
            made.append(entry)
    return made


async def _nothing(_plans: Plans) -> None:
    """Where one process serves and counts, it knows all there is."""


class Reloader:
    """Reloads a workspace into a serving gateway. An edit with a mistake leaves the old plans serving."""

    def __init__(
        self,
        workspace: Workspace,
        gateway: Gateway,
        writer: Writer,
        tally: Tally,
        *,
        recorded: dict[str, str],
        keys_of: Callable[[str], PartnerKeys],
        catch_up: Callable[[Plans], Awaitable[None]] = _nothing,
    ) -> None:
        """`catch_up` brings `recorded` up to what other workers have put on the log, and agrees with them on what the
        new plans are counted in."""
        self._catch_up = catch_up
        self.workspace = workspace
        self._keys_of = keys_of
        # Where the log is was settled at the start: an edited setting does not move it under a running writer.
        self._log_folder = workspace.settings.log_path(workspace.folder)
        self._gateway, self._writer, self._tally, self._recorded = gateway, writer, tally, recorded
        self._lock = asyncio.Lock()
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def folder(self) -> Path:
        """The workspace's folder."""
        return self.workspace.folder

    def plans(self) -> Plans:
        """What is in force now."""
        return self._gateway.serving.plans

    async def reload(self) -> bool:
        """Compile the folder again and swap it in; or say in the log what is wrong and change nothing (False)."""
        async with self._lock:
            loaded = await asyncio.to_thread(load_workspace, self.folder)
            if not isinstance(loaded, Workspace):
                for finding in loaded:
                    _log.error("reload refused", finding=finding.to_text())
                return False
            old = self._gateway.serving
            adapters = connect_all(loaded.backends, old.adapters, self.workspace.backends)
            await self._catch_up(loaded.plans)
            try:
                activated = await record_activations(self._writer, loaded.plans, self._recorded, self._log_folder)
            except LogUnavailableError as error:
                _log.error("reload refused", reason=f"the activation cannot be recorded: {error}")
                return False
            self._tally.renew(loaded.plans)
            for entry in activated:
                self._tally.hear(entry)
            self._gateway.serving = Serving(loaded.plans.with_keys(self._keys_of), adapters)
            self.workspace = loaded
            self._retire([adapter for name, adapter in old.adapters.items() if adapters.get(name) is not adapter])
            _log.info("reloaded", agreements=len(loaded.plans.contracts), plans=len(loaded.plans.all_plans()))
            return True

    def _retire(self, adapters: list[Adapter]) -> None:
        async def close_later() -> None:
            await asyncio.sleep(_RETIRED_CLOSE_AFTER_S)
            for adapter in adapters:
                await adapter.close()

        if adapters:
            task = asyncio.create_task(close_later())
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)
