"""Taking a data contract over: nothing of it is lost, nothing is opened, and the result passes the check."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Backend
from contracts.compile import compile_and_check
from contracts.finding import errors
from contracts.importing import Imported, import_product
from contracts.workspace import decode_documents
from tests.unit.contracts.sample import TABLE

PRODUCT: str = TABLE["workspace"]["products/shipments.odcs.yaml"]
FOREIGN = """# Kept.
apiVersion: v3.0.2   # kept too
kind: DataContract
id: urn:example:orders
version: 1.0.0
status: active
schema:
  - name: Orders
    properties:
      - {name: id, logicalType: string, primaryKey: true}
      - {name: phone, logicalType: string, classification: personal-sensitive}
      - {name: buyer_name, logicalType: string, tags: [PII]}
      - {name: total, logicalType: number, classification: restricted}
      - {name: shape, physicalType: geometry}
      - name: lines
        logicalType: array
        items:
          logicalType: object
          properties:
            - {name: sku, logicalType: string}
"""


def imported(text: str, file: str = "orders.odcs.yaml") -> Imported:
    made = import_product(text.encode(), file)
    assert isinstance(made, Imported), made
    return made


def checked(made: Imported) -> list[str]:
    """The codes that `check` gives the product in a workspace of its own, all of them warnings."""
    documents, findings = decode_documents({f"products/{made.file}": made.text.encode()})
    assert findings == []
    plans, found = compile_and_check(documents, {"records": Backend()})
    assert errors(found) == []
    assert plans.all_plans() == ()
    return [finding.code for finding in found]


def without(text: str, whole: str) -> str:
    """What is left of `whole` when the lines of `text` are taken out, each once and in order."""
    rest, lines = [], iter(text.splitlines())
    wanted = next(lines, None)
    for line in whole.splitlines():
        if line == wanted:
            wanted = next(lines, None)
        else:
            rest.append(line)
    assert wanted is None, f"lost: {wanted}"
    return "\n".join(rest)


def test_a_document_of_another_tool_keeps_every_byte_and_opens_nothing() -> None:
    made = imported(FOREIGN)
    assert made.kept
    assert made.file == "orders.odcs.yaml"
    assert made.text.startswith(FOREIGN)
    data = yaml.safe_load(made.text)
    view = data["roles"][-1]["customProperties"][0]["value"]
    assert view["fields"] == {}
    assert data["name"] == "orders"
    assert checked(made) == ["unknown-backend"]


def test_the_comments_suggest_a_technique_for_every_field() -> None:
    suggested = dict(re.findall(r"^ +#   (\S+): (.+?)(?:  #.*)?$", imported(FOREIGN).text, re.MULTILINE))
    assert suggested == {
        "id": "clear",
        "phone": "{keep_last: 4}",
        "buyer_name": "{keep_first: 1}",
        "total": "redact",
        "shape": "(it has no logicalType)",
        "lines.sku": "clear",
    }


def test_the_suggestions_can_be_taken_as_they_are() -> None:
    text = (
        imported(FOREIGN).text.replace("fields: {}", "fields:").replace("name-of-a-table-in-backends-toml", "records")
    )
    opened = re.sub(r"^( +)# (  \S+: )", r"\1\2", text, flags=re.MULTILINE).replace("shape: (it has", "# (it has")
    documents, findings = decode_documents({"products/orders.odcs.yaml": opened.encode()})
    assert findings == []
    _, found = compile_and_check(documents, {"records": Backend()})
    assert found == []


def test_roles_and_properties_that_are_there_are_added_to() -> None:
    made = imported(PRODUCT)
    assert made.kept
    data = yaml.safe_load(made.text)
    assert [role["role"] for role in data["roles"]] == ["logistics", "partner"]
    assert len(data["customProperties"]) == 1
    assert "partner" not in without(PRODUCT, PRODUCT)
    assert "role: partner" in without(PRODUCT, made.text)


@pytest.mark.parametrize("ending", ["", "\n", "\n\n# the end\n", "\r\n"])
def test_however_the_file_ends_nothing_is_lost(ending: str) -> None:
    made = imported(FOREIGN.rstrip("\n") + ending)
    assert made.kept
    without(FOREIGN, made.text)


def test_a_document_in_flow_style_is_written_anew_with_the_same_values() -> None:
    text = '{"apiVersion": "v3.1.0", "kind": "DataContract", "id": "x", "version": "1", "status": "active", '
    text += '"schema": [{"name": "a", "properties": [{"name": "k", "logicalType": "string", "primaryKey": true}]}]}'
    made = imported(text, "flow.yaml")
    assert not made.kept
    assert yaml.safe_load(made.text)["schema"] == yaml.safe_load(text)["schema"]
    assert "#   k: clear" in made.text
    assert checked(made) == ["unknown-backend"]


def test_a_document_with_mistakes_is_reported_and_not_imported() -> None:
    found = import_product(FOREIGN.replace("kind: DataContract", "kind: Contract").encode(), "orders.odcs.yaml")
    assert isinstance(found, list)
    assert [(finding.code, finding.line) for finding in found] == [("unknown-choice", 3)]


TEXT = st.text("a:#-'\" 中\n{}", max_size=20)
ROLE = st.fixed_dictionaries({"role": st.sampled_from(["partner", "a", "b"])}, optional={"description": TEXT})


@settings(deadline=None, max_examples=60)
@given(st.lists(ROLE, max_size=3), st.booleans())
def test_whatever_roles_there_are_the_values_stay(roles: list[dict[str, Any]], flow: bool) -> None:
    roles = [{"description": "", **role} for role in roles]
    shown = json.dumps({"roles": roles})[1:-1].replace('"roles"', "roles", 1) + "\n"
    text = FOREIGN + (shown if flow else yaml.safe_dump({"roles": roles}, allow_unicode=True))
    made = import_product(text.encode(), "orders.odcs.yaml")
    assert isinstance(made, Imported)
    data = yaml.safe_load(made.text)
    assert data["roles"][:-1] == yaml.safe_load(text)["roles"]
    assert data["schema"] == yaml.safe_load(text)["schema"]
    assert data["roles"][-1]["role"] not in {role["role"] for role in roles}


def test_the_official_example_contracts_are_imported(testdata: Path) -> None:
    files = sorted((testdata / "odcs").glob("*.odcs.yaml"))
    if not files:
        pytest.skip("no official example contracts in the folder of real data")
    for file in files:
        made = imported(file.read_text("utf-8"), file.name)
        assert made.kept
        assert without(file.read_text("utf-8"), made.text)
        assert "unknown-backend" in checked(made)
