"""clausegate tasks: the hub gives tasks to partners and teams, and does its own; a mistake is one clear line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.commands.tasks import app
from gateway.workspace import Workspace
from tests.flows.limited import AGREEMENT, PARTNER, limited_workspace

CREATE = ("--title", "Check the waybills", "--title-zh", "核对运单", "--due", "P3D", "--format", "json")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    return limited_workspace(tmp_path_factory.mktemp("tasks") / "workspace")


def tasks(command: str, workspace: Workspace, *arguments: str) -> Result:
    words = [command, str(workspace.folder)] if command else [str(workspace.folder)]
    return CliRunner().invoke(app, [*words, *arguments], catch_exceptions=False)


def done(command: str, workspace: Workspace, *arguments: str) -> dict[str, Any]:
    ended = tasks(command, workspace, *arguments, *([] if "--format" in arguments else ["--format", "json"]))
    assert ended.exit_code == 0, ended.output
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def events(folder: Path) -> list[str]:
    return [entry.event for entry in read_as(folder, Authority) if entry.event.startswith("task-")]


def test_a_team_does_its_task_and_the_log_says_so(workspace: Workspace) -> None:
    made = done("create", workspace, *CREATE, "--team", "legal")
    assert made["actions"] == ["accept", "cancel"]
    assert done("accept", workspace, made["id"])["state"] == "accepted"
    completed = done("complete", workspace, made["id"], "--note", "all 12")
    assert (completed["state"], completed["note"]) == ("completed", "all 12")
    log = workspace.settings.log_path(workspace.folder)
    assert events(log)[-3:] == ["task-created", "task-accepted", "task-completed"]


def test_a_partners_task_is_listed_shown_and_cancelled_and_not_done_for_it(workspace: Workspace) -> None:
    made = done("create", workspace, *CREATE, "--partner", PARTNER, "--agreement", AGREEMENT)
    assert (made["partner"], made["agreement"], made["title"]["zh"]) == (PARTNER, AGREEMENT, "核对运单")
    text = tasks("", workspace).stdout
    assert made["id"] in text
    assert "Check the waybills" in text
    listed = done("list", workspace, "--partner", PARTNER, "--state", "open")["tasks"]
    assert [each["id"] for each in listed] == [made["id"]]
    assert done("list", workspace, "--state", "overdue")["tasks"] == []
    refused = tasks("accept", workspace, made["id"])
    assert (refused.exit_code, "only whom it is assigned to" in refused.output) == (2, True)
    assert "核对运单 / Check the waybills" in tasks("show", workspace, made["id"]).stdout
    assert done("cancel", workspace, made["id"], "--note", "settled by phone")["state"] == "cancelled"


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"--team": "Legal Team"}, "lower-case"),
        ({"--partner": "nobody"}, "there is no partner nobody"),
        ({"--team": "legal", "--partner": PARTNER}, "--team NAME or --partner ID"),
        ({}, "--team NAME or --partner ID"),
        ({"--team": "legal", "--due": "yesterday"}, "--due"),
        ({"--team": "legal", "--title": "two\nlines"}, "--title"),
        ({"--team": "legal", "--agreement": "none"}, "there is no agreement none"),
        ({"--team": "legal", "--product": "a b"}, "--product"),
    ],
)
def test_a_mistake_is_one_line_and_makes_nothing(workspace: Workspace, changed: dict[str, str], words: str) -> None:
    log = workspace.settings.log_path(workspace.folder)
    before = events(log)
    options = {"--title": "a", "--due": "P1D"} | changed
    ended = tasks("create", workspace, *(word for pair in options.items() for word in pair))
    assert (ended.exit_code, words in ended.output) == (2, True), ended.output
    assert events(log) == before


@pytest.mark.parametrize("command", ["show", "accept"])
def test_a_task_that_is_none_is_said(workspace: Workspace, command: str) -> None:
    ended = tasks(command, workspace, "t-none")
    assert (ended.exit_code, "there is no task t-none" in ended.output) == (2, True)
