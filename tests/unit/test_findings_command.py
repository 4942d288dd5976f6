"""clausegate findings: what looks like scraping in words and figures, and nothing imposed that no clause allows."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.commands.findings import app
from gateway.limits.adopting import kept_finding
from gateway.scraping.finding import Finding
from gateway.store.findings import Findings
from gateway.store.store import Store
from gateway.workspace import Workspace
from tests.flows.limited import finding, limited_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return limited_workspace(tmp_path / "workspace")


def keep(workspace: Workspace, *found: Finding) -> None:
    """Put findings into the state store, as a watcher does; the first is the latest."""

    async def kept() -> None:
        store = await Store.open(workspace.settings.database_url(workspace.folder))
        for ago_us, each in enumerate(found):
            await Findings(store).keep(kept_finding(each, 1_800_000_000_000_000 - ago_us))
        await store.close()

    asyncio.run(kept())


def findings(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)


def done(*arguments: object) -> str:
    ended = findings(*arguments)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def events(workspace: Workspace) -> list[str]:
    log = workspace.settings.log_path(workspace.folder)
    return [entry.event for entry in read_as(log, Authority)] if log.is_dir() else []


@pytest.mark.parametrize("spelt", [[], ["list"]])
def test_open_ones_come_first_with_the_clauses_that_fit(workspace: Workspace, spelt: list[str]) -> None:
    assert done(*spelt, workspace.folder).strip() == "nothing was found"
    keep(workspace, finding("f2", "off-hours"), finding())
    done("dismiss", workspace.folder, "f2", "--reason", "their nightly sync")
    text = done(*spelt, workspace.folder, "--lang", "en")
    assert text.index("f1") < text.index("f2")
    for words in ("open, warning", "dismissed", "keys asked for one after the other", "9.1, 9.2"):
        assert words in text
    assert "按顺序遍历主键" in done(*spelt, workspace.folder, "--lang", "zh")


def test_one_is_told_with_its_figures_and_a_clause_against_it(workspace: Workspace) -> None:
    keep(workspace, finding(keys=5_000))
    text = done(workspace.folder, "--show", "f1", "--lang", "en")
    for words in ("5,000", "neighbours_percent", "97", "swift-2026 1.2.0", "9.1, 9.2", "kind: anomaly"):
        assert words in text
    (told,) = json.loads(done(workspace.folder, "--show", "f1", "--format", "json"))["findings"]
    assert told["finding"]["evidence"] == {"keys": 5_000, "neighbours_percent": 97}
    assert (told["state"], told["reported"], told["clauses"]) == ("open", False, ["9.1", "9.2"])


def test_a_confirmed_one_shows_its_measure_until_it_is_lifted_and_after(workspace: Workspace) -> None:
    keep(workspace, finding())
    said = done("confirm", workspace.folder, "f1", "--clause", "9.2", "--reason", "copied [red]it[/]")
    assert "shipments of swift-2026 is suspended by clause 9.2 until 20" in said
    measure = said.split(":")[0]
    text = done(workspace.folder)
    assert measure in text
    assert "copied [red]it[/]" in text
    done("lift", workspace.folder, measure, "--reason", "they stopped")
    assert measure not in done(workspace.folder)
    assert f"{measure}" in done(workspace.folder, "--show", "f1")
    assert "confirmed: copied [red]it[/]" in done(workspace.folder, "--show", "f1")
    assert events(workspace) == ["measure-imposed", "measure-lifted"]


@pytest.mark.parametrize(
    ("name", "clause", "reason", "words"),
    [
        ("f1", "9.1", "so", "is about sequential-keys; this finding is one of off-hours"),
        ("f1", "4.1", "so", "those of kind anomaly: 9.1, 9.2"),
        ("f3", "9.1", "so", "there is no finding f3"),
        ("f1", "9.1", "", "a reason has to be given"),
    ],
)
def test_what_cannot_be_confirmed_is_one_clear_line_and_no_record(
    workspace: Workspace, name: str, clause: str, reason: str, words: str
) -> None:
    keep(workspace, finding(detector="off-hours"))
    ended = findings("confirm", workspace.folder, name, "--clause", clause, "--reason", reason)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert events(workspace) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["list", "--show", "f3"], "there is no finding f3"),
        (["dismiss", "f3", "--reason", "so"], "there is no finding f3"),
        (["lift", "m-0", "--reason", "so"], "there is no measure m-0"),
        (["lift", "m-0", "--reason", "x" * 501], "at most 500 characters"),
    ],
)
def test_what_is_not_there_is_said_not_to_be(workspace: Workspace, arguments: list[str], words: str) -> None:
    command, *rest = arguments
    ended = findings(command, workspace.folder, *rest)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert events(workspace) == []
