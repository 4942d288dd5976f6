"""Whoever logs in at one worker is logged in at all of them, after a restart too, and logs out of all of them."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
from sqlalchemy import text

from gateway.audit.receipt import parse_receipt
from gateway.console.visitor import SESSION_COOKIE
from gateway.store.accounts import Account, AccountFault, Accounts
from gateway.store.store import Store
from gateway.workspace import Workspace, load_workspace
from tests.flows.backend import backend
from tests.flows.demo import until
from tests.flows.hub import Gateway, Hub, hub
from tests.flows.wire import Reply, Wire
from tests.unit.console.house import PASSWORD, form_token

pytestmark = pytest.mark.slow

T = TypeVar("T")
WORKERS = {"gw-1-1", "gw-1-2"}
CALLS = 40
CONNECTIONS_MAX = 2_000
ENDED_S = 2


@pytest.fixture
def made(tmp_path: Path) -> Iterator[Hub]:
    with backend() as source, hub(tmp_path, source.url, settings="workers = 2\n") as made:
        assert isinstance(asyncio.run(_with_store(made, _create)), Account)
        yield made


async def _create(store: Store) -> Account | AccountFault:
    return await Accounts(store).create("li", PASSWORD, "legal", "en")


async def _with_store(made: Hub, change: Callable[[Store], Awaitable[T]]) -> T:
    """Change something in the hub's state store, from outside of any gateway."""
    loaded = load_workspace(made.folder, {})
    assert isinstance(loaded, Workspace)
    store = await Store.open(loaded.settings.database_url(made.folder))
    try:
        return await change(store)
    finally:
        await store.close()


class Seat:
    """One connection to one worker, which is known by the receipt of an exchange on it."""

    def __init__(self, wire: Wire, worker: str) -> None:
        self.wire, self.worker = wire, worker

    @classmethod
    async def taken(cls, gateway: Gateway) -> "Seat":
        wire = await Wire.open(gateway.url)
        receipt = parse_receipt((await wire.ask("/v1/shipments/S-1", [gateway.bearer])).receipt or "")
        assert receipt is not None
        return cls(wire, receipt.writer)

    async def console(self, session: str, path: str = "/console/") -> Reply:
        return await self.wire.ask(path, [("Cookie", f"{SESSION_COOKIE}={session}")])


async def seats(gateway: Gateway) -> dict[str, Seat]:
    """A seat at each worker; the system chooses whom a connection reaches, so it takes some."""
    found: dict[str, Seat] = {}
    for _ in range(CONNECTIONS_MAX):
        seat = await Seat.taken(gateway)
        if found.setdefault(seat.worker, seat) is not seat:
            seat.wire.close()
        if set(found) == WORKERS:
            return found
    raise AssertionError(f"of all connections only {list(found)} had one")


def log_in(gateway: Gateway) -> str:
    """The session's id, from one worker or the other."""
    with httpx.Client(base_url=gateway.url, timeout=30) as client:
        form = {"form_token": form_token(client.get("/console/login").text), "username": "li", "password": PASSWORD}
        assert client.post("/console/login", data=form).status_code == 303
        return client.cookies[SESSION_COOKIE]


def log_out(gateway: Gateway, session: str, token: str) -> None:
    """At the worker that a new connection reaches."""
    cookie = {"Cookie": f"{SESSION_COOKIE}={session}"}
    answer = httpx.post(f"{gateway.url}/console/logout", data={"form_token": token}, headers=cookie, timeout=30)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/login")


def is_logged_in(reply: Reply) -> bool:
    assert reply.status in {200, 303}, reply.raw
    return reply.status == 200 and b"Signed in as li" in reply.body


async def on_new_connections(gateway: Gateway, session: str) -> Counter[tuple[str, bool]]:
    """How often which worker took the person to be logged in, until both have been asked often."""
    said: Counter[tuple[str, bool]] = Counter()
    for asked in range(CONNECTIONS_MAX):
        if asked >= CALLS and {worker for worker, _ in said} == WORKERS:
            return said
        seat = await Seat.taken(gateway)
        said[seat.worker, is_logged_in(await seat.console(session))] += 1
        seat.wire.close()
    raise AssertionError(f"of all connections only {said} had an answer")


def test_one_login_is_one_at_every_worker_and_outlives_a_restart(made: Hub) -> None:
    with made.serving() as gateway:
        session = log_in(gateway)
        assert set(asyncio.run(on_new_connections(gateway, session))) == {(worker, True) for worker in WORKERS}
        assert set(asyncio.run(on_new_connections(gateway, "guessed"))) == {(worker, False) for worker in WORKERS}
    with made.serving() as gateway:
        assert set(asyncio.run(on_new_connections(gateway, session))) == {(worker, True) for worker in WORKERS}


@pytest.mark.long
def test_a_logout_at_one_worker_ends_the_session_at_the_other(made: Hub) -> None:
    async def through(gateway: Gateway, session: str) -> None:
        both = await seats(gateway)
        page = (await both["gw-1-1"].console(session)).body.decode()
        assert is_logged_in(await both["gw-1-2"].console(session))
        began_s = time.monotonic()
        await asyncio.to_thread(log_out, gateway, session, form_token(page))
        for seat in both.values():
            async with asyncio.timeout(ENDED_S - (time.monotonic() - began_s)):
                while is_logged_in(await seat.console(session)):  # noqa: ASYNC110  # another process ends it
                    await asyncio.sleep(0.05)

    with made.serving() as gateway:
        session = log_in(gateway)
        asyncio.run(through(gateway, session))
        other = log_in(gateway)
        assert other != session
        assert set(asyncio.run(on_new_connections(gateway, session))) == {(worker, False) for worker in WORKERS}


@pytest.mark.long
def test_the_session_of_a_deleted_account_ends_at_every_worker(made: Hub) -> None:
    async def delete(store: Store) -> None:
        async with store.write() as connection:
            await connection.execute(text("DELETE FROM accounts WHERE username = 'li'"))

    async def ended(gateway: Gateway, session: str) -> bool:
        return not any([is_logged_in(await seat.console(session)) for seat in (await seats(gateway)).values()])

    with made.serving() as gateway:
        session = log_in(gateway)
        assert not asyncio.run(ended(gateway, session))
        asyncio.run(_with_store(made, delete))
        until(lambda: asyncio.run(ended(gateway, session)))
