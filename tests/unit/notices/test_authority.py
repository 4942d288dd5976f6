"""Notices and suspensions are on the log before they hold, signed, and the log alone tells the same as the store."""

from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.authority import Administration, AuthorityError, open_administration
from gateway.limits.events import detail_of
from gateway.notices.authority import NewNotice, NewSuspension, NoticesAuthority
from gateway.notices.heard import Heard
from gateway.notices.known import Known, hash_of
from gateway.notices.signing import Statement, read_signed
from gateway.store.notices import KeptNotice, KeptSuspension, Notices, Suspensions, documents, read_known
from gateway.tlog.note import Signer
from gateway.workspace import Workspace
from tests.unit.notices.announcing import AGREEMENT, HOUR_US, PARTNER, announcing_workspace, loaded, the_contract

NOW_US = 1_800_000_000_123_456
STORM = "kind: force_majeure\nfrom: 2026-11-05T02:00\nto: 2026-11-06T02:00"
SIGNER = Signer("hub.example/log/notices", bytes(range(32)))


class Clock:
    """A clock that only goes where it is put."""

    def __init__(self) -> None:
        self.us = NOW_US

    def __call__(self) -> int:
        return self.us


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return announcing_workspace(tmp_path / "workspace")


@pytest.fixture
async def administration(workspace: Workspace) -> AsyncIterator[Administration]:
    async with open_administration(workspace.settings, workspace.folder) as opened:
        yield opened


@pytest.fixture
def told() -> list[tuple[str, str]]:
    return []


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def notices(administration: Administration, clock: Clock, told: list[tuple[str, str]]) -> NoticesAuthority:
    async def notify(event: str, partner: str, data: Mapping[str, Any]) -> None:
        assert "reason" not in data
        told.append((event, partner))

    return NoticesAuthority(administration, clock, notify)


def entries(workspace: Workspace) -> list[Authority]:
    return list(read_as(workspace.settings.log_path(workspace.folder), Authority))


async def publish(notices: NoticesAuthority, name: str = "storm", *partners: str) -> KeptNotice:
    new = NewNotice(loaded(f"notice: {name}\n{STORM}"), partners or (PARTNER,), "ops")
    return await notices.publish(new, SIGNER)


async def from_log(workspace: Workspace, administration: Administration) -> Known:
    heard = Heard(await documents(administration.store))
    for entry in reversed(entries(workspace)):  # the order of writers is no order of time
        heard.hear(entry)
    return heard.known()


async def test_a_notice_is_recorded_signed_and_told(
    workspace: Workspace, notices: NoticesAuthority, told: list[tuple[str, str]]
) -> None:
    kept = await publish(notices)
    (entry,) = entries(workspace)
    assert (entry.event, entry.subject, entry.partner) == ("notice-published", "storm force_majeure", PARTNER)
    assert (entry.time_us, entry.contract) == (NOW_US, hash_of(kept.json.encode()))
    said = Statement("hub.example/log", "storm", "force_majeure", kept.sha256, NOW_US)
    assert read_signed(kept.note, SIGNER.verifier) == said
    assert read_signed(kept.note.replace("storm", "strom"), SIGNER.verifier) is None
    assert read_signed(kept.note, Signer("hub.example/log/notices", bytes(32)).verifier) is None
    assert told == [("notice.published", PARTNER)]


async def test_every_partner_concerned_has_the_record_in_its_tree(
    workspace: Workspace, notices: NoticesAuthority
) -> None:
    await publish(notices, "storm", "b", "a")
    assert [(entry.partner, entry.time_us) for entry in entries(workspace)] == [("a", NOW_US), ("b", NOW_US)]


async def test_a_name_is_used_once_also_after_it_was_withdrawn(workspace: Workspace, notices: NoticesAuthority) -> None:
    await publish(notices)
    with pytest.raises(AuthorityError, match="is published already"):
        await publish(notices)
    await notices.withdraw("storm", (PARTNER,), "a mistake")
    with pytest.raises(AuthorityError, match="is withdrawn already"):
        await publish(notices)
    with pytest.raises(AuthorityError, match="is withdrawn already"):
        await notices.withdraw("storm", (PARTNER,), "again")
    with pytest.raises(AuthorityError, match="no notice other"):
        await notices.withdraw("other", (PARTNER,), "none")
    assert [entry.event for entry in entries(workspace)] == ["notice-published", "notice-withdrawn"]
    assert entries(workspace)[1].detail == detail_of({"reason": "a mistake"})


