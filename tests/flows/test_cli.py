"""Every command as a person types it: what it answers, its exit status, and how it says what is wrong."""

import json
import os
import pty
import re
import shutil
import socket
import subprocess
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from msgspec import Struct
from openapi_spec_validator import validate
from typer.testing import CliRunner

from gateway.cli import app
from tests.conftest import ROOT
from tests.flows.demo import CLAUSEGATE, clausegate, running

COMMANDS = [
    "demo",
    "init",
    "import",
    "check",
    "diff",
    "explain",
    "serve",
    "token",
    "openapi",
    "status",
    "health",
    "verify",
    "log",
    "index",
    "evidence",
    "witness",
    "sequence",
    "erase",
    "sign-off",
    "trace",
    "reveal",
]
AGREEMENT = "first-partner-2026"


class Hub(Struct, frozen=True):
    """A workspace that `init` made, and what it said: the console's password, and a client with its secret."""

    folder: Path
    said: str

    @property
    def client(self) -> tuple[str, str]:
        found = re.search(r"^client +(\S+), secret (\S+)$", self.said, re.MULTILINE)
        assert found, self.said
        return found[1], found[2]


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Hub:
    folder = tmp_path_factory.mktemp("cli") / "hub"
    done = clausegate("init", folder)
    assert done.returncode == 0, done.stderr
    return Hub(folder, done.stdout)


@pytest.fixture
def own(hub: Hub, tmp_path: Path) -> Path:
    """A copy that a test may damage."""
    return Path(shutil.copytree(hub.folder, tmp_path / "hub"))


def test_init_makes_a_workspace_that_passes_check(hub: Hub) -> None:
    assert re.search(r"^console +user admin, password \S+$", hub.said, re.MULTILINE)
    assert hub.client[0] == "first-partner-app"
    done = clausegate("check", hub.folder, "--format", "json")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"ok": True, "findings": []})
    assert done.stderr == ""


def test_init_leaves_a_folder_that_is_not_empty_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    done = clausegate("init", tmp_path)
    assert done.returncode == 2
    assert done.stderr == f"error: {tmp_path}: the folder is not empty: name a new one\n"
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_what_init_made_is_served_and_its_client_and_a_token_of_the_operator_both_work(own: Path, hub: Hub) -> None:
    with running(own / "said", "serve", own, "--port", 0, LC_ALL="C.UTF-8") as process:  # so that it starts cold
        process.says("ready ")
        form = {"grant_type": "client_credentials", "resource": process.url}
        granted = httpx.post(f"{process.url}/oauth/token", data=form, auth=hub.client).json()["access_token"]
        port = process.url.rsplit(":", 1)[1]
        printed = clausegate("token", own, "first-partner-app")
        assert printed.returncode == 0, printed.stderr
        assert json.loads(clausegate("openapi", own).stdout)["servers"] == [{"url": process.url}]
        in_json = clausegate("token", own, "first-partner-app", "--port", port, "--format", "json")
        issued = json.loads(in_json.stdout)
        assert issued["scope"] == "orders:read partner"
        for token in (granted, printed.stdout.strip(), issued["access_token"]):
            answer = httpx.get(f"{process.url}/v1/orders", headers={"authorization": f"Bearer {token}"})
            assert answer.status_code == 200
            assert {record["customer"]["phone"][:-4].strip("*") for record in answer.json()["data"]} == {""}
        assert httpx.get(f"{process.url}/v1/orders").status_code == 401


def test_a_token_for_nobody_is_not_made(hub: Hub) -> None:
    done = clausegate("token", hub.folder, "nobody")
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "error: there is no client nobody\n")


