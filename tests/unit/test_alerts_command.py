"""clausegate alerts: what burns, what is left of each month, and what people say to it."""

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs
from typer.testing import CliRunner, Result

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.audit.writer import Writer
from gateway.commands.alerts import app
from gateway.store.alerts import KeptAlert, KeptAlerts
from gateway.store.store import Store
from gateway.workspace import Workspace
from tests.flows.limited import AGREEMENT, PARTNER, limited_workspace
from tests.unit.sla.hub import exchange

WINDOW = '{"bad":30,"burn_rate":"60.00","minutes":60,"total":100}'
ALERT = KeptAlert(
    id="al-1",
    partner=PARTNER,
    agreement=AGREEMENT,
    clause="5.1",
    rule="fast",
    severity="page",
    contract="ab" * 32,
    evidence=f'{{"kind":"availability","long":{WINDOW},"short":{WINDOW}}}',
    raised_us=1_800_000_000_000_000,
    recorded_us=1_800_000_000_000_000,
)


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return limited_workspace(tmp_path / "workspace")


def keep(workspace: Workspace, *kept: KeptAlert) -> None:
    async def put() -> None:
        store = await Store.open(workspace.settings.database_url(workspace.folder))
        for each in kept:
            assert await KeptAlerts(store).keep(each)
        await store.close()

    asyncio.run(put())


def alerts(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)


def done(*arguments: object) -> str:
    ended = alerts(*arguments)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def as_json(*arguments: object) -> Any:
    return json.loads(done(*arguments, "--format", "json"))


@pytest.mark.parametrize("spelt", [[], ["list"]])
def test_open_ones_are_listed_and_resolved_ones_on_request(workspace: Workspace, spelt: list[str]) -> None:
    assert done(*spelt, workspace.folder).strip() == "no alert is open"
    over = structs.replace(ALERT, id="al-0", state="resolved", resolved_us=ALERT.raised_us)
    keep(workspace, over, ALERT)
    text = done(*spelt, workspace.folder, "--lang", "en")
    for words in ("al-1", "30/100", "60.00", "raised", "2027-01-15T16:00:00+08:00"):
        assert words in text
    assert "al-0" not in text
    assert "al-0" in done(*spelt, workspace.folder, "--all")
    assert "未确认" in done(*spelt, workspace.folder, "--lang", "zh")
    (row,) = as_json(*spelt, workspace.folder)["alerts"]
    assert (row["alert"], row["state"], row["raised"]) == ("al-1", "raised", "2027-01-15T08:00:00Z")
    assert row["evidence"]["long"]["burn_rate"] == "60.00"


def test_one_is_acknowledged_with_a_note_that_is_kept_and_committed_to(workspace: Workspace) -> None:
    keep(workspace, ALERT)
    assert "al-1 is acknowledged" in done("acknowledge", workspace.folder, "al-1", "--note", "calling [red]them[/]")
    (entry,) = read_as(workspace.settings.log_path(workspace.folder), Authority)
    assert (entry.event, entry.subject) == ("alert-acknowledged", f"al-1 {AGREEMENT} 5.1 fast")
    (row,) = as_json(workspace.folder)["alerts"]
    assert (row["state"], row["note"], bool(row["acknowledged_by"])) == ("acknowledged", "calling [red]them[/]", True)
    assert "calling [red]them[/]" in done(workspace.folder)


@pytest.mark.parametrize(
    ("name", "note", "words"),
    [
        ("al-9", "so", "there is no alert al-9"),
        ("al-1", " ", "a note has to be given"),
        ("al-1", "x" * 501, "at most 500"),
    ],
)
def test_what_cannot_be_acknowledged_is_one_clear_line_and_no_record(
    workspace: Workspace, name: str, note: str, words: str
) -> None:
    keep(workspace, ALERT)
    ended = alerts("acknowledge", workspace.folder, name, "--note", note)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert not any(each.event == "alert-acknowledged" for each in _events(workspace))


def _events(workspace: Workspace) -> list[Authority]:
    log = workspace.settings.log_path(workspace.folder)
    return list(read_as(log, Authority)) if log.is_dir() else []


def test_budgets_say_what_is_used_up_and_how_fast_it_goes(workspace: Workspace) -> None:
    now_s = time.time()
    plan = workspace.plans.all_plans()[0]
    contract = plan.contract
    writer = Writer.open(workspace.settings.log_path(workspace.folder), "gw-1")
    assert isinstance(writer, Writer)
    subject, at_us = f"{contract.agreement} {contract.version}", int(now_s - 600) * 1_000_000
    writer.append_written(Authority(at_us, "agreement-activated", subject, contract.hash, contract.partner))
    for number in range(200):
        writer.append_written(exchange(plan, now_s - 1, status=500 if number < 20 else 200))
    writer.close()
    (row,) = as_json("budgets", workspace.folder, "--agreement", AGREEMENT)["budgets"]
    assert (row["clause"], row["kind"], row["target_percent"], row["allowed_percent"]) == (
        "5.1",
        "availability",
        "99.5",
        "0.5000",
    )
    assert (row["total"], row["good"]) == (200, 180)
    assert float(row["consumed_percent"]) + float(row["left_percent"]) == pytest.approx(100, abs=0.02)
    assert [(each["rule"], each["bad"], each["burn_rate"]) for each in row["burning"]] == [
        ("fast", 20, "20.00"),
        ("steady", 20, "20.00"),
        ("slow", 20, "20.00"),
    ]
    text = done("budgets", workspace.folder, "--lang", "en")
    for words in ("used up", "99.5 %", "1 h 20.00 (14.4)"):
        assert words in text


def test_budgets_of_an_agreement_that_is_not_there_are_refused(workspace: Workspace) -> None:
    ended = alerts("budgets", workspace.folder, "--agreement", "nobody")
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert "there is no agreement nobody" in ended.stderr


def test_a_mistake_in_the_file_of_alerts_is_shown_with_its_line(workspace: Workspace) -> None:
    (workspace.folder / "alerts.toml").write_text("\nquite = 'PT1H'\n")
    ended = alerts("budgets", workspace.folder)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert "alerts.toml:2: quite:" in ended.stderr
