"""Slows down whoever is anonymous or a person at a form, by slowapi: the token endpoint, the console login, and what is
public. Partner limits are another matter: those are clauses, in policies/."""

import asyncio
import hashlib
import hmac
import ipaddress
import math
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import Any, Literal, TypeAlias, TypeVar

import structlog
from limits import parse
from msgspec import Struct
from slowapi import Limiter
from slowapi.errors import RateLimitExceeded
from starlette.requests import Request

from gateway.prepaid import Prepaid
from gateway.store.hidden import Hidden
from gateway.throttle_storage import AWAY, storage_of

_log = structlog.get_logger(__name__)

_PROBE_S_MIN = 1.0
_PROBE_S_MAX = 30.0
_THREADS = 4
_KEY_BYTES = 16

FoundT = TypeVar("FoundT")
Rule: TypeAlias = Literal["requests", "failures", "login", "login_source", "public"]
"""The fields of ThrottleRules."""


class ThrottleRules(Struct, frozen=True):
    """How much is too much, as `count/unit` (limits' notation).

    `requests`: token requests of one source. `failures`: failed authentications of one client from one
    source. `login`: console logins of one name from one source. `login_source`: console logins of one source.
    `public`: requests of one source for what anybody may read.
    """

    requests: str = "600/minute"
    failures: str = "30/minute"
    login: str = "10/minute"
    login_source: str = "60/minute"
    public: str = "6000/minute"

    def __post_init__(self) -> None:
        """Raises ValueError for a rule that cannot be read: slowapi would log it and go on without."""
        for name in self.__struct_fields__:
            parse(getattr(self, name))


class Throttle:
    """Counts by source, and by (client or user name, source): never by name alone, or anybody could lock a client out.

    `key` keeps names and addresses out of logs and out of Redis: counters are known by their HMAC. With `redis_url`
    processes share them; raises ValueError for one that cannot be used. While the shared counter is unreachable each
    process counts on its own, and looks for it in the background: slowapi's own fallback would let a request wait for
    each look.
    """

    def __init__(
        self,
        key: Hidden[bytes],
        rules: ThrottleRules | None = None,
        redis_url: str = "",
        *,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._key = key
        rules = rules or ThrottleRules()
        self._prepaid = Prepaid(rules.public, monotonic_s)
        self._local, self._shared = _Gates(rules, "memory://", {}), None
        if redis_url:
            uri, options = storage_of(redis_url)
            self._shared = _Shared(lambda: _Gates(rules, uri, options), monotonic_s)

    async def admit_source(self, source: str) -> int | None:
        """Counts a token request; seconds to wait, or None to go on."""
        return await self._pass("requests", 1, source)

    async def admit_client(self, client_id: str, source: str) -> int | None:
        """Seconds to wait if this client failed too often from this source; counts nothing."""
        return await self._pass("failures", 0, source, client_id)

    async def note_failure(self, client_id: str, source: str) -> None:
        """Counts a failed authentication."""
        await self._pass("failures", 1, source, client_id)

    async def allow_login(self, username: str, source: str) -> int | None:
        """Counts a person's login, wherever the form is; seconds to wait, or None to go on."""
        wait_s = await self._pass("login_source", 1, source)
        return wait_s if wait_s is not None else await self._pass("login", 1, source, username)

    async def admit_public(self, source: str) -> int | None:
        """Counts a request for what is public; seconds to wait, or None to go on.

        That is cheap as a file is: several requests are counted at a time (gateway/prepaid.py).
        """
        counter = self._counter(source)
        if self._prepaid.take(counter):
            return None
        wait_s = await self._count("public", self._prepaid.batch, counter)
        if wait_s is None:
            self._prepaid.add(counter)
        return wait_s

    def close(self) -> None:
        """Let go of the threads. Nothing is to be asked any more."""
        if self._shared is not None:
            self._shared.close()

    async def _pass(self, rule: Rule, cost: int, source: str, name: str = "") -> int | None:
        return await self._count(rule, cost, self._counter(source, name))

    def _counter(self, source: str, name: str = "") -> str:
        text = f"{_network(source)}\0{name}".encode("utf-8", "surrogatepass")
        return hmac.digest(self._key.reveal(), text, hashlib.sha256)[:_KEY_BYTES].hex()

    async def _count(self, rule: Rule, cost: int, counter: str) -> int | None:
        if self._shared is not None and self._shared.is_there():
            answer = await self._shared.ask(rule, counter, cost)
            if answer is not None:
                return answer.wait_s
        # limits keeps these counts under a lock that is never held for long: no reason to go to a thread
        return self._local.wait_s(rule, counter, cost)


class _Answer(Struct, frozen=True):
    """What a counter says: seconds to wait, or None to go on."""

    wait_s: int | None


class _Shared:
    """Gates over a counter that several processes share, and whether it can be reached.

    Its threads are its own: while the counter hangs, whoever reads files in the common ones does not wait for it.
    """

    def __init__(self, make: "Callable[[], _Gates]", monotonic_s: Callable[[], float]) -> None:
        """`make` may fail while the counter cannot be reached: then it is made when it can."""
        self._make, self._monotonic_s = make, monotonic_s
        self._lock = Lock()
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="throttle")
        self._pause_s = 0.0
        """How long until it is looked for again; 0 while it can be reached."""
        self._probe_at_s = 0.0
        self._probe: asyncio.Task[None] | None = None
        self._gates: _Gates | None = None
        try:
            self._gates = make()
        except AWAY as error:
            self._lost(error)

    def is_there(self) -> bool:
        """Whether to ask it. Where it is away and it is time to look for it, that begins, and nobody waits for it."""
        if not self._pause_s:
            return True
        if self._monotonic_s() >= self._probe_at_s and (self._probe is None or self._probe.done()):
            self._probe = asyncio.create_task(self._look())
        return False

    async def ask(self, rule: Rule, counter: str, cost: int) -> _Answer | None:
        """What the counter says; None when it cannot be reached."""
        return await self._run(self._ask, rule, counter, cost)

    def close(self) -> None:
        """Let go of the threads."""
        if self._probe is not None:
            self._probe.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, rule: Rule, counter: str, cost: int) -> _Answer | None:
        """In a thread. Who waited for it behind one that found the counter gone does not ask any more."""
        gates = self._gates
        if gates is None or self._pause_s:
            return None
        try:
            return _Answer(gates.wait_s(rule, counter, cost))
        except AWAY as error:
            self._lost(error)
            return None

    async def _look(self) -> None:
        if await self._run(self._is_reachable):
            self._pause_s = 0.0
            _log.info("throttles are counted by all processes together again")
        else:
            self._away(min(2 * self._pause_s, _PROBE_S_MAX))

    def _is_reachable(self) -> bool:
        try:
            if self._gates is None:
                self._gates = self._make()
            return self._gates.is_reachable()
        except AWAY:
            return False

    def _lost(self, error: Exception) -> None:
        with self._lock:
            if self._pause_s:
                return
            self._away(_PROBE_S_MIN)
        _log.warning("throttles are counted by each process alone", error=type(error).__name__)

    def _away(self, pause_s: float) -> None:
        self._probe_at_s = self._monotonic_s() + pause_s
        self._pause_s = pause_s

    async def _run(self, work: Callable[..., FoundT], *arguments: Any) -> FoundT:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work, *arguments)


