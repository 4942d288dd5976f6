"""A person is erased while the gateway serves: what was proved of them is closed, all else stands and verifies."""

import asyncio
import hashlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.leaf import Authority, Exchange
from gateway.audit.reader import read_as
from gateway.tlog.note import parse_note, parse_vkey, verified
from tests.conftest import ROOT
from tests.flows.backend import Backend, backend, shipment
from tests.flows.demo import CLAUSEGATE, clausegate
from tests.flows.hub import Gateway, Hub, hub
from tests.flows.wire import Reply
from tests.unit.adapters.hostile import Peer, response
from tests.unit.audit import commitments

pytestmark = pytest.mark.slow

PHONES = {"S-1": "17011110001", "S-2": "17011110002"}
WHO = PHONES["S-1"]
SUBJECT = (
    "- {name: phone, logicalType: string}",
    "- {name: phone, logicalType: string, customProperties: [{property: subject, value: true}]}",
)


async def of_two_people(peer: Peer, _: int) -> None:
    """Two shipments, each to its own customer."""
    path = peer.target.partition("?")[0].split("/")
    records = [shipment(key, customer={"name": "canary-name", "phone": phone}) for key, phone in PHONES.items()]
    one = next((record for record in records if record["shipment_id"] == path[-1]), None)
    await peer.send(response(json.dumps(one or {"data": records, "next": None}).encode(), status=b"200 OK"))


@pytest.fixture(scope="module")
def source() -> Iterator[Backend]:
    with backend() as running:
        running.reply = of_two_people
        yield running


@pytest.fixture
def made(tmp_path: Path, source: Backend) -> Iterator[Hub]:
    with hub(tmp_path, source.url) as made:
        made.edit("products/shipments.odcs.yaml", *SUBJECT)
        yield made


def ask(gateway: Gateway, target: str) -> tuple[Reply, Exchange]:
    """A call that must be answered, and its record."""
    reply = asyncio.run(gateway.get(target))
    assert reply.status == 200
    return reply, gateway.hub.exchange(reply.receipt)


def opens(made: Hub, body: bytes, record: Exchange) -> bool:
    found = commitments.opening(made.folder / "state" / "sidecar", record.payload)
    return found is not None and commitments.opens(found, body)


def erase(made: Hub, *arguments: str, subject: str = WHO) -> "subprocess.CompletedProcess[str]":
    """`clausegate erase` with the subject on standard input."""
    return subprocess.run(
        [*CLAUSEGATE, "erase", str(made.folder), "--subject", "-", *arguments],
        cwd=ROOT,
        input=f"{subject}\n",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_person_is_erased_under_a_serving_gateway_and_nothing_else_changes(made: Hub) -> None:
    with made.serving() as gateway:
        calls = [ask(gateway, f"/v1/shipments{rest}") for rest in ("/S-1", "/S-2", "")]
        assert [opens(made, reply.body, record) for reply, record in calls] == [True, True, True]
        done = erase(made, "--yes", "--format", "json")
        assert done.returncode == 0, done.stderr
        said = json.loads(done.stdout)
        assert (said["erased"], said["keys"], said["records"], said["partners"]) == (True, 1, 2, {"swift": 2})
        assert [opens(made, reply.body, record) for reply, record in calls] == [False, True, False]
        assert ask(gateway, "/v1/shipments/S-1")[0].status == 200
        assert ask(gateway, "/v1/shipments/S-2")[0].status == 200
        assert gateway.process.end(15) == 0
        assert WHO not in gateway.process.stderr + gateway.process.stdout + done.stdout + done.stderr
    checks(made, said)


def checks(made: Hub, said: dict[str, Any]) -> None:
    """The log verifies, its record names the certificate, and that one is signed."""
    verify = clausegate("verify", made.folder)
    assert verify.returncode == 0, verify.stdout
    certificate = Path(said["certificate"]).read_bytes()
    note, key = parse_note(certificate), parse_vkey(said["vkey"])
    assert note is not None
    assert key is not None
    assert verified(note, key) is not None
    assert note.text.splitlines()[2:] == [said["id"], str(said["time_s"]), "1", "2"]
    events = {entry.event: entry for entry in read_as(made.log, Authority) if entry.subject == said["id"]}
    assert set(events) == {"erasure-begun", "subject-erased"}
    assert events["subject-erased"].contract == hashlib.sha256(certificate).hexdigest()
    for file in (path for path in made.folder.rglob("*") if path.is_file() and path.suffix != ".yaml"):
        assert WHO.encode() not in file.read_bytes(), file


def test_erasing_twice_says_that_there_is_nothing_and_records_nothing(made: Hub) -> None:
    with made.serving() as gateway:
        ask(gateway, "/v1/shipments/S-1")
        assert gateway.process.end(15) == 0
    first = erase(made, "--yes")
    assert first.returncode == 0, first.stderr
    assert first.stdout.startswith("erased: 1 key destroyed; 1 record can be opened no more\n")
    assert "disclosed to swift before: 1 record" in first.stdout
    recorded = len(list(read_as(made.log, Authority)))
    second = erase(made, "--yes")
    assert (second.returncode, second.stderr) == (1, "")
    assert second.stdout.startswith("there is nothing of this person")
    assert json.loads(erase(made, "--yes", "--format", "json").stdout) == {"erased": False}
    assert len(list(read_as(made.log, Authority))) == recorded


def test_without_a_yes_nothing_is_destroyed(made: Hub) -> None:
    with made.serving() as gateway:
        reply, record = ask(gateway, "/v1/shipments/S-1")
    refused = erase(made)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "--yes" in refused.stderr
    assert opens(made, reply.body, record)


@pytest.mark.parametrize("subject", ["", "x" * 70_000])
def test_a_subject_that_cannot_be_one_is_refused(made: Hub, subject: str) -> None:
    with made.serving() as gateway:
        ask(gateway, "/v1/shipments/S-1")
    refused = erase(made, "--yes", subject=subject)
    assert refused.returncode == 2
    assert "must have 1 to" in refused.stderr


def test_where_nothing_was_ever_served_there_is_nobody_to_erase(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    refused = clausegate("erase", empty, "--subject", "somebody", "--yes")
    assert refused.returncode == 2
    assert "nothing was ever served" in refused.stderr
    assert list(empty.iterdir()) == []
