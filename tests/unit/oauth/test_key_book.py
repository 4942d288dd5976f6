"""Keys by URL: fetched no more often than it helps, used no longer than they may be, and never by a stampede."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.oauth.key_book import RETRY_S_MAX, STALE_S, UNKNOWN_S, KeyBook
from gateway.oauth.key_fetching import FetchedKeys, FetchFault, FetchReason, KeyFetcher
from gateway.store.clients import Client, ClientKey
from gateway.webhooks.address import Resolver
from tests.unit.oauth.key_server import jwk, key_server
from tests.unit.webhooks.receiver import LOOPBACK, NO_TLS

URL = "https://bank.example/jwks"
BANK = Client("bank", "harbor-bank", "private_key_jwt", 0, False, 0, jwks_url=URL)
T0 = 1_800_000_000.0


def key(kid: str, expires_s: int | None = None) -> ClientKey:
    return ClientKey(kid, "ES256", "{}", expires_s)


class Publisher:
    """Publishes keys, or fails by a word; `asked` are the URLs it was asked for. While `held`, it answers nobody."""

    def __init__(self, *kids: str, fresh_s: float = 300.0) -> None:
        self.kids, self.fresh_s = kids, fresh_s
        self.fails: FetchReason | None = None
        self.asked: list[str] = []
        self.open = asyncio.Event()
        self.open.set()

    async def fetch(self, url: str) -> FetchedKeys | FetchFault:
        self.asked.append(url)
        await self.open.wait()
        return FetchFault(self.fails) if self.fails else FetchedKeys(tuple(map(key, self.kids)), self.fresh_s)


async def kids(book: KeyBook, kid: str | None, now_s: float, client: Client = BANK) -> list[str] | None:
    found = await book.keys_of(client, kid, now_s)
    return None if found is None else [each.kid for each in found]


async def test_keys_registered_by_value_are_those_that_have_not_ended_and_nothing_is_fetched() -> None:
    publisher = Publisher("x")
    book = KeyBook(publisher.fetch)
    by_value = replace(BANK, jwks_url="", keys=(key("a"), key("b", int(T0)), key("c", int(T0) + 1)))
    assert await kids(book, "zzz", T0, by_value) == ["a", "c"]
    assert await kids(book, None, T0 + 1, by_value) == ["a"]
    assert publisher.asked == []


async def test_a_published_key_is_good_until_it_ends_and_one_that_was_prolonged_is_good_at_once() -> None:
    asked, ends_s = [], [int(T0) + 10]

    async def fetch(url: str) -> FetchedKeys:
        asked.append(url)
        return FetchedKeys((key("a", ends_s[0]), key("b")), 300.0)

    book = KeyBook(fetch)
    assert [await kids(book, "a", T0 + later_s) for later_s in (0, 9)] == [["a", "b"]] * 2
    assert [await kids(book, kid, T0 + 10) for kid in ("b", None)] == [["b"]] * 2
    assert len(asked) == 1, "that a key has ended is no reason to look again until it is used"
    ends_s[0] = int(T0) + 11
    assert [await kids(book, "a", T0 + later_s) for later_s in (10, 11, 39)] == [["a", "b"], ["b"], ["b"]]
    assert len(asked) == 2, "as for a key id that is not there: once in half a minute"
    assert await kids(book, "a", T0 + 40) == ["b"]
    assert len(asked) == 3


async def test_a_set_is_fetched_once_while_it_is_fresh() -> None:
    publisher = Publisher("a", fresh_s=100)
    book = KeyBook(publisher.fetch)
    for later_s in (0, 50, 99.9):
        assert await kids(book, "a", T0 + later_s) == ["a"]
        assert await kids(book, None, T0 + later_s) == ["a"]
    assert publisher.asked == [URL]
    assert await kids(book, "a", T0 + 100) == ["a"]
    assert publisher.asked == [URL] * 2


async def test_a_rotated_key_is_known_at_once_and_the_old_one_until_the_set_is_fetched_again() -> None:
    publisher = Publisher("a")
    book = KeyBook(publisher.fetch)
    assert await kids(book, "a", T0) == ["a"]
    publisher.kids = ("b",)
    assert await kids(book, "a", T0 + 1) == ["a"]
    assert await kids(book, "b", T0 + 1) == ["b"]  # valid tokens of a fresh key are not refused
    assert await kids(book, "a", T0 + 2) == ["b"]  # a key that vanished verifies no more
    assert len(publisher.asked) == 2


async def test_unknown_key_ids_cause_one_fetch_in_half_a_minute_whoever_makes_them_up() -> None:
    publisher = Publisher("a")
    book = KeyBook(publisher.fetch)
    for number in range(100):
        assert await kids(book, f"made-up-{number}", T0 + number / 10) == ["a"]
    assert len(publisher.asked) == 2  # the first, and one more look
    assert await kids(book, "made-up", T0 + UNKNOWN_S + 0.1) == ["a"]
    assert len(publisher.asked) == 3


async def test_a_set_that_was_fetched_for_this_call_is_not_fetched_twice_for_an_unknown_id() -> None:
    publisher = Publisher("a")
    assert await kids(KeyBook(publisher.fetch), "b", T0) == ["a"]
    assert len(publisher.asked) == 1


async def test_many_who_ask_at_once_wait_for_one_fetch() -> None:
    publisher = Publisher("a")
    book = KeyBook(publisher.fetch)
    publisher.open.clear()
    waiting = [asyncio.create_task(kids(book, f"k{number}", T0)) for number in range(200)]
    while not publisher.asked:  # noqa: ASYNC110
        await asyncio.sleep(0)
    waiting[0].cancel()  # its caller went away: the others' fetch goes on
    publisher.open.set()
    assert await asyncio.gather(*waiting[1:]) == [["a"]] * 199
    assert waiting[0].cancelled()
    assert len(publisher.asked) == 1


async def test_whoever_asks_for_a_known_key_does_not_wait_for_somebody_elses_unknown_one() -> None:
    publisher = Publisher("a")
    book = KeyBook(publisher.fetch)
    assert await kids(book, "a", T0) == ["a"]
    publisher.open.clear()
    unknown = asyncio.create_task(kids(book, "b", T0 + 1))
    while len(publisher.asked) < 2:  # noqa: ASYNC110
        await asyncio.sleep(0)
    async with asyncio.timeout(10):
        assert await kids(book, "a", T0 + 1) == ["a"]
    assert not unknown.done()
    publisher.open.set()
    assert await unknown == ["a"]


async def test_a_failure_is_remembered_longer_each_time_up_to_five_minutes() -> None:
    publisher = Publisher("a")
    publisher.fails = "keys-timeout"
    book = KeyBook(publisher.fetch)
    tried_s = []
    for second in range(1200):
        before = len(publisher.asked)
        assert await kids(book, "a", T0 + second) is None
        tried_s += [second] if len(publisher.asked) > before else []
    assert tried_s == [0, 30, 90, 210, 450, 750, 1050]
    publisher.fails = None
    assert await kids(book, "a", T0 + 1050 + RETRY_S_MAX) == ["a"]
    publisher.fails = "keys-status"  # and after a success anew
    assert await kids(book, "a", T0 + 2000) == ["a"]
    assert await kids(book, "a", T0 + 2029) == ["a"]
    asked = len(publisher.asked)
    assert await kids(book, "a", T0 + 2030) == ["a"]
    assert len(publisher.asked) == asked + 1


async def test_while_newer_keys_cannot_be_had_those_that_are_known_stay_for_a_day() -> None:
    publisher = Publisher("a")
    book = KeyBook(publisher.fetch)
    assert await kids(book, "a", T0) == ["a"]
    publisher.fails = "keys-unreachable"
    assert await kids(book, "a", T0 + 300) == ["a"]
    assert await kids(book, "b", T0 + 300) == ["a"]
    assert len(publisher.asked) == 2  # no more than the failure allows, whatever key id is asked for
    assert await kids(book, "a", T0 + STALE_S - 1) == ["a"]
    assert await kids(book, "a", T0 + STALE_S) is None
    publisher.fails = None
    assert await kids(book, "a", T0 + STALE_S + 300) == ["a"]


async def test_an_empty_set_takes_every_key_away() -> None:
    publisher = Publisher("a", fresh_s=60)
    book = KeyBook(publisher.fetch)
    assert await kids(book, "a", T0) == ["a"]
    publisher.kids = ()
    assert await kids(book, "a", T0 + 60) == []


async def test_whoever_publishes_a_private_key_has_no_keys_until_it_is_gone() -> None:
    publisher = Publisher("a", fresh_s=60)
    book = KeyBook(publisher.fetch)
    assert await kids(book, "a", T0) == ["a"]
    publisher.fails = "keys-private"
    assert await kids(book, "a", T0 + 60) is None
    publisher.fails = None
    assert await kids(book, "a", T0 + 90) == ["a"]


async def test_another_url_and_another_client_are_looked_up_by_themselves() -> None:
    publisher = Publisher("a")
    book = KeyBook(publisher.fetch)
    moved, other = replace(BANK, jwks_url=URL + "/new"), replace(BANK, client_id="other")
    for client in (BANK, other, moved, moved, other):
        assert await kids(book, "a", T0, client) == ["a"]
    assert publisher.asked == [URL, URL, URL + "/new"]


async def test_closing_gives_up_what_is_being_fetched() -> None:
    publisher = Publisher("a")
    book = KeyBook(publisher.fetch)
    publisher.open.clear()
    waiting = asyncio.create_task(kids(book, "a", T0))
    while not publisher.asked:  # noqa: ASYNC110
        await asyncio.sleep(0)
    await book.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_against_a_real_server_a_rotation_refuses_nobody() -> None:
    async with key_server() as server:
        fetcher = KeyFetcher(Resolver(LOOPBACK), tls=NO_TLS)
        book, bank = KeyBook(fetcher.fetch), replace(BANK, jwks_url=server.url)
        old, new = jwk("old"), jwk("new")
        server.publish(old)
        assert await kids(book, "old", T0, bank) == ["old"]
        server.publish(old, new)
        assert await asyncio.gather(*(kids(book, "new", T0 + 1, bank) for _ in range(50))) == [["old", "new"]] * 50
        assert len(server.heads) == 2
        server.publish(new)
        assert await kids(book, "old", T0 + 200, bank) == ["old", "new"]
        server.raw = "HTTP/1.1 500 Oh\r\ncontent-length: 0\r\n\r\n"
        assert await kids(book, "new", T0 + 400, bank) == ["old", "new"]
        server.publish(new)
        assert await kids(book, "new", T0 + 430, bank) == ["new"]
        await book.close()
        await fetcher.close()


STEPS = st.tuples(
    st.floats(0, 400),
    st.sampled_from(["a", "b", "c", None]),
    st.sampled_from([("a",), ("a", "b"), ("b",), ()]),
    st.sampled_from([None, None, "keys-timeout"]),
)


@settings(max_examples=50, deadline=None)
@given(st.lists(STEPS, max_size=30))
def test_whatever_happens_nothing_is_hammered_and_nothing_old_is_used(
    steps: Sequence[tuple[float, str | None, tuple[str, ...], FetchReason | None]],
) -> None:
    asyncio.run(_walk(steps))


async def _walk(steps: Sequence[tuple[float, str | None, tuple[str, ...], FetchReason | None]]) -> None:
    publisher = Publisher()
    book, now_s, fetched_s = KeyBook(publisher.fetch), T0, []
    got_s, got = float("-inf"), None
    for later_s, kid, publisher.kids, publisher.fails in steps:
        now_s += later_s
        before = len(publisher.asked)
        found = await kids(book, kid, now_s)
        if len(publisher.asked) > before:
            fetched_s.append(now_s)
            if publisher.fails is None:
                got_s, got = now_s, list(publisher.kids)
        assert found == (got if now_s < got_s + STALE_S else None)  # what was fetched last, nothing else
        assert len(publisher.asked) <= before + 1
        if now_s >= got_s + 300 and found is not None:
            assert fetched_s[-1] > now_s - RETRY_S_MAX - 1  # stale only while a newer one was refused just now
    for first_s, third_s in zip(fetched_s, fetched_s[2:], strict=False):
        assert third_s - first_s >= 30  # one because it was due, and one for an unknown id
