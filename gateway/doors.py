"""Everything but exchanges: tokens, the console, the published log, problem pages. Wired here for gateway/app.py."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

from msgspec import Struct

from gateway.console.routes import console_routes
from gateway.console.wiring import Console
from gateway.exchange.settle import Settling
from gateway.oauth.authority import Authority, follow
from gateway.oauth.replay import LocalReplayCache, ReplayCache
from gateway.oauth.replay_redis import RedisReplayCache
from gateway.oauth.routes import oauth_routes
from gateway.oauth.server import TokenServer
from gateway.oauth.verify import TokenVerifier
from gateway.problem_pages import problem_routes
from gateway.public_gate import public_gate
from gateway.reload import Reloader
from gateway.settings import Settings
from gateway.sla.tally import Tally
from gateway.source_address import SourceOf
from gateway.starting import StartError, State
from gateway.store.accounts import Accounts
from gateway.store.clients import Clients
from gateway.store.hidden import Hidden
from gateway.store.sessions import KeptSessions
from gateway.throttle import Throttle, ThrottleRules
from gateway.tlog.routes import LogPages, log_routes
from gateway.tlog.target import Target
from gateway.workspace import Workspace


class Doors(Struct, frozen=True):
    """Everything but exchanges: tokens, the console, the published log, pages of problems."""

    workspace: Workspace
    state: State
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


def _token_server(
    issuer: str, state: State, reloader: Reloader, throttle: Throttle, replay: ReplayCache
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


def _replay(settings: Settings, stack: AsyncExitStack) -> ReplayCache:
    if not settings.redis_url:
        return LocalReplayCache()
    cache = RedisReplayCache.connect(settings.redis_url)
    stack.push_async_callback(cache.close)
    return cache


async def _cancel(task: asyncio.Task[Any]) -> None:
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
