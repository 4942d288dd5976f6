"""The only wiring: every part of a gateway process is made here, handed its collaborators, and closed in reverse."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from secrets import token_hex
from typing import Any, TypeVar

from litestar import Litestar
from msgspec import Struct

from contracts.plan import Plans
from gateway.audit.administration import options_of
from gateway.audit.faults import CorruptLogError, LogFault
from gateway.audit.promise import Promiser
from gateway.audit.sidecar import Sidecar
from gateway.audit.writer import Writer
from gateway.authority import AuthorityError, record
from gateway.collaboration import Parts, open_collaboration, open_notices, open_outbound
from gateway.doors import Doors
from gateway.exchange.arrival import Reception
from gateway.exchange.changing import Changes
from gateway.exchange.cursor import Cursors
from gateway.exchange.serve import Gateway, Serving
from gateway.front_doors import front_doors
from gateway.healthz import healthz
from gateway.identity import open_identity
from gateway.limits.opening import Limits, LimitsError, open_limits
from gateway.oauth.authority import Authority
from gateway.otlp import open_telemetry
from gateway.outbound.serve import PREFIX, Outbound
from gateway.people.sign_offs import SigningOff
from gateway.quality.sampler import Sampler
from gateway.reload import LogUnavailableError, Reloader, connect_all, record_activations
from gateway.settings import Settings
from gateway.sla.following import Following
from gateway.sla.known import Known, follow_writers
from gateway.sla.presence import Presence
from gateway.sla.tally import Tally
from gateway.source_address import SourceOf, source_of
from gateway.starting import StartError, State, open_state
from gateway.store.faults import StoreError
from gateway.store.idempotency import Idempotency
from gateway.telemetry import Telemetry
from gateway.tlog.cosigning import Cosigning
from gateway.tlog.keys import LogKeys
from gateway.tlog.open_target import TargetError, open_target
from gateway.tlog.sequencing import sequencing
from gateway.tlog.target import Target
from gateway.tls import TlsContext
from gateway.witness.policies import load_policies
from gateway.workspace import Workspace

T = TypeVar("T")


class Running(Struct, frozen=True):
    """An open gateway: the ASGI application, and what a command or test may want to look at. `tls` is what it is to be
    served with, None for plain http."""

    app: Callable[..., Any]
    reloader: Reloader
    writer: Writer
    tally: Tally
    tls: TlsContext | None = None


class Front:
    """The ASGI application: exchanges go straight to the gateway, everything else is ordinary Litestar."""

    def __init__(self, gateway: Gateway, outbound: Outbound, litestar: Litestar) -> None:
        self._serve, self._call, self._litestar = gateway.serve, outbound.serve, litestar

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        if scope["type"] == "http":
            if scope["path"].startswith("/v1/"):
                return self._serve(scope, receive, send)
            if scope["path"].startswith(PREFIX):
                return self._call(scope, receive, send)
        return self._litestar(scope, receive, send)


@asynccontextmanager
async def open_gateway(workspace: Workspace, port: int) -> AsyncIterator[Running]:
    """Open everything a workspace needs to be served on `port`. Raises StartError, with whatever was opened closed."""
    settings, source = workspace.settings, _source_of(workspace.settings)
    async with AsyncExitStack() as stack:
        state = await open_state(workspace, stack)
        target = _open_trees(workspace, state, stack)
        sidecar = Sidecar(settings.sidecar_path(workspace.folder) / settings.writer, state.sidecar_key)
        stack.callback(sidecar.close)
        log = await _open_log(workspace, state, stack)
        try:
            limits = await open_limits(workspace, state.store, state.handle_of, log.writer, stack)
        except (LimitsError, StoreError) as error:
            raise StartError(f"limits cannot be counted: {error}") from None
        notices = await _stored(open_notices(state.store, stack))
        identity = await open_identity(workspace, state, settings.issuer(port), stack)
        telemetry = _telemetry(settings, log, stack)
        sampler = _sampler(settings, log.writer, log.tally)
        stack.push_async_callback(sampler.close)
        reception = Reception(
            lambda: time.time_ns() // 1000, time.monotonic_ns, source, certificate_of=identity.certificate_of
        )
        idempotency = _idempotency(state)
        gateway = Gateway(
            Serving(log.plans, connect_all(workspace.backends, {}, {})),
            verify=identity.guard.admit,
            settling=limits.settling,
            cursors=Cursors(state.cursor_key.reveal()),
            writer=log.writer,
            tally=log.tally,
            changes=Changes(log.writer, idempotency, state.change_key, identity.signed_changes(state.store)),
            commit=sidecar.commit,
            sampler=sampler,
            reception=reception,
            watch=limits.watcher.saw,
            notices=notices,
            note=identity.refusals.note,
            sign=identity.sign(),
            monotonic_ns=time.monotonic_ns,
            observe=telemetry.observe if telemetry else None,
        )
        stack.push_async_callback(_close_adapters, gateway)
        reloader = log.reloader(workspace, gateway, state, limits)
        parts = Parts(
            store=state.store,
            writer=log.writer,
            tally=log.tally,
            reloader=reloader,
            serving=lambda: gateway.serving,
            notices=notices,
            idempotency=idempotency,
            identity=identity,
            reception=reception,
        )
        outbound = open_outbound(parts, stack)
        doors = Doors(workspace, state, reloader, log.tally, limits.settling, source, stack, log.signing_off())
        handlers = await _stored(doors.handlers(identity, notices, log.writer, target))
        handlers += await _stored(open_collaboration(parts, stack))
        litestar = front_doors([*handlers, healthz(log.writer)])
        yield Running(Front(gateway, outbound, litestar), reloader, log.writer, log.tally, identity.tls)


async def _stored(opening: Awaitable[T]) -> T:
    """What is opened over the state store. Raises StartError."""
    try:
        return await opening
    except StoreError as error:
        raise StartError(f"the state store cannot be used: {error}") from None


class _Log(Struct, frozen=True):
    """The log as a gateway that starts finds it: its end, what it says, and whoever reads on."""

    writer: Writer
    tally: Tally
    plans: Plans
    known: Known
    following: Following

    def signing_off(self) -> SigningOff:
        """How people sign agreements off here."""
        return SigningOff(self.writer, self.known.sign_offs, self.following.catch_up)

    def reloader(self, workspace: Workspace, gateway: Gateway, state: State, limits: Limits) -> Reloader:
        """What puts edited documents in force."""

        async def catch_up(plans: Plans) -> None:
            await self.following.catch_up()
            await limits.prepare(plans)

        known = self.known.activated
        return Reloader(
            workspace, gateway, self.writer, self.tally, recorded=known, keys_of=state.keys_of, catch_up=catch_up
        )


async def _open_log(workspace: Workspace, state: State, stack: AsyncExitStack) -> _Log:
    """Read what the log holds, and put on it what is in force and not there yet."""
    settings, tally, known = workspace.settings, Tally(workspace.plans, presence=Presence()), Known()
    writer = _open_writer(workspace, state.log_keys, tally)
    stack.callback(writer.close)
    plans = workspace.plans.with_keys(state.keys_of)
    following = follow_writers(workspace, tally, known)
    stack.push_async_callback(following.close)
    try:
        await asyncio.to_thread(following.replay)
    except (CorruptLogError, OSError) as error:
        raise StartError(f"the audit log cannot be read: {error}; `clausegate verify` says more") from None
    try:
        await _record_keys(writer, state.authority, known.keys)
        for entry in await record_activations(writer, plans, known.activated, settings.log_path(workspace.folder)):
            tally.hear(entry)
    except (AuthorityError, LogUnavailableError) as error:
        raise StartError(f"the audit log cannot be written: {error}") from None
    if settings.workers > 1:
        following.start()
    return _Log(writer, tally, plans, known, following)


def _open_trees(workspace: Workspace, state: State, stack: AsyncExitStack) -> Target:
    """Where the trees are published; with the sequencer at work, unless it runs alone.

    Before the writer is opened, so that it is closed after it and its last step holds every record.
    """
    settings = workspace.settings
    policies = load_policies(workspace.folder, settings)
    if isinstance(policies, list):
        raise StartError("; ".join(policies))
    try:
        target = open_target(settings.published_at(workspace.folder))
    except TargetError as error:
        raise StartError(str(error)) from None
    if settings.sequence == "serve":
        cosigning = Cosigning(policies)
        stack.push_async_callback(cosigning.close)
        service = sequencing(
            settings, workspace.folder, store=state.store, target=target, keys=state.log_keys, cosigner=cosigning
        )
        service.start()
        stack.push_async_callback(service.close)
    return target


def _telemetry(settings: Settings, log: _Log, stack: AsyncExitStack) -> Telemetry | None:
    """Metrics and traces, where they go somewhere."""
    telemetry = open_telemetry(settings, log.tally, log.writer)
    if telemetry is not None:
        stack.callback(telemetry.close)
    return telemetry


def _sampler(settings: Settings, writer: Writer, tally: Tally) -> Sampler:
    """Measuring, which begins at once."""
    sampler = Sampler(
        writer.append_durable,
        tally.observe,
        monotonic_ns=time.monotonic_ns,
        interval_ms=settings.quality_interval_ms,
        flush_s=settings.quality_flush_s,
    )
    sampler.start()
    return sampler


def _idempotency(state: State) -> Idempotency:
    """Which process claimed a key tells whether somebody can still answer for it, so each has a name of its own."""
    return Idempotency(state.store, state.change_key, token_hex(8))


def _open_writer(workspace: Workspace, keys: LogKeys, tally: Tally) -> Writer:
    """The gateway's end of the log; `tally` hears of what is taken back from it."""
    settings = workspace.settings
    writer = Writer.open(
        settings.log_path(workspace.folder),
        settings.writer,
        options=options_of(settings),
        promise=Promiser(keys.receipt_signer(), settings.receipt_due_s),
        on_undelivered=tally.take_back,
    )
    if isinstance(writer, LogFault):
        raise StartError(f"the audit log cannot be opened: {writer.kind}: {writer.detail}")
    return writer


async def _record_keys(writer: Writer, authority: Authority, recorded: set[str]) -> None:
    """Put on the log every key that verifies access tokens and is not there yet. Raises AuthorityError."""
    for kid in sorted(set(authority.keys.verifying) - recorded):
        await record(writer, "key-created", kid)


def _source_of(settings: Settings) -> SourceOf:
    try:
        return source_of(settings.trusted_proxies)
    except ValueError as error:
        raise StartError(f"clausegate.toml, trusted_proxies: {error}") from None


async def _close_adapters(gateway: Gateway) -> None:
    for adapter in gateway.serving.adapters.values():
        await adapter.close()
