"""From the log alone a statement is the same, to the last digit and place, as from what was counted while serving."""

import asyncio
import json
import shutil
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
import typer
from msgspec import structs
from typer.testing import CliRunner

from gateway.audit.leaf import Authority, Pulse
from gateway.audit.reader import read_entries
from gateway.authority import Administration, open_administration
from gateway.commands import statement as command
from gateway.commands.statement_making import Made, Wanted, make_statement
from gateway.notices.authority import NewNotice, NewSuspension, NoticesAuthority
from gateway.sla.rolling import Rolling
from gateway.statements.document import ClauseResult, Statement, digest, is_sealed, read_statement, sealed
from gateway.tlog.note import Signer
from gateway.workspace import Workspace, load_workspace
from tests.unit.notices.announcing import AGREEMENT, MINUTE_US, PARTNER, announcing_workspace, loaded, the_contract
from tests.unit.sla.hub import exchange

BEGINS_S = int(datetime(2026, 10, 31, 4, tzinfo=UTC).timestamp())
"""Noon of 31 October in Shanghai: the agreement comes into force on the log, twelve hours before the month ends."""
AFTER = datetime(2026, 11, 20, tzinfo=UTC)
_LATER_US = 1 << 60
"""The writer says when it opened by its own clock, which is later than what is simulated."""
SIGNER = Signer("hub.example/log/notices", bytes(range(32)))
MAINTENANCE = "notice: m-1\nkind: maintenance\nfrom: 2026-10-31T14:00\nduration: PT30M"
STORM = "notice: s-1\nkind: force_majeure\nfrom: 2026-10-31T20:00\nto: 2026-10-31T20:20"


