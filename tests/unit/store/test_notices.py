"""Notices and suspensions as they are kept, in both databases."""

from msgspec.structs import replace

from gateway.store.notices import KeptNotice, KeptSuspension, Notices, Suspensions, documents, read_known
from gateway.store.store import Store

NOTICE = KeptNotice(
    id="n",
    kind="change",
    json='{"notice":"n","kind":"change","time_zone":"UTC","words":{},"effective":"2026-01-01"}',
    sha256="a" * 64,
    note="signed",
    announced_us=5,
    published_by="ops",
)
SUSPENSION = KeptSuspension(
    id="s-1", partner="swift", agreement="swift-2026", side="hub", begun_us=7, reason="why", begun_by="ops"
)


async def test_a_notice_is_kept_once_and_withdrawn_once(store: Store) -> None:
    notices = Notices(store)
    assert await notices.add(NOTICE)
    assert not await notices.add(replace(NOTICE, announced_us=6))
    assert await notices.withdraw("n", 9, "a mistake")
    assert not await notices.withdraw("n", 10, "again")
    assert await notices.find("n") == replace(NOTICE, withdrawn_us=9, withdraw_reason="a mistake")
    assert await notices.find("m") is None
    assert await documents(store) == {"a" * 64: NOTICE.json.encode()}


async def test_of_a_side_an_agreement_has_one_suspension_at_a_time(store: Store) -> None:
    suspensions = Suspensions(store)
    assert await suspensions.begin(SUSPENSION)
    assert not await suspensions.begin(replace(SUSPENSION, id="s-2"))
    assert await suspensions.begin(replace(SUSPENSION, id="s-3", side="partner", begun_us=8))
    assert await suspensions.end("s-1", 9, "over")
    assert not await suspensions.end("s-1", 10, "again")
    assert await suspensions.begin(replace(SUSPENSION, id="s-2", begun_us=11))
    assert [each.id for each in await suspensions.open()] == ["s-3", "s-2"]
    assert [(each.id, each.ended_us) for each in await suspensions.all()] == [("s-1", 9), ("s-3", None), ("s-2", None)]


async def test_everything_known_is_read_in_order_and_what_is_no_notice_is_named(store: Store) -> None:
    for each in (NOTICE, replace(NOTICE, id="later", json="{}", announced_us=6)):
        assert await Notices(store).add(each)
    known = await read_known(store)
    assert [each.notice.notice for each in known.notices] == ["n"]
    assert known.unresolved == ("later",)