def test_check_reports_every_mistake_of_every_file_for_machines_and_for_people(own: Path) -> None:
    policy, agreement = own / "policies" / "partner-standard.yaml", own / "agreements" / f"{AGREEMENT}.yaml"
    policy.write_text(policy.read_text().replace("limit: 60", "limit: many").replace("{burst}", "some"))
    agreement.write_text(agreement.read_text() + "colour: blue\n")
    (own / "backends.toml").write_text('[hub]\nkind = "pigeon"\n')
    (own / "clausegate.toml").write_text('port = "high"\n')
    done = clausegate("check", own, "--format", "json")
    assert done.returncode == 1
    report = json.loads(done.stdout)
    assert report["ok"] is False
    for finding in report["findings"]:
        assert finding["code"] in (ROOT / "docs" / "findings.md").read_text()
        assert finding["message"]
        assert finding["line"] >= 1
    errors = {(Path(one["file"]).name, one["line"]) for one in report["findings"] if one["severity"] == "error"}
    assert {file for file, _ in errors} == {policy.name, agreement.name, "backends.toml", "clausegate.toml"}
    assert (policy.name, line_of(policy, "limit: many")) in errors
    assert (agreement.name, line_of(agreement, "colour: blue")) in errors
    for_people = clausegate("check", own)
    assert for_people.returncode == 1
    for one in report["findings"]:
        assert f"{one['file']}:{one['line']}:" in for_people.stderr
        assert f"[{one['code']}]" in for_people.stderr
    assert for_people.stdout.startswith(f"{len([o for o in report['findings'] if o['severity'] == 'error'])} errors")


def line_of(file: Path, text: str) -> int:
    return 1 + file.read_text()[: file.read_text().index(text)].count("\n")


@pytest.mark.parametrize(
    ("arguments", "locale", "words"),
    [
        (["--lang", "zh"], "en_GB.UTF-8", ["乙方", "仅可用于", "120 次"]),
        (["--lang", "en"], "zh_CN.UTF-8", ["The Partner", "at most 120 calls", "last 4 characters only"]),
        ([], "zh_CN.UTF-8", ["乙方"]),
    ],
    ids=["zh", "en", "of the terminal"],
)
def test_explain_speaks_the_language_that_was_asked_for(
    hub: Hub, arguments: list[str], locale: str, words: list[str]
) -> None:
    done = clausegate("explain", hub.folder, AGREEMENT, *arguments, LC_ALL=locale, PYTHONUTF8="1")
    assert done.returncode == 0, done.stderr
    assert [word for word in words if word not in done.stdout] == []


def test_explain_and_the_enforced_limit_change_together(own: Path) -> None:
    file = own / "agreements" / f"{AGREEMENT}.yaml"
    agreement = yaml.safe_load(file.read_text())
    agreement["policies"][0]["set"] = {"4.1": {"limit": 777}}
    file.write_text(yaml.safe_dump(agreement))
    assert "at most 777 calls" in clausegate("explain", own, AGREEMENT, "--lang", "en").stdout
    document = json.loads(clausegate("openapi", own).stdout)
    assert "at most 777 calls" in document["paths"]["/v1/orders"]["get"]["description"]


def test_explain_of_an_unknown_agreement_names_the_known_ones(hub: Hub) -> None:
    done = clausegate("explain", hub.folder, "nothing-2026")
    assert done.returncode == 2
    assert done.stderr == f"error: there is no agreement nothing-2026; there are: {AGREEMENT}\n"


def test_openapi_is_valid_for_the_hub_and_for_one_partner(hub: Hub) -> None:
    for arguments in ([], ["--partner", "first-partner"]):
        done = clausegate("openapi", hub.folder, *arguments)
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        validate(document)
        assert document["openapi"].startswith("3.1")
        assert set(document["paths"]) == {"/v1/orders", "/v1/orders/{key}"}
        assert "margin" not in done.stdout
    unknown = clausegate("openapi", hub.folder, "--partner", "nobody")
    assert (unknown.returncode, unknown.stderr) == (2, "error: there is no partner nobody; there are: first-partner\n")


