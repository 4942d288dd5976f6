"""From a backend's body to the figures of `status`: measured, written to the log as counts, and nothing else."""

import asyncio
import json
from pathlib import Path
from typing import Any

from gateway.audit.leaf import Observation
from gateway.audit.reader import read_as
from tests.flows.backend import backend, shipment
from tests.flows.hub import hub
from tests.flows.test_cli import rows
from tests.unit.adapters.hostile import Peer, Reply, response

LIST = "/v1/shipments"
RULE = "- {name: weight_kg, logicalType: number"
QUALITY = ", quality: [{metric: nullValues, mustBe: 0}]"

UNDECLARED = {"": 1}
"""Of the records that the partner may see one has a field that the product does not declare."""


def listing(records: list[Any]) -> Reply:
    """A backend that answers with these."""

    async def reply(peer: Peer, _: int) -> None:
        await peer.send(response(json.dumps({"data": records, "next": None}).encode()))

    return reply


def test_what_samples_showed_is_on_the_log_and_in_status_when_the_gateway_has_ended(tmp_path: Path) -> None:
    bodies: list[Any] = [
        [shipment(canary="canary"), shipment("S-2", weight_kg=None), shipment("S-3", carrier_code="canary")],
        [shipment(weight_kg={"canary": 1})],
    ]
    with backend() as behind, hub(tmp_path, behind.url, settings="quality_interval_ms = 3600000\n") as made:
        made.edit("products/shipments.odcs.yaml", RULE, RULE + QUALITY)
        with made.serving() as gateway:
            for records in bodies:
                behind.reply = listing(records)
                assert asyncio.run(gateway.get(LIST)).status == 200
            said = gateway.process.stderr
        (seen,) = read_as(made.log, Observation)
        assert (seen.samples, seen.records, dict(seen.drift), dict(seen.undeclared)) == (
            1,
            2,
            {"weight_kg": 1},
            {"": 1},
        )
        (row,) = rows("status", made.folder)
        assert b"canary" not in made.segment.read_bytes()
    assert "canary" not in said
    (data,) = (data for data in row["data"] if data["samples"])
    assert (data["product"], data["direction"], data["drift"], data["undeclared"]) == (
        "shipments",
        "out",
        {"weight_kg": 1},
        UNDECLARED,
    )
    (rule,) = data["rules"]
    assert (rule["id"], rule["must"], rule["checked"], rule["failed"], rule["verdict"]) == (
        "weight_kg nullValues",
        "mustBe 0",
        2,
        1,
        "missed",
    )
