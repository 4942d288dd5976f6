"""What the owner of a token is told of it (RFC 7662), and the ending of one (RFC 7009): pure, over what was read."""

from collections.abc import Mapping, Sequence
from typing import Any

from joserfc.jwk import ECKey
from msgspec import UNSET, Struct, to_builtins

from gateway.oauth.access import Right, fitting
from gateway.oauth.details import still_given
from gateway.oauth.entitlement import own_scopes, scopes_of
from gateway.oauth.jose import CLOCK_SKEW_S
from gateway.oauth.tokens import ReadToken, read_token
from gateway.store.clients import Client

INACTIVE: Mapping[str, Any] = {"active": False}


class Reader(Struct, frozen=True):
    """Whose tokens are read, and by which keys."""

    issuer: str
    audience: str
    keys: Mapping[str, ECKey]

    def own(self, text: str, client: Client, now_s: float) -> ReadToken | None:
        """A token of this client that has not ended, nor was revoked together with all others of the client.

        One that was revoked by itself is another question. Nobody is told anything about somebody else's.
        """
        read = read_token(text, self.keys, self.issuer, now_s)
        if read is None:
            return None
        claims = read.claims
        if claims.client_id != client.client_id or claims.partner != client.partner or claims.aud != self.audience:
            return None
        if not claims.exp > now_s or claims.iat > now_s + CLOCK_SKEW_S or claims.iat <= client.epoch_s:
            return None
        return read


def introspected(read: ReadToken, client: Client, rights: Sequence[Right], own: Right | None) -> Mapping[str, Any]:
    """The answer about a good token (section 2.2): what it still gives, which may be less than it says.

    Scopes and details of agreements that are not in force, or suspended, or want another binding by now, are left out;
    a token of which nothing is left is not active. `tier` is ours: basic for a token that whoever has it may use.
    """
    claims = read.claims
    fits = fitting(rights, client.auth_method, read.held.binding)
    details = None
    given = scopes_of(fits)
    if claims.authorization_details is not UNSET:
        details = still_given(claims.authorization_details, fits)
        if not details:
            given = frozenset()
    scopes = frozenset(claims.scope.split()) & (given | own_scopes(own, client.auth_method, read.held.binding))
    if not scopes:
        return INACTIVE
    answer: dict[str, Any] = to_builtins(claims)
    answer |= {
        "active": True,
        "scope": " ".join(sorted(scopes)),
        "token_type": "DPoP" if read.held.binding == "dpop" else "Bearer",
        "tier": "basic" if read.held.binding == "none" else "bound",
    }
    if details is not None:
        answer["authorization_details"] = to_builtins(details)
    return answer
