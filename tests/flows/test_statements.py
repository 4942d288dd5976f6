"""A month from the log to a disputed statement by the real commands and the partner's own calls."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.audit.leaf import Authority, Pulse
from gateway.audit.reader import read_as
from gateway.authority import open_administration
from gateway.statements.document import is_sealed, read_statement
from gateway.workspace import Workspace, load_workspace
from tests.flows.backend import backend
from tests.flows.demo import clausegate
from tests.flows.hub import AGREEMENT, POLICY, Gateway, Hub, hub
from tests.unit.notices.announcing import CLAUSES
from tests.unit.sla.hub import exchange

pytestmark = pytest.mark.slow
NOON_S = int(datetime(2026, 10, 31, 4, tzinfo=UTC).timestamp())
PATH = "/partner/statements"
NAME = "swift-2026"
ID = f"{NAME}.2026-10.r1"


async def lived(folder: Path) -> None:
    """The afternoon of 31 October on the log: an hour in it nothing was answered."""
    workspace = load_workspace(folder, {})
    assert isinstance(workspace, Workspace), workspace
    plan = next(plan for plan in workspace.plans.all_plans() if plan.operation == "list")
    contract = plan.contract
    async with open_administration(workspace.settings, folder) as administration:
        writer, subject = administration.writer, f"{contract.agreement} {contract.version}"
        activated = Authority(NOON_S * 1_000_000, "agreement-activated", subject, contract.hash, contract.partner)
        writer.append_written(activated)
        for minute in range(12 * 60):
            at_s = NOON_S + 60 * minute
            writer.append_written(Pulse(at_s * 1_000_000))
            writer.append_written(exchange(plan, at_s + 1, status=503 if 60 <= minute < 120 else 200))
        await writer.append_durable(Pulse((NOON_S + 12 * 3_600) * 1_000_000))


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Gateway]]:
    with backend() as source, hub(tmp_path_factory.mktemp("statements"), source.url) as made:
        with (made.folder / POLICY).open("a", encoding="utf-8") as policy:
            policy.write(CLAUSES)
        with (made.folder / AGREEMENT).open("a", encoding="utf-8") as agreement:
            agreement.write('fees: {monthly: "1000", currency: CNY}\n')
        asyncio.run(lived(made.folder))
        with made.serving() as gateway:
            yield made, gateway


def ask(gateway: Gateway, method: str, path: str, body: Any = None) -> httpx.Response:
    return httpx.request(method, gateway.url + PATH + path, json=body, headers=dict([gateway.bearer]), timeout=30)


def made_by(folder: Path, *options: object) -> Any:
    asked = ("statement", folder, "--agreement", NAME, "--period", "2026-10", "--format", "json", *options)
    done = clausegate(*asked)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_month_is_settled_issued_read_and_disputed(served: tuple[Hub, Gateway]) -> None:
    made, gateway = served
    counted, heard = made_by(made.folder), made_by(made.folder, "--from-log")
    assert counted["settlement"] == heard["settlement"]
    assert ask(gateway, "GET", "").json() == {"statements": []}

    issued = made_by(made.folder, "--issue")
    assert issued["settlement"] == counted["settlement"]
    assert issued["settlement"]["net"] == [{"owed_by": "hub", "amount": "250.00", "currency": "CNY"}]
    (listed,) = ask(gateway, "GET", "").json()["statements"]
    assert (listed["id"], listed["state"]) == (ID, "issued")
    given = ask(gateway, "GET", f"/{ID}").json()["statement"]
    assert given == issued
    assert is_sealed(read_statement(json.dumps(given)))
    assert ask(gateway, "GET", f"/{ID}?format=pdf").content.startswith(b"%PDF-")

    reasons = {"reasons": [{"clause": "5.8", "reason": "It was two hours."}]}
    assert ask(gateway, "POST", f"/{ID}/countersign", {"sha256": "0" * 64}).status_code == 409
    assert ask(gateway, "POST", f"/{ID}/dispute", reasons).json()["state"] == "disputed"
    shown = clausegate("statement", "show", made.folder, ID, "--language", "en")
    assert "It was two hours." in shown.stdout
    (told,) = json.loads(clausegate("statement", "list", made.folder, "--format", "json").stdout)
    assert told["state"] == "disputed"
    events = [entry.event for entry in read_as(made.log, Authority) if entry.event.startswith("statement-")]
    assert events == ["statement-issued", "statement-disputed"]
