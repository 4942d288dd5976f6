"""authlib's authorization server with everything closed that its defaults leave open.

authlib decides which grant and which authentication method apply and in which order; what is verified, which words
are said and what a token holds is ours. Its core is synchronous: the client and its keys are read before.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator
from msgspec import to_builtins
from msgspec.structs import replace

from gateway.credentials.noted import UNSAID, Lasting
from gateway.oauth.access import Right
from gateway.oauth.answers import (
    INVALID_DETAILS,
    INVALID_SCOPE,
    TOO_MUCH,
    Refusal,
    not_authenticated,
    wrong_target,
)
from gateway.oauth.assertion import AssertionFault, UsedOnce, burn, verified_assertion
from gateway.oauth.certificate import Certificate, lasting_of
from gateway.oauth.certificates import Authorities, client_fault
from gateway.oauth.client_secret import live_secret
from gateway.oauth.credentials import Assertion, Basic, Credentials, Named
from gateway.oauth.details import read_details
from gateway.oauth.entitlement import Asking, Entitlement, entitled
from gateway.oauth.keys import Signer
from gateway.oauth.tokens import LIFETIME_S, UNBOUND, Held, claims_for, is_too_large, sign
from gateway.store.clients import AUTH_METHODS, AuthMethod, Client, ClientKey, end_of
from gateway.store.hidden import Hidden

GRANT_TYPE = "client_credentials"
TLS_METHODS: tuple[AuthMethod, ...] = ("tls_client_auth", "self_signed_tls_client_auth")
_ENDPOINTS = ("token", "introspection", "revocation")
# Whoever shows a certificate for a client that is not there is checked against this one.
_NOBODY = Client("", "", "tls_client_auth", 0, True, 0, tls_subject_kind="san_dns", tls_subject="nobody.invalid")


class RefusedError(OAuth2Error):
    """A Refusal on its way through authlib."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(error=refusal.error, status_code=refusal.status)  # type: ignore[no-untyped-call]
        self.refusal = refusal


class KnownClient(ClientMixin):
    """A client at the moment of a request, as authlib asks about it.

    `keys` are those it may sign with, None when they cannot be had now. Once it has proved who it is: `rights` are all
    that its partner's agreements in force give, `held` is what the token is bound to, `entitlement` what it will say.
    """

    def __init__(self, client: Client, now_s: float, keys: Sequence[ClientKey] | None = ()) -> None:
        self.client = client
        self.now_s = now_s
        self.keys = keys
        self.rights: Sequence[Right] = ()
        self.own: Right | None = None
        self.held: Held = UNBOUND
        self.entitlement = Entitlement(frozenset())

    def get_client_id(self) -> str:
        return self.client.client_id

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.client.auth_method and endpoint in _ENDPOINTS

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == GRANT_TYPE

    def get_allowed_scope(self, scope: str | None) -> str:
        """What was decided (entitlement.py), looked at once more where authlib makes the token."""
        asked = frozenset((scope or "").split())
        if not asked or not asked <= self.entitlement.scopes:
            raise RefusedError(INVALID_SCOPE)
        return " ".join(sorted(asked))


class TokenRequest(OAuth2Request):
    """One request: its form and credentials, and the client that was read for them (None: no such client).

    `once` is set when an assertion was verified: it has to be claimed before a token is made. `used` says which
    credential it was, as gateway/credentials/noted.py names them, and `lasting` how long that lasts where it is
    registered nowhere; `client` is set once the client is authenticated.
    """

    client: KnownClient  # type: ignore[assignment]

    def __init__(
        self,
        *,
        uri: str,
        form: Mapping[str, str],
        credentials: Credentials,
        known: KnownClient | None,
        now_s: float,
        certificate: Certificate | None = None,
    ) -> None:
        super().__init__("POST", uri)
        self.payload = BasicOAuth2Payload(form)  # type: ignore[assignment, no-untyped-call]
        self.parameters = form
        self.credentials = credentials
        self.known = known
        self.now_s = now_s
        self.certificate = certificate
        self.once: UsedOnce | None = None
        self.used = ""
        self.lasting = UNSAID

    def __repr__(self) -> str:
        return "TokenRequest()"


