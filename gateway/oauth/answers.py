"""What the token endpoint says: one table of errors with fixed words (RFC 6749 section 5.2), one way to answer."""

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.oauth.grant import Binding
from policies.reference import ClauseRef

Headers = tuple[tuple[str, str], ...]

# Of every answer, errors included: RFC 6749 section 5.1. Pragma is for caches of HTTP/1.0.
_ALWAYS: Headers = (("Cache-Control", "no-store"), ("Pragma", "no-cache"), ("X-Content-Type-Options", "nosniff"))
_CHALLENGE = ("WWW-Authenticate", 'Basic realm="clausegate", charset="UTF-8"')


class Answer(Struct, frozen=True):
    """An HTTP answer with a JSON body."""

    status: int
    headers: Headers
    body: bytes

    def __repr__(self) -> str:
        return f"Answer({self.status})"  # the body may hold a token


class Refusal(Struct, frozen=True):
    """Why there is no token. `description` is one of our own sentences: nothing that was sent is repeated in it.

    `nonce` is for the next DPoP proof. The caller is not told `reason`, a word of a closed list, and `clause`: they are
    for the log of refusals.
    """

    error: str
    description: str
    status: int = 400
    retry_after_s: int | None = None
    nonce: str = ""
    reason: str = ""
    clause: ClauseRef | None = None


# One answer for every way in which authentication fails: whoever asks learns neither which clients exist, nor what was
# wrong with the secret, the key, the assertion or its use.
INVALID_CLIENT = Refusal("invalid_client", "Client authentication failed.", 401)
UNSUPPORTED_GRANT = Refusal("unsupported_grant_type", "The grant type must be client_credentials.")
UNAUTHORIZED_CLIENT = Refusal("unauthorized_client", "The client may not use this grant type.")
INVALID_SCOPE = Refusal("invalid_scope", "The agreements of this partner do not give the requested scope.")
INVALID_TARGET = Refusal("invalid_target", "The resource must be the address of this gateway.")
INVALID_DETAILS = Refusal(
    "invalid_authorization_details",
    "The authorization details are malformed, or beyond the agreements of this partner.",
)
INVALID_PROOF = Refusal("invalid_dpop_proof", "The DPoP proof is not valid.")
USE_NONCE = Refusal("use_dpop_nonce", "The DPoP proof needs the nonce of the DPoP-Nonce header.")
METHOD_NOT_ADMITTED = Refusal(
    "unauthorized_client",
    "The agreement does not admit the authentication method of this client.",
    reason="method-not-admitted",
)
TOO_MUCH = Refusal("invalid_scope", "The token would be larger than 4 KiB: ask for less.", reason="token-too-large")
# RFC 6749 has no code of its own for the token endpoint being busy. This one, of its section 4.1.2.1, says exactly
# that; slow_down (RFC 8628) would be an instruction to clients that poll for a device code.
UNAVAILABLE = Refusal("temporarily_unavailable", "This cannot be done right now.", 503, retry_after_s=1)

OWN_REASONS = (
    "unknown-client",
    "client-disabled",
    "another-method",
    "no-credentials",
    "throttled",
    "secret-wrong",
    "resource-missing",
    "resource-other",
    "certificate-missing",
    "certificate-wrong",
    "certificate-revoked",
    "crl-stale",
    "crl-missing",
    "keys-unavailable",
    "assertion-replayed",
    "proof-repeated",
    "binding-required",
    "method-not-admitted",
    "token-too-large",
)
"""The words of `Refusal.reason`, beside those of assertions (assertion.py) and DPoP proofs (dpop.py)."""

_BINDING_WORDS: Mapping[Binding, str] = MappingProxyType(
    {
        "none": "is not bound",
        "dpop": "is bound to a key by DPoP (RFC 9449)",
        "mtls": "is bound to the client certificate of the connection (RFC 8705)",
    }
)
_BY_ERROR: Mapping[str, Refusal] = MappingProxyType(
    {refusal.error: refusal for refusal in (UNSUPPORTED_GRANT, UNAUTHORIZED_CLIENT, INVALID_SCOPE, INVALID_TARGET)}
    # Ours are raised as such, with their reason: authlib's own is for a request that shows nothing it can use.
    | {INVALID_CLIENT.error: replace(INVALID_CLIENT, reason="no-credentials")}
)


def malformed(description: str) -> Refusal:
    """400 invalid_request: `description` says which rule was broken, never what was sent."""
    return Refusal("invalid_request", description)


def not_authenticated(reason: str) -> Refusal:
    """401, the one answer; only the log of refusals is told the reason."""
    return replace(INVALID_CLIENT, reason=reason)


def wrong_target(resource: str, *, missing: bool) -> Refusal:
    """400 invalid_target (RFC 8707 section 2): tells the one value there is, `resource`, which the metadata publish as
    well (RFC 9728); never what was sent instead."""
    if missing:
        description = f"The parameter resource is missing. Send resource={resource}"
        return replace(INVALID_TARGET, description=description, reason="resource-missing")
    description = f"The resource is not this gateway. Send exactly resource={resource}"
    return replace(INVALID_TARGET, description=description, reason="resource-other")


def binding_required(bindings: Iterable[Binding]) -> Refusal:
    """400: a clause asks for a token that is bound in one of these ways."""
    ways = " or ".join(_BINDING_WORDS[binding] for binding in bindings)
    return replace(malformed(f"The agreement requires a token that {ways}."), reason="binding-required")


def too_many(retry_after_s: int) -> Refusal:
    """429: the caller has to wait."""
    return Refusal("temporarily_unavailable", "Too many requests from here.", 429, retry_after_s, reason="throttled")


def refusal_for(error: str) -> Refusal:
    """Our words for an error code that authlib raised, whose own words repeat what was sent or tell clients apart."""
    return _BY_ERROR.get(error, malformed("The request is malformed."))


def answer_refusal(refusal: Refusal, *, challenge: bool) -> Answer:
    """The answer to a request that gets no token. `challenge`: the Authorization header was tried."""
    headers = _ALWAYS
    if refusal.status == 401 and challenge:
        headers = (*headers, _CHALLENGE)
    if refusal.retry_after_s is not None:
        headers = (*headers, ("Retry-After", str(refusal.retry_after_s)))
    if refusal.nonce:
        headers = (*headers, ("DPoP-Nonce", refusal.nonce))
    body = {"error": refusal.error, "error_description": refusal.description}
    return Answer(refusal.status, headers, msgspec.json.encode(body))


def answer_json(body: Mapping[str, Any], nonce: str = "") -> Answer:
    """A good answer: with a token (RFC 6749 section 5.1), or about one. `nonce` is for the next DPoP proof."""
    headers = (*_ALWAYS, ("DPoP-Nonce", nonce)) if nonce else _ALWAYS
    return Answer(200, headers, msgspec.json.encode(body))


def answer_done() -> Answer:
    """Done, and nothing to say of it (RFC 7009 section 2.2)."""
    return Answer(200, _ALWAYS, b"")
