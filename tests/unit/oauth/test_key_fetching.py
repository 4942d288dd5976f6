"""A key set is fetched from where it was registered, within bounds, and read strictly; each fault has its word."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from gateway.oauth.key_fetching import (
    BODY_BYTES_MAX,
    FETCH_REASONS,
    FetchedKeys,
    FetchFault,
    FetchReason,
    KeyFetcher,
    fresh_s_of,
    read_key_set,
)
from gateway.webhooks.address import Resolver
from tests.unit.oauth.key_server import HANG, KeyServer, jwk, key_server
from tests.unit.webhooks.receiver import NO_TLS, certified

LOOPBACK = (ip_network("127.0.0.0/8"),)
ONE = jwk("one")


@asynccontextmanager
async def fetching(**options: Any) -> AsyncIterator[tuple[KeyServer, KeyFetcher]]:
    """A server of keys on loopback, and what fetches from it."""
    async with key_server() as server:
        fetcher = KeyFetcher(Resolver(LOOPBACK), tls=NO_TLS, **options)
        try:
            yield server, fetcher
        finally:
            await fetcher.close()


@pytest.mark.parametrize(
    ("said", "ends_s"),
    [(None, None), (0, 0), (1_800_000_000, 1_800_000_000), (1_800_000_000.9, 1_800_000_000)],
)
def test_a_key_ends_when_it_says(said: float | None, ends_s: int | None) -> None:
    member = ONE if said is None else ONE | {"exp": said}
    keys = read_key_set(json.dumps({"keys": [member]}).encode())
    assert isinstance(keys, tuple)
    assert [(each.kid, each.expires_s) for each in keys] == [("one", ends_s)]


@pytest.mark.parametrize("said", ["2027-01-01", True, -1, 1e30, [], {}])
def test_a_key_that_says_so_in_a_way_nobody_can_read_is_not_used(said: object) -> None:
    keys = read_key_set(json.dumps({"keys": [ONE | {"exp": said}, jwk("two")]}).encode())
    assert isinstance(keys, tuple)
    assert [each.kid for each in keys] == ["two"]


async def test_a_set_is_fetched_with_how_long_it_is_fresh() -> None:
    async with fetching() as (server, fetcher):
        server.publish(ONE)
        server.headers = "cache-control: public, max-age=900\r\n"
        got = await fetcher.fetch(server.url)
        assert isinstance(got, FetchedKeys)
        assert [(key.kid, key.alg) for key in got.keys] == [("one", "ES256")]
        assert got.fresh_s == 900
        head = server.heads[0].lower()
        assert "user-agent: clausegate" in head
        assert "accept-encoding: identity" in head
        assert "authorization" not in head


ANSWERS: list[tuple[str, FetchReason]] = [
    ("HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", "keys-status"),
    ("HTTP/1.1 302 There\r\nlocation: /elsewhere\r\ncontent-length: 0\r\n\r\n", "keys-status"),
    ("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 2\r\n\r\n{}", "keys-content-type"),
    ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", "keys-content-type"),
    (
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\ncontent-length: 2\r\n\r\n{}",
        "keys-content-type",
    ),
    ("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]", "keys-malformed"),
    ("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{}", "keys-unreachable"),
    ("canary\r\n\r\n", "keys-unreachable"),
    ("", "keys-unreachable"),
]


@pytest.mark.parametrize(("answer", "reason"), ANSWERS)
async def test_an_answer_that_is_no_key_set_has_its_word_and_is_asked_for_once(
    answer: str, reason: FetchReason
) -> None:
    async with fetching() as (server, fetcher):
        server.raw = answer
        assert await fetcher.fetch(server.url) == FetchFault(reason)
        assert len(server.heads) == 1


@pytest.mark.parametrize("framing", ["content-length: 70000\r\n\r\n", "\r\n"])
async def test_no_more_than_the_cap_is_read(framing: str) -> None:
    async with fetching() as (server, fetcher):
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{framing}"
        server.raw = head + " " * (BODY_BYTES_MAX + 1) + json.dumps({"keys": [ONE]}) + " " * 10_000
        assert await fetcher.fetch(server.url) == FetchFault("keys-too-large")


async def test_a_set_of_exactly_the_cap_is_read() -> None:
    async with fetching() as (server, fetcher):
        body = json.dumps({"keys": [ONE]}).ljust(BODY_BYTES_MAX)
        server.raw = f"HTTP/1.1 200 OK\r\ncontent-type: application/jwk-set+json\r\n\r\n{body}"
        assert isinstance(await fetcher.fetch(server.url), FetchedKeys)


@pytest.mark.parametrize("begun", ["", "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{"])
async def test_a_server_that_hangs_is_not_waited_for(begun: str) -> None:
    async with fetching(fetch_s=0.1) as (server, fetcher):
        server.raw = begun + HANG
        assert await fetcher.fetch(server.url) == FetchFault("keys-timeout")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:{port}/jwks",
        "https://10.0.0.1/jwks",
        "https://169.254.169.254/latest/meta-data",
        "https://localhost/jwks",
        "https://user@example.com/jwks",
        "ftp://example.com/jwks",
        "canary",
    ],
)
async def test_what_only_the_gateway_can_reach_is_not_called(url: str) -> None:
    async with key_server() as server:
        fetcher = KeyFetcher(Resolver((), lambda host, _port: ["127.0.0.1" if host == "localhost" else host]))
        assert await fetcher.fetch(url.format(port=server.port)) == FetchFault("keys-address")
        await fetcher.close()
        assert server.heads == []


async def test_a_name_is_called_at_the_address_that_was_looked_at_and_has_to_prove_itself(tmp_path: Path) -> None:
    served, trusting = certified(tmp_path, "keys.example")
    asked: list[str] = []

    def lookup(host: str, _port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"]

    async with key_server(served) as server:
        server.publish(ONE)
        url = f"https://keys.example:{server.port}/jwks"
        for tls, good in ((trusting, True), (NO_TLS, False)):
            fetcher = KeyFetcher(Resolver(LOOPBACK, lookup), tls=tls)
            assert isinstance(await fetcher.fetch(url), FetchedKeys) is good
            await fetcher.close()
        assert asked == ["keys.example"] * 2
        assert f"host: keys.example:{server.port}" in server.heads[0].lower()


async def test_an_address_where_nobody_listens_is_left_for_the_next() -> None:
    async with key_server() as server:
        server.publish(ONE)
        fetcher = KeyFetcher(Resolver(LOOPBACK, lambda _host, _port: ["127.0.0.2", "127.0.0.1"]), tls=NO_TLS)
        assert isinstance(await fetcher.fetch(f"http://keys.example:{server.port}/"), FetchedKeys)
        server.raw = ""
        assert await fetcher.fetch(f"http://keys.example:{server.port}/") == FetchFault("keys-unreachable")
        await fetcher.close()
    assert len(server.heads) == 2


def test_keys_that_are_no_use_here_are_skipped() -> None:
    usable = [ONE, jwk("two", RSAKey.generate_key(2048)), jwk("three", OKPKey.generate_key("Ed25519"))]
    others = [
        jwk("x", ECKey.generate_key("P-384")),
        jwk("x", OKPKey.generate_key("X25519")),
        jwk("x") | {"use": "enc"},
        jwk("x") | {"key_ops": ["encrypt"]},
        jwk("x", RSAKey.generate_key(2048)) | {"alg": "RS256"},
        jwk("x") | {"kid": "k" * 129},
        jwk("x") | {"kid": 1},
        {"kty": "canary"},
        {"kty": "EC", "crv": "P-256", "x": "AA", "y": "AA"},
        {},
    ]
    keys = read_key_set(json.dumps({"keys": others + usable, "more": 1}).encode())
    assert isinstance(keys, tuple)
    assert [(key.kid, key.alg) for key in keys] == [("one", "ES256"), ("two", "PS256"), ("three", "EdDSA")]
    assert read_key_set(b'{"keys": []}') == read_key_set(json.dumps({"keys": others}).encode()) == ()


def test_a_key_without_a_name_is_called_by_its_thumbprint_and_certificates_beside_it_are_not_read() -> None:
    key = ECKey.generate_key("P-256")
    member = key.as_dict(private=False, x5c=["canary"], x5u="https://canary.example")
    member.pop("kid", None)
    keys = read_key_set(json.dumps({"keys": [member]}).encode())
    assert isinstance(keys, tuple)
    assert keys[0].kid == key.thumbprint()
    assert "canary" not in keys[0].jwk


@pytest.mark.parametrize(
    ("keys", "reason"),
    [
        ([ONE, ECKey.generate_key("P-256").as_dict(private=True)], "keys-private"),
        ([ONE, OctKey.generate_key(256).as_dict(private=True)], "keys-private"),
        ([ONE, {"kty": "canary", "d": ""}], "keys-private"),
        ([ONE, jwk("one")], "keys-repeated"),
        ([jwk(str(number)) for number in range(9)], "keys-too-many"),
        ([{}] * 65, "keys-too-many"),
        (["canary"], "keys-malformed"),
        ({}, "keys-malformed"),
        (None, "keys-malformed"),
    ],
)
def test_a_set_that_cannot_be_right_is_refused_as_a_whole(keys: Any, reason: FetchReason) -> None:
    assert read_key_set(json.dumps({"keys": keys}).encode()) == FetchFault(reason)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"keys":[],"keys":[]}', b"\xff", b"[" * 10_000, b"NaN", b"null"])
def test_what_is_no_json_object_is_malformed(text: bytes) -> None:
    assert read_key_set(text) == FetchFault("keys-malformed")


@settings(max_examples=25, deadline=None)
@given(st.binary(max_size=60), st.dictionaries(st.sampled_from(["kty", "crv", "x", "kid", "alg", "use"]), st.text()))
def test_whatever_is_published_reading_it_ends(noise: bytes, member: dict[str, str]) -> None:
    assert isinstance(read_key_set(noise), FetchFault | tuple)
    assert read_key_set(json.dumps({"keys": [member]}).encode()) in ((), FetchFault("keys-private"))


@pytest.mark.parametrize(
    ("cache_control", "age", "fresh_s"),
    [
        ("", "", 300),
        ("public", "", 300),
        ("max-age=600", "", 600),
        ("Public, Max-Age=600", "100", 500),
        ('max-age="600"', "canary", 600),
        ("max-age=600", "9" * 30, 60),
        ("max-age=0", "", 60),
        ("max-age=999999999", "", 3600),
        ("max-age=-1", "", 300),
        ("s-max-age=600", "", 300),
        ("no-store", "", 60),
        ("no-cache, max-age=600", "", 60),
    ],
)
def test_how_long_a_set_is_fresh_is_for_its_publisher_to_say_within_bounds(
    cache_control: str, age: str, fresh_s: int
) -> None:
    assert fresh_s_of(cache_control, age) == fresh_s


def test_every_word_is_one_that_a_test_has_seen() -> None:
    seen = {reason for _, reason in ANSWERS} | {"keys-too-large", "keys-timeout", "keys-address"}
    assert seen | {"keys-private", "keys-repeated", "keys-too-many"} == set(FETCH_REASONS)


async def test_fetching_at_once_is_no_trouble() -> None:
    async with fetching() as (server, fetcher):
        server.publish(ONE)
        got = await asyncio.gather(*(fetcher.fetch(server.url) for _ in range(5)))
        assert all(isinstance(each, FetchedKeys) for each in got)
