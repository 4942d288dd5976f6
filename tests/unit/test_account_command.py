"""clausegate account: what is shown once, what is never shown, and what is one clear line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.commands.account import app
from gateway.starter import write_starter

PASSWORD = "a-password-of-some-length"


class Desk:
    """A workspace, and a terminal that is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "workspace"
        write_starter(self.folder)

    def run(self, command: str, *arguments: str, said: str = "") -> Result:
        return CliRunner().invoke(app, [command, str(self.folder), *arguments], input=said)

    def listed(self) -> list[dict[str, object]]:
        found: list[dict[str, object]] = json.loads(self.run("list", "--format", "json").stdout)
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_an_account_comes_changes_and_goes(desk: Desk) -> None:
    added = desk.run("add", "li", "--role", "legal", "--lang", "zh", "--password-stdin", said=f"{PASSWORD}\n")
    assert (added.exit_code, added.stdout.strip()) == (0, "li is added as legal")
    made = desk.run("add", "dev", "--role", "partner-developer", "--partner", "first-partner", "--generate",
                    "--format", "json")  # fmt: skip
    assert len(json.loads(made.stdout)["password"]) >= 12
    assert desk.run("role", "li", "auditor").exit_code == 0
    assert desk.run("disable", "dev").stdout.strip() == "dev is disabled"
    uri = desk.run("totp", "li")
    assert "otpauth://totp/Clausegate:li?secret=" in uri.stdout
    assert [(one["username"], one["role"], one["partner"], one["disabled"], one["totp"]) for one in desk.listed()] == [
        ("dev", "partner-developer", "first-partner", True, False),
        ("li", "auditor", "", False, True),
    ]
    listed = desk.run("list").stdout
    assert PASSWORD not in listed + added.output
    assert "auditor" in listed
    assert desk.run("totp", "li", "--off").exit_code == 0
    assert desk.run("enable", "dev").exit_code == 0
    changed = desk.run("password", "li", "--generate")
    assert "password  " in changed.stdout
    assert [one["totp"] for one in desk.listed()] == [False, False]


@pytest.mark.parametrize(
    ("arguments", "said", "message"),
    [
        (("add", "li", "--role", "operator", "--generate"), "", "there is no role operator; there are: ops, legal"),
        (("add", "li", "--role", "ops", "--partner", "first-partner", "--generate"), "", "nobody else has a partner"),
        (("add", "li", "--role", "partner-developer", "--generate"), "", "--partner ID"),
        (("add", "li", "--role", "ops", "--partner", "nobody", "--generate"), "", "there is no partner nobody"),
        (("add", "li", "--role", "ops"), "", "--password-stdin"),
        (("add", "li", "--role", "ops", "--password-stdin"), "short\n", "at least 12"),
        (("add", "Li", "--role", "ops", "--generate"), "", "1 to 64"),
        (("disable", "nobody"), "", "there is no account nobody"),
        (("totp", "nobody"), "", "there is no account nobody"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line(desk: Desk, arguments: tuple[str, ...], said: str, message: str) -> None:
    refused = desk.run(*arguments, said=said)
    assert refused.exit_code == 2
    assert message in refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1
    assert refused.stdout == ""
