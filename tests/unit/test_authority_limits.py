"""What is granted, imposed and lifted is on the log before it is in force, and the log commits to the reasons."""

import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import rfc8785
from msgspec import structs, to_builtins

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.authority import Administration, AuthorityError, open_administration
from gateway.authority_limits import LimitsAuthority, NewAllowance
from gateway.limits.adopting import kept_finding
from gateway.limits.confirming import anomaly_for
from gateway.limits.grants import Unfit
from gateway.store.allowances import Allowances
from gateway.store.findings import Findings, Measures
from gateway.workspace import Workspace
from tests.flows.limited import AGREEMENT, PARTNER, finding, limited_workspace

NOW_US = 1_800_000_000_000_000
HOUR_US = 3_600_000_000


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return limited_workspace(tmp_path / "workspace")


@pytest.fixture
async def administration(workspace: Workspace) -> AsyncIterator[Administration]:
    async with open_administration(workspace.settings, workspace.folder) as opened:
        yield opened


@pytest.fixture
def limits(administration: Administration) -> LimitsAuthority:
    return LimitsAuthority(administration, lambda: NOW_US)


def entries(workspace: Workspace) -> list[Authority]:
    return list(read_as(workspace.settings.log_path(workspace.folder), Authority))


def new(workspace: Workspace, until_us: int = NOW_US + HOUR_US) -> NewAllowance:
    (contract,) = workspace.plans.contracts.values()
    return NewAllowance(contract, "4.2", 500, until_us, "a campaign", "ops")


def hashed(value: object) -> str:
    return hashlib.sha256(rfc8785.dumps(value)).hexdigest()  # type: ignore[arg-type]


async def found(administration: Administration, name: str = "f1") -> None:
    await Findings(administration.store).keep(kept_finding(finding(name), NOW_US))


