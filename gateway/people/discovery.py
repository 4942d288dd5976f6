"""What the identity provider says of itself: its metadata (OpenID Connect Discovery 1.0) and its keys, cached.

The provider is one that the operator has named, so it may be at an address inside. It is asked with a time limit and a
size limit, and no redirect is followed. What was read goes on to be good for a while when it cannot be read again.
"""

import asyncio
from collections.abc import Callable
from typing import Any, Final, Generic, Literal, TypeVar
from urllib.parse import urlsplit

import httpx
from msgspec import Struct, ValidationError, convert

from gateway.oauth.jose import strict_json

TIMEOUT_S: Final = 5.0
DOCUMENT_BYTES_MAX: Final = 256 * 1024
FRESH_S: Final = 3600.0
"""So long nothing is asked again, unless a token is signed by a key that is not there."""
STALE_S: Final = 86_400.0
"""So long what was read is good while the provider cannot be asked."""
PAUSE_S: Final = 10.0
"""Between two requests for the same document, whatever people or tokens ask for."""
ReadT = TypeVar("ReadT")
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class Metadata(Struct, frozen=True):
    """The members that a login needs."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    code_challenge_methods_supported: tuple[str, ...] | None = None
    authorization_response_iss_parameter_supported: bool = False


class KeySet(Struct, frozen=True):
    """A JWK set (RFC 7517 section 5)."""

    keys: list[dict[str, Any]]


class Unavailable(Struct, frozen=True):
    """The provider cannot be used now: it is not reached, says nothing that can be read, or is another one."""

    reason: Literal["unreachable", "unreadable", "another-issuer", "insecure", "no-pkce"]


class _Document(Generic[ReadT]):
    """One document of the provider as it was last read; only one request for it is under way at a time.

    `understand` makes of its JSON what is kept, or says why it is of no use: then what was read before is kept.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        monotonic_s: Callable[[], float],
        understand: "Callable[[Any], ReadT | Unavailable]",
    ) -> None:
        self._client, self._monotonic_s, self._understand = client, monotonic_s, understand
        self._turn = asyncio.Lock()
        self._value: ReadT | None = None
        self._read_s = self._asked_s = float("-inf")
        self._fault = Unavailable("unreachable")

    async def read(self, url: str, *, again: bool = False) -> "ReadT | Unavailable":
        """The document. `again`: somebody saw that it has changed."""
        begun_s = self._monotonic_s()
        async with self._turn:
            now_s = self._monotonic_s()
            old = now_s - self._read_s >= FRESH_S or (again and self._read_s <= begun_s)
            if old and now_s - self._asked_s >= PAUSE_S:
                self._asked_s = now_s
                found = await self._fetched(url)
                if isinstance(found, Unavailable):
                    self._fault = found
                else:
                    self._value, self._read_s = found, now_s
            return self._fault if self._value is None or now_s - self._read_s >= STALE_S else self._value

    async def _fetched(self, url: str) -> "ReadT | Unavailable":
        try:
            async with asyncio.timeout(TIMEOUT_S), self._client.stream("GET", url) as answer:
                body = await answer.aread()  # as much as the client's transport lets through
            if answer.status_code != 200:
                return Unavailable("unreachable")
            return self._understand(strict_json(body))
        except (TimeoutError, httpx.HTTPError, httpx.InvalidURL):
            return Unavailable("unreachable")
        except (ValueError, ValidationError):
            return Unavailable("unreadable")


class Discovery:
    """Metadata and keys of one issuer.

    `client` follows no redirect and takes DOCUMENT_BYTES_MAX (gateway/outbound/transport.py); `monotonic_s` never goes
    back.
    """

    def __init__(self, issuer: str, client: httpx.AsyncClient, monotonic_s: Callable[[], float]) -> None:
        self._issuer = issuer
        self._metadata = _Document(client, monotonic_s, self._understood)
        self._keys = _Document(client, monotonic_s, lambda found: convert(found, KeySet))

    async def metadata(self) -> Metadata | Unavailable:
        """What the provider says of itself, if it is the provider that was named (section 4.3)."""
        return await self._metadata.read(f"{self._issuer.rstrip('/')}/.well-known/openid-configuration")

    async def keys(self, metadata: Metadata, *, again: bool = False) -> list[dict[str, Any]] | Unavailable:
        """Its keys. `again`: a token names a key that is not among those last read."""
        found = await self._keys.read(metadata.jwks_uri, again=again)
        return found if isinstance(found, Unavailable) else found.keys

    def _understood(self, found: Any) -> Metadata | Unavailable:
        metadata = convert(found, Metadata)
        if metadata.issuer != self._issuer:
            return Unavailable("another-issuer")
        challenges = metadata.code_challenge_methods_supported
        if challenges is not None and "S256" not in challenges:
            return Unavailable("no-pkce")
        urls = (metadata.authorization_endpoint, metadata.token_endpoint, metadata.jwks_uri)
        return metadata if all(is_secure(url) for url in urls) else Unavailable("insecure")


def is_secure(url: str) -> bool:
    """Whether nobody between here and there can read or change what goes to a URL: https, or this machine."""
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (
            parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        )
    except ValueError:
        return False
