"""Refusals are kept for a week, and so many of each partner; over both databases."""

from msgspec.structs import replace

from gateway.credentials.noted import RefusedCall
from gateway.store.refusals import KEPT_OF_EACH_MAX, KEPT_US, KeptRefusals
from gateway.store.store import Store

NOW_US = 1_800_000_000_000_000
REFUSED = RefusedCall("r", "swift", "app", NOW_US, "exchange", 403, "insufficient-scope", "", "a", "1.0.0", "2.1")


async def test_what_is_kept_is_found_as_it_was_and_the_first_word_stands(store: Store) -> None:
    kept = KeptRefusals(store)
    await kept.keep([REFUSED, replace(REFUSED, status=500)])
    await kept.keep([replace(REFUSED, partner="bank"), replace(REFUSED, request_id="r2", partner="bank")])
    assert await kept.find("r") == REFUSED
    assert await kept.find("none") is None
    assert [each.request_id for each in await kept.latest(10)] == ["r", "r2"]
    assert [each.request_id for each in await kept.latest(10, partner="bank")] == ["r2"]
    assert [each.request_id for each in await kept.latest(1, client_id="app")] == ["r"]


async def test_a_sweep_removes_what_is_old_and_the_oldest_of_what_is_too_much(store: Store) -> None:
    kept = KeptRefusals(store)
    many = [
        replace(REFUSED, request_id=f"m{each}", partner="flood", time_us=NOW_US + each)
        for each in range(KEPT_OF_EACH_MAX + 3)
    ]
    old = replace(REFUSED, request_id="old", time_us=NOW_US - KEPT_US)
    await kept.keep([*many, old, REFUSED])
    assert await kept.sweep(NOW_US) == 4
    assert len(await kept.latest(10_000, partner="flood")) == KEPT_OF_EACH_MAX
    assert [each for each in ("m0", "m2", "m3", "old", "r") if await kept.find(each) is not None] == ["m3", "r"]
    assert await kept.sweep(NOW_US) == 0
