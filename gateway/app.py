"""The only wiring: every part of a gateway process is made here, handed its collaborators, and closed in reverse."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from secrets import token_hex
from typing import Any

from litestar import Litestar, Response, get
from msgspec import Struct

from contracts.plan import Plans
from gateway.audit.administration import options_of
from gateway.audit.faults import CorruptLogError, LogFault
from gateway.audit.leaf import Authority as AuthorityEntry
from gateway.audit.promise import Promiser
from gateway.audit.reader import read_as, read_counted
from gateway.audit.sidecar import HANDLE_SECRET, Sidecar
from gateway.audit.writer import Writer
from gateway.authority import AuthorityError, record
from gateway.console.routes import console_routes
from gateway.console.wiring import Console
from gateway.exchange.arrival import Reception
from gateway.exchange.changing import Changes
from gateway.exchange.cursor import Cursors
from gateway.exchange.serve import Gateway, Serving
from gateway.oauth.authority import Authority, follow, open_authority
from gateway.oauth.client_secret import load_pepper
from gateway.oauth.replay import LocalReplayCache, ReplayCache
from gateway.oauth.replay_redis import RedisReplayCache
from gateway.oauth.routes import oauth_routes
from gateway.oauth.server import TokenServer
from gateway.oauth.verify import TokenVerifier
from gateway.problem_pages import answer_error, problem_routes
from gateway.quality.sampler import Sampler
from gateway.reload import LogUnavailableError, Reloader, connect_all, record_activations
from gateway.settings import Settings
from gateway.sla.tally import Tally
from gateway.store.accounts import Accounts
from gateway.store.clients import Clients
from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.idempotency import Idempotency
from gateway.store.server_secrets import PSEUDONYM_SECRET, ServerSecrets
from gateway.store.store import Store
from gateway.telemetry import open_telemetry
from gateway.throttle import Throttle, ThrottleRules
from gateway.tlog.cosigning import Cosigning
from gateway.tlog.keys import LogKeys, OriginError, load_log_keys
from gateway.tlog.open_target import TargetError, open_target
from gateway.tlog.routes import LogPages, log_routes
from gateway.tlog.sequencing import sequencing
from gateway.tlog.target import Target
from gateway.witness.policies import load_policies
from gateway.workspace import Workspace
from policies.counters import Counters
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


@asynccontextmanager
async def open_gateway(workspace: Workspace, port: int) -> AsyncIterator[Running]:
    """Open everything a workspace needs to be served on `port`. Raises StartError, with whatever was opened closed."""
    settings, issuer = workspace.settings, workspace.settings.issuer(port)
    async with AsyncExitStack() as stack:
        state = await _open_state(workspace, stack)
        target = _open_trees(workspace, state, stack)
        sidecar = Sidecar(settings.sidecar_path(workspace.folder) / settings.writer, state.sidecar_key)
        stack.callback(sidecar.close)
        tally = Tally(workspace.plans)
        writer = _open_writer(workspace, state.log_keys, tally)
        stack.callback(writer.close)
        plans = workspace.plans.with_keys(state.keys_of)
        recorded, keys = await asyncio.to_thread(_replay_log, workspace, tally)
        try:
            await _record_keys(writer, state.authority, keys)
            await record_activations(writer, plans, recorded, settings.log_path(workspace.folder))
        except (AuthorityError, LogUnavailableError) as error:
            raise StartError(f"the audit log cannot be written: {error}") from None
        verifier = TokenVerifier(issuer=issuer, audience=issuer, authority=state.authority)
        counters = Counters(time.monotonic_ns)
        telemetry = open_telemetry(settings, tally, writer)
        if telemetry is not None:
            stack.callback(telemetry.close)
        sampler = _sampler(settings, writer, tally)
        stack.push_async_callback(sampler.close)
        gateway = Gateway(
            Serving(plans, connect_all(workspace.backends, {}, {})),
            verify=verifier.verify,
            counters=counters,
            cursors=Cursors(state.cursor_key.reveal()),
            writer=writer,
            tally=tally,
            changes=Changes(writer, _idempotency(state), state.change_key),
            commit=sidecar.commit,
            sampler=sampler,
            reception=Reception(lambda: time.time_ns() // 1000, time.monotonic_ns),
            monotonic_ns=time.monotonic_ns,
            observe=telemetry.observe if telemetry else None,
        )
        stack.push_async_callback(_close_adapters, gateway)
        reloader = Reloader(workspace, gateway, writer, tally, recorded=recorded, keys_of=state.keys_of)
        throttle = _throttle(settings, state.throttle_key)
        tokens = _token_server(issuer, state, reloader, throttle, _replay(settings, stack))
        following = asyncio.create_task(follow(state.store, _adopters(verifier, tokens)))
        stack.push_async_callback(_cancel, following)
        console = Console(
            plans=reloader.plans,
            tally=tally,
            counters=counters,
            accounts=Accounts(state.store),
            allow_login=throttle.allow_login,
            secure=issuer.startswith("https://"),
        )
        pages = LogPages(target, state.log_keys, verifier.verify, tree_delay_ms=settings.tree_delay_ms)
        handlers = [*oauth_routes(tokens), *console_routes(console), *problem_routes(), *log_routes(pages)]
        yield Running(Front(gateway, _litestar([*handlers, _healthz(writer)])), reloader, writer, tally)


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


def _litestar(handlers: list[Any]) -> Litestar:
    """Everything but exchanges: its errors are problem documents as well."""
    return Litestar(
        route_handlers=handlers,
        exception_handlers={Exception: answer_error},
        openapi_config=None,
        logging_config=None,
    )


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
            scopes_of=lambda partner: scopes_of(reloader.plans(), partner),
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


def _replay_log(workspace: Workspace, tally: Tally) -> tuple[dict[str, str], set[str]]:
    """Count all that the log holds; the contract hash last activated of each agreement version, and known keys."""
    log = workspace.settings.log_path(workspace.folder)
    try:
        tally.replay(read_counted(log))
        entries = list(read_as(log, AuthorityEntry))
    except (CorruptLogError, OSError) as error:
        raise StartError(f"the audit log cannot be read: {error}; `clausegate verify` says more") from None
    activated = {entry.subject: entry.contract for entry in entries if entry.event == "agreement-activated"}
    return activated, {entry.subject for entry in entries if entry.event in ("key-created", "key-rotated")}


async def _record_keys(writer: Writer, authority: Authority, recorded: set[str]) -> None:
    """Put on the log every key that verifies access tokens and is not there yet. Raises AuthorityError."""
    for kid in sorted(set(authority.keys.verifying) - recorded):
        await record(writer, "key-created", kid)


def _throttle(settings: Settings, key: Hidden[bytes]) -> Throttle:
    try:
        rules = ThrottleRules(failures=settings.authentication_rate, login=settings.login_rate)
    except ValueError as error:
        raise StartError(f"clausegate.toml: a rate is written as 30/minute: {error}") from None
    return Throttle(key, rules, settings.redis_url or "memory://")


def _replay(settings: Settings, stack: AsyncExitStack) -> ReplayCache:
    if not settings.redis_url:
        return LocalReplayCache()
    cache = RedisReplayCache.connect(settings.redis_url)
    stack.push_async_callback(cache.close)
    return cache


def scopes_of(plans: Plans, partner: str) -> frozenset[str]:
    """Every scope that a partner's agreements give."""
    return frozenset(plan.scope for plan in plans.all_plans() if plan.contract.partner == partner)


def _healthz(writer: Writer) -> Any:
    @get("/healthz", sync_to_thread=False, include_in_schema=False)
    def healthz() -> Response[bytes]:
        """For load balancers: 200 while records can be written, 503 once they cannot."""
        state = writer.state
        said = b"log stopped\n" if state.stopped else b"log stalled\n" if state.stalled else b"ok\n"
        return Response(said, status_code=200 if said == b"ok\n" else 503)

    return healthz


async def _close_adapters(gateway: Gateway) -> None:
    for adapter in gateway.serving.adapters.values():
        await adapter.close()


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
