"""A statement is on the log before anybody can have it; what was issued is never changed, only replaced."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.authority import Administration, AuthorityError
from gateway.statements.issuing import StatementAuthority
from gateway.statements.revise import Computed
from gateway.store.statements import Statements
from tests.unit.statements.conftest import Told, settings_in
from tests.unit.statements.hub import OCTOBER, GivenFacts, computed, outage, settled
from tests.unit.statements.test_settle import Nonsense

GOOD, BAD = GivenFacts({}), GivenFacts({("5.1", "2026-10"): outage(3, 12)})


@pytest.fixture
def authority(administration: Administration, told: Told) -> StatementAuthority:
    async def notify(event: str, partner: str, data: Mapping[str, Any]) -> None:
        told.append((event, partner, data))

    return StatementAuthority(administration, notify, lambda: 1_800_000_000_000_000)


def records(folder: Path) -> list[Authority]:
    return [each for each in read_as(settings_in(folder).log_path(folder), Authority) if "statement" in each.event]


async def test_it_is_recorded_kept_and_told(
    authority: StatementAuthority, administration: Administration, folder: Path, told: Told
) -> None:
    issued = await authority.issue(computed(settled(BAD)), "ops")
    (record,) = records(folder)
    assert (record.event, record.subject, record.partner) == (
        "statement-issued",
        "swift-2026.2026-10.r1",
        "swift-logistics",
    )
    assert record.contract == issued.statement.seal.sha256
    assert await Statements(administration.store).find(issued.kept.id) == issued.kept
    ((event, partner, data),) = told
    assert (event, partner, data["sha256"]) == ("statement.issued", "swift-logistics", issued.kept.sha256)


async def test_the_same_figures_are_not_issued_twice(authority: StatementAuthority, folder: Path) -> None:
    await authority.issue(computed(settled(BAD)), "ops")
    with pytest.raises(AuthorityError, match=r"2026-10\.r1 says the same already"):
        await authority.issue(computed(settled(BAD), log=()), "ops")
    assert len(records(folder)) == 1


async def test_other_figures_make_the_next_revision_and_leave_the_first_as_it_is(
    authority: StatementAuthority, administration: Administration, folder: Path
) -> None:
    before = (await authority.issue(computed(settled(BAD)), "ops")).kept
    after = (await authority.issue(computed(settled(GOOD)), "ops")).kept
    again = (await authority.issue(computed(settled(BAD)), "ops")).kept
    assert [after.id, again.id] == ["swift-2026.2026-10.r2", "swift-2026.2026-10.r3"]
    assert await Statements(administration.store).find(before.id) == before
    latest = await Statements(administration.store).latest("swift-2026", "2026-10")
    assert latest == again
    assert [each.subject for each in records(folder)] == [before.id, after.id, again.id]


@pytest.mark.parametrize(
    ("what", "why"),
    [
        (computed(settled(GOOD, now=OCTOBER + timedelta(days=5))), "has not ended"),
        (computed(settled(Nonsense({}))), r"cannot be settled cannot be issued: clause 5\.1, 2026-10"),
    ],
    ids=["provisional", "nonsense"],
)
async def test_what_is_not_final_or_not_settled_is_not_issued(
    authority: StatementAuthority, folder: Path, what: Computed, why: str
) -> None:
    with pytest.raises(AuthorityError, match=why):
        await authority.issue(what, "ops")
    assert records(folder) == []


async def test_what_cannot_be_recorded_is_not_issued(
    authority: StatementAuthority, administration: Administration, told: Told
) -> None:
    administration.writer.close()
    with pytest.raises(AuthorityError):
        await authority.issue(computed(settled(GOOD)), "ops")
    assert await Statements(administration.store).all() == ()
    assert told == []
