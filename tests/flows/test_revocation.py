"""Revocation reaches every worker of a served gateway within a second, and changing the signing key refuses nobody."""

import asyncio
import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import httpx
import pytest

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.audit.receipt import parse_receipt
from tests.flows.backend import Backend, backend
from tests.flows.demo import clausegate
from tests.flows.hub import CLIENT, Gateway, Hub, hub
from tests.flows.wire import Reply, Wire
from tests.stalls import timed

pytestmark = pytest.mark.slow

TARGET = "/v1/shipments/S-1"
BOUND_S = 1.0
PATIENCE_S = 30
ANSWERS = 60
WORKERS = "workers = 2\ntree_delay_ms = 200\n"


@pytest.fixture(scope="module")
def source() -> Iterator[Backend]:
    with backend() as running:
        yield running


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, source: Backend) -> Iterator[Hub]:
    with hub(tmp_path_factory.mktemp("hub"), source.url, settings=WORKERS) as made:
        yield made


@pytest.fixture(scope="module")
def gateway(made: Hub) -> Iterator[Gateway]:
    with made.serving() as gateway:
        yield gateway


def form(gateway: Gateway, path: str, **parameters: str) -> httpx.Response:
    """A POST of the client to one of the OAuth endpoints."""
    return httpx.post(f"{gateway.url}{path}", data=parameters, auth=(CLIENT, gateway.hub.secret), timeout=30)


def new_token(gateway: Gateway) -> str:
    answer = form(gateway, "/oauth/token", grant_type="client_credentials", resource=gateway.url)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["access_token"])


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(urlsafe_b64decode(token.split(".")[1] + "=="))
    return found


def key_ids(gateway: Gateway) -> set[str]:
    keys = httpx.get(f"{gateway.url}/.well-known/jwks.json", timeout=30).json()["keys"]
    return {key["kid"] for key in keys}


async def called(wire: Wire, token: str) -> Reply:
    return await wire.ask(TARGET, [("authorization", f"Bearer {token}")])


@asynccontextmanager
async def one_of_each(gateway: Gateway, token: str) -> AsyncIterator[dict[str, Wire]]:
    """A connection to each worker, by the name of its log; both have seen the token, and remember it."""
    found: dict[str, Wire] = {}
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(PATIENCE_S):
            while len(found) < 2:
                wire = await stack.enter_async_context(await Wire.open(gateway.url))
                reply = await called(wire, token)
                receipt = parse_receipt(reply.receipt or "")
                assert receipt is not None, reply
                found.setdefault(receipt.writer, wire)
        yield found


async def refused(wires: dict[str, Wire], token: str) -> None:
    """Until each worker refuses the token; each time it answered whole, before that."""

    async def by_one(wire: Wire) -> None:
        while True:
            reply = await called(wire, token)
            if reply.status == 401:
                assert 'error="invalid_token"' in reply.headers["www-authenticate"]
                return
            assert reply.status == 200

    async with asyncio.timeout(PATIENCE_S):
        await asyncio.gather(*map(by_one, wires.values()))


async def test_a_token_that_its_client_revokes_is_refused_by_both_workers_within_a_second(gateway: Gateway) -> None:
    token, other = new_token(gateway), new_token(gateway)
    async with one_of_each(gateway, token) as wires:
        answer = await asyncio.to_thread(form, gateway, "/oauth/revoke", token=token)
        assert answer.status_code == 200
        _, took_s = await timed(refused(wires, token))
        assert took_s < BOUND_S
        assert [(await called(wire, other)).status for wire in wires.values()] == [200, 200]
    assert form(gateway, "/oauth/introspect", token=token).json() == {"active": False}
    subjects = [each.subject for each in read_as(gateway.hub.log, Authority) if each.event == "token-revoked"]
    assert subjects == [f"{CLIENT} {claims_of(token)['jti']}"]


async def test_all_tokens_of_a_client_that_is_disabled_are_refused_by_both_workers_within_a_second(
    gateway: Gateway,
) -> None:
    token = new_token(gateway)
    folder = gateway.hub.folder
    async with one_of_each(gateway, token) as wires:
        disabled = await asyncio.to_thread(clausegate, "client", "disable", folder, CLIENT)
        assert disabled.returncode == 0, disabled.stderr
        _, took_s = await timed(refused(wires, token))
        assert took_s < BOUND_S
        assert form(gateway, "/oauth/token", grant_type="client_credentials", resource=gateway.url).status_code == 401
        enabled = await asyncio.to_thread(clausegate, "client", "enable", folder, CLIENT)
        assert enabled.returncode == 0, enabled.stderr
        newer = new_token(gateway)
        async with asyncio.timeout(PATIENCE_S):  # each worker hears of it in its turn
            while {(await called(wire, newer)).status for wire in wires.values()} != {200}:
                pass


async def test_no_token_is_refused_while_the_signing_key_changes(gateway: Gateway) -> None:
    token = new_token(gateway)
    published = set[str]()
    async with one_of_each(gateway, token) as wires, asyncio.TaskGroup() as group:
        done, news = asyncio.Event(), asyncio.Event()
        statuses: list[int] = []

        async def calling(wire: Wire) -> None:
            """The token from before and the newest there is, again and again."""
            while not done.is_set():
                newest = await asyncio.to_thread(new_token, gateway)
                statuses.extend([(await called(wire, each)).status for each in (token, newest)])
                news.set()

        for wire in wires.values():
            group.create_task(calling(wire))
        for _ in range(2):
            begun = len(statuses)
            rotated = await asyncio.to_thread(clausegate, "keys", "rotate", gateway.hub.folder)
            assert rotated.returncode == 0, rotated.stderr
            published |= await asyncio.to_thread(key_ids, gateway)
            async with asyncio.timeout(PATIENCE_S):
                while len(statuses) < begun + ANSWERS:
                    news.clear()
                    await news.wait()
        done.set()
    assert set(statuses) == {200}
    assert len(published) >= 3
