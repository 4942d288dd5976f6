"""A finding that a person confirms binds the partner under the clause that both signed, and there is a way back."""

import asyncio
import csv
import io
import json
import time
from collections.abc import Iterator

import httpx
import pytest

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.limits.adopting import kept_finding
from gateway.scraping.finding import Finding
from gateway.store.findings import Findings
from gateway.store.store import Store
from tests.flows.backend import backend
from tests.flows.demo import clausegate, until
from tests.flows.hub import Gateway, Hub, hub
from tests.flows.limited import AGREEMENT, CLAUSES, POLICY, finding

LIST = "/v1/shipments"


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Hub, Gateway]]:
    folder = tmp_path_factory.mktemp("findings")
    with backend() as source, hub(folder, source.url) as made:
        with (made.folder / POLICY).open("a", encoding="utf-8") as policy:
            policy.write(CLAUSES.replace("limit: 5\n", "limit: 5000\n"))
        with made.serving() as gateway:
            yield made, gateway


def keep(made: Hub, found: Finding) -> None:
    """Put a finding into the state store, as a watcher does."""

    async def kept() -> None:
        store = await Store.open(f"sqlite:///{(made.folder / 'state' / 'clausegate.db').resolve()}")
        await Findings(store).keep(kept_finding(found, time.time_ns() // 1000))
        await store.close()

    asyncio.run(kept())


def call(gateway: Gateway, target: str = LIST) -> httpx.Response:
    return httpx.get(gateway.url + target, headers=dict([gateway.bearer]), timeout=30)


def done(*arguments: object) -> str:
    ended = clausegate(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def recorded(made: Hub, event: str) -> list[str]:
    """The subjects of the events of one sort on the log."""
    return [entry.subject for entry in read_as(made.log, Authority) if entry.event == event]


def confirm(made: Hub, clause: str, name: str = "f1") -> str:
    asked = (name, "--clause", clause, "--reason", "canary: copied the base", "--format", "json")
    measure: str = json.loads(done("findings", "confirm", made.folder, *asked))["id"]
    return measure


def is_bound(gateway: Gateway, clause: str, code: str) -> bool:
    answer = call(gateway)
    return answer.status_code in (403, 429) and answer.json()["clause"]["id"] == clause and code in answer.text


def test_a_suspended_partner_is_told_the_clause_until_the_measure_is_lifted(served: tuple[Hub, Gateway]) -> None:
    made, gateway = served
    keep(made, finding())
    assert call(gateway).status_code == 200
    measure = confirm(made, "9.2")
    until(lambda: is_bound(gateway, "9.2", "suspended"))
    assert call(gateway, "/v1/hasty").status_code == 200  # another product is as it was
    assert measure in done("findings", made.folder)
    done("findings", "lift", made.folder, measure, "--reason", "canary: they stopped")
    until(lambda: call(gateway).status_code == 200)
    rows = list(csv.DictReader(io.StringIO(done("log", made.folder, "--format", "csv", "--type", "authority"))))
    told = [(row["event"], row["subject"]) for row in rows if row["event"].startswith("measure-")]
    assert told[0][1].startswith(f"{measure} {AGREEMENT} 9.2 shipments until 20")
    assert told[1] == ("measure-lifted", f"{measure} {AGREEMENT} 9.2 lifted")
    assert not any("canary" in word for row in rows for word in row.values())
    assert json.loads(done("verify", made.folder, "--format", "json"))["intact"]


def test_a_throttled_partner_gets_what_the_clause_leaves(served: tuple[Hub, Gateway]) -> None:
    made, gateway = served
    keep(made, finding())
    measure = confirm(made, "9.1")
    until(lambda: is_bound(gateway, "9.1", "rate-limited"))
    shown = json.loads(done("limits", made.folder, "--partner", "swift", "--format", "json"))
    assert [row["clause"] for row in shown["limits"] if row["measure"]] == ["9.1"]
    assert [each["id"] for each in shown["measures"]] == [measure]
    done("findings", "lift", made.folder, measure, "--reason", "they stopped")
    until(lambda: call(gateway).status_code == 200)


def test_a_gateway_that_starts_again_knows_the_measures(served: tuple[Hub, Gateway]) -> None:
    made, gateway = served
    keep(made, finding())
    confirm(made, "9.2")
    gateway.process.end(15)
    with made.serving() as again:
        assert is_bound(again, "9.2", "suspended")


def test_findings_are_reported_once_also_with_later_evidence(served: tuple[Hub, Gateway]) -> None:
    made, _ = served
    keep(made, finding())
    keep(made, finding("f2", "off-hours"))
    until(lambda: len(recorded(made, "finding-reported")) == 2)
    keep(made, finding(keys=5_000))
    done("findings", "dismiss", made.folder, "f2", "--reason", "their nightly sync")
    told = json.loads(done("findings", made.folder, "--format", "json"))
    assert [(row["finding"]["id"], row["state"], row["reported"]) for row in told["findings"]] == [
        ("f1", "open", True),
        ("f2", "dismissed", True),
    ]
    assert told["findings"][0]["finding"]["evidence"]["keys"] == 5_000
    assert sorted(subject.split()[0] for subject in recorded(made, "finding-reported")) == ["f1", "f2"]
    assert recorded(made, "finding-dismissed") == [f"f2 {AGREEMENT} shipments off-hours"]
