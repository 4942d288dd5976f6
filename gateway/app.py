"""The only wiring: every part of a gateway process is made here, handed its collaborators, and closed in reverse."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from secrets import token_hex
from typing import Any

from litestar import Litestar
from msgspec import Struct

from contracts.plan import Plans
from gateway.audit.administration import options_of
from gateway.audit.faults import CorruptLogError, LogFault
from gateway.audit.promise import Promiser
from gateway.audit.sidecar import HANDLE_SECRET, Sidecar, Subject, handle_of, subject_text
from gateway.audit.writer import Writer
from gateway.authority import AuthorityError, record
from gateway.console.routes import console_routes
from gateway.console.wiring import Console
from gateway.exchange.arrival import Reception
from gateway.exchange.changing import Changes
from gateway.exchange.cursor import Cursors
from gateway.exchange.serve import Gateway, Serving
from gateway.exchange.settle import Settling
from gateway.front_doors import front_doors
from gateway.healthz import healthz
from gateway.limits.opening import Limits, LimitsError, open_limits
from gateway.oauth.authority import Authority, follow, open_authority
from gateway.oauth.client_secret import load_pepper
from gateway.oauth.replay import LocalReplayCache, ReplayCache
from gateway.oauth.replay_redis import RedisReplayCache
from gateway.oauth.routes import oauth_routes
from gateway.oauth.server import TokenServer
from gateway.oauth.verify import TokenVerifier
from gateway.otlp import open_telemetry
from gateway.problem_pages import problem_routes
from gateway.public_gate import public_gate
from gateway.quality.sampler import Sampler
from gateway.reload import LogUnavailableError, Reloader, connect_all, record_activations
from gateway.settings import Settings
from gateway.sla.following import Following
from gateway.sla.known import Known, follow_writers
from gateway.sla.tally import Tally
from gateway.source_address import SourceOf, source_of
from gateway.store.accounts import Accounts
from gateway.store.clients import Clients
from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.idempotency import Idempotency
from gateway.store.server_secrets import PSEUDONYM_SECRET, ServerSecrets
from gateway.store.sessions import KeptSessions
from gateway.store.store import Store
from gateway.throttle import Throttle, ThrottleRules
from gateway.tlog.cosigning import Cosigning
from gateway.tlog.keys import LogKeys, OriginError, load_log_keys
from gateway.tlog.open_target import TargetError, open_target
from gateway.tlog.routes import LogPages, log_routes
from gateway.tlog.sequencing import sequencing
from gateway.tlog.target import Target
from gateway.witness.policies import load_policies
from gateway.workspace import Workspace
from policies.keys import PartnerKeys


class StartError(Exception):
    """The gateway cannot start; the text is for the operator."""


class Running(Struct, frozen=True):
    """An open gateway: the ASGI application, and what a command or test may want to look at."""

    app: Callable[..., Any]
    reloader: Reloader
    writer: Writer
    tally: Tally


class Front:
    """The ASGI application: exchanges go straight to the gateway, everything else is ordinary Litestar."""

    def __init__(self, gateway: Gateway, litestar: Litestar) -> None:
        self._serve, self._litestar = gateway.serve, litestar

    def __call__(self, scope: Any, receive: Any, send: Any) -> Awaitable[None]:
        if scope["type"] == "http" and scope["path"].startswith("/v1/"):
            return self._serve(scope, receive, send)
        return self._litestar(scope, receive, send)


class _State(Struct, frozen=True):
    """What the state store holds that is needed from the start."""

    store: Store
    authority: Authority
    cursor_key: Hidden[bytes]
    throttle_key: Hidden[bytes]
    pepper: Hidden[bytes]
    change_key: Hidden[bytes]
    pseudonym_key: Hidden[bytes]
    sidecar_key: Hidden[bytes]
    log_keys: LogKeys

    def keys_of(self, partner: str) -> PartnerKeys:
        """The keys of a partner's pseudonyms and commitments."""
        return PartnerKeys(self.pseudonym_key.reveal(), partner)

    def handle_of(self, person: Subject) -> bytes:
        """What counters know a person by; the sidecar's handle, so that they can be counted again from the log."""
        return handle_of(subject_text(person), self.sidecar_key)


