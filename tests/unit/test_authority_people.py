"""Every change of an account is on the log before it is made, with which of its things is another; no secret is."""

from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.authority import Administration, AuthorityError, open_administration
from gateway.authority_people import NewAccount
from gateway.people.roles import Seat
from gateway.starter import write_starter
from gateway.store.accounts import Accounts
from gateway.store.hidden import Hidden
from gateway.workspace import Workspace, load_workspace

PASSWORD = Hidden("a-password-of-some-length")
PARTNER = "first-partner"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    write_starter(tmp_path / "workspace")
    loaded = load_workspace(tmp_path / "workspace")
    assert isinstance(loaded, Workspace)
    return loaded


@pytest.fixture
async def administration(workspace: Workspace) -> AsyncIterator[Administration]:
    async with open_administration(workspace.settings, workspace.folder) as opened:
        await opened.add_account(NewAccount("li", PASSWORD, Seat("auditor"), "zh"))
        yield opened


def events(workspace: Workspace) -> list[tuple[str, str, str]]:
    log = workspace.settings.log_path(workspace.folder)
    return [(entry.event, entry.subject, entry.partner) for entry in read_as(log, Authority)]


async def test_an_account_changes_on_the_record(workspace: Workspace, administration: Administration) -> None:
    await administration.set_role("li", Seat("partner-developer", PARTNER))
    await administration.set_password("li", Hidden("another-password-1"))
    uri = await administration.enrol("li")
    await administration.set_account_disabled("li", True)
    await administration.set_account_disabled("li", False)
    await administration.remove_totp("li")
    assert events(workspace) == [
        ("account-created", "li", ""),
        ("account-changed", "li role", PARTNER),
        ("account-changed", "li password", PARTNER),
        ("account-changed", "li totp", PARTNER),
        ("account-disabled", "li", PARTNER),
        ("account-enabled", "li", PARTNER),
        ("account-changed", "li totp", PARTNER),
    ]
    (account,) = await administration.accounts()
    assert (account.seat, account.disabled, account.totp) == (Seat("partner-developer", PARTNER), False, False)
    log = b"".join(path.read_bytes() for path in workspace.settings.log_path(workspace.folder).rglob("*.seg"))
    for secret in ("another-password-1", parse_qs(urlsplit(uri.reveal()).query)["secret"][0]):
        assert secret.encode() not in log


async def test_the_code_of_an_enrolled_account_is_needed_to_sign_off(
    workspace: Workspace, administration: Administration
) -> None:
    (contract,) = workspace.plans.contracts.values()
    await administration.set_role("li", Seat("legal"))
    secret = parse_qs(urlsplit((await administration.enrol("li")).reveal()).query)["secret"][0]
    with pytest.raises(AuthorityError, match="no account"):
        await administration.sign_off(contract, "li", PASSWORD)
    await administration.sign_off(contract, "li", PASSWORD, pyotp.TOTP(secret).now())
    assert events(workspace)[-1][0] == "agreement-signed-off"


@pytest.mark.parametrize("seat", [Seat("ops"), Seat("auditor"), Seat("partner-developer", PARTNER)])
async def test_whose_role_may_not_signs_nothing_off(
    workspace: Workspace, administration: Administration, seat: Seat
) -> None:
    (contract,) = workspace.plans.contracts.values()
    await administration.set_role("li", seat)
    with pytest.raises(AuthorityError, match="signs nothing off: legal and admin do"):
        await administration.sign_off(contract, "li", PASSWORD)
    assert all(event != "agreement-signed-off" for event, _, _ in events(workspace))


async def test_whoever_has_no_password_here_is_told_where_to_sign_off(
    workspace: Workspace, administration: Administration
) -> None:
    (contract,) = workspace.plans.contracts.values()
    with pytest.raises(AuthorityError, match="use the console"):
        await administration.sign_off(contract, "oidc:li.na", PASSWORD)


async def test_what_cannot_be_done_changes_nothing_and_is_not_recorded(
    workspace: Workspace, administration: Administration
) -> None:
    accounts = Accounts(administration.store)
    await accounts.admit("oidc:ana", "https://login.example a1", Seat("ops"), "en")
    before = events(workspace), await administration.accounts()
    for name, password, message in (
        ("li", PASSWORD, "taken"),
        ("oidc:li", PASSWORD, "1 to 64"),
        ("bo", Hidden("short"), "at least 12"),
    ):
        with pytest.raises(AuthorityError, match=message):
            await administration.add_account(NewAccount(name, password, Seat("ops"), "en"))
    with pytest.raises(AuthorityError, match="at least 12"):
        await administration.set_password("li", Hidden("short"))
    with pytest.raises(AuthorityError, match="no account nobody"):
        await administration.set_account_disabled("nobody", True)
    for change in (
        administration.set_role("oidc:ana", Seat("admin")),
        administration.set_password("oidc:ana", PASSWORD),
        administration.enrol("oidc:ana"),
        administration.remove_totp("oidc:ana"),
    ):
        with pytest.raises(AuthorityError, match="identity provider's"):
            await change
    assert (events(workspace), await administration.accounts()) == before
    await administration.set_account_disabled("oidc:ana", True)
