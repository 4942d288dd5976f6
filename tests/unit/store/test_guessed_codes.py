"""Wrong codes of a second factor are counted once for all processes that have the store, however many try at once."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy.ext.asyncio import AsyncConnection
from structlog.testing import capture_logs

from gateway.people.guesses import MISSES_MAX
from gateway.people.totp import new_totp_secret
from gateway.store.accounts import Accounts
from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.store import Store

NOW_S = 1_800_000_000
PASSWORD = "correct horse battery"
HASHER = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)


class Halting(Store):
    """One that can be read and, once it is `halted`, not be written."""

    halted = False

    @asynccontextmanager
    async def write(self) -> AsyncIterator[AsyncConnection]:
        if self.halted:
            raise StoreError("unreachable", self.place, "it is a test")
        async with super().write() as connection:
            yield connection


class Nodes:
    """Several processes over one database file, and an account with a second factor."""

    def __init__(self, stores: list[Store], secret: Hidden[str]) -> None:
        self.stores = stores
        self.accounts = [Accounts(store, hasher=HASHER, now=lambda: NOW_S) for store in stores]
        self.right = pyotp.TOTP(secret.reveal()).at(NOW_S)
        self.wrong = "x" + self.right[1:]

    async def check(self, code: str, times: int) -> list[bool]:
        """The code, so many times at once, by each node in its turn: who got in."""
        nodes = [self.accounts[number % len(self.accounts)] for number in range(times)]
        return [
            found is not None for found in await asyncio.gather(*(each.check("ana", PASSWORD, code) for each in nodes))
        ]

    async def misses(self) -> int:
        async with self.stores[0].read() as connection:
            return int((await connection.exec_driver_sql("SELECT code_misses FROM accounts")).scalar_one())


@pytest.fixture
async def nodes(tmp_path: Path) -> AsyncIterator[Nodes]:
    stores = [await Store.open(f"sqlite:///{tmp_path / 'state.db'}") for _ in range(2)]
    accounts, secret = Accounts(stores[0], hasher=HASHER, now=lambda: NOW_S), new_totp_secret()
    await accounts.create("ana", PASSWORD, "legal", "zh")
    await accounts.set_totp("ana", secret)
    yield Nodes(stores, secret)
    for store in stores:
        await store.close()


async def test_guesses_at_several_processes_are_counted_together(nodes: Nodes) -> None:
    for number in range(MISSES_MAX):
        assert await nodes.accounts[number % 2].check("ana", PASSWORD, nodes.wrong) is None
    assert await nodes.check(nodes.right, 2) == [False, False]


async def test_of_many_at_once_no_more_get_a_try_and_it_is_said_once(nodes: Nodes) -> None:
    with capture_logs() as said:
        assert not any(await nodes.check(nodes.wrong, MISSES_MAX + 4))
    assert await nodes.misses() == MISSES_MAX
    assert [each["log_level"] for each in said] == ["warning"]
    assert "ana" not in str(said)
    assert await nodes.check(nodes.right, 1) == [False]


async def test_a_right_code_lets_one_in_and_those_who_were_late_are_misses(nodes: Nodes) -> None:
    assert sum(await nodes.check(nodes.right, 6)) == 1
    assert await nodes.misses() == 5


async def test_a_right_code_forgets_the_misses_for_everybody(nodes: Nodes) -> None:
    await nodes.check(nodes.wrong, MISSES_MAX - 1)
    assert await nodes.accounts[1].check("ana", PASSWORD, nodes.right) is not None
    assert await nodes.misses() == 0


async def test_a_wrong_password_counts_as_no_guess_of_a_code(nodes: Nodes) -> None:
    for _ in range(MISSES_MAX):
        assert await nodes.accounts[0].check("ana", "wrong horse battery", nodes.wrong) is None
    assert await nodes.misses() == 0


@pytest.mark.parametrize("is_right", [True, False])
async def test_while_guesses_cannot_be_counted_nobody_gets_in(nodes: Nodes, tmp_path: Path, is_right: bool) -> None:
    store = await Halting.open(f"sqlite:///{tmp_path / 'state.db'}")
    assert isinstance(store, Halting)
    store.halted = True
    with pytest.raises(StoreError):
        await Accounts(store, hasher=HASHER, now=lambda: NOW_S).check(
            "ana", PASSWORD, nodes.right if is_right else nodes.wrong
        )
    await store.close()
