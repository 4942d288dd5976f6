"""Slows down guessing at the token endpoint and the console login, by slowapi. Partner limits are another matter:
those are clauses, in policies/."""

import asyncio
import hashlib
import hmac
import ipaddress
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

from limits import parse
from msgspec import Struct
from redis.exceptions import RedisError
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded
from starlette.requests import Request

from gateway.store.hidden import Hidden

_REDIS_TIMEOUT_S = 0.5
_KEY_BYTES = 16


class ThrottleRules(Struct, frozen=True):
    """How much is too much, as `count/unit` (limits' notation).

    `requests`: token requests of one source. `failures`: failed authentications of one client from one
    source. `login`: console logins of one name from one source. `login_source`: console logins of one source.
    """

    requests: str = "600/minute"
    failures: str = "30/minute"
    login: str = "10/minute"
    login_source: str = "60/minute"

    def __post_init__(self) -> None:
        """Raises ValueError for a rule that cannot be read: slowapi would log it and go on without."""
        for name in self.__struct_fields__:
            parse(getattr(self, name))


class Throttle:
    """Counts by source, and by (client or user name, source): never by name alone, or anybody could lock a client out.

    `key` keeps names and addresses out of logs and out of Redis: counters are known by their HMAC. When the shared
    counter is unreachable each process counts on its own. `storage_url` is memory:// or redis://.
    """

    def __init__(self, key: Hidden[bytes], rules: ThrottleRules | None = None, storage_url: str = "memory://") -> None:
        self._key = key
        self._limiter = _limiter(storage_url)
        rules = rules or ThrottleRules()
        self._requests = self._gate("requests", rules.requests)
        self._failures = self._gate("failures", rules.failures)
        self._login = self._gate("login", rules.login)
        self._login_source = self._gate("login_source", rules.login_source)

    async def admit_source(self, source: str) -> int | None:
        """Counts a token request; seconds to wait, or None to go on."""
        return await self._pass(self._requests, 1, source)

    async def admit_client(self, client_id: str, source: str) -> int | None:
        """Seconds to wait if this client failed too often from this source; counts nothing."""
        return await self._pass(self._failures, 0, source, client_id)

    async def note_failure(self, client_id: str, source: str) -> None:
        """Counts a failed authentication."""
        await self._pass(self._failures, 1, source, client_id)

    async def allow_login(self, username: str, source: str) -> int | None:
        """Counts a console login; seconds to wait, or None to go on."""
        wait_s = await self._pass(self._login_source, 1, source)
        return wait_s if wait_s is not None else await self._pass(self._login, 1, source, username)

    def _gate(self, name: str, rule: str) -> Callable[..., None]:
        def gate(request: Request) -> None:
            """slowapi counts before this runs."""

        # slowapi keeps its rules by the function's name: one name, one rule.
        gate.__name__ = f"throttle_{name}"
        shared: Callable[..., None] = self._limiter.shared_limit(rule, scope=name, cost=_cost_of)(gate)
        return shared

    async def _pass(self, gate: Callable[..., None], cost: int, source: str, name: str = "") -> int | None:
        request = self._request(cost, source, name)
        # limits' storages block: the memory one on a lock, the Redis one on the network.
        return await asyncio.to_thread(self._wait_s, gate, request)

    def _wait_s(self, gate: Callable[..., None], request: Request) -> int | None:
        try:
            gate(request=request)
            refused = False
        except RateLimitExceeded:
            refused = True
        item, identifiers = request.state.view_rate_limit
        if not refused and request.state.cost > 0:
            return None
        try:
            reset_s, remaining = self._limiter.limiter.get_window_stats(item, *identifiers)
        except (RedisError, OSError):
            # The shared counter went away between two looks at it: what was decided stands.
            return int(item.get_expiry()) if refused else None
        if not refused and remaining > 0:
            return None
        return max(1, math.ceil(reset_s - time.time()))

    def _request(self, cost: int, source: str, name: str) -> Request:
        text = f"{_network(source)}\0{name}".encode("utf-8", "surrogatepass")
        counter = hmac.digest(self._key.reveal(), text, hashlib.sha256)[:_KEY_BYTES].hex()
        state = {"counter": counter, "cost": cost}
        return Request({"type": "http", "method": "POST", "path": "/", "headers": [], "state": state})


def _limiter(storage_url: str) -> Limiter:
    options: dict[str, Any] = {}
    if not storage_url.startswith("memory:"):
        options = {"socket_timeout": _REDIS_TIMEOUT_S, "socket_connect_timeout": _REDIS_TIMEOUT_S}
    with warnings.catch_warnings():
        # Any name at all keeps slowapi from reading ./.env; that there is no such file is the point.
        warnings.filterwarnings("ignore", message="Config file", category=UserWarning)
        limiter = Limiter(
            key_func=_counter_of,
            strategy="fixed-window",
            storage_uri=storage_url,
            storage_options=options,
            in_memory_fallback_enabled=True,
            key_prefix="clausegate-throttle",
            config_filename="/nonexistent/clausegate",
        )
    # slowapi lets RATELIMIT_ENABLED in the environment turn it off, and RATELIMIT_HEADERS_ENABLED make it fail.
    limiter.enabled = True
    limiter._headers_enabled = False
    return limiter


def _counter_of(request: Request) -> str:
    return str(request.state.counter)


def _cost_of(request: Request) -> int:
    return int(request.state.cost)


def _network(source: str) -> str:
    """An IPv6 subscriber has a /64 at least: counting single addresses of it would count nothing."""
    try:
        address = ipaddress.ip_address(source.partition("%")[0])
    except ValueError:
        return source
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
