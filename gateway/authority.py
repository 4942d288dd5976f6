"""What changes authority, each with its record on the audit log: clients, signing keys, sign-offs.

The record comes first and is durable before the change is made: a change that nobody can prove must not be possible,
and one that failed after its record shows in the log as one that can be looked for. May run beside a serving gateway.
"""

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from msgspec import Struct

from contracts.agreement import HUB
from contracts.plan import Contract
from gateway.audit.administration import open_admin
from gateway.audit.events import Event
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Authority
from gateway.audit.writer import Writer
from gateway.oauth import clients
from gateway.oauth.clients import ClientCredentials, ClientFault
from gateway.oauth.keys import new_signing_key, rotate_signing_keys
from gateway.settings import Settings
from gateway.store.accounts import Account, Accounts, Role
from gateway.store.clients import AuthMethod, Client, Clients
from gateway.store.hidden import Hidden
from gateway.store.signing_keys import SigningKey, SigningKeys
from gateway.store.store import Store
from policies.reference import Language

ResultT = TypeVar("ResultT")


class AuthorityError(Exception):
    """Nothing was changed; the text is for the operator."""


async def record(
    writer: Writer, event: Event, subject: str, *, partner: str = "", contract: str = "", detail: str = ""
) -> None:
    """Put an event on the log, durably. Raises AuthorityError."""
    entry = Authority(time.time_ns() // 1000, event, subject, contract, partner, detail)
    receipt = await writer.append_durable(entry)
    if isinstance(receipt, LogFault):
        raise AuthorityError(f"the record cannot be written: {receipt.kind}: {receipt.detail}")


class NewClient(Struct, frozen=True):
    """A client to add. `jwks` are its public keys, for private_key_jwt."""

    client_id: str
    partner: str
    auth_method: AuthMethod
    jwks: Mapping[str, Any] | None = None


class Administration:
    """An open state store and an end of the log of its own. Every method raises AuthorityError and StoreError.

    What is granted and imposed beside the contracts, gateway/authority_limits.py changes with the same two.
    """

    def __init__(self, store: Store, writer: Writer) -> None:
        self.store, self.writer = store, writer

    async def create_account(self, username: str, password: Hidden[str], role: Role, language: Language) -> Account:
        """A console account, recorded once it exists: only then is it known that the name can be had."""
        account = await Accounts(self.store).create(username, password.reveal(), role, language)
        if not isinstance(account, Account):
            raise AuthorityError(account.reason)
        await self._record("account-created", username)
        return account

    async def add_client(self, new: NewClient) -> ClientCredentials:
        """Register a client; its secret, if it has one, is shown this once."""
        if await Clients(self.store).find(new.client_id) is not None:
            raise AuthorityError(f"there is a client {new.client_id} already")
        await self._record("client-added", new.client_id, partner=new.partner)
        added = await clients.add_client(
            self.store, new.partner, new.client_id, new.auth_method, new.jwks, now_s=_now_s()
        )
        return _unless_fault(added)

    async def set_disabled(self, client_id: str, disabled: bool) -> None:
        """Disable or enable a client; its tokens until now are revoked either way."""
        client = await self._client(client_id)
        event: Event = "client-disabled" if disabled else "client-enabled"
        await self._record(event, client_id, partner=client.partner)
        await clients.set_client_disabled(self.store, client_id, disabled, now_s=_now_s())

    async def change_secret(self, client_id: str) -> Hidden[str]:
        """A second secret beside the first, which ends a week later."""
        client = await self._client(client_id)
        if client.auth_method != "client_secret_basic":
            raise AuthorityError(f"client {client_id} authenticates by {client.auth_method} and has no secret")
        await self._record("client-secret-added", client_id, partner=client.partner)
        return _unless_fault(await clients.change_secret(self.store, client_id, now_s=_now_s()))

    async def clients(self) -> tuple[Client, ...]:
        """Every client by id."""
        return await clients.list_clients(self.store)

    async def rotate_keys(self) -> str:
        """Let the pending key sign access tokens; its kid. No token is refused: both keys verify."""
        pending = [key for key in await SigningKeys(self.store).all() if key.state == "pending"]
        if not pending:
            raise AuthorityError("there is no pending key: `clausegate serve` makes the first ones")
        following = new_signing_key("pending", _now_s())
        await self._record("key-created", following.kid)
        await self._record("key-rotated", pending[0].kid)
        return await rotate_signing_keys(self.store, _now_s(), following)

    async def keys(self) -> tuple[SigningKey, ...]:
        """Every signing key, the active one first."""
        return await SigningKeys(self.store).all()

    async def sign_off(self, contract: Contract, username: str, password: Hidden[str]) -> None:
        """A person who has an account says that this contract, by its hash, is what they approve."""
        account = await Accounts(self.store).check(username, password.reveal())
        if account is None:
            raise AuthorityError("no account has this name and password")
        subject = f"{contract.agreement} {contract.version} {account.username}"
        await self._record("agreement-signed-off", subject, partner=contract.partner, contract=contract.hash)

    async def _client(self, client_id: str) -> Client:
        client = await Clients(self.store).find(client_id)
        if client is None:
            raise AuthorityError(f"there is no client {client_id}; `clausegate client list` shows all")
        return client

    async def _record(self, event: Event, subject: str, *, partner: str = "", contract: str = "") -> None:
        whose = "" if partner == HUB else partner  # what the hub's own programs may do is no partner's to see
        await record(self.writer, event, subject, partner=whose, contract=contract)


@asynccontextmanager
async def open_administration(settings: Settings, folder: Path, wait_s: float = 5.0) -> AsyncIterator[Administration]:
    """The store and the log of a workspace, for changes of authority. Raises AuthorityError, StoreError."""
    writer = open_admin(settings, folder, wait_s)
    if isinstance(writer, LogFault):
        raise AuthorityError(f"the audit log cannot be opened: {writer.kind}: {writer.detail}")
    try:
        store = await Store.open(settings.database_url(folder))
        try:
            yield Administration(store, writer)
        finally:
            await store.close()
    finally:
        writer.close()


def _unless_fault(found: "ResultT | ClientFault") -> "ResultT":
    if isinstance(found, ClientFault):
        raise AuthorityError(found.reason)
    return found


def _now_s() -> int:
    return int(time.time())
