"""A wrong record from report to correction by the real commands: the partner reports, the hub looks, the log tells."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.corrections.heard import HeardCorrections
from tests.flows.backend import Backend, backend, shipment
from tests.flows.demo import clausegate
from tests.flows.hub import POLICY, Gateway, Hub, hub
from tests.unit.adapters.hostile import Peer, response
from tests.unit.corrections.stage import CANARY, CLAUSES

pytestmark = pytest.mark.slow
PATH = "/partner/corrections"
REPORT = {
    "product": "shipments",
    "key": "S-1",
    "field": "customer.phone",
    "expected": CANARY,
    "severity": "critical",
    "evidence": f"the customer said {CANARY}",
}


@pytest.fixture(scope="module")
def source() -> Iterator[Backend]:
    with backend() as listening:
        yield listening


@pytest.fixture(scope="module")
def served(source: Backend, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Gateway]]:
    with hub(tmp_path_factory.mktemp("corrections"), source.url) as made:
        with (made.folder / POLICY).open("a", encoding="utf-8") as policy:
            policy.write(CLAUSES)
        with made.serving() as gateway:
            yield made, gateway


def ask(gateway: Gateway, method: str, path: str = "", body: Any = None) -> httpx.Response:
    headers = dict([gateway.bearer])
    return httpx.request(method, gateway.url + PATH + path, json=body, headers=headers, timeout=30)


def leaves(folder: Path) -> list[Authority]:
    return [entry for entry in read_as(folder, Authority) if entry.event.startswith("correction-")]


def test_a_wrong_record_is_reported_looked_at_and_corrected(served: tuple[Hub, Gateway], source: Backend) -> None:
    made, gateway = served
    answer = ask(gateway, "POST", "", REPORT)
    assert answer.status_code == 201, answer.text
    name = answer.json()["id"]
    assert ask(gateway, "POST", "", {**REPORT, "field": "margin"}).status_code == 400
    fix = ("corrections", "fix", made.folder, name)
    wrong = clausegate(*fix)
    assert (wrong.returncode, "does not show what is expected" in " ".join(wrong.stderr.split())) == (2, True)

    async def corrected(peer: Peer, _: int) -> None:
        customer = {"name": "canary-name", "phone": CANARY}
        await peer.send(response(json.dumps(shipment("S-1", customer=customer)).encode()))

    source.reply = corrected
    assert clausegate(*fix).returncode == 0
    found = ask(gateway, "GET", f"/{name}").json()
    assert (found["state"], found["steps"][-1]["found"], found["may"]) == ("fixed", "agrees-masked", ["reopen"])
    assert ask(gateway, "POST", f"/{name}/reopen", {"reason": "the next day"}).json()["state"] == "reopened"
    listed = clausegate("corrections", made.folder, "--format", "json")
    (told,) = json.loads(listed.stdout)["corrections"]
    assert (told["id"], told["state"], told["expected"]) == (name, "reopened", CANARY)

    heard = HeardCorrections()
    for entry in leaves(made.log):
        heard.hear(entry)
    (history,) = heard.histories()
    assert (history.id, history.partner, history.clause) == (name, "swift", "6.1")
    assert [step.action for step in history.steps] == ["report", "fix", "reopen"]
    content = b"".join(path.read_bytes() for path in made.log.rglob("*") if path.is_file())
    assert CANARY.encode() not in content