class Clock:
    """A clock that only goes where it is put: seconds after the beginning."""

    def __init__(self) -> None:
        self.after_s = 0

    def __call__(self) -> int:
        return (BEGINS_S + self.after_s) * 1_000_000


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Half a day on the log, rolled up to its middle: an outage, maintenance, a storm announced later, a suspension."""
    found = announcing_workspace(tmp_path_factory.mktemp("sources") / "workspace")

    async def live() -> None:
        async with open_administration(found.settings, found.folder) as administration:
            await half_a_day(found, administration)

    asyncio.run(live())
    return found


async def half_a_day(workspace: Workspace, administration: Administration) -> None:
    contract, clock, writer = the_contract(workspace), Clock(), administration.writer
    (plan,) = (plan for plan in workspace.plans.all_plans() if plan.operation == "list")
    notices = NoticesAuthority(administration, clock)
    subject = f"{contract.agreement} {contract.version}"
    writer.append_written(Authority(clock(), "agreement-activated", subject, contract.hash, contract.partner))
    await notices.publish(NewNotice(loaded(MAINTENANCE), (PARTNER,), "ops"), SIGNER)
    for minute in range(12 * 60):
        clock.after_s = minute * 60
        if not 300 <= minute < 310:  # nobody was there
            writer.append_written(Pulse(clock()))
        if minute % 7 == 0 and not 300 <= minute < 310:
            status = 502 if minute % 21 == 0 or 120 <= minute < 160 else 200
            writer.append_written(exchange(plan, BEGINS_S + minute * 60 + 1, status=status))
        if minute == 400:
            log = workspace.settings.log_path(workspace.folder)
            rolling = Rolling(administration.store, log, lambda: workspace.plans, now_us=lambda: _LATER_US)
            assert await rolling.catch_up()
        if minute == 600:
            await notices.publish(NewNotice(loaded(STORM), (PARTNER,), "ops"), SIGNER)
            begun = await notices.begin(NewSuspension(contract, "hub", "the harbour is closed", "ops"))
        if minute == 650:
            await notices.end(begun.id, "it is open")
    await writer.append_durable(Pulse(clock() + MINUTE_US))


def made(workspace: Workspace, period: str = "2026-10", *, from_log: bool = False, issue: bool = False) -> Made:
    return make_statement(workspace, Wanted(AGREEMENT, period, from_log=from_log, issue=issue), AFTER)


def clause(statement: Statement, name: str) -> ClauseResult:
    (found,) = (each for each in statement.settlement.clauses if each.clause == name)
    return found


def test_both_sources_give_the_same_settlement_to_the_last_byte(workspace: Workspace) -> None:
    counted, heard = made(workspace).statement, made(workspace, from_log=True).statement
    assert (counted.seal.source, heard.seal.source) == ("rollups", "log")
    assert counted.settlement == heard.settlement
    assert counted.seal.figures_sha256 == heard.seal.figures_sha256
    assert counted.seal.log == heard.seal.log


def test_what_happened_is_in_it_with_its_evidence(workspace: Workspace) -> None:
    statement = made(workspace, from_log=True).statement
    (window,) = clause(statement, "5.8").windows
    assert window.causes["backend"] > 0
    maintenance, storm = window.exclusions
    assert (maintenance.notice, maintenance.retroactive, storm.notice, storm.retroactive) == ("m-1", False, "s-1", True)
    on_log = {
        (located.leaf.entry.subject.split()[0], located.receipt().leaf_hash, located.leaf.at.seq)
        for located in read_entries(workspace.settings.log_path(workspace.folder))
        if isinstance(located.leaf.entry, Authority) and located.leaf.entry.event == "notice-published"
    }
    assert {(each.notice, each.leaf, each.seq) for each in window.exclusions} == on_log
    assert clause(statement, "6.1").windows[0].verdict != "unknown"


def test_the_seal_names_how_far_each_writer_was_read(workspace: Workspace) -> None:
    (one,) = made(workspace).statement.seal.log
    last = list(read_entries(workspace.settings.log_path(workspace.folder)))[-1]
    assert (one.writer, one.first_seq, one.last_seq) == ("admin", 0, last.leaf.at.seq)
    assert (one.last_epoch, one.last_leaf) == (last.leaf.at.epoch, last.receipt().leaf_hash)


def test_the_command_writes_every_form_and_issues_once(workspace: Workspace, tmp_path: Path) -> None:
    runner, folder = CliRunner(), str(workspace.folder)
    asked = ["make", folder, "--agreement", AGREEMENT, "--period", "2026-10"]
    text = runner.invoke(command.app, asked)
    assert text.exit_code == 0, text.output
    for form, begins in (("json", b"{"), ("md", b"# "), ("html", b"<!doctype html>"), ("pdf", b"%PDF-")):
        file = tmp_path / f"statement.{form}"
        done = runner.invoke(command.app, [*asked, "--format", form, "--output", str(file), "--language", "en"])
        assert done.exit_code == 0, done.output
        assert file.read_bytes().startswith(begins)
    again = runner.invoke(command.app, [*asked, "--format", "pdf", "--output", str(tmp_path / "statement.pdf")])
    assert (again.exit_code, "already" in again.output) == (2, True)
    assert is_sealed(read_statement((tmp_path / "statement.json").read_bytes()))


def test_issued_it_is_listed_and_shown_and_not_issued_again(workspace: Workspace) -> None:
    issued = made(workspace, issue=True)
    assert issued.kept is not None
    runner, folder = CliRunner(), str(workspace.folder)
    listed = json.loads(runner.invoke(command.app, ["list", folder, "--format", "json"]).output)
    assert [(each["id"], each["state"]) for each in listed] == [(f"{AGREEMENT}.2026-10.r1", "issued")]
    shown = runner.invoke(command.app, ["show", folder, issued.kept.id, "--language", "en"])
    assert "Issued, awaiting" in shown.output
    again = runner.invoke(command.app, ["make", folder, "--agreement", AGREEMENT, "--period", "2026-10", "--issue"])
    assert (again.exit_code, "says the same already" in " ".join(again.output.split())) == (2, True)


def test_terms_that_were_edited_after_the_period_are_not_issued(
    workspace: Workspace, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "workspace"
    shutil.copytree(workspace.folder, copy)
    cover = copy / "agreements" / f"{AGREEMENT}.yaml"
    cover.write_text(cover.read_text().replace('monthly: "1000"', 'monthly: "10"'))
    edited = load_workspace(copy, {})
    assert isinstance(edited, Workspace)
    with pytest.raises(typer.Exit):
        made(edited, issue=True)
    said = " ".join(capsys.readouterr().err.split())
    assert "what changes terms is another version" in said
    assert made(edited).statement.settlement.totals[0].amount == "3.50", "computed it may be, to look at it"


def test_a_figure_that_was_changed_and_sealed_anew_is_not_what_the_log_says_was_issued(
    workspace: Workspace, tmp_path: Path
) -> None:
    name = f"{AGREEMENT}.2026-10.r1"
    copy = tmp_path / "workspace"
    shutil.copytree(workspace.folder, copy)
    database = copy / "state" / "clausegate.db"
    with closing(sqlite3.connect(database)) as connection, connection:
        (text,) = connection.execute("SELECT json FROM statements WHERE id = ?", (name,)).fetchone()
        statement = read_statement(text)
        dear = structs.replace(statement.settlement, totals=(), net=())
        seal = structs.replace(statement.seal, figures_sha256=digest(dear))
        forged = sealed(structs.replace(statement, settlement=dear, seal=seal))
        assert is_sealed(forged)
        values = (msgspec.json.encode(forged).decode(), forged.seal.sha256, name)
        assert connection.execute("UPDATE statements SET json = ?, sha256 = ? WHERE id = ?", values).rowcount == 1
    shown = CliRunner().invoke(command.app, ["show", str(copy), name])
    assert (shown.exit_code, "not as it was issued" in " ".join(shown.output.split())) == (1, True)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--agreement", "nobody", "--period", "2026-10"], "there is no agreement nobody"),
        (["--agreement", AGREEMENT, "--period", "October"], "a period is 2026-10, 2026-Q3 or 2026"),
        (["--agreement", AGREEMENT, "--period", "2026-09"], "in force in no part of 2026-09"),
    ],
)
def test_what_cannot_be_made_is_said_in_one_line(workspace: Workspace, arguments: list[str], says: str) -> None:
    done = CliRunner().invoke(command.app, ["make", str(workspace.folder), *arguments])
    assert (done.exit_code, says in " ".join(done.output.split())) == (2, True)
