"""clausegate why: an operator asks by request, client or partner, and hears the reason and the clause."""

import asyncio
import json
import time

import pytest
from msgspec.structs import replace
from typer import Typer
from typer.testing import CliRunner, Result

from gateway.commands import why
from gateway.credentials.noted import RefusedCall
from gateway.store.refusals import KeptRefusals
from gateway.store.store import Store
from gateway.workspace import Workspace
from tests.flows.limited import AGREEMENT, PARTNER, limited_workspace

NOW_US = int(time.time()) * 1_000_000


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    made = limited_workspace(tmp_path_factory.mktemp("why") / "workspace")
    (contract,) = [each for each in made.plans.of_partner(PARTNER) if each.agreement == AGREEMENT]
    about = (AGREEMENT, contract.version, contract.clauses[0].id)
    refused = RefusedCall("r-1", PARTNER, "app", NOW_US, "exchange", 403, "insufficient-scope", "", *about)
    told = {"door": "token", "status": 401, "code": "invalid_client", "reason": "assertion-expired", "clause": ""}
    expired = replace(refused, request_id="r-2", **told)
    unknown = replace(expired, request_id="r-3", partner="", client_id="x")

    async def keep() -> None:
        store = await Store.open(made.settings.database_url(made.folder))
        await KeptRefusals(store).keep([refused, expired, unknown])
        await store.close()

    asyncio.run(keep())
    return made


def asked(workspace: Workspace, *arguments: str) -> Result:
    single = Typer()
    single.command()(why.run)
    return CliRunner().invoke(single, [str(workspace.folder), *arguments], catch_exceptions=False)


def test_a_request_is_told_with_its_clause_or_its_reason(workspace: Workspace) -> None:
    by_clause = asked(workspace, "r-1", "--lang", "zh")
    (contract,) = [each for each in workspace.plans.of_partner(PARTNER) if each.agreement == AGREEMENT]
    assert contract.clauses[0].text["zh"] in by_clause.stdout
    by_reason = asked(workspace, "r-2", "--lang", "en")
    assert "401 invalid_client: The client could not be authenticated." in by_reason.stdout
    assert "assertion-expired: The assertion has expired: set your clock." in by_reason.stdout


def test_the_latest_of_a_client_a_partner_or_nobody_known(workspace: Workspace) -> None:
    for options, found in (
        (["--client", "app"], ["r-1", "r-2"]),
        (["--client", "app", "--limit", "1"], ["r-1"]),
        (["--partner", PARTNER], ["r-1", "r-2"]),
        (["--partner", "unknown"], ["r-3"]),
    ):
        shown = json.loads(asked(workspace, *options, "--format", "json").stdout)["refusals"]
        assert [each["request_id"] for each in shown] == found


def test_what_is_not_known_is_said_with_exit_status_1_and_a_mistake_with_2(workspace: Workspace) -> None:
    assert asked(workspace, "r-9").exit_code == 1
    assert json.loads(asked(workspace, "r-9", "--format", "json").stdout) == {"refusals": []}
    assert asked(workspace).exit_code == 2
    assert asked(workspace, "r-1", "--client", "app").exit_code == 2
