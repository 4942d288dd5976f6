"""Keys and revocations reach the running gateway, and a store that is gone does not stop it."""

import asyncio
import json
from collections.abc import Callable

import pytest

from gateway.oauth.authority import Authority, follow, load_authority, open_authority
from gateway.oauth.keys import RETIRED_FOR_S, ensure_signing_keys, rotate_signing_keys
from gateway.store.clients import Clients
from gateway.store.revocations import Revocations
from gateway.store.signing_keys import SigningKeys
from tests.unit.oauth.stage import NOW_S, Stage, in_silence


class Adopter:
    """Keeps what it is handed and wakes whoever waits for something in it."""

    def __init__(self) -> None:
        self.seen: list[Authority] = []
        self._news = asyncio.Event()

    def __call__(self, authority: Authority) -> None:
        self.seen.append(authority)
        self._news.set()

    async def until(self, true: Callable[[Authority], bool]) -> Authority:
        while not (self.seen and true(self.seen[-1])):
            self._news.clear()
            await asyncio.wait_for(self._news.wait(), timeout=10)
        return self.seen[-1]


async def test_the_first_start_makes_one_active_and_one_pending_key(stage: Stage) -> None:
    await ensure_signing_keys(stage.store, int(NOW_S))
    await asyncio.gather(*(open_authority(stage.store, NOW_S) for _ in range(5)))
    assert [key.state for key in await SigningKeys(stage.store).all()] == ["active", "pending"]


async def test_rotation_moves_each_key_one_step_and_forgets_none_too_early(stage: Stage) -> None:
    first, second = await SigningKeys(stage.store).all()
    await rotate_signing_keys(stage.store, int(NOW_S))
    keys = {key.kid: key.state for key in await SigningKeys(stage.store).all()}
    assert (keys[first.kid], keys[second.kid], sorted(keys.values())) == (
        "retired",
        "active",
        ["active", "pending", "retired"],
    )
    at_the_last_moment = await load_authority(stage.store, NOW_S + RETIRED_FOR_S - 1)
    assert first.kid in at_the_last_moment.keys.verifying
    assert first.kid in {key["kid"] for key in json.loads(at_the_last_moment.keys.jwks)["keys"]}
    later = await load_authority(stage.store, NOW_S + RETIRED_FOR_S)
    assert first.kid not in later.keys.verifying
    assert first.kid.encode() not in later.keys.jwks
    await rotate_signing_keys(stage.store, int(NOW_S) + RETIRED_FOR_S + 1)
    assert first.kid not in {key.kid for key in await SigningKeys(stage.store).all()}


async def test_private_keys_are_hidden_and_not_published(stage: Stage) -> None:
    authority = await load_authority(stage.store, NOW_S)
    for row in await SigningKeys(stage.store).all():
        private = json.loads(row.private_jwk.reveal())["d"]
        assert private not in repr(row)
        assert private not in repr(authority)
        assert private.encode() not in authority.keys.jwks


async def test_a_revocation_reaches_whoever_follows(stage: Stage) -> None:
    adopter = Adopter()
    following = asyncio.create_task(follow(stage.store, adopter, interval_s=0.01, now=stage.clock))
    await adopter.until(lambda authority: "swift-logistics-app" not in authority.revoked_until_s)
    await Clients(stage.store).set_disabled("swift-logistics-app", True, int(NOW_S))
    await adopter.until(lambda authority: "swift-logistics-app" in authority.revoked_until_s)
    following.cancel()


async def test_a_token_that_is_revoked_by_itself_reaches_whoever_follows_and_is_forgotten_once_it_has_ended(
    stage: Stage,
) -> None:
    adopter = Adopter()
    following = asyncio.create_task(follow(stage.store, adopter, interval_s=0.01, now=stage.clock))
    await Revocations(stage.store).revoke("t-1", "swift-logistics-app", int(NOW_S) + 310, int(NOW_S), in_silence)
    await adopter.until(lambda authority: authority.revoked_tokens == {"t-1"})
    stage.clock.now_s += 310
    await adopter.until(lambda authority: not authority.revoked_tokens)
    following.cancel()


async def test_a_store_that_is_gone_is_logged_once_and_read_again_when_it_is_back(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    adopter = Adopter()
    caplog.set_level("INFO", "clausegate.oauth")
    rounds = asyncio.Semaphore(0)

    def now() -> float:
        rounds.release()
        return NOW_S

    following = asyncio.create_task(follow(stage.store, adopter, interval_s=0.01, now=now))
    await adopter.until(lambda authority: True)
    async with stage.store.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE signing_keys RENAME TO gone")
    begun = rounds._value
    for _ in range(begun + 3):  # the round that saw the table still there, one that did not, and the next one's begin
        await asyncio.wait_for(rounds.acquire(), timeout=10)
    count = len(adopter.seen)
    async with stage.store.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE gone RENAME TO signing_keys")
    await adopter.until(lambda authority: len(adopter.seen) > count)
    following.cancel()
    assert [record.levelname for record in caplog.records if record.name == "clausegate.oauth"][:2] == [
        "WARNING",
        "INFO",
    ]
