"""Whether a token may change credentials: it has the scope, and is not weaker than what agreements ask for."""

from collections.abc import Callable

from msgspec import Struct

from gateway.oauth.access import PARTNER_SCOPE, Right
from gateway.partner.door import Answer, Visit
from gateway.store.clients import Client, Clients
from gateway.store.store import Store


class Standing(Struct, frozen=True):
    """Judges callers by what agreements ask of whoever acts for the partner (`own_right`), and by the clients as they
    are registered."""

    store: Store
    own_right: Callable[[str, float], Right | None]

    async def refusal(self, visit: Visit, client: Client) -> Answer | None:
        """Why the caller may not change this client of its own partner; None: it may."""
        if PARTNER_SCOPE not in visit.grant.scopes:
            scheme = "DPoP" if visit.grant.binding == "dpop" else "Bearer"
            challenge = f'{scheme} error="insufficient_scope", scope="{PARTNER_SCOPE}"'
            return visit.problem("insufficient-scope", headers={"WWW-Authenticate": challenge})
        caller = await Clients(self.store).find(visit.grant.client)
        basic = caller is None or caller.auth_method == "client_secret_basic"
        own = self.own_right(visit.grant.partner, visit.time_us / 1e6)
        for each in own.authentication if own is not None else ():
            if visit.grant.binding not in each.bindings or (basic and "client_secret_basic" not in each.methods):
                return visit.problem("authentication-not-admitted", clause=each.clause)
        # Whatever agreements say, a secret does not change what is stronger than itself.
        if basic and client.auth_method != "client_secret_basic":
            return visit.problem("authentication-not-admitted", detail=_STRONGER[visit.language])
        return None


_STRONGER = {
    "en": "A client with a secret cannot change one that authenticates by a key or a certificate.",
    "zh": "使用密钥串的客户端不能更改以公钥或证书验证身份的客户端。",
}
