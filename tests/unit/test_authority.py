"""Every change of authority is on the log before it is made, with whom it concerns; no secret is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from gateway.audit.events import EVENTS
from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.authority import Administration, AuthorityError, NewClient, open_administration
from gateway.credentials.changing import CredentialAuthority, NewSecret
from gateway.oauth.keys import ensure_signing_keys
from gateway.starter import write_starter
from gateway.store.clients import Clients
from gateway.store.hidden import Hidden
from gateway.store.store import Store
from gateway.workspace import Workspace, load_workspace

PARTNER = "first-partner"
PASSWORD = Hidden("a-password-of-some-length")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    write_starter(tmp_path / "workspace")
    loaded = load_workspace(tmp_path / "workspace")
    assert isinstance(loaded, Workspace)
    return loaded


@pytest.fixture
async def administration(workspace: Workspace) -> AsyncIterator[Administration]:
    async with open_administration(workspace.settings, workspace.folder) as opened:
        yield opened


def events(workspace: Workspace) -> list[tuple[str, str, str]]:
    log = workspace.settings.log_path(workspace.folder)
    return [(entry.event, entry.subject, entry.partner) for entry in read_as(log, Authority)]


async def test_a_client_comes_goes_and_comes_back_on_the_record(
    workspace: Workspace, administration: Administration
) -> None:
    added = await administration.add_client(NewClient("app", PARTNER, "client_secret_basic"))
    credentials = CredentialAuthority(administration.store, administration.writer)
    second = await credentials.add_secret(await administration.client("app"), "ops")
    assert isinstance(second, NewSecret)
    await administration.set_disabled("app", True)
    assert [client.disabled for client in await administration.clients()] == [True]
    await administration.set_disabled("app", False)
    assert [client.disabled for client in await administration.clients()] == [False]
    assert events(workspace) == [
        ("client-added", "app", PARTNER),
        ("client-secret-added", "app", PARTNER),
        ("client-disabled", "app", PARTNER),
        ("client-enabled", "app", PARTNER),
    ]
    log = b"".join(path.read_bytes() for path in workspace.settings.log_path(workspace.folder).rglob("*.seg"))
    assert added.secret is not None
    for secret in (added.secret, second.secret):
        assert secret.reveal().encode() not in log


async def test_no_client_is_called_as_the_gateway_calls_itself(
    workspace: Workspace, administration: Administration
) -> None:
    for partner in (PARTNER, "hub"):
        with pytest.raises(AuthorityError, match="give the client another name"):
            await administration.add_client(NewClient("hub", partner, "client_secret_basic"))
    assert events(workspace) == []


async def test_a_rotation_names_the_key_that_signs_from_then_on(
    workspace: Workspace, administration: Administration
) -> None:
    with pytest.raises(AuthorityError, match="pending"):
        await administration.rotate_keys()
    store = await Store.open(workspace.settings.database_url(workspace.folder))
    await ensure_signing_keys(store, 1_700_000_000)
    await store.close()
    kid = await administration.rotate_keys()
    found = {key.state: key.kid for key in await administration.keys()}
    assert found["active"] == kid
    assert events(workspace) == [("key-created", found["pending"], ""), ("key-rotated", kid, "")]


async def test_a_compromised_key_is_withdrawn_on_the_log_before_it_is(
    workspace: Workspace, administration: Administration
) -> None:
    await ensure_signing_keys(administration.store, 1_700_000_000)
    before = {key.state: key.kid for key in await administration.keys()}
    kid = await administration.rotate_keys(compromised=True)
    after = {key.state: key.kid for key in await administration.keys()}
    assert (kid, after["retired"]) == (before["pending"], before["active"])
    assert events(workspace) == [
        ("key-created", after["pending"], ""),
        ("key-withdrawn", before["active"], ""),
        ("key-rotated", kid, ""),
    ]


async def test_only_who_knows_the_password_signs_off(workspace: Workspace, administration: Administration) -> None:
    await administration.create_account("legal.li", PASSWORD, "legal", "zh")
    (contract,) = workspace.plans.contracts.values()
    with pytest.raises(AuthorityError, match="no account"):
        await administration.sign_off(contract, "legal.li", Hidden("another-password-1"))
    await administration.sign_off(contract, "legal.li", PASSWORD)
    signed = [
        entry
        for entry in read_as(workspace.settings.log_path(workspace.folder), Authority)
        if entry.event == "agreement-signed-off"
    ]
    assert [(entry.contract, entry.partner) for entry in signed] == [(contract.hash, PARTNER)]
    assert signed[0].subject == f"{contract.agreement} {contract.version} legal.li"


async def test_what_cannot_be_done_changes_nothing_and_is_not_recorded(
    workspace: Workspace, administration: Administration
) -> None:
    await administration.add_client(NewClient("app", PARTNER, "client_secret_basic"))
    before = events(workspace)
    with pytest.raises(AuthorityError, match="already"):
        await administration.add_client(NewClient("app", PARTNER, "client_secret_basic"))
    with pytest.raises(AuthorityError, match="no client"):
        await administration.set_disabled("nobody", True)
    assert events(workspace) == before


async def test_without_the_log_nothing_is_changed(workspace: Workspace, administration: Administration) -> None:
    (workspace.settings.log_path(workspace.folder) / "admin").rename(workspace.folder / "gone")
    with pytest.raises(AuthorityError, match="cannot be written"):
        await administration.add_client(NewClient("app", PARTNER, "client_secret_basic"))
    store = await Store.open(workspace.settings.database_url(workspace.folder))
    assert await Clients(store).find("app") is None
    await store.close()


async def test_a_second_command_waits_for_the_first(workspace: Workspace, administration: Administration) -> None:
    with pytest.raises(AuthorityError, match="locked"):
        async with open_administration(workspace.settings, workspace.folder, wait_s=0.1):
            pass


async def test_every_event_that_is_written_is_one_that_is_documented(
    workspace: Workspace, administration: Administration
) -> None:
    await administration.add_client(NewClient("app", PARTNER, "client_secret_basic"))
    assert {event for event, _, _ in events(workspace)} <= set(EVENTS)
