"""What callers may show as a credential: one kind of token is good, every other gets one answer and no record."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from joserfc.jwk import ECKey
from msgspec import Struct
from msgspec.json import decode, encode

from gateway.oauth.authority import open_authority
from gateway.oauth.keys import Signer
from gateway.store.store import Store
from tests.flows.backend import backend
from tests.flows.hub import CLIENT, Gateway, hub
from tests.flows.wire import Reply, Wire
from tests.unit.oauth.stage import signed

LIST = "/v1/shipments"


class Stage(Struct, frozen=True):
    """A gateway, and the key that signs its tokens."""

    gateway: Gateway
    signer: Signer

    def claims(self, **changed: Any) -> dict[str, Any]:
        """The claims of a good token of the client, changed."""
        now_s = int(time.time())
        url = self.gateway.url
        claims = {"iss": url, "sub": CLIENT, "client_id": CLIENT, "partner": "swift", "aud": url}
        return claims | {"scope": "shipments:read", "iat": now_s, "exp": now_s + 300, "jti": "t-1"} | changed

    def challenge(self, error: str = "") -> str:
        """What a caller is told to show: a token of either kind, and where the gateway describes itself (RFC 9728)."""
        metadata = f'resource_metadata="{self.gateway.url}/.well-known/oauth-protected-resource"'
        return f'Bearer {error}{metadata}, DPoP algs="PS256 ES256 EdDSA", {metadata}'

    def token(self, header: dict[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """A token that is good but for what is changed."""
        head = {"alg": "ES256", "kid": self.signer.kid, "typ": "at+jwt"} | (header or {})
        return signed(head, encode(self.claims(**claims)), key or self.signer.key)


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    folder = tmp_path_factory.mktemp("credentials")
    with backend() as running, hub(folder, running.url) as made:
        signer = asyncio.run(_signer(made.folder))
        with made.serving() as gateway:
            yield Stage(gateway, signer)


async def _signer(workspace: Path) -> Signer:
    store = await Store.open(f"sqlite:///{workspace / 'state' / 'clausegate.db'}")
    try:
        return (await open_authority(store, time.time())).keys.signer
    finally:
        await store.close()


async def refused(stage: Stage, *authorization: str) -> Reply:
    """Call with these Authorization headers; nothing may be recorded, there is nobody to record it for."""
    before = stage.gateway.hub.recorded()
    async with await Wire.open(stage.gateway.url) as wire:
        reply = await wire.ask(LIST, [("authorization", value) for value in authorization])
    assert (reply.status, reply.receipt) == (401, None)
    assert stage.gateway.hub.recorded() == before
    assert set(decode(reply.body)) == {"type", "title", "status", "detail", "request_id"}
    return reply


async def test_the_token_that_the_others_are_made_from_is_good(stage: Stage) -> None:
    async with await Wire.open(stage.gateway.url) as wire:
        assert (await wire.ask(LIST, [("authorization", f"Bearer {stage.token()}")])).status == 200
        assert (await wire.ask(LIST, [("authorization", f"bearer {stage.token()}")])).status == 200


async def test_a_call_without_a_token_gets_a_challenge_without_an_error(stage: Stage) -> None:
    reply = await refused(stage)
    assert (reply.code, reply.headers["www-authenticate"]) == ("missing-token", stage.challenge())


BAD: dict[str, dict[str, Any]] = {
    "expired": {"iat": 1_700_000_000, "exp": 1_700_000_300},
    "that expires at once": {"exp": int(time.time())},
    "of a foreign audience": {"aud": "https://elsewhere.example"},
    "of several audiences": {"aud": ["https://elsewhere.example"]},
    "of a foreign issuer": {"iss": "https://elsewhere.example"},
    "from the future": {"iat": 4_000_000_000, "exp": 4_000_000_300},
    "whose expiry is null": {"exp": None},
    "bound to a key": {"cnf": {"jkt": "x"}},
    "not JSON's numbers": {"exp": "4000000000"},
    "with alg none": {"header": {"alg": "none"}},
    "with alg None": {"header": {"alg": "None"}},
    "of another type": {"header": {"typ": "JWT"}},
    "of an unknown key": {"header": {"kid": "x"}},
    "with a critical member": {"header": {"crit": ["x"], "x": 1}},
    "with alg HS256 and the public key's id": {"header": {"alg": "HS256"}, "key": b"k" * 32},
    "by a key of its own": {"key": ECKey.generate_key("P-256")},
}


@pytest.mark.parametrize("name", BAD)
async def test_a_token_that_is_not_good_gets_one_answer(stage: Stage, name: str) -> None:
    token = _tampered(stage, BAD[name])
    reply = await refused(stage, f"Bearer {token}")
    challenge = stage.challenge('error="invalid_token", ')
    assert (reply.code, reply.headers["www-authenticate"]) == ("invalid-token", challenge)
    assert token.encode() not in reply.raw
    assert token not in stage.gateway.process.stderr


def _tampered(stage: Stage, changed: dict[str, Any]) -> str:
    header = changed.get("header", {})
    if str(header.get("alg", "")).lower() == "none":
        return signed({"alg": header["alg"], "kid": stage.signer.kid, "typ": "at+jwt"}, encode(stage.claims()), b"")
    return stage.token(**changed)


@pytest.mark.parametrize(
    "authorization",
    [
        "Bearer",
        "Bearer ",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer ....",
        f"Bearer {'a' * 5000}",
        "Basic c3dpZnQtYXBwOnNlY3JldA==",
        "Token abc",
        "",
    ],
)
async def test_what_is_no_bearer_token_gets_the_same_answer(stage: Stage, authorization: str) -> None:
    reply = await refused(stage, authorization)
    challenge = stage.challenge('error="invalid_token", ')
    assert (reply.code, reply.headers["www-authenticate"]) == ("invalid-token", challenge)


async def test_a_good_token_sent_twice_is_no_credential(stage: Stage) -> None:
    good = f"Bearer {stage.token()}"
    for pair in ((good, good), (good, "Bearer x"), ("Bearer x", good), (good, "")):
        assert (await refused(stage, *pair)).code == "invalid-token"


async def test_every_byte_of_a_signed_token_counts(stage: Stage) -> None:
    good = stage.token()
    header, claims, signature = good.split(".")
    flipped = ("A" if signature[10] != "A" else "B").join((signature[:10], signature[11:]))
    for token in (
        f"{header}.{claims}.",
        f"{header}.{claims}",
        f"{header}.{claims}.{flipped}",
        f"{header}.{claims}.{signature}.x",
        f"{header}.{claims}.{signature}=",
        f" {good}",
        f"{good}, Bearer {good}",
    ):
        assert (await refused(stage, f"Bearer {token}")).code == "invalid-token"