def test_before_any_traffic_everything_is_unknown_and_nothing_is_good(hub: Hub) -> None:
    (status,) = rows("status", hub.folder)
    assert (status["requests"], status["latest"]) == (0, None)
    assert {clause["verdict"] for clause in status["clauses"]} == {"unknown"}
    assert {clause["achieved_percent"] for clause in status["clauses"]} == {None}
    (health,) = rows("health", hub.folder)
    assert (health["score"], health["good_percent"], health["clauses_met"], health["lost"]) == (None, None, 0, [])
    for command, language, word in (("status", "en", "unknown"), ("health", "zh", "未知")):
        assert word in clausegate(command, hub.folder, "--lang", language).stdout


def rows(command: str, folder: Path) -> list[dict[str, Any]]:
    done = clausegate(command, folder, "--format", "json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return found


def test_verify_finds_a_flipped_byte_and_says_where(own: Path) -> None:
    intact = clausegate("verify", own)
    assert intact.stdout.startswith("intact: 3 records, 1 epoch, ")
    assert intact.stderr == "", "a bar is for terminals"
    (segment,) = (own / "log").rglob("*.seg")
    content = bytearray(segment.read_bytes())
    content[20] ^= 0x01
    segment.write_bytes(content)
    done = clausegate("verify", own)
    assert done.returncode == 1
    assert "FAULT" in done.stdout
    assert f"in gw-1/{segment.name} at byte 0" in done.stdout
    report = clausegate("verify", own, "--format", "json")
    assert report.returncode == 1
    found = json.loads(report.stdout)
    assert (found["intact"], found["fault"]["file"], found["fault"]["offset"]) == (False, f"gw-1/{segment.name}", 0)
    counted = clausegate("status", own)
    assert counted.returncode == 1
    assert "clausegate verify" in counted.stderr


def test_verify_of_a_copy_elsewhere_and_of_nothing(own: Path) -> None:
    copy = own.with_name("copy")
    shutil.move(own / "log", copy)
    assert clausegate("verify", own, "--log", copy).returncode == 0
    done = clausegate("verify", own)
    assert done.returncode == 2
    assert done.stderr == f"error: there is no log at {own / 'log'}: nothing was ever served from here\n"


def test_serve_says_plainly_that_the_port_is_taken(hub: Hub) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = clausegate("serve", hub.folder, "--port", port)
    assert done.returncode == 2
    assert done.stderr == (
        f"error: cannot listen on 127.0.0.1:{port}: Address already in use; `--port` takes another, 0 any free one\n"
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_help_teaches_what_a_command_does_and_each_of_its_options(command: str) -> None:
    done = CliRunner().invoke(app, [command, "--help"], env={"COLUMNS": "100"})
    assert done.exit_code == 0
    said = done.stdout.partition("╭")[0].split("Usage:")[1].partition("\n")[2]
    assert len(said.split()) > 8
    for option in re.findall(r"--[a-z]+", done.stdout):
        assert option.strip("-") in (ROOT / "docs" / "cli.md").read_text() or option == "--help"


def test_without_a_command_the_commands_are_listed() -> None:
    done = clausegate("--help")
    assert done.returncode == 0
    assert [name for name in COMMANDS if not re.search(rf"\b{name}\b", done.stdout)] == []
    unknown = clausegate("frobnicate")
    assert unknown.returncode == 2
    assert "No such command" in unknown.stderr


@pytest.mark.parametrize("command", ["check", "explain", "serve", "token", "openapi", "status", "health", "verify"])
def test_a_folder_that_is_not_there_is_one_clear_line(command: str, tmp_path: Path) -> None:
    folder = tmp_path / "nowhere"
    more = {"explain": [AGREEMENT], "token": ["someone"]}.get(command, [])
    done = CliRunner().invoke(app, [command, str(folder), *more])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr == (
        f"error: {folder}: there is no such folder; `clausegate init {folder}` makes a workspace there\n"
    )
    assert not folder.exists()


def test_a_folder_that_is_no_workspace_is_said_to_be_none(tmp_path: Path) -> None:
    done = clausegate("status", tmp_path)
    assert done.returncode == 2
    assert "it is no workspace" in done.stderr
    assert "Traceback" not in done.stderr


def test_diff_says_what_an_edit_means_and_how_bad_it_is(hub: Hub, own: Path) -> None:
    assert clausegate("diff", hub.folder, own).returncode == 0
    (policy,) = (own / "policies").glob("*.yaml")
    text = policy.read_text()
    burst = re.search(r"burst: (\d+)", text)
    assert burst
    for factor, status, effect in ((2, 3, "loosens"), (0.5, 4, "tightens")):
        policy.write_text(text.replace(burst[0], f"burst: {int(int(burst[1]) * factor)}"))
        done = clausegate("diff", hub.folder, own, "--format", "json")
        assert done.returncode == status, done.stderr
        (comparison,) = json.loads(done.stdout)["comparisons"]
        assert comparison["name"] == AGREEMENT
        assert [change["effects"] for change in comparison["changes"]] == [[effect]]
        assert effect in clausegate("diff", hub.folder, own, "--agreement", AGREEMENT).stdout
        (before,) = (hub.folder / "policies").glob("*.yaml")
        assert clausegate("diff", before, policy).returncode == status
    assert clausegate("diff", hub.folder, own, "--agreement", "nobody").returncode == 2
    for other, said in ((policy, "is a folder and"), (own / "nothing", f"{own / 'nothing'}: does not exist")):
        done = clausegate("diff", hub.folder, other)
        assert done.returncode == 2
        assert said in " ".join(done.stderr.split())
    policy.write_text(text.replace(burst[0], "burst: none"))
    done = clausegate("diff", hub.folder, own)
    assert done.returncode == 1
    assert "[wrong-type]" in done.stderr


def test_import_writes_a_product_once_and_check_takes_it(own: Path) -> None:
    document = ROOT / "tests" / "cases" / "odcs" / "v3.1.0.odcs.yaml"
    shown = clausegate("import", document)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert shown.stdout.startswith(document.read_text().split("roles:")[0][:200])
    done = clausegate("import", document, "--output", own)
    assert done.returncode == 0, done.stderr
    written = own / "products" / "every-key.odcs.yaml"
    assert done.stdout.strip() == str(written)
    assert written.read_text() == shown.stdout
    assert clausegate("check", own).returncode == 0
    again = clausegate("import", document, "--output", own)
    assert again.returncode == 2
    assert "nothing is overwritten" in again.stderr


def test_check_speaks_the_language_of_code_review(own: Path) -> None:
    (policy,) = (own / "policies").glob("*.yaml")
    policy.write_text(policy.read_text().replace("limit: ", "limits: ", 1))
    done = clausegate("check", own, "--format", "sarif")
    assert done.returncode == 1
    (run,) = json.loads(done.stdout)["runs"]
    assert {result["ruleId"] for result in run["results"]} >= {"unknown-key", "missing-key"}
    places = {result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] for result in run["results"]}
    assert places == {f"policies/{policy.name}"}


def at_a_terminal(*arguments: object, **environment: str) -> str:
    """What a command writes when its output is a terminal."""
    ours, theirs = pty.openpty()
    cleared = {
        name: value for name, value in os.environ.items() if name not in {"NO_COLOR", "FORCE_COLOR", "COLORTERM"}
    }
    with subprocess.Popen(
        [*CLAUSEGATE, *map(str, arguments)],
        cwd=ROOT,
        env={**cleared, "TERM": "xterm-256color", **environment},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        written = b""
        while True:
            try:
                chunk = os.read(ours, 4096)
            except OSError:  # the other end is closed
                break
            if not chunk:
                break
            written += chunk
        os.close(ours)
    assert process.returncode == 0
    return written.decode()


COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|9[0-7])[;\d]*m")


def test_colour_is_for_terminals_that_want_it(hub: Hub) -> None:
    assert COLOUR.search(at_a_terminal("check", hub.folder))
    assert not COLOUR.search(at_a_terminal("check", hub.folder, NO_COLOR="1"))
    for arguments in (["check", hub.folder], ["status", hub.folder], ["check", "--help"]):
        done = clausegate(*arguments, TERM="xterm-256color")
        assert "\x1b" not in done.stdout + done.stderr
