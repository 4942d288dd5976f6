"""What a token may say: what the agreements in force give to this client, the way it authenticates, no more."""

from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from gateway.oauth.access import Right, fitting
from gateway.oauth.answers import INVALID_DETAILS, INVALID_SCOPE, METHOD_NOT_ADMITTED, Refusal, binding_required
from gateway.oauth.details import AskedDetail, given
from gateway.oauth.grant import BINDINGS, Binding
from gateway.oauth.tokens import GrantedDetail


class Asking(Struct, frozen=True):
    """Who asks for a token, and for what. `own` is what its partner does for itself, None where there is no agreement
    with it (gateway/oauth/access.py)."""

    method: str
    binding: Binding
    own: Right | None
    scope: str | None = None
    details: tuple[AskedDetail, ...] | None = None


class Entitlement(Struct, frozen=True):
    """What the token will say. `details` None: it is not narrowed beyond its scopes."""

    scopes: frozenset[str]
    details: tuple[GrantedDetail, ...] | None = None


def entitled(rights: Sequence[Right], asking: Asking) -> Entitlement | Refusal:
    """The scopes and details of a token, all of them or those asked for if each is given (RFC 6749 section 3.3).

    Never fewer than asked for: a client that has lost a scope hears so here, not at its next call. Where a clause asks
    for another binding or authentication method, that is what the client hears.
    """
    fits = fitting(rights, asking.method, asking.binding)
    own = own_scopes(asking.own, asking.method, asking.binding)
    every = rights if asking.own is None else (*rights, asking.own)
    if not fits and (rights or (every and not own)):
        return _unfit(rights or every, asking)
    if asking.details is None:
        scopes = scopes_of(fits) | own
        asked = scopes if asking.scope is None else frozenset(asking.scope.split(" "))
        if asked and asked <= scopes:
            return Entitlement(asked)
        return _missing(asked - scopes, every, asking)
    narrowed = given(asking.details, fits)
    if narrowed is None:
        return _unfit_details(rights, asking)
    needed = scopes_of(narrowed.rights)
    asked = needed if asking.scope is None else frozenset(asking.scope.split(" "))
    if not asked & needed or not asked <= needed | own:
        return INVALID_SCOPE
    return Entitlement(asked, narrowed.details)


def own_scopes(own: Right | None, method: str, binding: str) -> frozenset[str]:
    """The scope of what a partner does for itself, for a client that comes like this; empty without one."""
    return frozenset() if own is None else scopes_of(fitting([own], method, binding))


def scopes_of(rights: Iterable[Right]) -> frozenset[str]:
    """The scopes that these rights need."""
    return frozenset(right.scope for right in rights)


def _unfit_details(rights: Sequence[Right], asking: Asking) -> Refusal:
    """Why what fits does not cover the details: it may be the binding or the method, and not the agreement."""
    whole = given(asking.details or (), rights)
    if whole is None:
        return INVALID_DETAILS
    return _unfit([right for right in whole.rights if not fitting([right], asking.method, asking.binding)], asking)


def _missing(missing: frozenset[str], rights: Sequence[Right], asking: Asking) -> Refusal:
    """Why a scope is not given."""
    if not missing or not missing <= scopes_of(rights):
        return INVALID_SCOPE
    return _unfit([right for right in rights if right.scope in missing], asking)


def _unfit(rights: Sequence[Right], asking: Asking) -> Refusal:
    """What a clause asks of a client that may have none of these rights as it comes."""
    clauses = [each for right in rights for each in right.authentication]
    bindings = [binding for binding in BINDINGS if fitting(rights, asking.method, binding)]
    if bindings:
        broken = [each for each in clauses if asking.binding not in each.bindings]
        return replace(binding_required(bindings), clause=broken[0].clause)
    broken = [each for each in clauses if asking.method not in each.methods]
    return replace(METHOD_NOT_ADMITTED, clause=broken[0].clause if broken else None)
