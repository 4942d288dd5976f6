"""clausegate corrections: what waits and by when; nothing is corrected that does not show or is not explained."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.authority import open_administration
from gateway.commands.corrections import app
from gateway.corrections.life import Actor, CorrectionLife, NewReport
from gateway.store.corrections import KeptCorrection
from gateway.workspace import Workspace
from tests.flows.backend import Backend, backend
from tests.unit.adapters.hostile import Peer, response
from tests.unit.corrections.stage import CANARY, NOW_US, PARTNER, PRODUCT, Heralds, Shelf, clause_of, contract_of


@pytest.fixture(scope="module")
def listening() -> Iterator[Backend]:
    with backend() as opened:
        yield opened


@pytest.fixture
def shelf(listening: Backend, workspace: Workspace) -> Shelf:
    """The records that the workspace's backend serves over HTTP."""
    kept = Shelf()

    async def reply(peer: Peer, _: int) -> None:
        found = kept.records.get(peer.target.partition("?")[0].split("/")[-1])
        body = json.dumps(found or {}).encode()
        await peer.send(response(body, status=b"404 Not Found" if found is None else b"200 OK"))

    listening.reply = reply
    backends = f'[records]\nkind = "http"\nurl = "{listening.url}"\n'
    (workspace.folder / "backends.toml").write_text(backends)
    return kept


def corrections(*arguments: object) -> Result:
    return CliRunner().invoke(app, [*map(str, arguments)], catch_exceptions=False, env={"COLUMNS": "300"})


def done(*arguments: object) -> str:
    ended = corrections(*arguments)
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def refused(*arguments: object) -> str:
    ended = corrections(*arguments)
    assert (ended.exit_code, ended.stdout) == (2, ""), ended.output
    return " ".join(ended.stderr.split())


def shown(workspace: Workspace, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done("show", workspace.folder, name, "--format", "json"))
    return found


def events(workspace: Workspace) -> list[str]:
    log = workspace.settings.log_path(workspace.folder)
    return [entry.event for entry in read_as(log, Authority)]


def reported(workspace: Workspace, field: str = "weight_kg", expected: str = "3.50", found: str = "differs") -> str:
    """The partner reports an error in the hub's data, long before now."""

    async def report() -> str:
        async with open_administration(workspace.settings, workspace.folder) as opened:
            life = CorrectionLife(opened.store, opened.writer, Heralds().notify, lambda: NOW_US - 10**15)
            words = {"key": "s-1", "expected": expected, "evidence": f"[red]{CANARY}\x1b[0m", "found": found}
            new = NewReport(contract_of(workspace), clause_of(workspace), "critical", PRODUCT, field, words)
            made = await life.report(new, Actor("partner", PARTNER, "swift-app"))
            assert isinstance(made, KeptCorrection)
            return made.id

    return asyncio.run(report())


def test_what_is_overdue_is_marked_and_is_an_exit_status(workspace: Workspace) -> None:
    assert done(workspace.folder).strip() == "nothing was reported"
    name = reported(workspace)
    for spelt in ([], ["list"]):
        ended = corrections(*spelt, workspace.folder)
        assert ended.exit_code == 1
        assert (name in ended.stdout, ended.stdout.count("OVERDUE")) == (True, 2)
    assert corrections(workspace.folder, "--state", "fixed").exit_code == 0
    assert corrections(workspace.folder, "--partner", "rapid").stdout.strip() == "there is no such correction"
    assert corrections(workspace.folder, "--state", "mended").exit_code == 2
    document = json.loads(corrections(workspace.folder, "--format", "json").stdout)
    assert [each["overdue"] for each in document["corrections"]] == [["acknowledge", "fix"]]


def test_one_is_shown_in_full_with_every_deadline_in_the_agreements_zone(workspace: Workspace) -> None:
    name = reported(workspace)
    text = done("show", workspace.folder, name)
    for words in ("s-1", "3.50", f"[red]{CANARY}\\x1b[0m", "acknowledge, fix, reject", "+08:00"):
        assert words in text
    assert "there is no correction c-0" in refused("show", workspace.folder, "c-0")