class Grant(ClientCredentialsGrant):
    """The only grant there is (RFC 6749 section 4.4). authlib's own version logs the token at DEBUG."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS  # type: ignore[assignment]

    request: TokenRequest

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        """The token and what it is good for; what it is bound to was set in the client."""
        client = self.request.client
        client.entitlement = self._entitled(client)
        scope = " ".join(sorted(client.entitlement.scopes))
        token: dict[str, Any] = self.generate_token(scope=scope, include_refresh_token=False)  # type: ignore[no-untyped-call]
        if client.held.binding == "dpop":
            token["token_type"] = "DPoP"  # noqa: S105  # RFC 9449 section 5
        if client.entitlement.details is not None:
            token["authorization_details"] = to_builtins(client.entitlement.details)  # RFC 9396 section 7
        return 200, token, []

    def _entitled(self, client: KnownClient) -> Entitlement:
        data = self.request.parameters
        # A client that another server sent here for its token names that server, and gets none to hand over (RFC 9728
        # sections 7.3 and 7.4). Compared as it stands (section 6): there is one spelling, and the refusal tells it.
        if data.get("resource") != self.server.resource:
            raise RefusedError(wrong_target(self.server.resource, missing="resource" not in data))
        details = None
        if "authorization_details" in data:
            details = read_details(data["authorization_details"])
            if details is None:
                raise RefusedError(INVALID_DETAILS)
        asking = Asking(client.client.auth_method, client.held.binding, client.own, data.get("scope"), details)
        outcome = entitled(client.rights, asking)
        if isinstance(outcome, Refusal):
            raise RefusedError(outcome)
        return outcome


class Core(AuthorizationServer):
    """Holds no state of a request. `signer` may be replaced between two requests."""

    def __init__(
        self, *, issuer: str, resource: str, pepper: Hidden[bytes], authorities: Authorities, signer: Signer
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.issuer = issuer
        self.resource = resource
        self.signer = signer
        self._pepper = pepper
        self._authorities = authorities
        generator = BearerTokenGenerator(  # type: ignore[no-untyped-call]
            self._access_token, expires_generator=LIFETIME_S
        )
        self.register_token_generator("default", generator)  # type: ignore[no-untyped-call]
        self.register_client_auth_method("client_secret_basic", self._by_secret)  # type: ignore[no-untyped-call]
        self.register_client_auth_method("private_key_jwt", self._by_assertion)  # type: ignore[no-untyped-call]
        for method in TLS_METHODS:
            self.register_client_auth_method(method, partial(self._by_certificate, method))  # type: ignore[no-untyped-call]
        self.register_grant(Grant)  # type: ignore[no-untyped-call]

    def authenticated(self, request: TokenRequest) -> Grant:
        """The grant of a request whose client has proved who it is. Raises OAuth2Error."""
        grant: Grant = self.get_token_grant(request)  # type: ignore[no-untyped-call]
        grant.validate_token_request()  # type: ignore[no-untyped-call]
        return grant

    def identified(self, request: TokenRequest, endpoint: str) -> KnownClient:
        """The client of a request to another endpoint, by the same rules. Raises OAuth2Error."""
        client: KnownClient = self.authenticate_client(request, AUTH_METHODS, endpoint)  # type: ignore[no-untyped-call]
        request.client = client
        return client

    def query_client(self, client_id: str) -> None:
        """Never asked: every method works on the client that came with the request."""

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""

    def _by_secret(self, _query: object, request: TokenRequest) -> KnownClient | None:
        if not isinstance(request.credentials, Basic):
            return None
        known = request.known
        secrets = known.client.secrets if known is not None else ()
        # First the comparison, then the rest: it takes place for clients that do not exist as well.
        found = live_secret(request.credentials.secret.reveal(), secrets, self._pepper, request.now_s)
        known = _registered(known, ("client_secret_basic",))
        if found is None:
            raise RefusedError(not_authenticated("secret-wrong"))
        request.used = f"secret:{found.created_s}"
        return _enabled(known)

    def _by_assertion(self, _query: object, request: TokenRequest) -> KnownClient | None:
        if not isinstance(request.credentials, Assertion):
            return None
        text, known = request.credentials.text.reveal(), request.known
        if known is None or known.client.auth_method != "private_key_jwt" or known.keys is None:
            burn(text)
            _registered(known, ("private_key_jwt",))
            raise RefusedError(not_authenticated("keys-unavailable"))
        once = verified_assertion(text, known.client.client_id, known.keys, self.issuer, request.now_s)
        if isinstance(once, AssertionFault):
            raise RefusedError(not_authenticated(once.reason))
        request.once, request.used = once, f"key:{once.kid}"
        if known.client.jwks_url:
            request.lasting = Lasting(ends_s=end_of(once.kid, known.keys))
        return _enabled(known)

    def _by_certificate(self, method: AuthMethod, _query: object, request: TokenRequest) -> KnownClient | None:
        if not isinstance(request.credentials, Named):
            return None
        known, certificate = request.known, request.certificate
        registered = known.client.auth_method if known is not None else "tls_client_auth"
        if method != registered and registered in TLS_METHODS:
            return None  # its turn comes
        # A chain is looked at for every client there is or is not; whether the certificate is a registered one costs
        # nothing beside it.
        by_chain = known.client if known is not None and registered == "tls_client_auth" else _NOBODY
        fault = client_fault(certificate, by_chain, self._authorities, request.now_s)
        known = _registered(known, TLS_METHODS)
        if registered == "self_signed_tls_client_auth":
            fault = client_fault(certificate, known.client, self._authorities, request.now_s)
        if certificate is None or fault is not None:
            raise RefusedError(not_authenticated(fault or "certificate-missing"))
        request.used = f"certificate:{certificate.thumbprint}"
        if registered == "tls_client_auth":
            request.lasting = lasting_of(certificate)
        return _enabled(known)

    def _access_token(self, client: KnownClient, grant_type: str, user: None, scope: str) -> str:
        claims = claims_for(
            issuer=self.issuer,
            audience=self.resource,
            client_id=client.client.client_id,
            partner=client.client.partner,
            scopes=scope.split(),
            now_s=client.now_s,
            epoch_s=client.client.epoch_s,
            held=client.held,
            details=client.entitlement.details,
        )
        token = sign(claims, self.signer)
        if is_too_large(token):
            narrowed = client.entitlement.details is not None
            raise RefusedError(replace(TOO_MUCH, error=INVALID_DETAILS.error) if narrowed else TOO_MUCH)
        return token


def _registered(known: KnownClient | None, methods: Sequence[AuthMethod]) -> KnownClient:
    """The client, if there is one that authenticates by one of these methods."""
    if known is None:
        raise RefusedError(not_authenticated("unknown-client"))
    if known.client.auth_method not in methods:
        raise RefusedError(not_authenticated("another-method"))
    return known


def _enabled(known: KnownClient) -> KnownClient:
    if known.client.disabled:
        raise RefusedError(not_authenticated("client-disabled"))
    return known
