"""Who looks at counters beside a gateway sees what it counts, changes nothing, and is told when nobody can know."""

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from gateway.limits.charging import Charging
from gateway.limits.connection import connect
from gateway.limits.overview import counters_of, current_plans
from gateway.limits.redis_limiter import RedisLimiter
from gateway.limits.standing_now import Source, StandingUnknown, standings_now
from gateway.workspace import Workspace
from policies.limit import Charge, Moment, Standing
from tests.flows.limited import AGREEMENT, PARTNER, limited_workspace
from tests.flows.valkey import Valkey

HELD = "r-1"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return limited_workspace(tmp_path / "workspace")


@pytest.fixture
async def gateway(valkey: Valkey) -> AsyncIterator[RedisLimiter]:
    limiter = RedisLimiter(connect(valkey.url), deadline_s=5)
    await limiter.start([AGREEMENT])
    yield limiter
    await limiter.close()


def now() -> Moment:
    return Moment(time.time_ns() // 1000, time.monotonic_ns())


def asked(workspace: Workspace, amount: int = 0) -> list[Charge]:
    """Every counter of the partner, of one client."""
    plans = current_plans(workspace.plans, PARTNER, None, int(time.time()))
    found = counters_of(plans, ["app"], Charging(), time.time_ns() // 1000)
    return [structs.replace(each.charge, amount=amount) for each in found]


async def look(workspace: Workspace, url: str) -> tuple[Source, tuple[Standing | None, ...]]:
    sharing = structs.replace(workspace, settings=structs.replace(workspace.settings, redis_url=url))
    return await standings_now(sharing, Charging(), asked(workspace), now())


def contents(valkey: Valkey) -> dict[object, object]:
    keys = valkey.command("KEYS", "clausegate:{" + AGREEMENT + "}:*")
    assert isinstance(keys, list)
    return {key: (valkey.command("DUMP", key), valkey.command("PEXPIRETIME", key)) for key in keys}


async def test_what_gateways_share_is_seen_and_not_touched(
    workspace: Workspace, valkey: Valkey, gateway: RedisLimiter
) -> None:
    for _ in range(2):
        assert (await gateway.decide(asked(workspace, 1), now(), HELD)).bound is None
    before = contents(valkey)
    source, standings = await look(workspace, valkey.url)
    assert source == "redis"
    assert [standing and standing.remaining for standing in standings] == [1198, 3, 49, 49]
    assert contents(valkey) == before
    assert len(before) > 3


async def test_a_store_in_which_nobody_counts_leaves_it_to_the_log(workspace: Workspace, valkey: Valkey) -> None:
    source, standings = await look(workspace, valkey.url)
    assert source == "log"
    assert [standing and standing.remaining for standing in standings] == [1200, 5, None, None]
    assert contents(valkey) == {}


async def test_counters_that_are_being_put_back_are_not_taken_for_the_truth(
    workspace: Workspace, valkey: Valkey, gateway: RedisLimiter
) -> None:
    name = "clausegate:{" + AGREEMENT + "}:epoch"
    epoch = valkey.command("GET", name)
    assert isinstance(epoch, bytes)
    valkey.command("SET", name, epoch.decode().replace("open ", "seeding ") + " 9999999999999999")
    source, _ = await look(workspace, valkey.url)
    assert source == "log"


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://ops:canary@127.0.0.1:1/0", "the shared counters cannot be reached: ConnectionError"),
        ("unix:///nowhere/canary.sock", "the shared counters cannot be reached: ConnectionError"),
        ("redis://a,b:canary", "redis_url cannot be used"),
    ],
)
async def test_a_store_that_cannot_be_asked_is_said_to_be_so(workspace: Workspace, url: str, words: str) -> None:
    with pytest.raises(StandingUnknown, match=words) as raised:
        await look(workspace, url)
    assert "canary" not in str(raised.value)


async def test_a_store_that_never_answers_is_given_up(workspace: Workspace, valkey: Valkey) -> None:
    valkey.pause()
    try:
        with pytest.raises(StandingUnknown, match="Timeout"):
            await look(workspace, valkey.url)
    finally:
        valkey.resume()
