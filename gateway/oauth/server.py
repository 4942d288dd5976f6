"""The authorization server: one request in, one answer out, whatever the web framework."""

import time
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Final, Protocol, TypeAlias
from urllib.parse import urlsplit

import structlog
from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc6749.errors import InsecureTransportError
from msgspec import Struct
from msgspec.structs import replace

from gateway.authority_record import AuthorityError
from gateway.credentials.noted import NoteRefusal, NoteUse, RefusedCall, unnoted
from gateway.oauth.access import Right, RightsOf
from gateway.oauth.answers import (
    INVALID_PROOF,
    UNAVAILABLE,
    USE_NONCE,
    Answer,
    Refusal,
    answer_done,
    answer_json,
    answer_refusal,
    not_authenticated,
    refusal_for,
    too_many,
)
from gateway.oauth.authority import Authority
from gateway.oauth.certificate import lasting_of
from gateway.oauth.certificates import Authorities
from gateway.oauth.core import TLS_METHODS, Core, KnownClient, RefusedError, TokenRequest
from gateway.oauth.credentials import Assertion, Credentials, Unusable
from gateway.oauth.dpop import ProofFault, Proofs, Proved
from gateway.oauth.grant import REPEATED
from gateway.oauth.incoming import Incoming, read_incoming
from gateway.oauth.introspection import INACTIVE, Reader, introspected
from gateway.oauth.jose import CLOCK_SKEW_S
from gateway.oauth.key_book import KeyBook
from gateway.oauth.metadata import TOKEN_PATH, resource_metadata, server_metadata, token_endpoint
from gateway.oauth.replay import ReplayCache
from gateway.oauth.tokens import UNBOUND, Held
from gateway.store.clients import Client, Clients
from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.revocations import Revocations

_TEMPORARY: Final = frozenset({"keys-unavailable", "crl-stale", "crl-missing"})
"""Reasons of a failed authentication that are nobody's guessing."""

_log = structlog.get_logger(__name__)


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


class Partners(Struct, frozen=True):
    """What the contracts say of partners: `rights_of` what one may do now, `own_right` what it does for itself."""

    rights_of: RightsOf
    own_right: Callable[[str, float], Right | None]


class _Seen(Struct):
    """What is known of a request so far, for the log of refusals."""

    known: KnownClient | None = None


Announce: TypeAlias = Callable[[Client, str], Awaitable[None]]
"""Puts on the log that a client revokes one of its tokens, by its `jti`: no secret, for nothing can be done with it but
to find the token. Raises AuthorityError."""

_Outcome: TypeAlias = Answer | Refusal
_Work: TypeAlias = Callable[[TokenRequest, Incoming], Awaitable[_Outcome]]