def test_it_is_fixed_once_its_reporter_would_see_it(workspace: Workspace, shelf: Shelf) -> None:
    name = reported(workspace)
    assert f"{name} of swift is acknowledged, to be corrected by" in done("acknowledge", workspace.folder, name)
    assert "the record does not show what is expected" in refused("fix", workspace.folder, name)
    assert events(workspace) == ["correction-reported", "correction-acknowledged"]
    shelf.put("s-1", weight_kg=3.5)
    assert done("fix", workspace.folder, name).strip() == f"{name} of swift is fixed"
    last = shown(workspace, name)["steps"][-1]
    assert (last["action"], last["found"]) == ("fix", "agrees")
    assert f"{name} is fixed, and reject is no step from there" in refused(
        "reject", workspace.folder, name, "--reason", "no"
    )


def test_what_a_mask_hides_is_fixed_with_a_note_only(workspace: Workspace, shelf: Shelf) -> None:
    name = reported(workspace, "customer.phone", '"13900001111"', "agrees-masked")
    assert "nobody can tell from the reporter's view" in refused("fix", workspace.folder, name)
    done("fix", workspace.folder, name, "--note", "asked the customer")
    last = shown(workspace, name)["steps"][-1]
    assert (last["found"], last["reason"]) == ("incomparable", "asked the customer")
    assert shelf.records


def test_a_backend_that_does_not_answer_fixes_nothing(workspace: Workspace) -> None:
    name = reported(workspace)
    assert "cannot be read" in refused("fix", workspace.folder, name)
    assert events(workspace) == ["correction-reported"]


def test_a_rejection_has_its_reason(workspace: Workspace) -> None:
    name = reported(workspace)
    assert "a reason has to be given" in refused("reject", workspace.folder, name, "--reason", " ")
    document = json.loads(done("reject", workspace.folder, name, "--reason", "it is right", "--format", "json"))
    assert (document["state"], document["overdue"], document["may"]) == ("rejected", [], [])
    assert "nothing that the hub may do" in refused("reopen", workspace.folder, name, "--reason", "x")


def report_options(**changed: str) -> list[str]:
    options = {"partner": PARTNER, "product": PRODUCT, "key": "s-1", "field": "weight_kg", "expected": "7"}
    given = options | {"severity": "minor"} | changed
    return [part for name, value in given.items() for part in (f"--{name}", value)]


def test_the_hub_reports_an_error_in_a_partners_data(workspace: Workspace, shelf: Shelf) -> None:
    said = done("report", workspace.folder, *report_options())
    name = said.split()[0]
    found = shown(workspace, name)
    assert (found["clause"], found["owed_by"], found["expected"], found["may"]) == ("6.2", "partner", 7, ["withdraw"])
    assert "there is nothing" not in refused("fix", workspace.folder, name)
    done("withdraw", workspace.folder, name, "--reason", "our mistake")
    assert shown(workspace, name)["state"] == "withdrawn"
    text = done("report", workspace.folder, *report_options(field="shipment_id", expected="7"), "--format", "json")
    assert json.loads(text)["expected"] == "7"
    assert shelf.records


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"partner": "rapid"}, "rapid has no agreement in force about shipments"),
        ({"product": "leads"}, "swift has no agreement in force about leads"),
        ({"severity": "huge"}, "the clause knows these severities: critical, minor"),
        ({"field": "carrier_code"}, "the partner's view does not show this field"),
        ({"key": "s-2"}, "the partner sees no record under this key"),
        ({"expected": "heavy"}, "expected a single value"),
        ({"expected": "2.5"}, "the record shows this value already"),
    ],
)
def test_what_is_no_error_in_it_is_not_reported(
    workspace: Workspace, shelf: Shelf, changed: dict[str, str], words: str
) -> None:
    assert words in refused("report", workspace.folder, *report_options(**changed))
    assert events(workspace) == []
    assert shelf.records
