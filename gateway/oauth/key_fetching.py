"""Fetches the key set that a client publishes (RFC 7517 section 5), from where it says and from nowhere else.

The URL was registered by a partner, so it is called as a webhook is: https, to an address that was looked at, without
redirects, proxies or credentials; and the answer is read within bounds.
"""

import asyncio
import json
import re
from ssl import SSLContext
from typing import Any, Final, Literal, TypeAlias, get_args

import httpx
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from msgspec import Struct

from gateway.oauth.jose import PRIVATE_MEMBERS, algorithm_of, end_of_key, strict_json
from gateway.store.clients import KEYS_MAX, ClientKey
from gateway.webhooks.address import Place, Resolver

FETCH_S: Final = 3.0
"""From looking the name up to the last byte: a token request waits for it."""
BODY_BYTES_MAX: Final = 64 * 1024
CONNECTIONS_MAX: Final = 64
"""At once: more wait, within their time."""
FRESH_S: Final = 300.0
FRESH_S_MIN: Final = 60.0
FRESH_S_MAX: Final = 3600.0
_MEMBERS_MAX: Final = 64
_KID_CHARACTERS_MAX: Final = 128
_MAX_AGE: Final = re.compile(r'(?:^|[\s,])max-age\s*=\s*"?(\d{1,9})"?\s*(?:,|$)')
_JSON: Final = re.compile(r"application/(?:[a-z0-9!#$&^_.-]+\+)?json\Z")

FetchReason: TypeAlias = Literal[
    "keys-address",
    "keys-unreachable",
    "keys-timeout",
    "keys-status",
    "keys-content-type",
    "keys-too-large",
    "keys-malformed",
    "keys-too-many",
    "keys-repeated",
    "keys-private",
]
FETCH_REASONS: Final[tuple[FetchReason, ...]] = get_args(FetchReason)


class FetchedKeys(Struct, frozen=True):
    """The keys of a set that can verify assertions, which may be none; `fresh_s`: how long they need no new look."""

    keys: tuple[ClientKey, ...]
    fresh_s: float = FRESH_S


class FetchFault(Struct, frozen=True):
    """Why there is no key set: for the log, and for whoever registers the URL."""

    reason: FetchReason


class KeyFetcher:
    """Fetches key sets. Belongs to one event loop. `tls` is for tests: whom it trusts instead of public authorities."""

    def __init__(self, resolver: Resolver, *, tls: SSLContext | None = None, fetch_s: float = FETCH_S) -> None:
        self._resolver, self._tls, self._fetch_s = resolver, tls, fetch_s
        self._opened: httpx.AsyncClient | None = None

    async def close(self) -> None:
        """Close what is open, the resolver as well."""
        if self._opened is not None:
            await self._opened.aclose()
        self._resolver.close()

    async def fetch(self, url: str) -> FetchedKeys | FetchFault:
        """The key set at a URL, or why there is none. Nothing expected raises."""
        try:
            async with asyncio.timeout(self._fetch_s):
                place = await self._resolver.place_of(url)
                return FetchFault("keys-address") if place is None else await self._get(place)
        except TimeoutError:
            return FetchFault("keys-timeout")

    async def _get(self, place: Place) -> FetchedKeys | FetchFault:
        for url in place.urls:
            try:
                asked = self._client.stream(
                    "GET", url, headers={"Host": place.host}, extensions={"sni_hostname": place.sni}
                )
                async with asked as answer:
                    return await _read(answer)
            except httpx.ConnectError:
                continue  # the next address may be one that answers
            except httpx.TimeoutException:
                return FetchFault("keys-timeout")
            except (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL):
                break
        return FetchFault("keys-unreachable")

    @property
    def _client(self) -> httpx.AsyncClient:
        """Made when it is first needed: reading which authorities are trusted takes as long as a start should."""
        if self._opened is None:
            self._opened = httpx.AsyncClient(
                verify=self._tls if self._tls is not None else True,
                trust_env=False,
                follow_redirects=False,
                timeout=self._fetch_s,
                limits=httpx.Limits(max_connections=CONNECTIONS_MAX, max_keepalive_connections=0),
                headers={
                    "User-Agent": "clausegate",
                    "Accept": "application/jwk-set+json, application/json",
                    "Accept-Encoding": "identity",
                },
            )
        return self._opened


def read_key_set(text: bytes) -> tuple[ClientKey, ...] | FetchFault:
    """The keys of a set that can verify assertions. Those for something else, or of a kind not used here, are skipped.

    A private key in it refuses the whole set, and so do more than KEYS_MAX usable ones. A key without `kid` is called
    by its thumbprint (RFC 7638).
    """
    try:
        members = strict_json(text)["keys"]
    except (ValueError, KeyError, TypeError):
        return FetchFault("keys-malformed")
    if not isinstance(members, list) or not all(isinstance(member, dict) for member in members):
        return FetchFault("keys-malformed")
    if any(member.keys() & PRIVATE_MEMBERS or member.get("kty") == "oct" for member in members):
        return FetchFault("keys-private")
    if len(members) > _MEMBERS_MAX:
        return FetchFault("keys-too-many")
    found = [key for key in map(_usable, members) if key is not None]
    if len({key.kid for key in found}) != len(found):
        return FetchFault("keys-repeated")
    return tuple(found) if len(found) <= KEYS_MAX else FetchFault("keys-too-many")


def fresh_s_of(cache_control: str, age: str = "") -> float:
    """How long an answer is fresh (RFC 9111 section 4.2), within bounds: a minute to an hour, and 5 minutes unsaid."""
    directives = cache_control.lower()
    if re.search(r"(?:^|[\s,])no-(?:store|cache)\s*(?:,|=|$)", directives):
        return FRESH_S_MIN
    found = _MAX_AGE.search(directives)
    if found is None:
        return FRESH_S
    spent_s = int(age[:9]) if age.isascii() and age.isdigit() else 0
    return min(max(float(int(found[1]) - spent_s), FRESH_S_MIN), FRESH_S_MAX)


async def _read(answer: httpx.Response) -> FetchedKeys | FetchFault:
    if answer.status_code != httpx.codes.OK:
        return FetchFault("keys-status")
    media_type = answer.headers.get("content-type", "").partition(";")[0].strip().lower()
    if _JSON.match(media_type) is None or answer.headers.get("content-encoding", "identity").lower() != "identity":
        return FetchFault("keys-content-type")
    body = b""
    async for piece in answer.aiter_raw():
        body += piece
        if len(body) > BODY_BYTES_MAX:
            return FetchFault("keys-too-large")
    keys = read_key_set(body)
    if isinstance(keys, FetchFault):
        return keys
    return FetchedKeys(keys, fresh_s_of(answer.headers.get("cache-control", ""), answer.headers.get("age", "")))


def _usable(member: dict[str, Any]) -> ClientKey | None:
    """One public key, if it is one that verifies by an algorithm of ours. Whatever it points to is not looked at."""
    try:
        key: Key = import_key({name: value for name, value in member.items() if name not in {"x5c", "x5u", "x5t"}})
        algorithm = algorithm_of(key)
        kid = member.get("kid", key.thumbprint())
        ends_s = end_of_key(member)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    operations = member.get("key_ops", ["verify"])
    if algorithm is None or member.get("alg", algorithm) != algorithm or member.get("use", "sig") != "sig":
        return None
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    if not isinstance(kid, str) or not 0 < len(kid) <= _KID_CHARACTERS_MAX:
        return None
    return ClientKey(kid, algorithm, json.dumps(key.as_dict(private=False)), ends_s)