async def test_what_the_log_did_not_take_is_not_announced(
    administration: Administration, notices: NoticesAuthority, workspace: Workspace
) -> None:
    administration.writer.close()
    with pytest.raises(AuthorityError, match="record cannot be written"):
        await publish(notices)
    with pytest.raises(AuthorityError, match="record cannot be written"):
        await notices.begin(NewSuspension(the_contract(workspace), "hub", "why", "ops"))
    assert await Notices(administration.store).all() == ()
    assert await Suspensions(administration.store).all() == ()


async def test_a_suspension_begins_and_ends_on_the_log(
    workspace: Workspace, notices: NoticesAuthority, clock: Clock, told: list[tuple[str, str]]
) -> None:
    contract = the_contract(workspace)
    begun = await notices.begin(NewSuspension(contract, "hub", "moving house", "ops"))
    with pytest.raises(AuthorityError, match="suspended by the hub already"):
        await notices.begin(NewSuspension(contract, "hub", "again", "ops"))
    clock.us += HOUR_US
    await notices.end(begun.id, "moved")
    with pytest.raises(AuthorityError, match="no open suspension"):
        await notices.end(begun.id, "again")
    first, second = entries(workspace)
    assert (first.event, second.event) == ("suspension-begun", "suspension-ended")
    assert first.subject == second.subject == f"{begun.id} {AGREEMENT} hub"
    assert (first.contract, first.partner) == (contract.hash, PARTNER)
    assert second.time_us - first.time_us == HOUR_US
    assert [event for event, _ in told] == [
        "suspension.begun",
        "suspension.begun",
        "suspension.ended",
        "suspension.ended",
    ]


async def test_the_log_alone_tells_the_same_as_the_store(
    workspace: Workspace, notices: NoticesAuthority, administration: Administration, clock: Clock
) -> None:
    contract = the_contract(workspace)
    for number in range(3):
        clock.us += 7
        await publish(notices, f"storm-{number}", PARTNER, "another")
        begun = await notices.begin(NewSuspension(contract, "partner", "why", "ops"))
        clock.us += 11
        if number < 2:
            await notices.end(begun.id, "over")
    clock.us += 5
    await notices.withdraw("storm-1", (PARTNER, "another"), "no")
    known = await read_known(administration.store)
    assert await from_log(workspace, administration) == known
    assert [each.withdrawn_us for each in known.notices] == [None, clock.us, None]
    assert known.suspensions[2].ended_us is None


async def test_a_document_that_is_missing_or_changed_is_not_believed(
    workspace: Workspace, notices: NoticesAuthority, administration: Administration
) -> None:
    await publish(notices)
    ((sha256, data),) = (await documents(administration.store)).items()
    for there in ({}, {sha256: data.replace(b"2026", b"2025")}, {sha256: b"{}"}):
        heard = Heard(there)
        for entry in entries(workspace):
            heard.hear(entry)
        assert heard.known() == Known(unresolved=("storm",))


async def test_of_an_attempt_that_was_not_finished_the_next_one_counts(
    workspace: Workspace, notices: NoticesAuthority, administration: Administration, clock: Clock
) -> None:
    """The first attempt died between its record and the store."""
    kept = await publish(notices)
    early = replace(entries(workspace)[0], time_us=NOW_US - HOUR_US)
    heard = Heard(await documents(administration.store))
    for entry in (*entries(workspace), early):
        heard.hear(entry)
    assert [each.announced_us for each in heard.known().notices] == [kept.announced_us]


async def test_two_suspensions_at_once_are_one_and_the_other_is_over_on_the_log(
    workspace: Workspace, notices: NoticesAuthority, administration: Administration
) -> None:
    """Another process put one into the store after this one had looked."""

    class Late(Suspensions):
        async def open(self) -> tuple[KeptSuspension, ...]:
            return ()

    new = NewSuspension(the_contract(workspace), "hub", "why", "ops")
    first = await notices.begin(new)
    notices._suspensions = Late(administration.store)
    with pytest.raises(AuthorityError, match="somebody else"):
        await notices.begin(new)
    known = await from_log(workspace, administration)
    assert [each.id for each in known.suspensions if each.ended_us is None] == [first.id]
