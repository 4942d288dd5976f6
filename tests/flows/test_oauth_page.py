"""docs/partners/oauth.md: whoever does what the page says gets answers, in every language that it has."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec import Struct

from gateway.oauth import answers
from tests.flows.demo import running, until
from tests.flows.nodejs import node_with_libraries
from tests.flows.oauth_page import PAGE, bank_tier, basic_tier, examples

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
CLIENT_ID = "monday-app"
NEWER = "2027-2"
_PATIENCE_S = 120


class Developer(Struct, frozen=True):
    """A developer of the demo's bank: where the gateway is, a folder, and what each step of the page printed there."""

    url: str
    folder: Path
    said: list[str]

    @property
    def environment(self) -> dict[str, str]:
        """After the page's last step its newer key is in use."""
        return {"GATEWAY": self.url, "CLIENT_ID": CLIENT_ID, "KID": NEWER}

    def told(self, word: str) -> Any:
        """What the one step printed that has this word in it, as JSON."""
        (text,) = [said for step, said in zip(bank_tier(), self.said, strict=True) if word in step and said]
        return json.loads(text)


class Demo(Struct, frozen=True):
    """The demo, and who is in it."""

    url: str
    workspace: Path
    secrets: dict[str, str]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("page") / "d"
    with running(folder.parent / "said", "demo", "--dir", folder, "--port", 0) as process:
        process.says("Ctrl-C ends the demo")
        listed = json.loads((folder / "credentials.json").read_bytes())
        secrets = {each["client_id"]: each["client_secret"] for each in listed if "client_secret" in each}
        yield Demo(process.url, folder / "workspace", secrets)


def typed(steps: list[str], folder: Path, **environment: str) -> list[str]:
    """What each step printed; all of them are typed into one shell, and have to end well."""
    lines = ["set -e -o pipefail"]
    for number, step in enumerate(steps):
        lines.append(f"{{\n{step}}} > said-{number}")
    around = os.environ | environment | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    ended = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=folder,
        env=around,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return [(folder / f"said-{number}").read_text() for number in range(len(steps))]


@pytest.fixture(scope="module")
def developer(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> Developer:
    """Someone who has done all that the page says for a shell; the operator's part is done in between."""
    folder = tmp_path_factory.mktemp("developer")
    steps = [step.replace("WORKSPACE", f"'{demo.workspace}'").replace("YOU", "harbor-bank") for step in bank_tier()]
    said = typed(steps, folder, GATEWAY=demo.url, CLIENT_ID=CLIENT_ID)
    return Developer(demo.url, folder, said)


def test_two_lines_do_for_a_client_with_a_secret(demo: Demo, tmp_path: Path) -> None:
    asking, calling = basic_tier()
    who = "swift-logistics-app"
    (token,) = typed([asking], tmp_path, GATEWAY=demo.url, CLIENT_ID=who, CLIENT_SECRET=demo.secrets[who])
    (page,) = typed([calling], tmp_path, GATEWAY=demo.url, TOKEN=json.loads(token)["access_token"])
    assert len(json.loads(page)["data"]) == 1


def test_a_shell_does_for_a_client_with_a_key(developer: Developer) -> None:
    assert (developer.folder / "client.pem").stat().st_mode & 0o77 == 0
    (page,) = json.loads(developer.said[bank_tier().index(step("/v1/repayments?limit=1"))])["data"]
    assert page["bank_code"] == "HARBOR"
    told = developer.told("/oauth/introspect")
    assert (told["active"], told["tier"], told["client_id"]) == (True, "bound", CLIENT_ID)
    (detail,) = developer.told("authorization_details=")["authorization_details"]
    assert (detail["agreement"], detail["actions"]) == ("harbor-bank-2026", ["list"])


def step(word: str) -> str:
    (found,) = [each for each in bank_tier() if word in each]
    return found


def test_the_next_key_is_rehearsed_added_and_used_and_the_one_before_ends_by_itself(developer: Developer) -> None:
    said = developer.said[bank_tier().index(step("dry_run"))]
    rehearsed, at = json.JSONDecoder().raw_decode(said)
    added = json.loads(said[at:])
    assert (rehearsed["changed"], rehearsed["keys"][0]["usable"]) == (False, True)
    ends = {each["id"]: each["expires"] for each in added["credentials"]}
    assert (ends["2027-1"] is None, ends[NEWER]) == (False, None)


def test_the_python_program_prints_a_record(developer: Developer) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", "\n".join(examples("python"))],
        cwd=developer.folder,
        env=os.environ | developer.environment,
        capture_output=True,
        text=True,
        timeout=_PATIENCE_S,
        check=False,
    )
    assert (ended.returncode, "'bank_code': 'HARBOR'" in ended.stdout) == (0, True), ended.stderr


def test_the_python_program_gets_another_token_when_its_own_is_revoked(
    developer: Developer, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in developer.environment.items():
        monkeypatch.setenv(name, value)
    names: dict[str, Any] = {}
    exec(examples("python")[0], names)  # noqa: S102 - our own page
    auth = names["Bound"]((developer.folder / "client.pem").read_bytes())
    with httpx.Client(base_url=developer.url, auth=auth, timeout=30) as hub:
        assert hub.get("/v1/repayments?limit=1").status_code == 200
        first = auth.token
        revoked = hub.post(f"/partner/clients/{CLIENT_ID}/revocations")
        assert revoked.status_code in {200, 204}, revoked.text
        # Tokens of the very second of the revocation are revoked as well.
        until(lambda: hub.get("/v1/repayments?limit=1").status_code == 200 and auth.token != first)


def test_the_node_program_prints_a_record(developer: Developer, tmp_path: Path) -> None:
    node = node_with_libraries(tmp_path)
    (program,) = examples("javascript")
    (tmp_path / "program.mjs").write_text(program)
    assert "bank_code: 'HARBOR'" in node.runs("program.mjs", developer.environment, cwd=developer.folder)


def test_the_programs_are_short_enough_to_be_read() -> None:
    assert sum(len(each.splitlines()) for each in examples("python")) <= 60
    assert sum(len(each.splitlines()) for each in examples("javascript")) < 40


def test_every_refusal_of_the_token_endpoint_is_on_the_page() -> None:
    _, after = PAGE.split("At the token endpoint:")
    table, _ = after.split("At a call,")
    listed = set(re.findall(r"^\| \d+ \| `(\w+)`", table, re.MULTILINE))
    refusals = [each for each in vars(answers).values() if isinstance(each, answers.Refusal)]
    assert listed == {refusal.error for refusal in (*refusals, answers.malformed(""))}