class _Gates:
    """slowapi's rules over one storage. Blocks: the memory storage on a lock, the Redis one on the network."""

    def __init__(self, rules: ThrottleRules, uri: str, options: dict[str, Any]) -> None:
        self._limiter = _limiter(uri, options)
        self._gates = {name: self._gate(name, getattr(rules, name)) for name in rules.__struct_fields__}

    def wait_s(self, rule: Rule, counter: str, cost: int) -> int | None:
        """Count `cost`; seconds to wait, or None to go on. Raises what AWAY lists."""
        state = {"counter": counter, "cost": cost}
        request = Request({"type": "http", "method": "POST", "path": "/", "headers": [], "state": state})
        try:
            self._gates[rule](request=request)
            refused = False
        except RateLimitExceeded:
            refused = True
        if not refused and cost > 0:
            return None
        item, identifiers = request.state.view_rate_limit
        try:
            reset_s, remaining = self._limiter.limiter.get_window_stats(item, *identifiers)
        except AWAY:
            # The shared counter went away between two looks at it: what was decided stands.
            return int(item.get_expiry()) if refused else None
        if not refused and remaining > 0:
            return None
        return max(1, math.ceil(reset_s - time.time()))

    def is_reachable(self) -> bool:
        """Whether the storage answers."""
        return bool(self._limiter.limiter.storage.check())

    def _gate(self, name: str, rule: str) -> Callable[..., None]:
        def gate(request: Request) -> None:
            """slowapi counts before this runs."""

        # slowapi keeps its rules by the function's name: one name, one rule.
        gate.__name__ = f"throttle_{name}"
        shared: Callable[..., None] = self._limiter.shared_limit(rule, scope=name, cost=_cost_of)(gate)
        return shared


def _limiter(uri: str, options: dict[str, Any]) -> Limiter:
    with warnings.catch_warnings():
        # Any name at all keeps slowapi from reading ./.env; that there is no such file is the point.
        warnings.filterwarnings("ignore", message="Config file", category=UserWarning)
        limiter = Limiter(
            key_func=_counter_of,
            strategy="fixed-window",
            storage_uri=uri,
            storage_options=options,
            key_prefix="clausegate-throttle",
            config_filename="/nonexistent/clausegate",
        )
    # The environment could turn it off, or on: RATELIMIT_ENABLED, _HEADERS_ENABLED, _SWALLOW_ERRORS,
    # _IN_MEMORY_FALLBACK_ENABLED.
    limiter.enabled = True
    limiter._headers_enabled = limiter._swallow_errors = limiter._in_memory_fallback_enabled = False
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
