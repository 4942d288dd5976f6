"""URLs of a shared store: what they mean, what is refused, and that no password is ever shown."""

from pathlib import Path

import pytest

from gateway.limits.connection import BadRedisUrl, connect, parse_redis_url
from gateway.limits.redis_limiter import RedisLimiter
from tests.flows.valkey import Valkey, free_port
from tests.unit.limits.redis_limits import charge, in_flight, now, quota, rate

BAD = (
    "",
    "localhost:6379",
    "http://secret@host",
    "redis://",
    "redis://user:secret@ho st",
    "redis://user:sec/ret@host",
    "redis://:secret@host:99999",
    "redis://:secret@host/secret",
    "redis://:secret@host,other",
    "redis://:secret@host?ssl_ca_certs=secret",
    "rediss://:secret@host?ssl_cert_reqs=none",
    "redis://:secret@host?retry=secret",
    "unix://:secret@host/path",
    "unix://",
    "redis+sentinel://:secret@host:26379",
    "redis+cluster://:secret@host/1",
    "redis+other://:secret@host",
)


@pytest.mark.parametrize("url", BAD)
def test_a_bad_url_is_said_without_what_may_be_a_password(url: str) -> None:
    with pytest.raises(BadRedisUrl) as raised:
        connect(url)
    assert "secret" not in str(raised.value)


def test_an_address_is_not_shown_with_its_password() -> None:
    address = parse_redis_url("redis+sentinel://gateway:p%40ss@one:1,[::1],three/main/2?sentinel_password=hidden")
    assert address.hosts == (("one", 1), ("::1", 26_379), ("three", 26_379))
    assert (address.service, address.login["db"], address.login["password"]) == ("main", 2, "p@ss")
    assert "p@ss" not in repr(address)
    assert "hidden" not in repr(address)


async def test_a_user_with_a_password_and_few_rights_can_count() -> None:
    with Valkey() as server:
        rights = ("-@all", "+@read", "+@write", "+@scripting", "+@connection", "+info", "+time")
        server.command("ACL", "SETUSER", "gateway", "on", ">pass word", "~clausegate:*", "resetchannels", *rights)
        held, calls = in_flight(1), quota(2)
        for url in (
            f"redis://gateway:pass%20word@127.0.0.1:{server.port}/0",
            server.url.replace("unix://", "unix://gateway:pass%20word@"),
        ):
            limiter = RedisLimiter(connect(url), deadline_s=2)
            await limiter.start(["acme"])
            assert (await limiter.decide([charge(held), charge(calls), charge(rate(2))], now(), "x")).bound is None
            await limiter.release([charge(held)], "x")
            await limiter.close()
        stranger = RedisLimiter(connect(f"redis://gateway:other@127.0.0.1:{server.port}"), deadline_s=2)
        await stranger.start(["acme"])
        assert (await stranger.decide([charge(calls)], now())).unavailable
        await stranger.close()


async def test_sentinels_say_where_the_server_is() -> None:
    with Valkey() as server, watched(server, Path(server.folder)) as sentinel:
        client = connect(f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{sentinel.port}/main")
        assert await client.execute_command("SET", "clausegate:{a}:x", "1")
        await client.aclose()
        assert server.command("GET", "clausegate:{a}:x") == b"1"


def watched(server: Valkey, folder: Path) -> Valkey:
    """A sentinel that watches a server as the service `main`."""
    sentinel = Valkey(mode="sentinel")
    text = f"sentinel monitor main 127.0.0.1 {server.port} 1\nsentinel down-after-milliseconds main 300\n"
    text += "sentinel failover-timeout main 2000\n"
    (sentinel.folder / "sentinel.conf").write_text(text)
    return sentinel