class TokenServer:
    """The token endpoint (RFC 6749 section 3.2), introspection (RFC 7662), revocation (RFC 7009), metadata and keys.

    `issuer` is the base URL of the gateway, without a path; it is the audience of every token as well. Clients of the
    TLS methods are known by their certificates, which the gateway gets to see when `sees_certificates`. Raises
    ValueError for an issuer that is neither https nor http on a loopback address.
    """

    def __init__(
        self,
        *,
        issuer: str,
        clients: Clients,
        revocations: Revocations,
        partners: Partners,
        pepper: Hidden[bytes],
        key_book: KeyBook,
        authorities: Authorities,
        proofs: Proofs,
        replay: ReplayCache,
        throttle: TokenThrottle,
        authority: Authority,
        announce: Announce,
        sees_certificates: bool = False,
        note_refusal: NoteRefusal = unnoted,
        note_use: NoteUse = unnoted,
        now: Callable[[], float] = time.time,
    ) -> None:
        _check_issuer(issuer)
        self.metadata = server_metadata(issuer, sees_certificates=sees_certificates)
        self.resource_metadata = resource_metadata(issuer, sees_certificates=sees_certificates)
        self._issuer = issuer
        self._clients, self._revocations = clients, revocations
        self._partners = partners
        self._key_book, self._proofs, self._replay = key_book, proofs, replay
        self._throttle, self._announce = throttle, announce
        self._note_refusal, self._note_use = note_refusal, note_use
        self._now = now
        self._uri = token_endpoint(issuer)
        self._core = Core(
            issuer=issuer, resource=issuer, pepper=pepper, authorities=authorities, signer=authority.keys.signer
        )
        self.adopt(authority)

    def adopt(self, authority: Authority) -> None:
        """Sign with and publish these keys from the next request on."""
        self._core.signer = authority.keys.signer
        self._reader = Reader(self._issuer, self._issuer, authority.keys.verifying)
        self.jwks = authority.keys.jwks

    async def token(self, incoming: Incoming) -> Answer:
        """The answer to a POST to the token endpoint. A refusal is an answer too; nothing expected raises."""
        return await self._answer(incoming, "grant_type", self._issue)

    async def introspect(self, incoming: Incoming) -> Answer:
        """Likewise for the introspection endpoint: a client is told of its own tokens, and of no other."""
        return await self._answer(incoming, "token", self._introspect)

    async def revoke(self, incoming: Incoming) -> Answer:
        """Likewise for the revocation endpoint. Every worker refuses the token within a second (authority.py).

        It is on the log before, once for each token; while the log is closed the answer is 503, and the token is good.
        """
        return await self._answer(incoming, "token", self._revoke)

    async def _answer(self, incoming: Incoming, needed: str, work: _Work) -> Answer:
        seen = _Seen()
        outcome = await self._outcome(incoming, needed, work, seen)
        if isinstance(outcome, Refusal):
            self._note(outcome, incoming, seen.known)
            outcome = answer_refusal(outcome, challenge=bool(incoming.authorization))
        return replace(outcome, headers=(*outcome.headers, ("X-Request-Id", incoming.request_id)))

    async def _outcome(self, incoming: Incoming, needed: str, work: _Work, seen: _Seen) -> _Outcome:
        wait_s = await self._throttle.admit_source(incoming.source)
        if wait_s is not None:
            return too_many(wait_s)
        shown = read_incoming(incoming, needed)
        if isinstance(shown, Refusal):
            return shown
        form, credentials = shown
        wait_s = await self._throttle.admit_client(credentials.client_id, incoming.source)
        if wait_s is not None:
            return too_many(wait_s)
        outcome = await self._worked(form, credentials, incoming, work, seen)
        if isinstance(outcome, Refusal) and outcome.status == 401 and outcome.reason not in _TEMPORARY:
            await self._throttle.note_failure(credentials.client_id, incoming.source)
        return outcome

    async def _worked(
        self, form: Mapping[str, str], credentials: Credentials, incoming: Incoming, work: _Work, seen: _Seen
    ) -> _Outcome:
        now_s = self._now()
        try:
            seen.known = known = await self._known(credentials, now_s)
            request = TokenRequest(
                uri=self._uri,
                form=form,
                credentials=credentials,
                known=known,
                now_s=now_s,
                certificate=incoming.certificate,
            )
            return await work(request, incoming)
        except StoreError:
            return UNAVAILABLE
        except AuthorityError as error:
            _log.error("log unavailable", request_id=incoming.request_id, error=str(error))
            return UNAVAILABLE
        except RefusedError as error:
            return error.refusal
        except OAuth2Error as error:
            return refusal_for(str(error.error))

    async def _known(self, credentials: Credentials, now_s: float) -> KnownClient | None:
        if isinstance(credentials, Unusable):
            return None
        client = await self._clients.find(credentials.client_id)
        if client is None:
            return None
        keys = None
        if isinstance(credentials, Assertion) and client.auth_method == "private_key_jwt":
            keys = await self._key_book.keys_of(client, credentials.kid, now_s)
        return KnownClient(client, now_s, keys)

    def _give_rights(self, known: KnownClient) -> None:
        """Only to a client that has proved who it is: looking through all agreements takes a while."""
        known.rights = self._partners.rights_of(known.client.partner, known.now_s)
        known.own = self._partners.own_right(known.client.partner, known.now_s)

    async def _issue(self, request: TokenRequest, incoming: Incoming) -> _Outcome:
        grant = self._core.authenticated(request)
        proved = await self._proved(incoming, request.now_s)
        if isinstance(proved, ProofFault) and (proved.needs_nonce or proved.unavailable):
            # Before the assertion is used up: a client sends it once more, with the nonce (RFC 9449 section 8).
            return _proof_refusal(proved)
        refusal = await self._use_up(request)
        if refusal is not None:
            return refusal
        if isinstance(proved, ProofFault):
            return _proof_refusal(proved)
        nonce = proved.nonce if proved is not None else ""
        client = request.client
        client.held = _held(proved, client.client, incoming)
        self._give_rights(client)
        try:
            _, body, _ = grant.create_token_response()
        except RefusedError as error:
            return replace(error.refusal, nonce=nonce)
        self._note_bound(client, incoming)
        return answer_json(body, nonce)

    def _note_bound(self, known: KnownClient, incoming: Incoming) -> None:
        """The certificate that a token is bound to, where it is not what the client was known by."""
        if known.held.binding == "mtls" and known.client.auth_method not in TLS_METHODS and incoming.certificate:
            shown = incoming.certificate
            self._note_use(known.client.client_id, f"certificate:{shown.thumbprint}", lasting_of(shown))

    async def _introspect(self, request: TokenRequest, incoming: Incoming) -> _Outcome:
        client = self._core.identified(request, "introspection")
        refusal = await self._use_up(request)
        if refusal is not None:
            return refusal
        read = self._reader.own(request.parameters["token"], client.client, request.now_s)
        # The store itself is asked, not what this worker has heard of it so far.
        if read is None or await self._revocations.is_revoked(read.claims.jti):
            return answer_json(INACTIVE)
        self._give_rights(client)
        return answer_json(introspected(read, client.client, client.rights, client.own))

    async def _revoke(self, request: TokenRequest, incoming: Incoming) -> _Outcome:
        client = self._core.identified(request, "revocation")
        refusal = await self._use_up(request)
        if refusal is not None:
            return refusal
        read = self._reader.own(request.parameters["token"], client.client, request.now_s)
        if read is not None:
            claims, now_s = read.claims, int(request.now_s)
            # Another node's clock may run behind ours.
            until_s = claims.exp + CLOCK_SKEW_S
            announce = partial(self._announce, client.client, claims.jti)
            await self._revocations.revoke(claims.jti, claims.client_id, until_s, now_s, announce)
        return answer_done()

    async def _proved(self, incoming: Incoming, now_s: float) -> Proved | ProofFault | None:
        """Whose key a DPoP proof shows; None when there is no proof."""
        if not incoming.proofs:
            return None
        proof = incoming.proofs[0] if len(incoming.proofs) == 1 else REPEATED
        return await self._proofs.check(proof, "POST", TOKEN_PATH.encode(), now_s)

    async def _use_up(self, request: TokenRequest) -> Refusal | None:
        """Claim what may be used once, and say which credential was used; a refusal when it was used before.

        After the signature, so that nobody can use up what is not theirs; before anything else is looked at, so that
        an assertion is good for one request whatever comes of that.
        """
        if request.once is not None:
            once = request.once
            claim = await self._replay.claim(once.client_id, once.jti, request.now_s, once.until_s)
            if claim != "first":
                return not_authenticated("assertion-replayed") if claim == "again" else UNAVAILABLE
        self._note_use(request.client.client.client_id, request.used, request.lasting)
        return None

    def _note(self, refusal: Refusal, incoming: Incoming, known: KnownClient | None) -> None:
        """Names only a client that is there: what anybody sent is not kept."""
        clause = refusal.clause
        self._note_refusal(
            RefusedCall(
                request_id=incoming.request_id,
                partner=known.client.partner if known is not None else "",
                client_id=known.client.client_id if known is not None else "",
                time_us=int(self._now() * 1_000_000),
                door="token",
                status=refusal.status,
                code=refusal.error,
                reason=refusal.reason,
                agreement=clause.agreement if clause is not None else "",
                version=clause.version if clause is not None else "",
                clause=clause.id if clause is not None else "",
            )
        )


def _held(proved: Proved | None, client: Client, incoming: Incoming) -> Held:
    """What the token will be bound to: the key of the proof, or else the client's certificate.

    A client that authenticates by a secret has no certificate of its own: one that merely is there binds nothing.
    """
    if proved is not None:
        return Held("dpop", proved.thumbprint)
    if incoming.certificate is not None and client.auth_method in (*TLS_METHODS, "private_key_jwt"):
        return Held("mtls", incoming.certificate.thumbprint)
    return UNBOUND


def _proof_refusal(fault: ProofFault) -> Refusal:
    reason = f"proof-{fault.reason}"
    if fault.unavailable:
        return replace(UNAVAILABLE, reason=reason)
    return replace(USE_NONCE if fault.needs_nonce else INVALID_PROOF, nonce=fault.nonce, reason=reason)


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
        raise ValueError("the issuer must be a base URL without a path, such as https://gateway.example")
    try:
        InsecureTransportError.check(issuer)  # type: ignore[no-untyped-call]
    except OAuth2Error:
        raise ValueError("the issuer must be https, or http on a loopback address") from None
