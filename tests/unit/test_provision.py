"""Provisioning: accounts and clients exist afterwards, and the log says that they came to be."""

from pathlib import Path

import pytest
from msgspec import structs

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.authority import AuthorityError, NewClient
from gateway.provision import provision
from gateway.settings import Settings
from gateway.starter import write_starter
from gateway.store.accounts import Accounts
from gateway.store.clients import Clients
from gateway.store.store import Store
from gateway.workspace import Workspace, load_workspace

CLIENT = NewClient("first-partner-app", "first-partner", "client_secret_basic")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    folder = tmp_path / "workspace"
    write_starter(folder)
    loaded = load_workspace(folder)
    assert isinstance(loaded, Workspace)
    return loaded


async def test_an_account_and_a_client_are_made_and_recorded(workspace: Workspace) -> None:
    account, (client,) = await provision(workspace, "admin", [CLIENT])
    store = await Store.open(workspace.settings.database_url(workspace.folder))
    try:
        assert await Accounts(store).check("admin", account.password.reveal()) is not None
        assert [known.client_id for known in await Clients(store).all()] == ["first-partner-app"]
    finally:
        await store.close()
    log = workspace.settings.log_path(workspace.folder)
    events = [(entry.event, entry.subject) for entry in read_as(log, Authority)]
    assert events == [("account-created", "admin"), ("client-added", "first-partner-app")]
    content = b"".join(path.read_bytes() for path in log.rglob("*.seg"))
    assert account.password.reveal().encode() not in content
    assert client.secret is not None
    assert client.secret.reveal().encode() not in content


async def test_the_settings_hold_for_its_records_too(workspace: Workspace) -> None:
    full = structs.replace(workspace, settings=Settings(reserve_mib=1_000_000_000))
    with pytest.raises(AuthorityError, match="disk-full"):
        await provision(full, "admin", [CLIENT])


async def test_a_name_that_is_taken_is_said(workspace: Workspace) -> None:
    await provision(workspace, "admin", [CLIENT])
    with pytest.raises(AuthorityError, match="taken"):
        await provision(workspace, "admin", [])
    with pytest.raises(AuthorityError, match="already"):
        await provision(workspace, "other", [CLIENT])
