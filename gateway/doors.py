"""Everything but exchanges: tokens, the console, the published log, problem pages. Wired here for gateway/app.py."""

from contextlib import AsyncExitStack
from typing import Any

from msgspec import Struct

from gateway.audit.writer import Writer
from gateway.console.routes import console_routes
from gateway.console.wiring import Console
from gateway.exchange.settle import Settling
from gateway.identity import Identity, open_tokens
from gateway.notices.in_force import InForce
from gateway.oauth.routes import oauth_routes
from gateway.people.oidc import Oidc, open_oidc
from gateway.people.sign_offs import SigningOff
from gateway.portal.routes import clients_of, portal_routes
from gateway.problem_pages import problem_routes
from gateway.public_gate import public_gate
from gateway.reload import Reloader
from gateway.settings import Settings
from gateway.sla.tally import Tally
from gateway.source_address import SourceOf
from gateway.starting import StartError, State
from gateway.store.accounts import Accounts
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
    sign_offs: SigningOff

    async def handlers(self, identity: Identity, notices: InForce, writer: Writer, target: Target) -> list[Any]:
        """All of them; what they need is opened, and closed by the stack. Raises StartError, StoreError."""
        settings, state, source = self.workspace.settings, self.state, self.source
        throttle = _throttle(settings, state.throttle_key)
        self.stack.callback(throttle.close)
        gate = public_gate(throttle.admit_public, source)
        tokens = open_tokens(
            identity, state, writer, plans=self.reloader.plans, notices=notices, throttle=throttle, stack=self.stack
        )
        console = Console(
            plans=self.reloader.plans,
            tally=self.tally,
            counters=self.settling.limiter,
            limits_of=self.settling.charging.limits,
            source_of=source,
            accounts=Accounts(state.store),
            sessions=KeptSessions(state.store),
            sign_offs=self.sign_offs,
            allow_login=throttle.allow_login,
            secure=identity.issuer.startswith("https://"),
            public_url=identity.issuer,
            oidc=await self._oidc(writer, identity.issuer),
            local_login=settings.local_login == "on",
        )
        pages = LogPages(
            target,
            state.log_keys,
            identity.guard.admit,
            tree_delay_ms=settings.tree_delay_ms,
            certificate_of=identity.certificate_of,
            note=identity.refusals.note,
        )
        oauth = oauth_routes(tokens, gate=gate, source_of=source, certificate_of=identity.certificate_of)
        people = [*console_routes(console), *portal_routes(console, clients_of(state.store))]
        return [*oauth, *people, *problem_routes(gate), *log_routes(pages, gate)]

    async def _oidc(self, writer: Writer, public_url: str) -> Oidc | None:
        """Logins by the company's identity provider, where there is one."""
        try:
            return await open_oidc(self.workspace.settings, self.state.store, writer, public_url, self.stack)
        except ValueError as error:
            raise StartError(f"clausegate.toml, {error}") from None


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
