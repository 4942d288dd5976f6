"""authlib's authorization server with everything closed that its defaults leave open.

authlib decides which grant and which authentication method apply and in which order; what is verified, which words
are said and what a token holds is ours. Its core is synchronous: the client is read from the store before.
"""

from collections.abc import Mapping
from typing import Any

from authlib.oauth2.base import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer, ClientMixin, OAuth2Request
from authlib.oauth2.rfc6749.grants import ClientCredentialsGrant
from authlib.oauth2.rfc6749.requests import BasicOAuth2Payload
from authlib.oauth2.rfc6750 import BearerTokenGenerator

from gateway.oauth.answers import INVALID_CLIENT, INVALID_DETAILS, INVALID_SCOPE, INVALID_TARGET, Refusal
from gateway.oauth.assertion import UsedOnce, verified_assertion
from gateway.oauth.client_secret import is_live_secret
from gateway.oauth.credentials import Assertion, Basic, Credentials
from gateway.oauth.keys import Signer
from gateway.oauth.tokens import LIFETIME_S, claims_for, sign
from gateway.store.clients import AUTH_METHODS, Client
from gateway.store.hidden import Hidden

GRANT_TYPE = "client_credentials"


class RefusedError(OAuth2Error):
    """A Refusal on its way through authlib."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(error=refusal.error, status_code=refusal.status)  # type: ignore[no-untyped-call]
        self.refusal = refusal


class KnownClient(ClientMixin):
    """A client at the moment of a request, as authlib asks about it. `scopes` are all that the partner may have."""

    def __init__(self, client: Client, scopes: frozenset[str], now_s: float) -> None:
        self.client = client
        self.scopes = scopes
        self.now_s = now_s

    def get_client_id(self) -> str:
        return self.client.client_id

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.client.auth_method and endpoint == "token"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type == GRANT_TYPE

    def get_allowed_scope(self, scope: str | None) -> str:
        """The scopes of the token: all of them, or those asked for if each is among them (RFC 6749 section 3.3).

        Never fewer than asked for: a client that has lost a scope hears so here, not at its next call.
        """
        asked = self.scopes if scope is None else frozenset(scope.split(" "))
        if not asked or not asked <= self.scopes:
            raise RefusedError(INVALID_SCOPE)
        return " ".join(sorted(asked))


class TokenRequest(OAuth2Request):
    """One token request: its form and credentials, and the client that was read for them (None: no such client).

    `once` is set when an assertion was verified; it has to be claimed before a token is made.
    """

    def __init__(
        self, *, uri: str, form: Mapping[str, str], credentials: Credentials, known: KnownClient | None, now_s: float
    ) -> None:
        super().__init__("POST", uri)
        self.payload = BasicOAuth2Payload(form)  # type: ignore[assignment, no-untyped-call]
        self.parameters = form
        self.credentials = credentials
        self.known = known
        self.now_s = now_s
        self.once: UsedOnce | None = None

    def __repr__(self) -> str:
        return "TokenRequest()"


class Grant(ClientCredentialsGrant):
    """The only grant there is (RFC 6749 section 4.4). authlib's own version logs the token at DEBUG."""

    TOKEN_ENDPOINT_AUTH_METHODS = AUTH_METHODS  # type: ignore[assignment]

    request: TokenRequest

    def create_token_response(self) -> tuple[int, dict[str, Any], list[tuple[str, str]]]:
        data = self.request.parameters
        if "authorization_details" in data:
            raise RefusedError(INVALID_DETAILS)
        if data.get("resource", self.server.resource) != self.server.resource:
            raise RefusedError(INVALID_TARGET)
        token = self.generate_token(scope=data.get("scope"), include_refresh_token=False)  # type: ignore[no-untyped-call]
        return 200, token, []


class Core(AuthorizationServer):
    """Holds no state of a request. `signer` may be replaced between two requests."""

    def __init__(self, *, issuer: str, resource: str, pepper: Hidden[bytes], signer: Signer) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.issuer = issuer
        self.resource = resource
        self.signer = signer
        self._pepper = pepper
        generator = BearerTokenGenerator(  # type: ignore[no-untyped-call]
            self._access_token, expires_generator=LIFETIME_S
        )
        self.register_token_generator("default", generator)  # type: ignore[no-untyped-call]
        self.register_client_auth_method("client_secret_basic", self._by_secret)  # type: ignore[no-untyped-call]
        self.register_client_auth_method("private_key_jwt", self._by_assertion)  # type: ignore[no-untyped-call]
        self.register_grant(Grant)  # type: ignore[no-untyped-call]

    def authenticated(self, request: TokenRequest) -> Grant:
        """The grant of a request whose client has proved who it is. Raises OAuth2Error."""
        grant: Grant = self.get_token_grant(request)  # type: ignore[no-untyped-call]
        grant.validate_token_request()  # type: ignore[no-untyped-call]
        return grant

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
        right = is_live_secret(request.credentials.secret.reveal(), secrets, self._pepper, request.now_s)
        if known is None or not right or known.client.disabled:
            raise RefusedError(INVALID_CLIENT)
        return known

    def _by_assertion(self, _query: object, request: TokenRequest) -> KnownClient | None:
        if not isinstance(request.credentials, Assertion):
            return None
        known = request.known
        if known is None or known.client.disabled:
            raise RefusedError(INVALID_CLIENT)
        text = request.credentials.text.reveal()
        request.once = verified_assertion(text, known.client, self.issuer, request.now_s)
        if request.once is None:
            raise RefusedError(INVALID_CLIENT)
        return known

    def _access_token(self, client: KnownClient, grant_type: str, user: None, scope: str) -> str:
        claims = claims_for(
            issuer=self.issuer,
            audience=self.resource,
            client_id=client.client.client_id,
            partner=client.client.partner,
            scopes=scope.split(),
            now_s=client.now_s,
            epoch_s=client.client.epoch_s,
        )
        return sign(claims, self.signer)
