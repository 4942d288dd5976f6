"""Provisioning: the clients and console accounts of a new workspace, each of them a record on the audit log."""

import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from gateway.audit.faults import LogFault
from gateway.audit.leaf import Authority
from gateway.audit.writer import Writer
from gateway.oauth.clients import ClientCredentials, ClientFault, add_client
from gateway.store.accounts import Account, Accounts
from gateway.store.clients import AuthMethod
from gateway.store.hidden import Hidden
from gateway.store.store import Store
from gateway.workspace import Workspace


class ProvisionError(Exception):
    """Provisioning cannot go on; the text is for the operator."""


class NewClient(Struct, frozen=True):
    """A client to add. `jwks` are its public keys, for private_key_jwt."""

    client_id: str
    partner: str
    auth_method: AuthMethod
    jwks: Mapping[str, Any] | None = None


class NewAccount(Struct, frozen=True):
    """A console account that was made. The password is shown this once."""

    username: str
    password: Hidden[str]


async def provision(
    workspace: Workspace, username: str, clients: Iterable[NewClient]
) -> tuple[NewAccount, list[ClientCredentials]]:
    """Make a console account and clients in the workspace's state store, and record that on its log.

    Needs the log, so no gateway may be running on this workspace. Raises ProvisionError, StoreError.
    """
    settings = workspace.settings
    writer = Writer.open(settings.log_path(workspace.folder), settings.writer)
    if isinstance(writer, LogFault):
        raise ProvisionError(f"the audit log cannot be opened: {writer.kind}: {writer.detail}")
    try:
        store = await Store.open(settings.database_url(workspace.folder))
        try:
            password = Hidden(secrets.token_urlsafe(12))
            account = await Accounts(store).create(username, password.reveal(), "operator", "en")
            if not isinstance(account, Account):
                raise ProvisionError(account.reason)
            await _record(writer, "account-created", username)
            made = [await _client(store, writer, client) for client in clients]
            return NewAccount(username, password), made
        finally:
            await store.close()
    finally:
        writer.close()


async def _client(store: Store, writer: Writer, client: NewClient) -> ClientCredentials:
    added = await add_client(
        store, client.partner, client.client_id, client.auth_method, client.jwks, now_s=int(time.time())
    )
    if isinstance(added, ClientFault):
        raise ProvisionError(added.reason)
    await _record(writer, "client-added", client.client_id)
    return added


async def _record(writer: Writer, event: str, subject: str) -> None:
    receipt = await writer.append_durable(Authority(time.time_ns() // 1000, event, subject))
    if isinstance(receipt, LogFault):
        raise ProvisionError(f"the audit log cannot be written: {receipt.kind}: {receipt.detail}")