async def confirm(limits: LimitsAuthority, workspace: Workspace, administration: Administration) -> str:
    kept = await Findings(administration.store).find("f1")
    assert kept is not None
    under = anomaly_for(workspace.plans, kept, "9.1", NOW_US // 1_000_000)
    assert not isinstance(under, Unfit)
    return (await limits.confirm("f1", *under, "copied it")).id


async def test_an_allowance_is_recorded_with_what_it_commits_to(
    workspace: Workspace, administration: Administration, limits: LimitsAuthority
) -> None:
    granted = await limits.grant(new(workspace))
    (entry,) = entries(workspace)
    (contract,) = workspace.plans.contracts.values()
    assert (entry.event, entry.partner, entry.contract) == ("allowance-granted", PARTNER, contract.hash)
    assert entry.subject == f"{granted.id} {AGREEMENT} 4.2 +500 until 2027-01-15T09:00:00Z"
    words = structs.asdict(granted)
    del words["ended_us"]
    assert entry.detail == hashed(words)
    assert words["reason"] == "a campaign"
    assert await Allowances(administration.store).unended() == (granted,)


async def test_a_revoked_allowance_is_over_and_cannot_be_revoked_again(
    workspace: Workspace, administration: Administration, limits: LimitsAuthority
) -> None:
    granted = await limits.grant(new(workspace))
    await limits.revoke(granted.id)
    assert await Allowances(administration.store).unended() == ()
    assert [entry.event for entry in entries(workspace)] == ["allowance-granted", "allowance-ended"]
    assert entries(workspace)[1].subject == f"{granted.id} {AGREEMENT} 4.2 revoked"
    for name, words in ((granted.id, "ended already"), ("a-0", "there is no allowance a-0")):
        with pytest.raises(AuthorityError, match=words):
            await limits.revoke(name)
    assert len(entries(workspace)) == 2


async def test_an_allowance_whose_time_is_over_cannot_be_revoked(
    workspace: Workspace, administration: Administration, limits: LimitsAuthority
) -> None:
    granted = await limits.grant(new(workspace))
    late = LimitsAuthority(administration, lambda: granted.until_us)
    with pytest.raises(AuthorityError, match="ended already"):
        await late.revoke(granted.id)


async def test_a_confirmed_finding_is_a_measure_for_as_long_as_its_clause_says(
    workspace: Workspace, administration: Administration, limits: LimitsAuthority
) -> None:
    await found(administration)
    name = await confirm(limits, workspace, administration)
    (measure,) = await Measures(administration.store).unended()
    assert (measure.id, measure.clause, measure.product) == (name, "9.1", "shipments")
    assert (measure.from_us, measure.until_us) == (NOW_US, NOW_US + HOUR_US)
    (entry,) = entries(workspace)
    assert entry.event == "measure-imposed"
    assert entry.subject == f"{name} {AGREEMENT} 9.1 shipments until 2027-01-15T09:00:00Z"
    assert entry.detail == hashed({"finding": to_builtins(finding()), "reason": "copied it"})
    with pytest.raises(AuthorityError, match="confirmed already"):
        await limits.dismiss("f1", "it was none")


async def test_a_measure_that_is_lifted_leaves_why(
    workspace: Workspace, administration: Administration, limits: LimitsAuthority
) -> None:
    await found(administration)
    name = await confirm(limits, workspace, administration)
    await limits.lift(name, "they stopped")
    assert await Measures(administration.store).unended() == ()
    lifted = entries(workspace)[1]
    assert (lifted.event, lifted.subject) == ("measure-lifted", f"{name} {AGREEMENT} 9.1 lifted")
    assert lifted.detail == hashed({"reason": "they stopped"})
    for gone, words in ((name, "ended already"), ("m-0", "there is no measure m-0")):
        with pytest.raises(AuthorityError, match=words):
            await limits.lift(gone, "again")


async def test_a_dismissed_finding_stays_dismissed(
    workspace: Workspace, administration: Administration, limits: LimitsAuthority
) -> None:
    await found(administration)
    await limits.dismiss("f1", "their nightly sync")
    (entry,) = entries(workspace)
    assert (entry.event, entry.subject) == ("finding-dismissed", f"f1 {AGREEMENT} shipments sequential-keys")
    with pytest.raises(AuthorityError, match="dismissed already"):
        await confirm(limits, workspace, administration)
    with pytest.raises(AuthorityError, match="there is no finding f2"):
        await limits.dismiss("f2", "none")


async def test_no_reason_is_on_the_log(
    workspace: Workspace, administration: Administration, limits: LimitsAuthority
) -> None:
    await found(administration)
    await limits.lift(await confirm(limits, workspace, administration), "canary-lifted")
    await limits.revoke((await limits.grant(structs.replace(new(workspace), reason="canary-granted"))).id)
    log = b"".join(path.read_bytes() for path in workspace.settings.log_path(workspace.folder).rglob("*.seg"))
    assert b"canary" not in log
    assert b"allowance-ended" in log


async def test_without_the_log_nothing_is_granted_or_ended(
    workspace: Workspace, administration: Administration, limits: LimitsAuthority
) -> None:
    granted = await limits.grant(new(workspace))
    await found(administration)
    name = await confirm(limits, workspace, administration)
    (workspace.settings.log_path(workspace.folder) / "admin").rename(workspace.folder / "gone")
    await found(administration, "f2")
    for change in (
        limits.grant(new(workspace)),
        limits.revoke(granted.id),
        limits.lift(name, "they stopped"),
        limits.dismiss("f2", "none"),
    ):
        with pytest.raises(AuthorityError, match="cannot be written"):
            await change
    assert await Allowances(administration.store).unended() == (granted,)
    assert [measure.id for measure in await Measures(administration.store).unended()] == [name]
    kept = await Findings(administration.store).find("f2")
    assert kept is not None
    assert kept.state == "open"
    assert await Allowances(administration.store).claim_end(granted.id, NOW_US)
