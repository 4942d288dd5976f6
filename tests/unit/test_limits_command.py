"""clausegate limits: what an operator is shown, from the log alone; what cannot be granted is one clear line."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.authority import NewClient, open_administration
from gateway.commands.limits import app
from gateway.commands.limits_report import length, window
from gateway.workspace import Workspace
from tests.flows.limited import PARTNER, limited_workspace

GRANT = {"--partner": PARTNER, "--clause": "4.2", "--extra": "5", "--until": "PT1H", "--reason": "a campaign"}


@pytest.fixture
async def workspace(tmp_path: Path) -> Workspace:
    made = limited_workspace(tmp_path / "workspace")
    async with open_administration(made.settings, made.folder) as administration:
        for client, partner in (("app", PARTNER), ("batch", PARTNER), ("theirs", "another")):
            await administration.add_client(NewClient(client, partner, "client_secret_basic"))
    return made


def limits(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False)


def done(*arguments: object) -> str:
    ended = limits(*arguments)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def grant(workspace: Workspace, **changed: str) -> Result:
    options = GRANT | {f"--{name}": value for name, value in changed.items()}
    return limits("grant", workspace.folder, *(word for pair in options.items() for word in pair), "--format", "json")


def events(workspace: Workspace) -> list[str]:
    log = workspace.settings.log_path(workspace.folder)
    return [entry.event for entry in read_as(log, Authority) if entry.event != "client-added"]


@pytest.mark.parametrize("spelt", [[], ["show"]])
def test_every_limit_and_hour_of_a_partner_is_shown_whether_show_is_said_or_not(
    workspace: Workspace, spelt: list[str]
) -> None:
    text = done(*spelt, workspace.folder, "--partner", PARTNER)
    for words in (
        "calls in any 1 min",
        "calls a day",
        "calls at once",
        "list shipments",
        "batch",
        "open",
        "What is in flight, the log cannot tell.",
    ):
        assert words in text
    assert "theirs" not in text
    assert done("--partner", PARTNER, workspace.folder) == text


def test_one_client_may_be_asked_for(workspace: Workspace) -> None:
    text = done(workspace.folder, "--partner", PARTNER, "--client", "batch", "--format", "json")
    document: dict[str, Any] = json.loads(text)
    assert document["source"] == "log"
    assert [(row["clause"], row["counter"], row["used"], row["left"]) for row in document["limits"]] == [
        ("4.1", "", 0, 1200),
        ("4.2", "batch", 0, 5),
        ("4.3", "list shipments", None, None),
        ("4.3", "get shipments", None, None),
    ]
    assert {row["clause"]: row["open_now"] for row in document["gates"]} == {"2.1": None, "4.4": True}


def test_what_is_granted_is_shown_with_its_reason_and_can_be_revoked(workspace: Workspace) -> None:
    granted = json.loads(grant(workspace, reason=" 双十一 [bold]now[/] ").stdout)
    text = done(workspace.folder, "--partner", PARTNER)
    for words in (granted["id"], "10 (5 extra until 20", "双十一 [bold]now[/]", granted["granted_by"]):
        assert words in text
    assert "as it was" in done("revoke", workspace.folder, granted["id"])
    assert granted["id"] not in done(workspace.folder, "--partner", PARTNER)
    assert events(workspace) == ["allowance-granted", "allowance-ended"]


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("partner", "nobody", "there is no partner nobody"),
        ("clause", "2.1", "counts nothing"),
        ("clause", "9.1", "findings lift"),
        ("until", "2020-01-01", "ends in the future"),
        ("reason", " ", "a reason has to be given"),
        ("extra", "9999999999999999", "at most"),
        ("extra", "0", "--extra"),
        ("agreement", "other", "no agreement other"),
    ],
)
def test_what_cannot_be_granted_is_one_clear_line_and_no_record(
    workspace: Workspace, option: str, value: str, words: str
) -> None:
    ended = grant(workspace, **{option: value})
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert words in ended.stderr
    assert events(workspace) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--partner", "nobody"], "there is no partner nobody"),
        (["--partner", PARTNER, "--client", "theirs"], "has no client theirs; it has: app, batch"),
        (["--partner", PARTNER, "--agreement", "other"], "swift has no agreement other in force now"),
        ([], "--partner"),
    ],
)
def test_whom_nobody_knows_has_no_limits(workspace: Workspace, arguments: list[str], words: str) -> None:
    ended = limits(workspace.folder, *arguments)
    assert (ended.exit_code, ended.stdout) == (2, "")
    assert words in ended.stderr


def test_an_allowance_that_is_not_there_is_said_not_to_be(workspace: Workspace) -> None:
    ended = limits("revoke", workspace.folder, "a-0")
    assert ended.exit_code == 2
    assert "there is no allowance a-0" in ended.stderr


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("redis://ops:canary@127.0.0.1:1/0", "the shared counters cannot be reached"),
        ("gopher://ops:canary@somewhere", "redis_url cannot be used"),
    ],
)
def test_shared_counters_that_cannot_be_asked_are_said_so_without_the_password(
    workspace: Workspace, url: str, words: str
) -> None:
    (workspace.folder / "clausegate.toml").write_text(f'redis_url = "{url}"\n')
    ended = limits(workspace.folder, "--partner", PARTNER)
    assert (ended.exit_code, ended.stdout) == (1, "")
    assert words in ended.stderr
    assert "canary" not in ended.stderr


def test_a_damaged_log_says_nothing_and_how_to_find_out_more(workspace: Workspace) -> None:
    (segment,) = workspace.settings.log_path(workspace.folder).rglob("*.seg")
    data = bytearray(segment.read_bytes())
    data[60] ^= 1
    segment.write_bytes(data)
    ended = limits(workspace.folder, "--partner", PARTNER)
    assert ended.exit_code == 1
    assert "clausegate verify" in ended.stderr


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (61, "61 s"),
        (119, "119 s"),
        (121, "3 min"),
        (7_201, "3 h"),
        (86_400, "1 d"),
    ],
)
def test_a_length_is_rounded_up(seconds: int, words: str) -> None:
    assert length(seconds) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(1, "1 s"), (90, "90 s"), (60, "1 min"), (7_200, "2 h"), (86_400, "1 d")]
)
def test_a_window_is_said_exactly(seconds: int, words: str) -> None:
    assert window(seconds) == words
