"""clausegate notice and suspension: what is said before anything is done, what is refused, what is then in force."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.commands.notice import app as notice_app
from gateway.commands.suspension import app as suspension_app
from gateway.workspace import Workspace
from tests.unit.notices.announcing import AGREEMENT, PRODUCT, VERSION, announcing_workspace

COMMON = "time_zone: UTC\nwords: {zh: 通知, en: A notice}\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return announcing_workspace(tmp_path / "workspace")


def run(app: Any, *arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)


def said(app: Any, *arguments: object) -> Any:
    ended = run(app, *arguments, "--format", "json")
    assert ended.exit_code == 0, ended.output
    return json.loads(ended.stdout)


def events(workspace: Workspace) -> list[str]:
    log = workspace.settings.log_path(workspace.folder)
    return [entry.event for entry in read_as(log, Authority)] if log.exists() else []


def ahead(**length: float) -> str:
    return f"{datetime.now(UTC) + timedelta(**length):%Y-%m-%dT%H:%M}"


def written(workspace: Workspace, text: str) -> Path:
    path = workspace.folder / "notice.yaml"
    path.write_text(COMMON + text, encoding="utf-8")
    return path


def deprecation(sunset: str) -> str:
    return (
        f"notice: old\nkind: deprecation\nproduct: {PRODUCT}\nversion: {VERSION}\n"
        f"deprecated: {ahead(days=-1)}\nsunset: {sunset}\n"
    )


def test_a_sunset_earlier_than_the_clause_allows_is_refused_unless_anyway(workspace: Workspace) -> None:
    file = written(workspace, deprecation(ahead(days=89)))
    refused = run(notice_app, "publish", workspace.folder, file)
    assert refused.exit_code == 1
    assert f"too late for {AGREEMENT}" in refused.output
    assert "for clause 6.2" in refused.output
    assert events(workspace) == []
    done = said(notice_app, "publish", workspace.folder, file, "--anyway")
    assert done["agreements"][0]["clause"] == "6.2"
    assert 86_000 < done["agreements"][0]["short_s"] <= 86_460
    assert events(workspace) == ["notice-published"]


def test_one_that_is_early_enough_is_published_listed_and_withdrawn(workspace: Workspace) -> None:
    file = written(workspace, deprecation(ahead(days=91)))
    kept = said(notice_app, "publish", workspace.folder, file)["published"]
    (listed,) = said(notice_app, "list", workspace.folder)
    assert listed == kept
    assert listed["notice"]["product"] == PRODUCT
    table = run(notice_app, workspace.folder, "--lang", "zh")
    assert "old" in table.stdout
    assert "通知" in table.stdout
    ended = run(notice_app, "withdraw", workspace.folder, "old", "--reason", "not now")
    assert ended.exit_code == 0, ended.output
    assert said(notice_app, "list", workspace.folder)[0]["withdraw_reason"] == "not now"
    assert events(workspace) == ["notice-published", "notice-withdrawn"]


def test_a_dry_run_does_nothing(workspace: Workspace) -> None:
    file = written(workspace, f"notice: n\nkind: maintenance\nfrom: {ahead(days=4)}\nduration: PT1H\n")
    ended = run(notice_app, "publish", workspace.folder, file, "--dry-run")
    assert ended.exit_code == 0
    assert "nothing was published" in ended.output
    assert said(notice_app, "publish", workspace.folder, file, "--dry-run")["published"] is None
    assert events(workspace) == []
    assert said(notice_app, "list", workspace.folder) == []


def test_maintenance_too_late_for_the_clause_is_published_and_said_not_to_count(workspace: Workspace) -> None:
    file = written(workspace, f"notice: n\nkind: maintenance\nfrom: {ahead(days=1)}\nduration: PT1H\n")
    dry = run(notice_app, "publish", workspace.folder, file, "--dry-run")
    assert "too late for clause 6.2" in dry.output
    (concern,) = said(notice_app, "publish", workspace.folder, file)["agreements"]
    assert (concern["in_time"], concern["spans"], concern["late"]) == (False, 1, 1)
    assert events(workspace) == ["notice-published"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("notice: n\nkind: upkeep\n", "notice.yaml:4: kind"),
        ("notice: n\nkind: change\neffective: 2030-01-01\nagreements: [other]\n", "there is no agreement other"),
        ("notice: n\nkind: change\neffective: 2030-01-01\nproducts: [other]\n", "a product other"),
        (
            f"notice: n\nkind: deprecation\nproduct: {PRODUCT}\nversion: 9.9.9\n"
            "deprecated: 2030-01-01\nsunset: 2031-01-01\n",
            "version 9.9.9",
        ),
        ("notice: n\nkind: change\neffective: 2019-01-01\n", "no agreement is in force"),
    ],
)
def test_a_wrong_notice_is_said_where_it_is_wrong_and_changes_nothing(
    text: str, words: str, workspace: Workspace
) -> None:
    ended = run(notice_app, "publish", workspace.folder, written(workspace, text))
    assert ended.exit_code == 1
    assert words in " ".join(ended.output.split())
    assert events(workspace) == []


def test_a_file_that_is_not_there_is_one_clear_line(workspace: Workspace) -> None:
    ended = run(notice_app, "publish", workspace.folder, workspace.folder / "none.yaml")
    assert ended.exit_code == 2
    assert "No such file" in ended.output


def test_a_suspension_begins_ends_and_is_listed(workspace: Workspace) -> None:
    begun = said(
        suspension_app, "begin", workspace.folder, "--agreement", AGREEMENT, "--by", "partner", "--reason", "a move"
    )
    assert (begun["by"], begun["ended"]) == ("partner", None)
    assert "a move" in run(suspension_app, workspace.folder).stdout
    ended = run(suspension_app, "end", workspace.folder, begun["id"], "--reason", "moved")
    assert ended.exit_code == 0, ended.output
    (listed,) = said(suspension_app, "list", workspace.folder)
    assert listed["end_reason"] == "moved"
    assert events(workspace) == ["suspension-begun", "suspension-ended"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["begin", "--agreement", "other", "--reason", "x"], "there is no agreement other"),
        (["begin", "--agreement", AGREEMENT, "--reason", " "], "a reason has to be given"),
        (["end", "s-0", "--reason", "x"], "no open suspension s-0"),
    ],
)
def test_what_cannot_be_suspended_is_one_clear_line(arguments: list[str], words: str, workspace: Workspace) -> None:
    ended = run(suspension_app, arguments[0], workspace.folder, *arguments[1:])
    assert ended.exit_code == 2
    assert words in ended.output
    assert events(workspace) == []
