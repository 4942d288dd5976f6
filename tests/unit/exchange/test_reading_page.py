"""docs/partners/reading.md, done as it says: every curl command is sent, the table of problems is true."""

import re
import shlex
from itertools import pairwise
from pathlib import Path

import pytest

from gateway.exchange.negotiate import MEDIA_TYPES
from gateway.problems import PROBLEMS
from tests.conftest import ROOT
from tests.unit.exchange.stage import Reply, Stage, said
from tests.unit.exchange.wares import PRODUCT, WARES, Database, wares

PAGE = (ROOT / "docs/partners/reading.md").read_text(encoding="utf-8")
COMMANDS = [line for line in PAGE.splitlines() if line.startswith("curl ")]
NAMES = {
    "name: id,": "name: shipment_id,",
    "[id, pieces, price, active, day, name, address, tags]": "[shipment_id, pieces]",
    "[pieces, price, name, address]": "[pieces]",
    " id: clear": " shipment_id: clear",
    "name: price,": "name: weight_kg,",
    " price: clear": " weight_kg: clear",
    "name: day,": "name: eta,",
    " day: clear": " eta: clear",
    "name: name,": "name: customer,",
    " name: {keep": " customer: {keep",
    "name: address\n": "name: destination\n",
    " address: clear": " destination: clear",
}


def shipment(key: str, weight: str | None, city: str | None) -> str:
    destination = "null" if city is None else f'{{"city":"{city}"}}'
    return f'{{"shipment_id":"{key}","owner":"SWIFT","weight_kg":{weight or "null"},"destination":{destination}}}'


RECORDS = [shipment("W-1", "1.5", "Wuhan"), shipment("W-2", "1.50", "Yichang, Hubei"), shipment("W-3", None, None)]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    renamed = PRODUCT
    for before, after in NAMES.items():
        assert before in renamed
        renamed = renamed.replace(before, after)
    stage = Stage(tmp_path, wares(Database(), product=(PRODUCT, renamed)))
    stage.grant = WARES
    return stage


async def run(stage: Stage, command: str) -> Reply:
    """What the command would send, with curl's own header for --compressed."""
    words = shlex.split(command)
    headers = {}
    for flag, value in pairwise(words):
        if flag == "-H":
            name, _, content = value.partition(": ")
            headers[name.lower().replace("-", "_")] = content
    if "--compressed" in words:
        headers["accept_encoding"] = "deflate, gzip, br, zstd"
    target = words[-1].removeprefix("$GATEWAY").replace("/v1/shipments", "/v1/wares")
    one = target.count("/") == 3
    body = RECORDS[0] if one else f'{{"data":[{",".join(RECORDS)}],"next":null}}'
    stage.adapter.says = type(said({}))(200, "application/json", body.encode())
    return await stage.get(target, **headers)


@pytest.mark.parametrize("command", COMMANDS)
async def test_each_command_of_the_page_works(stage: Stage, command: str) -> None:
    reply = await run(stage, command)
    assert reply.status == 200, reply.body
    assert stage.adapter.asked
    if "If-None-Match" in command:
        again = command.replace('"0123456789abcdef0123456789abcdef"', reply.headers["etag"])
        assert again != command
        assert (await run(stage, again)).status == 304


async def test_the_csv_on_the_page_is_what_comes(stage: Stage) -> None:
    (command,) = [command for command in COMMANDS if "text/csv" in command]
    shown = re.search(r"```csv\n(.*?)```", PAGE, re.DOTALL)
    assert shown is not None
    reply = await run(stage, command)
    assert reply.body.decode() == shown[1].replace("\n", "\r\n")
    assert reply.headers["content-type"] == MEDIA_TYPES["csv"].decode()


def test_the_page_has_a_command_for_everything_that_can_be_asked() -> None:
    said_there = "\n".join(COMMANDS)
    for wanted in (
        "limit=",
        "fields=",
        "[gte]=",
        "[in]=",
        "sort=-",
        "If-None-Match",
        "--compressed",
        "text/csv",
        "ndjson",
    ):
        assert wanted in said_there


def test_each_problem_of_the_page_has_the_status_that_it_says() -> None:
    rows = re.findall(r"^\| (\d{3}) \| (`.*?`) \|", PAGE, re.MULTILINE)
    assert len(rows) >= 6
    for status, codes in rows:
        for code in re.findall(r"`([\w-]+)`", codes):
            assert PROBLEMS[code].status == int(status), code
