"""The company's identity provider: a person is sent there and comes back with a code, which tells us who that is.

Authorization code flow with PKCE (RFC 7636), state and nonce; authlib is the client, joserfc verifies the ID token. An
answer of another provider is refused (RFC 9207).
"""

import asyncio
import ssl
import time
import warnings
from collections.abc import Callable, Mapping
from typing import Any, Final, Literal

import httpx
from msgspec import Struct

from gateway.outbound.transport import CappedTransport
from gateway.people.confirmation import FRESH_S
from gateway.people.discovery import DOCUMENT_BYTES_MAX, TIMEOUT_S, Discovery, Metadata, Unavailable, is_secure
from gateway.people.id_token import Expected, Person, TokenFault, keys_for, unverified_header, verified_person
from gateway.people.transaction import Transaction
from gateway.settings import Settings
from gateway.store.hidden import Hidden

CALLBACK: Final = "/console/oidc/callback"
"""What of ours is registered at the provider, for the console and the portal."""
_SCOPE: Final = "openid profile email"
_CODE_CHARACTERS_MAX: Final = 4_096


class LoginFault(Struct, frozen=True):
    """Nobody was logged in. `kind` is what the person is told; `reason` a word for the operator's log."""

    kind: Literal["unavailable", "declined", "refused", "unproved"]
    reason: str


class ProviderSettings(Struct, frozen=True):
    """Where the provider is, and what we are called there. An empty secret: a public client."""

    issuer: str
    client_id: str
    secret: Hidden[str]
    redirect_uri: str


def provider_settings(settings: Settings, public_url: str) -> ProviderSettings | None:
    """Those of clausegate.toml; None where there is no provider. `public_url` is how people reach the gateway.

    Raises ValueError for settings that cannot work.
    """
    if not settings.oidc_issuer:
        if settings.local_login == "off":
            raise ValueError("local_login: off without oidc_issuer leaves nobody a way to log in")
        return None
    if not is_secure(settings.oidc_issuer):
        raise ValueError("oidc_issuer: begins with https://, as whoever is between can say who logs in")
    if not settings.oidc_client_id:
        raise ValueError("oidc_client_id: the provider knows the gateway by a client_id")
    if not settings.oidc_roles:
        raise ValueError("oidc_roles: without a group that has a role nobody from there can log in")
    return ProviderSettings(
        settings.oidc_issuer,
        settings.oidc_client_id,
        Hidden(settings.oidc_client_secret),
        public_url.rstrip("/") + CALLBACK,
    )


class Provider:
    """Sends people to the provider and verifies what they come back with. `transport` is for tests."""

    def __init__(
        self,
        settings: ProviderSettings,
        *,
        now: Callable[[], float] = time.time,
        monotonic_s: Callable[[], float] = time.monotonic,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        self._settings, self._now = settings, now
        # The authorities of this machine, or of SSL_CERT_FILE: a company's own provider is often under its own.
        inner = transport or httpx.AsyncHTTPTransport(verify=ssl.create_default_context(), trust_env=False)
        self._transport = CappedTransport(inner, DOCUMENT_BYTES_MAX)
        self._client = httpx.AsyncClient(transport=self._transport, **_LIMITS)
        self._discovery = Discovery(settings.issuer, self._client, monotonic_s)

    @property
    def issuer(self) -> str:
        """Who says who people are."""
        return self._settings.issuer

    async def close(self) -> None:
        """Let go of connections."""
        await self._client.aclose()

    async def address(self, transaction: Transaction) -> str | LoginFault:
        """Where to send the person."""
        metadata = await self._discovery.metadata()
        if isinstance(metadata, Unavailable):
            return LoginFault("unavailable", metadata.reason)
        client = self._oauth(metadata)
        # OpenID Connect Core 1.0, section 3.1.2.1: the person proves it anew, and the ID token has to say when.
        anew = {"prompt": "login", "max_age": str(FRESH_S)} if transaction.confirms else {}
        url, _ = client.create_authorization_url(
            metadata.authorization_endpoint,
            state=transaction.state,
            nonce=transaction.nonce,
            code_verifier=transaction.verifier,
            **anew,
        )
        return str(url)

    async def person(self, answer: Mapping[str, str], transaction: Transaction) -> Person | LoginFault:
        """Who has come back. `answer` are the parameters of the callback, whose state was compared already."""
        metadata = await self._discovery.metadata()
        if isinstance(metadata, Unavailable):
            return LoginFault("unavailable", metadata.reason)
        said = answer.get("iss")
        if said != metadata.issuer and (said or metadata.authorization_response_iss_parameter_supported):
            return LoginFault("refused", "another-issuer")
        if "error" in answer:
            return LoginFault("declined", "declined")
        code = answer.get("code", "")
        if not 0 < len(code) <= _CODE_CHARACTERS_MAX:
            return LoginFault("refused", "no-code")
        token = await self._id_token(metadata, code, transaction)
        return token if isinstance(token, LoginFault) else await self._verified(metadata, token, transaction.nonce)

    async def _id_token(self, metadata: Metadata, code: str, transaction: Transaction) -> str | LoginFault:
        client = self._oauth(metadata)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                answer = await client.fetch_token(
                    metadata.token_endpoint, code=code, code_verifier=transaction.verifier, grant_type=_GRANT
                )
        except (TimeoutError, httpx.TransportError):
            return LoginFault("unavailable", "token-endpoint")
        except Exception:  # whatever the library makes of a refusal; it may hold what was sent
            return LoginFault("refused", "code")
        token = answer.get("id_token") if isinstance(answer, dict) else None
        return token if isinstance(token, str) else LoginFault("refused", "no-id-token")

    async def _verified(self, metadata: Metadata, token: str, nonce: str) -> Person | LoginFault:
        header = unverified_header(token)
        if header is None:
            return LoginFault("refused", "unreadable")
        for again in (False, True):  # a key that is not there may be a new one
            keys = await self._discovery.keys(metadata, again=again)
            if isinstance(keys, Unavailable):
                return LoginFault("unavailable", keys.reason)
            fitting = keys_for(header, keys)
            if fitting:
                expected = Expected(metadata.issuer, self._settings.client_id, nonce)
                found = verified_person(token, fitting, expected, self._now())
                return LoginFault("refused", found.reason) if isinstance(found, TokenFault) else found
        return LoginFault("refused", "key")

    def _oauth(self, metadata: Metadata) -> Any:
        """authlib's client for one login: it keeps what it is given, so it is not shared."""
        from authlib.deprecate import AuthlibDeprecationWarning

        with warnings.catch_warnings():
            # authlib would rather have another HTTP library, and would say so on standard error.
            warnings.simplefilter("ignore", AuthlibDeprecationWarning)
            from authlib.integrations.httpx_client import AsyncOAuth2Client
        secret = self._settings.secret.reveal()
        methods = metadata.token_endpoint_auth_methods_supported
        method = "client_secret_basic" if "client_secret_basic" in methods else "client_secret_post"
        return AsyncOAuth2Client(  # type: ignore[no-untyped-call]
            client_id=self._settings.client_id,
            client_secret=secret or None,
            token_endpoint_auth_method=method if secret else "none",
            scope=_SCOPE,
            redirect_uri=self._settings.redirect_uri,
            code_challenge_method="S256",
            transport=self._transport,
            **_LIMITS,
        )


_GRANT: Final = "authorization_code"
_LIMITS: Final[dict[str, Any]] = {
    "timeout": httpx.Timeout(TIMEOUT_S),
    "follow_redirects": False,
    "trust_env": False,
    "headers": {"Accept-Encoding": "identity"},
}