@asynccontextmanager
async def open_gateway(workspace: Workspace, port: int) -> AsyncIterator[Running]:
    """Open everything a workspace needs to be served on `port`. Raises StartError, with whatever was opened closed."""
    settings, source = workspace.settings, _source_of(workspace.settings)
    async with AsyncExitStack() as stack:
        state = await _open_state(workspace, stack)
        target = _open_trees(workspace, state, stack)
        sidecar = Sidecar(settings.sidecar_path(workspace.folder) / settings.writer, state.sidecar_key)
        stack.callback(sidecar.close)
        log = await _open_log(workspace, state, stack)
        try:
            limits = await open_limits(workspace, state.store, state.handle_of, log.writer, stack)
        except (LimitsError, StoreError) as error:
            raise StartError(f"limits cannot be counted: {error}") from None
        issuer = settings.issuer(port)
        verifier = TokenVerifier(issuer=issuer, audience=issuer, authority=state.authority)
        telemetry = open_telemetry(settings, log.tally, log.writer)
        if telemetry is not None:
            stack.callback(telemetry.close)
        sampler = _sampler(settings, log.writer, log.tally)
        stack.push_async_callback(sampler.close)
        gateway = Gateway(
            Serving(log.plans, connect_all(workspace.backends, {}, {})),
            verify=verifier.verify,
            settling=limits.settling,
            cursors=Cursors(state.cursor_key.reveal()),
            writer=log.writer,
            tally=log.tally,
            changes=Changes(log.writer, _idempotency(state), state.change_key),
            commit=sidecar.commit,
            sampler=sampler,
            reception=Reception(lambda: time.time_ns() // 1000, time.monotonic_ns, source),
            watch=limits.watcher.saw,
            monotonic_ns=time.monotonic_ns,
            observe=telemetry.observe if telemetry else None,
        )
        stack.push_async_callback(_close_adapters, gateway)
        reloader = log.reloader(workspace, gateway, state, limits)
        doors = _Doors(workspace, state, reloader, log.tally, limits.settling, source, stack)
        handlers = doors.handlers(issuer, verifier, target)
        yield Running(Front(gateway, front_doors([*handlers, healthz(log.writer)])), reloader, log.writer, log.tally)


class _Log(Struct, frozen=True):
    """The log as a gateway that starts finds it: its end, what it says, and whoever reads on."""

    writer: Writer
    tally: Tally
    plans: Plans
    known: Known
    following: Following

    def reloader(self, workspace: Workspace, gateway: Gateway, state: _State, limits: Limits) -> Reloader:
        """What puts edited documents in force."""

        async def catch_up(plans: Plans) -> None:
            await self.following.catch_up()
            await limits.prepare(plans)

        known = self.known.activated
        return Reloader(
            workspace, gateway, self.writer, self.tally, recorded=known, keys_of=state.keys_of, catch_up=catch_up
        )


async def _open_log(workspace: Workspace, state: _State, stack: AsyncExitStack) -> _Log:
    """Read what the log holds, and put on it what is in force and not there yet."""
    settings, tally, known = workspace.settings, Tally(workspace.plans), Known()
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
        await record_activations(writer, plans, known.activated, settings.log_path(workspace.folder))
    except (AuthorityError, LogUnavailableError) as error:
        raise StartError(f"the audit log cannot be written: {error}") from None
    if settings.workers > 1:
        following.start()
    return _Log(writer, tally, plans, known, following)


class _Doors(Struct, frozen=True):
    """Everything but exchanges: tokens, the console, the published log, pages of problems."""

    workspace: Workspace
    state: _State
    reloader: Reloader
    tally: Tally
    settling: Settling
    source: SourceOf
    stack: AsyncExitStack

    def handlers(self, issuer: str, verifier: TokenVerifier, target: Target) -> list[Any]:
        """All of them; what they need is opened, and closed by the stack."""
        settings, state, source = self.workspace.settings, self.state, self.source
        throttle = _throttle(settings, state.throttle_key)
        self.stack.callback(throttle.close)
        gate = public_gate(throttle.admit_public, source)
        tokens = _token_server(issuer, state, self.reloader, throttle, _replay(settings, self.stack))
        following = asyncio.create_task(follow(state.store, _adopters(verifier, tokens)))
        self.stack.push_async_callback(_cancel, following)
        console = Console(
            plans=self.reloader.plans,
            tally=self.tally,
            counters=self.settling.limiter,
            limits_of=self.settling.charging.limits,
            source_of=source,
            accounts=Accounts(state.store),
            sessions=KeptSessions(state.store),
            allow_login=throttle.allow_login,
            secure=issuer.startswith("https://"),
        )
        pages = LogPages(target, state.log_keys, verifier.verify, tree_delay_ms=settings.tree_delay_ms)
        oauth = oauth_routes(tokens, gate=gate, source_of=source)
        return [*oauth, *console_routes(console), *problem_routes(gate), *log_routes(pages, gate)]


async def _open_state(workspace: Workspace, stack: AsyncExitStack) -> _State:
    """The state store, and the secrets that it keeps for this gateway."""
    now_s = int(time.time())
    try:
        store = await Store.open(workspace.settings.database_url(workspace.folder))
        stack.push_async_callback(store.close)
        secrets = ServerSecrets(store)
        return _State(
            store=store,
            authority=await open_authority(store, time.time()),
            cursor_key=await secrets.obtain("cursor", now_s),
            throttle_key=await secrets.obtain("throttle", now_s),
            pepper=await load_pepper(store, now_s),
            change_key=await secrets.obtain("change", now_s),
            pseudonym_key=await secrets.obtain(PSEUDONYM_SECRET, now_s),
            sidecar_key=await secrets.obtain(HANDLE_SECRET, now_s),
            log_keys=await load_log_keys(store, workspace.settings, now_s),
        )
    except OriginError as error:
        raise StartError(str(error)) from None
    except StoreError as error:
        raise StartError(f"the state store cannot be used: {error}") from None


def _open_trees(workspace: Workspace, state: _State, stack: AsyncExitStack) -> Target:
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


def _idempotency(state: _State) -> Idempotency:
    """Which process claimed a key tells whether somebody can still answer for it, so each has a name of its own."""
    return Idempotency(state.store, state.change_key, token_hex(8))


def _token_server(
    issuer: str, state: _State, reloader: Reloader, throttle: Throttle, replay: ReplayCache
) -> TokenServer:
    try:
        return TokenServer(
            issuer=issuer,
            clients=Clients(state.store),
            scopes_of=lambda partner: reloader.plans().scopes_of(partner),
            pepper=state.pepper,
            replay=replay,
            throttle=throttle,
            authority=state.authority,
        )
    except ValueError as error:
        raise StartError(f"clausegate.toml, base_url: {error}") from None


def _adopters(verifier: TokenVerifier, tokens: TokenServer) -> Callable[[Authority], None]:
    """Both sides of a token follow the store: who verifies it, and who signs the next one."""

    def adopt(now: Authority) -> None:
        verifier.adopt(now)
        tokens.adopt(now)

    return adopt


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


def _throttle(settings: Settings, key: Hidden[bytes]) -> Throttle:
    try:
        rules = ThrottleRules(
            failures=settings.authentication_rate, login=settings.login_rate, public=settings.public_rate
        )
    except ValueError as error:
        raise StartError(f"clausegate.toml: a rate is written as 30/minute: {error}") from None
    try:
        return Throttle(key, rules, settings.redis_url)
    except ValueError as error:
        raise StartError(f"clausegate.toml, redis_url: {error}") from None


def _source_of(settings: Settings) -> SourceOf:
    try:
        return source_of(settings.trusted_proxies)
    except ValueError as error:
        raise StartError(f"clausegate.toml, trusted_proxies: {error}") from None


def _replay(settings: Settings, stack: AsyncExitStack) -> ReplayCache:
    if not settings.redis_url:
        return LocalReplayCache()
    cache = RedisReplayCache.connect(settings.redis_url)
    stack.push_async_callback(cache.close)
    return cache


async def _close_adapters(gateway: Gateway) -> None:
    for adapter in gateway.serving.adapters.values():
        await adapter.close()


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
