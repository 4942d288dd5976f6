"""Console accounts: the right password and nothing else, and no way to find out who has one."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from gateway.store.accounts import Account, AccountFault, Accounts
from gateway.store.store import Store

PASSWORD = "correct horse battery"


class CountingHasher(PasswordHasher):
    """A hasher of little cost that counts how often it verified at that cost."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # noqa: A002 - its name there
        # Only what costs as much as a real one counts as work: a hash that cannot be read is dismissed at once.
        assert not self.check_needs_rehash(hash)
        self.verified += 1
        return super().verify(hash, password)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(f"sqlite:///{tmp_path}/c.db")
    yield opened
    await opened.close()


@pytest.fixture
async def accounts(store: Store) -> Accounts:
    accounts = Accounts(store, hasher=CountingHasher(), now=lambda: 7.5)
    await accounts.create("ana", PASSWORD, "legal", "zh")
    return accounts


async def test_the_right_password_gives_the_account(accounts: Accounts) -> None:
    assert await accounts.check("ana", PASSWORD) == Account("ana", "legal", "zh", 7)


@pytest.mark.parametrize(
    ("username", "password"),
    [("ana", "wrong horse battery"), ("ana", ""), ("bo", PASSWORD), ("ANA", PASSWORD), ("", ""), ("ana", "x" * 10_000),
     ("ana\0", PASSWORD), ("ana", "\ud800" * 12), ("' OR 1=1 --", PASSWORD)],
    ids=range(9),
)  # fmt: skip
async def test_anything_else_gives_nothing_for_the_same_work(
    store: Store, accounts: Accounts, username: str, password: str
) -> None:
    hasher = CountingHasher()
    assert await Accounts(store, hasher=hasher).check(username, password) is None
    assert hasher.verified == 1


async def test_a_password_is_kept_as_argon2id_alone(store: Store, accounts: Accounts) -> None:
    async with store.read() as connection:
        (row,) = (await connection.execute(text("SELECT * FROM accounts"))).all()
    assert row.password_hash.startswith("$argon2id$v=19$")
    assert PASSWORD not in repr(row)


async def test_the_default_cost_is_what_rfc_9106_recommends(store: Store) -> None:
    hasher = Accounts(store)._hasher
    assert (hasher.memory_cost, hasher.time_cost, hasher.parallelism) == (65536, 3, 4)


async def test_a_taken_name_is_a_fault_and_changes_nothing(accounts: Accounts) -> None:
    assert await accounts.create("ana", "another password", "operator", "en") == AccountFault("the username is taken")
    assert await accounts.check("ana", PASSWORD) is not None


@pytest.mark.parametrize(
    ("username", "password"),
    [("", PASSWORD), ("Ana", PASSWORD), ("a b", PASSWORD), ("x" * 65, PASSWORD), ("bo", "short"), ("bo", "x" * 257)],
)
async def test_a_bad_name_or_password_is_refused_with_the_rule(
    accounts: Accounts, username: str, password: str
) -> None:
    fault = await accounts.create(username, password, "ops", "en")
    assert isinstance(fault, AccountFault)
    assert "has at least 12" in fault.reason or "1 to 64" in fault.reason


async def test_a_hash_of_lower_cost_is_renewed_at_the_next_login(store: Store, accounts: Accounts) -> None:
    dearer = Accounts(store, hasher=PasswordHasher(time_cost=2, memory_cost=64, parallelism=1))
    assert await dearer.check("ana", PASSWORD) is not None
    async with store.read() as connection:
        stored = (await connection.execute(text("SELECT password_hash FROM accounts"))).scalar_one()
    assert ",t=2," in stored
    assert await dearer.check("ana", PASSWORD) is not None


async def test_a_language_is_remembered(accounts: Accounts) -> None:
    assert await accounts.set_language("ana", "en")
    assert not await accounts.set_language("nobody", "en")
    account = await accounts.check("ana", PASSWORD)
    assert account is not None
    assert account.language == "en"
