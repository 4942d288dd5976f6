"""What the provider says of itself is read rarely, kept while it is away, and believed only if it is the provider."""

from typing import Any

import httpx
import pytest
from msgspec import Struct, field

from gateway.outbound.transport import CappedTransport
from gateway.people.discovery import (
    DOCUMENT_BYTES_MAX,
    FRESH_S,
    PAUSE_S,
    STALE_S,
    Discovery,
    Metadata,
    Unavailable,
    is_secure,
)

ISSUER = "https://login.hengtai.example"
SAID = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}


class Desk(Struct):
    """A provider that answers `says`, or is away; and a clock."""

    says: Any = field(default_factory=lambda: httpx.Response(200, json=SAID))
    now_s: float = 0.0
    asked: list[str] = field(default_factory=list)

    def handle(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(str(request.url))
        if isinstance(self.says, Exception):
            raise self.says
        if request.url.path == "/keys":
            return httpx.Response(200, json={"keys": [{"kid": f"k{self.asked.count(f'{ISSUER}/keys')}"}]})
        return httpx.Response(self.says.status_code, headers=self.says.headers, content=self.says.content)

    def discovery(self) -> Discovery:
        transport = CappedTransport(httpx.MockTransport(self.handle), DOCUMENT_BYTES_MAX)
        return Discovery(ISSUER, httpx.AsyncClient(transport=transport), lambda: self.now_s)


async def test_it_is_asked_once_an_hour() -> None:
    desk = Desk()
    discovery = desk.discovery()
    for now_s in (0.0, 1.0, FRESH_S - 1, FRESH_S):
        desk.now_s = now_s
        assert isinstance(await discovery.metadata(), Metadata)
    assert desk.asked == [f"{ISSUER}/.well-known/openid-configuration"] * 2


async def test_while_it_is_away_what_was_read_is_good_for_a_day_and_it_is_not_pestered() -> None:
    desk = Desk()
    discovery = desk.discovery()
    await discovery.metadata()
    desk.says = httpx.ConnectError("no route")
    for _ in range(3):
        desk.now_s = FRESH_S
        assert isinstance(await discovery.metadata(), Metadata)
    assert len(desk.asked) == 2
    desk.now_s = STALE_S
    assert await discovery.metadata() == Unavailable("unreachable")


async def test_once_it_is_back_it_is_found_after_a_pause() -> None:
    desk = Desk(says=httpx.ReadTimeout("too slow"))
    discovery = desk.discovery()
    assert await discovery.metadata() == Unavailable("unreachable")
    desk.says = httpx.Response(200, json=SAID)
    assert await discovery.metadata() == Unavailable("unreachable")
    desk.now_s = PAUSE_S
    assert isinstance(await discovery.metadata(), Metadata)


@pytest.mark.parametrize(
    ("says", "reason"),
    [
        (httpx.Response(500), "unreachable"),
        (httpx.Response(302, headers={"location": f"{ISSUER}/keys"}), "unreachable"),
        (httpx.Response(200, content=b"not JSON"), "unreadable"),
        (httpx.Response(200, content=b'{"issuer": "a", "issuer": "b"}'), "unreadable"),
        (httpx.Response(200, json=[]), "unreadable"),
        (httpx.Response(200, json={"issuer": ISSUER}), "unreadable"),
        (httpx.Response(200, content=b" " * (DOCUMENT_BYTES_MAX + 1)), "unreachable"),
        (httpx.Response(200, json=SAID | {"issuer": f"{ISSUER}/"}), "another-issuer"),
        (httpx.Response(200, json=SAID | {"token_endpoint": "http://login.hengtai.example/token"}), "insecure"),
        (httpx.Response(200, json=SAID | {"jwks_uri": "file:///etc/passwd"}), "insecure"),
        (httpx.Response(200, json=SAID | {"code_challenge_methods_supported": ["plain"]}), "no-pkce"),
    ],
)
async def test_what_is_no_metadata_of_this_provider_is_not_used(says: httpx.Response, reason: str) -> None:
    assert await Desk(says=says).discovery().metadata() == Unavailable(reason)  # type: ignore[arg-type]


async def test_a_key_that_is_not_there_is_looked_for_but_not_for_every_token() -> None:
    desk = Desk()
    discovery = desk.discovery()
    metadata = await discovery.metadata()
    assert isinstance(metadata, Metadata)
    assert await discovery.keys(metadata) == [{"kid": "k1"}]
    assert await discovery.keys(metadata, again=True) == [{"kid": "k1"}], "it was read a moment ago"
    desk.now_s = PAUSE_S
    assert await discovery.keys(metadata) == [{"kid": "k1"}]
    assert await discovery.keys(metadata, again=True) == [{"kid": "k2"}]
    assert await discovery.keys(metadata, again=True) == [{"kid": "k2"}]


@pytest.mark.parametrize(
    ("url", "secure"),
    [
        ("https://login.hengtai.example", True),
        ("http://127.0.0.1:9000", True),
        ("http://[::1]:9000", True),
        ("http://localhost", True),
        ("http://login.hengtai.example", False),
        ("https://", False),
        ("ftp://login.hengtai.example", False),
        ("https://[", False),
        ("", False),
    ],
)
def test_only_https_and_this_machine_are_secure(url: str, secure: bool) -> None:
    assert is_secure(url) == secure
