"""The token server: one request in, one answer out, whatever the web framework."""

import time
from collections.abc import Callable, Sequence
from typing import Protocol
from urllib.parse import urlsplit

from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc6749.errors import InsecureTransportError
from msgspec import Struct

from gateway.oauth.answers import (
    INVALID_CLIENT,
    UNAVAILABLE,
    Answer,
    Refusal,
    answer_refusal,
    answer_token,
    malformed,
    refusal_for,
    too_many,
)
from gateway.oauth.authority import Authority
from gateway.oauth.core import Core, KnownClient, RefusedError, TokenRequest
from gateway.oauth.credentials import Credentials, Unusable, read_credentials
from gateway.oauth.form import TOO_LARGE, read_form
from gateway.oauth.metadata import server_metadata, token_endpoint
from gateway.oauth.replay import ReplayCache
from gateway.store.clients import Clients
from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden

ScopesOf = Callable[[str], frozenset[str]]
"""All scopes that the agreements in force give a partner; empty without any."""


class Incoming(Struct, frozen=True):
    """What the token endpoint looks at. `body` is None when it was larger than the cap; `source` is the peer."""

    authorization: Sequence[bytes]
    content_types: Sequence[bytes]
    query: bytes
    body: bytes | None
    source: str

    def __repr__(self) -> str:
        return "Incoming()"


class TokenThrottle(Protocol):
    """Who has to wait: each method returns seconds, or None to go on. See gateway/throttle.py."""

    async def admit_source(self, source: str) -> int | None:
        """Counts one request of a source."""
        ...

    async def admit_client(self, client_id: str, source: str) -> int | None:
        """Looks at the failures of a client from a source; counts nothing."""
        ...

    async def note_failure(self, client_id: str, source: str) -> None:
        """Counts one failed authentication of a client from a source."""
        ...


class TokenServer:
    """The token endpoint (RFC 6749 section 3.2), its metadata and keys.

    `issuer` is the base URL of the gateway, without a path; it is the audience of every token as well. Raises
    ValueError for an issuer that is neither https nor http on a loopback address.
    """

    def __init__(
        self,
        *,
        issuer: str,
        clients: Clients,
        scopes_of: ScopesOf,
        pepper: Hidden[bytes],
        replay: ReplayCache,
        throttle: TokenThrottle,
        authority: Authority,
        now: Callable[[], float] = time.time,
    ) -> None:
        _check_issuer(issuer)
        self.metadata = server_metadata(issuer)
        self._clients = clients
        self._scopes_of = scopes_of
        self._replay = replay
        self._throttle = throttle
        self._now = now
        self._uri = token_endpoint(issuer)
        self._core = Core(issuer=issuer, resource=issuer, pepper=pepper, signer=authority.keys.signer)
        self.adopt(authority)

    def adopt(self, authority: Authority) -> None:
        """Sign with and publish these keys from the next request on."""
        self._core.signer = authority.keys.signer
        self.jwks = authority.keys.jwks

    async def token(self, incoming: Incoming) -> Answer:
        """The answer to a POST to the token endpoint. A refusal is an answer too; nothing expected raises."""
        challenge = bool(incoming.authorization)
        wait_s = await self._throttle.admit_source(incoming.source)
        if wait_s is not None:
            return answer_refusal(too_many(wait_s), challenge=challenge)
        shown = _read(incoming)
        if isinstance(shown, Refusal):
            return answer_refusal(shown, challenge=challenge)
        form, credentials = shown
        wait_s = await self._throttle.admit_client(credentials.client_id, incoming.source)
        if wait_s is not None:
            return answer_refusal(too_many(wait_s), challenge=challenge)
        outcome = await self._issue(form, credentials)
        if isinstance(outcome, Answer):
            return outcome
        if outcome is INVALID_CLIENT:
            await self._throttle.note_failure(credentials.client_id, incoming.source)
        return answer_refusal(outcome, challenge=challenge)

    async def _issue(self, form: dict[str, str], credentials: Credentials) -> Answer | Refusal:
        now_s = self._now()
        try:
            known = await self._known(credentials, now_s)
        except StoreError:
            return UNAVAILABLE
        request = TokenRequest(uri=self._uri, form=form, credentials=credentials, known=known, now_s=now_s)
        try:
            grant = self._core.authenticated(request)
            if request.once is not None:
                # After the signature, so that nobody can use up what is not theirs; before anything else is looked
                # at, so that an assertion is good for one request whatever comes of that.
                once = request.once
                claim = await self._replay.claim(once.client_id, once.jti, now_s, once.until_s)
                if claim != "first":
                    return INVALID_CLIENT if claim == "again" else UNAVAILABLE
            _, body, _ = grant.create_token_response()
        except RefusedError as error:
            return error.refusal
        except OAuth2Error as error:
            return refusal_for(str(error.error))
        return answer_token(body)

    async def _known(self, credentials: Credentials, now_s: float) -> KnownClient | None:
        if isinstance(credentials, Unusable):
            return None
        client = await self._clients.find(credentials.client_id)
        return None if client is None else KnownClient(client, self._scopes_of(client.partner), now_s)


def _read(incoming: Incoming) -> tuple[dict[str, str], Credentials] | Refusal:
    """Form and credentials, or which rule the request breaks."""
    if incoming.query:
        return malformed("Parameters belong into the body: URLs are kept in logs.")
    if incoming.body is None:
        return TOO_LARGE
    form = read_form(incoming.content_types, incoming.body)
    if isinstance(form, Refusal):
        return form
    if "grant_type" not in form:
        return malformed("The parameter grant_type is missing.")
    credentials = read_credentials(incoming.authorization, form)
    return credentials if isinstance(credentials, Refusal) else (form, credentials)


def _check_issuer(issuer: str) -> None:
    parts = urlsplit(issuer)
    if (
        not parts.hostname
        or parts.username
        or parts.path
        or parts.query
        or parts.fragment
        or issuer.endswith(("?", "#"))
    ):
        raise ValueError(f"the issuer must be a base URL without a path, such as https://gateway.example: {issuer}")
    try:
        InsecureTransportError.check(issuer)  # type: ignore[no-untyped-call]
    except OAuth2Error:
        raise ValueError(f"the issuer must be https, or http on a loopback address: {issuer}") from None
