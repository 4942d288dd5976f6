"""The token server refuses to start where it could not be safe."""

import pytest

from gateway.oauth.answers import Answer
from gateway.oauth.authority import load_authority
from gateway.oauth.certificates import Authorities
from gateway.oauth.dpop import Proofs
from gateway.oauth.incoming import Incoming
from gateway.oauth.key_book import KeyBook
from gateway.oauth.key_fetching import FetchFault
from gateway.oauth.replay import LocalReplayCache
from gateway.oauth.server import Partners, TokenServer
from gateway.store.clients import Clients
from gateway.store.hidden import Hidden
from gateway.store.revocations import Revocations
from gateway.throttle import Throttle
from tests.unit.oauth.stage import ISSUER, NOW_S, Stage


async def nowhere(url: str) -> FetchFault:
    return FetchFault("keys-unreachable")


@pytest.mark.parametrize(
    ("issuer", "good"),
    [
        ("http://127.0.0.1:8080", True),
        ("http://localhost:8080", True),
        ("http://[::1]:8080", True),
        ("https://gateway.example", True),
        ("http://gateway.example", False),
        ("http://10.0.0.1:8080", False),
        ("https://gateway.example/", False),
        ("https://gateway.example/path", False),
        ("https://gateway.example?x", False),
        ("https://gateway.example#x", False),
        ("https://user@gateway.example", False),
        ("gateway.example", False),
        ("ftp://gateway.example", False),
        ("", False),
    ],
)
async def test_an_issuer_is_a_base_url_that_nobody_can_listen_to(stage: Stage, issuer: str, good: bool) -> None:
    authority = await load_authority(stage.store, NOW_S)

    def make() -> TokenServer:
        return TokenServer(
            issuer=issuer,
            clients=Clients(stage.store),
            revocations=Revocations(stage.store),
            partners=Partners(lambda partner, now_s: (), lambda partner, now_s: None),
            pepper=Hidden(b"p"),
            key_book=KeyBook(nowhere),
            authorities=Authorities(),
            proofs=Proofs(base_url=ISSUER, nonces=stage.nonces, replay=LocalReplayCache()),
            replay=LocalReplayCache(),
            throttle=Throttle(Hidden(b"k")),
            authority=authority,
            announce=stage.announced,
        )

    if good:
        assert f'"issuer":"{issuer}"'.encode() in make().metadata
    else:
        with pytest.raises(ValueError, match="issuer"):
            make()


def test_neither_a_request_nor_an_answer_shows_what_it_holds() -> None:
    incoming = Incoming([b"Basic canary"], [], b"canary", b"canary", "192.0.2.1")
    assert "canary" not in f"{incoming!r} {Answer(200, (), b'canary')!r}"
