"""Console accounts: the right password and nothing else, and no way to find out who has one."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import pyotp
import pytest
from argon2 import PasswordHasher
from sqlalchemy import text

from gateway.people.guesses import MISSES_MAX, PAUSE_S
from gateway.people.roles import Seat
from gateway.people.totp import new_totp_secret
from gateway.store.accounts import Account, AccountFault, Accounts
from gateway.store.sessions import KeptSessions
from gateway.store.store import Store
from tests.unit.store.ready_file import ready_file

NOW_S = 1_800_000_000
PASSWORD = "correct horse battery"


class CountingHasher(PasswordHasher):
    """A hasher of little cost that counts how often it verified at that cost."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.verified = 0

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - its name there
        # Only what costs as much as a real one counts as work: a hash that cannot be read is dismissed at once.
        assert not self.check_needs_rehash(hash)
        self.verified += 1
        return super().verify(hash, password)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(ready_file(tmp_path, "c.db"))
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
    assert await accounts.create("ana", "another password", "admin", "en") == AccountFault("the username is taken")
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


async def test_a_second_factor_is_asked_for_and_each_code_is_good_once(store: Store) -> None:
    clock = [NOW_S]
    accounts = Accounts(store, hasher=CountingHasher(), now=lambda: clock[0])
    await accounts.create("ana", PASSWORD, "legal", "zh")
    secret = new_totp_secret()
    assert await accounts.set_totp("ana", secret)
    code = pyotp.TOTP(secret.reveal()).at(NOW_S)
    assert await accounts.check("ana", PASSWORD) is None
    assert await accounts.check("ana", "wrong horse battery", code) is None, "and it does not use the code up"
    found = await accounts.check("ana", PASSWORD, code)
    assert found is not None
    assert found.totp
    assert await accounts.check("ana", PASSWORD, code) is None
    clock[0] += 30
    assert await accounts.check("ana", PASSWORD, code) is None, "it fits still, but it was used"
    assert await accounts.check("ana", PASSWORD, pyotp.TOTP(secret.reveal()).at(clock[0])) is not None
    assert await accounts.set_totp("ana", None)
    assert await accounts.check("ana", PASSWORD) is not None


async def test_of_two_who_show_the_same_code_at_once_one_is_let_in(store: Store) -> None:
    accounts = [Accounts(store, hasher=CountingHasher(), now=lambda: NOW_S) for _ in range(2)]
    await accounts[0].create("ana", PASSWORD, "legal", "zh")
    secret = new_totp_secret()
    await accounts[0].set_totp("ana", secret)
    code = pyotp.TOTP(secret.reveal()).at(NOW_S)
    found = await asyncio.gather(*(each.check("ana", PASSWORD, code) for each in accounts))
    assert sorted(one is None for one in found) == [False, True]


async def test_the_secret_of_a_second_factor_is_sealed_for_its_account_alone(store: Store, accounts: Accounts) -> None:
    await accounts.create("bo", PASSWORD, "ops", "en")
    secret = new_totp_secret()
    await accounts.set_totp("ana", secret)
    async with store.write() as connection:
        await connection.execute(text("UPDATE accounts SET totp_secret = (SELECT totp_secret FROM accounts WHERE "
                                      "username = 'ana') WHERE username = 'bo'"))  # fmt: skip
        kept = (await connection.execute(text("SELECT totp_secret FROM accounts WHERE username = 'ana'"))).scalar_one()
    assert secret.reveal().encode() not in bytes(kept)
    assert await accounts.check("bo", PASSWORD, pyotp.TOTP(secret.reveal()).at(7)) is None, "what cannot be opened"


@pytest.mark.parametrize("change", ["disabled", "password", "totp"])
async def test_sessions_end_with_what_they_began_with(store: Store, accounts: Accounts, change: str) -> None:
    sessions = KeptSessions(store)
    assert await sessions.add(b"k" * 32, "ana", 1)
    if change == "disabled":
        assert await accounts.set_disabled("ana", True)
        assert not await sessions.add(b"l" * 32, "ana", 1), "nor does a new one begin"
        await accounts.set_disabled("ana", False)
    elif change == "password":
        assert await accounts.set_password("ana", "another password")
    else:
        assert await accounts.set_totp("ana", new_totp_secret())
    assert await sessions.find(b"k" * 32) is None


async def test_a_disabled_account_logs_nobody_in_for_the_same_work(store: Store, accounts: Accounts) -> None:
    hasher = CountingHasher()
    await accounts.set_disabled("ana", True)
    assert await Accounts(store, hasher=hasher).check("ana", PASSWORD) is None
    assert hasher.verified == 1
    await accounts.set_disabled("ana", False)
    assert await accounts.check("ana", PASSWORD) is not None


async def test_somebody_from_an_identity_provider_has_no_password_here(store: Store, accounts: Accounts) -> None:
    made = await accounts.admit("oidc:ana", "https://login.example a1", Seat("partner-developer", "swift"), "en")
    assert made is not None
    assert await accounts.of_subject("https://login.example a1") == made
    assert await accounts.of_subject("") is None, "the empty subject is every local account's"
    assert await accounts.admit("oidc:ana", "https://login.example a2", Seat("ops"), "en") is None
    hasher = CountingHasher()
    for password in ("", "*", PASSWORD):
        assert await Accounts(store, hasher=hasher).check("oidc:ana", password) is None
    assert hasher.verified == 3


async def test_only_a_partners_developer_has_a_partner(accounts: Accounts) -> None:
    assert isinstance(await accounts.create("bo", PASSWORD, "ops", "en", "swift"), AccountFault)
    assert isinstance(await accounts.create("bo", PASSWORD, "partner-developer", "en"), AccountFault)
    made = await accounts.create("bo", PASSWORD, "partner-developer", "en", "swift")
    assert isinstance(made, Account)
    assert await accounts.set_seat("bo", Seat("auditor"))
    assert [account.seat for account in await accounts.all()] == [Seat("legal"), Seat("auditor")]


async def test_who_has_the_password_cannot_guess_codes_for_long(store: Store) -> None:
    accounts = Accounts(store, hasher=CountingHasher(), now=lambda: NOW_S)
    await accounts.create("ana", PASSWORD, "legal", "zh")
    secret = new_totp_secret()
    await accounts.set_totp("ana", secret)
    right = pyotp.TOTP(secret.reveal()).at(NOW_S)
    for _ in range(2 * MISSES_MAX):
        assert await accounts.check("ana", "wrong horse battery", "000000") is None
    for _ in range(MISSES_MAX):
        assert await accounts.check("ana", PASSWORD, "x" + right[1:]) is None
    assert await accounts.check("ana", PASSWORD, right) is None
    restarted = Accounts(store, hasher=CountingHasher(), now=lambda: NOW_S)
    assert await restarted.check("ana", PASSWORD, right) is None, "a restart forgets nothing"
    later = Accounts(store, hasher=CountingHasher(), now=lambda: NOW_S + PAUSE_S)
    assert await later.check("ana", PASSWORD, pyotp.TOTP(secret.reveal()).at(NOW_S + PAUSE_S)) is not None
