"""Access tokens of a partner's authorization server: kept, fetched again before they end, one fetch at a time."""

import asyncio
import warnings
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import httpx
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key
from joserfc.errors import JoseError, SecurityWarning
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from msgspec import Struct

from gateway.outbound.target import ServiceTarget

_EARLY_S = 60.0
"""A token is replaced so long before it ends; of a short one when a fifth of its life is left."""
_LIFETIME_S = 300.0
"""Of a token whose server does not say."""
_TOKEN_CHARACTERS_MAX = 16 * 1024
_ASSERTION_S = 120
"""Enough for a clock that is a minute off; servers of our own profile take five minutes at most."""
_RSA_BITS_MIN = 2048


class TokenFault(Struct, frozen=True):
    """No token: the server cannot be reached, is too slow, or gives none. Holds nothing that was sent or received."""

    kind: Literal["unreachable", "timeout", "refused"]


class _Held(Struct, frozen=True):
    """A token until `renew_s`, on the clock of the source. Its value is in no message."""

    value: str
    renew_s: float

    def __repr__(self) -> str:
        return "_Held(...)"


Fetch = Callable[[], Awaitable[Any]]
"""Asks the server: its answer as a mapping (RFC 6749 section 5.1), or an exception."""


class TokenSource:
    """The current token of one service. `now_s` is a clock that never goes back."""

    def __init__(self, fetch: Fetch, *, now_s: Callable[[], float]) -> None:
        self._fetch, self._now_s = fetch, now_s
        self._held: _Held | None = None
        self._fetching = asyncio.Lock()

    async def token(self) -> str | TokenFault:
        """A token that is good for a while yet."""
        held = self._held
        if held is not None and self._now_s() < held.renew_s:
            return held.value
        async with self._fetching:  # whoever waited here finds what the first one fetched
            if self._held is not None and self._now_s() < self._held.renew_s:
                return self._held.value
            return await self._fetched()

    def drop(self, value: str) -> None:
        """The partner does not take this token any more. One that was fetched since is kept."""
        if self._held is not None and self._held.value == value:
            self._held = None

    async def _fetched(self) -> str | TokenFault:
        asked_s = self._now_s()
        try:
            answer = await self._fetch()
        except (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout):
            return TokenFault("unreachable")
        except httpx.TimeoutException:
            return TokenFault("timeout")
        except Exception:  # whatever the library makes of an answer that is no token; it may hold what was sent
            return TokenFault("refused")
        held = _read(answer, asked_s)
        if held is None:
            return TokenFault("refused")
        self._held = held
        return held.value


def _read(answer: Any, asked_s: float) -> _Held | None:
    """The token in an answer, if it is a Bearer token that a header can hold (RFC 6750 section 2.1)."""
    value = answer.get("access_token") if isinstance(answer, dict) else None
    if not isinstance(value, str) or not 0 < len(value) <= _TOKEN_CHARACTERS_MAX:
        return None
    if not value.isascii() or not value.isprintable() or " " in value:
        return None
    if str(answer.get("token_type", "")).lower() != "bearer":
        return None
    lifetime = answer.get("expires_in", _LIFETIME_S)
    lifetime_s = float(lifetime) if isinstance(lifetime, int | float) else _LIFETIME_S
    return _Held(value, asked_s + max(lifetime_s - min(_EARLY_S, lifetime_s / 5), 0.0))


class KeyFileError(Exception):
    """The private key of a service cannot be used; the text names no value."""


def fetcher(target: ServiceTarget, transport: httpx.AsyncBaseTransport, timeout: httpx.Timeout) -> Fetch:
    """Client credentials (RFC 6749 section 4.4) by authlib. Raises KeyFileError."""
    from authlib.deprecate import AuthlibDeprecationWarning

    with warnings.catch_warnings():
        # authlib would rather have another HTTP library, and would say so on standard error.
        warnings.simplefilter("ignore", AuthlibDeprecationWarning)
        from authlib.integrations.httpx_client import AsyncOAuth2Client
    client: Any = AsyncOAuth2Client(  # type: ignore[no-untyped-call]
        client_id=target.client_id,
        client_secret=target.client_secret or None,
        token_endpoint_auth_method=_method(target),
        scope=target.scope or None,
        transport=transport,
        timeout=timeout,
        follow_redirects=False,
        trust_env=False,
    )

    async def fetch() -> Any:
        asked = {"resource": target.resource} if target.resource else {}
        return dict(await client.fetch_token(target.token_url, grant_type="client_credentials", **asked))

    return fetch


def _method(target: ServiceTarget) -> Any:
    """How the client proves itself, as authlib wants it: a word, or what completes a request."""
    if target.auth == "private_key_jwt":
        return _Assertions(target)
    # The handshake proves who it is, and the form says so (RFC 8705 section 2): what authlib does for a public client.
    return "none" if target.auth.endswith("tls_client_auth") else target.auth


class _Assertions:
    """Signs an assertion for each request (RFC 7523 section 2.2).

    authlib's own PrivateKeyJWT gives them an hour where servers take five minutes, and one `jti` to all of them as soon
    as it is given any claim.
    """

    def __init__(self, target: ServiceTarget) -> None:
        self._key, self._algorithm = _key(Path(target.private_key_file))
        self._kid = target.key_id or self._key.thumbprint()
        self._audience = target.audience or target.token_url

    def __call__(self, auth: Any, _method: str, uri: str, headers: Any, body: Any) -> tuple[str, Any, str]:
        from authlib.common.urls import add_params_to_qs
        from authlib.oauth2.rfc7523 import private_key_jwt_sign
        from authlib.oauth2.rfc7523.client import ASSERTION_TYPE

        with warnings.catch_warnings():
            # RFC 9864 calls Ed25519 what servers still know as EdDSA; joserfc would say so on standard error.
            warnings.simplefilter("ignore", SecurityWarning)
            assertion = private_key_jwt_sign(  # type: ignore[no-untyped-call]
                self._key,
                auth.client_id,
                self._audience,
                alg=self._algorithm,
                header={"kid": self._kid},
                expires_in=_ASSERTION_S,
            )
        added = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)]
        return uri, headers, add_params_to_qs(body or "", added)  # type: ignore[no-untyped-call]


def _key(file: Path) -> tuple[Key, str]:
    """The key in a file and its one algorithm (FAPI 2.0 section 5.4): by its kind, never by what a message says."""
    try:
        found = load_pem_private_key(file.read_bytes(), password=None)
        pem = found.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        match found:
            case ec.EllipticCurvePrivateKey(curve=ec.SECP256R1()):
                return ECKey.import_key(pem), "ES256"
            case rsa.RSAPrivateKey(key_size=bits) if bits >= _RSA_BITS_MIN:
                return RSAKey.import_key(pem), "PS256"
            case ed25519.Ed25519PrivateKey():
                return OKPKey.import_key(pem), "EdDSA"
    except (OSError, ValueError, TypeError, UnsupportedAlgorithm, JoseError) as error:
        raise KeyFileError(f"the private key cannot be used: {type(error).__name__}") from None
    raise KeyFileError("the private key cannot be used: it is none of P-256, Ed25519, RSA of 2048 bits")
