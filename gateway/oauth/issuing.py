"""A token that an operator signs for a client, with exactly what the client could get for itself."""

from typing import Literal

from msgspec import Struct

from contracts.plan import Plans
from gateway.oauth.access import Right, fitting, own_right, rights_of
from gateway.oauth.certificate import certificate_from_pem
from gateway.oauth.clients import ClientFault, IssuedToken, issue_token
from gateway.oauth.entitlement import own_scopes, scopes_of
from gateway.oauth.tokens import UNBOUND, Held
from gateway.store.clients import Clients
from gateway.store.store import Store
from policies.clause import Authentication


class Unfit(Struct, frozen=True):
    """Agreements are in force, and what one of them asks of tokens is not so: how the client authenticates, or what
    the token is bound to. `asked` is the clause that is not met."""

    why: Literal["method", "binding"]
    asked: Authentication
    auth_method: str


async def issue(
    store: Store, plans: Plans, client_id: str, *, issuer: str, now_s: float, held: Held = UNBOUND
) -> IssuedToken | Unfit | ClientFault:
    """Sign a token of all scopes that agreements in force give this client with a token that is bound so.

    What is suspended just now gives no call, whatever the token says. Raises StoreError.
    """
    client = await Clients(store).find(client_id)
    if client is None:
        return ClientFault(f"there is no client {client_id}")
    rights = rights_of(plans, lambda _contract: None, client.partner, now_s)
    fit = fitting(rights, client.auth_method, held.binding)
    own = own_right(plans, client.partner, now_s)
    scopes = scopes_of(fit) | own_scopes(own, client.auth_method, held.binding)
    if not scopes and (asked := rights or ((own,) if own else ())):
        return _unfit(asked, client.auth_method, held)
    return await issue_token(store, client_id, issuer=issuer, scopes_of=lambda _: scopes, now_s=now_s, held=held)


def certificate_held(pem: bytes) -> Held | None:
    """What a token is bound to that is good with this client certificate alone (RFC 8705 section 3.1)."""
    certificate = certificate_from_pem(pem)
    return None if certificate is None else Held("mtls", certificate.thumbprint)


def _unfit(rights: tuple[Right, ...], auth_method: str, held: Held) -> Unfit:
    asked = [each for right in rights for each in right.authentication]
    for each in asked:
        if auth_method not in each.methods:
            return Unfit("method", each, auth_method)
    return Unfit("binding", next(each for each in asked if held.binding not in each.bindings), auth_method)
