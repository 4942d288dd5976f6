"""What the token endpoint says: one table of errors with fixed words (RFC 6749 section 5.2), one way to answer."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from msgspec import Struct

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
    """Why there is no token. `description` is one of our own sentences: nothing that was sent is repeated in it."""

    error: str
    description: str
    status: int = 400
    retry_after_s: int | None = None


# One answer for every way in which authentication fails: whoever asks learns neither which clients exist, nor what was
# wrong with the secret, the key, the assertion or its use.
INVALID_CLIENT = Refusal("invalid_client", "Client authentication failed.", 401)
UNSUPPORTED_GRANT = Refusal("unsupported_grant_type", "The grant type must be client_credentials.")
UNAUTHORIZED_CLIENT = Refusal("unauthorized_client", "The client may not use this grant type.")
INVALID_SCOPE = Refusal("invalid_scope", "The agreements of this partner do not give the requested scope.")
INVALID_TARGET = Refusal("invalid_target", "The resource must be the address of this gateway.")
INVALID_DETAILS = Refusal("invalid_authorization_details", "The authorization details are not supported.")
# RFC 6749 has no code of its own for the token endpoint being busy. This one, of its section 4.1.2.1, says exactly
# that; slow_down (RFC 8628) would be an instruction to clients that poll for a device code.
UNAVAILABLE = Refusal("temporarily_unavailable", "No token can be issued right now.", 503, retry_after_s=1)

_BY_ERROR: Mapping[str, Refusal] = MappingProxyType(
    {
        refusal.error: refusal
        for refusal in (INVALID_CLIENT, UNSUPPORTED_GRANT, UNAUTHORIZED_CLIENT, INVALID_SCOPE, INVALID_TARGET)
    }
)


def malformed(description: str) -> Refusal:
    """400 invalid_request: `description` says which rule was broken, never what was sent."""
    return Refusal("invalid_request", description)


def too_many(retry_after_s: int) -> Refusal:
    """429: the caller has to wait."""
    return Refusal("temporarily_unavailable", "Too many requests from here.", 429, retry_after_s)


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
    body = {"error": refusal.error, "error_description": refusal.description}
    return Answer(refusal.status, headers, msgspec.json.encode(body))


def answer_token(body: Mapping[str, Any]) -> Answer:
    """The answer with a token (RFC 6749 section 5.1)."""
    return Answer(200, _ALWAYS, msgspec.json.encode(body))
