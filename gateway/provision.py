"""Provisioning: the clients and console accounts of a new workspace, each of them a record on the audit log."""

import secrets
from collections.abc import Iterable

from msgspec import Struct

from gateway.audit.administration import options_of
from gateway.audit.faults import LogFault
from gateway.audit.writer import Writer
from gateway.authority import Administration, AuthorityError, NewClient
from gateway.oauth.clients import ClientCredentials
from gateway.store.hidden import Hidden
from gateway.store.opening import open_store
from gateway.workspace import Workspace


class NewAccount(Struct, frozen=True):
    """A console account that was made. The password is shown this once."""

    username: str
    password: Hidden[str]


async def provision(
    workspace: Workspace, username: str, clients: Iterable[NewClient]
) -> tuple[NewAccount, list[ClientCredentials]]:
    """Make a console account and clients in the workspace's state store, and record that on its log.

    Needs the log, so no gateway may be running on this workspace. Raises AuthorityError, StoreError.
    """
    settings = workspace.settings
    log = settings.log_path(workspace.folder)
    writer = Writer.open(log, settings.writer, options=options_of(settings))
    if isinstance(writer, LogFault):
        raise AuthorityError(f"the audit log cannot be opened: {writer.kind}: {writer.detail}")
    try:
        store = await open_store(settings, workspace.folder)
        try:
            administration = Administration(store, writer)
            password = Hidden(secrets.token_urlsafe(12))
            await administration.create_account(username, password, "admin", "en")
            made = [await administration.add_client(client) for client in clients]
            return NewAccount(username, password), made
        finally:
            await store.close()
    finally:
        writer.close()
