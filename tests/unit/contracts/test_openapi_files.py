"""The committed OpenAPI documents are those that the code makes of the sample documents."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import openapi_spec_validator
import pytest

from openapi.generate import ROOT, generated, sample_files

FOLDER = ROOT / "openapi"


def test_the_committed_files_are_the_generated_ones() -> None:
    texts = generated(sample_files())
    committed = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.json")}
    assert committed.keys() == texts.keys(), "run: python -m openapi.generate"
    changed = [name for name, text in texts.items() if committed[name] != text]
    assert not changed, f"run: python -m openapi.generate; it changes {changed}"


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_each_committed_file_is_valid_openapi(file: Path) -> None:
    openapi_spec_validator.validate(json.loads(file.read_text(encoding="utf-8")))


def examples(document: dict[str, Any]) -> Iterator[tuple[dict[str, Any], Any]]:
    """Every JSON example of a body with the schema beside it."""
    responses = list(document["components"]["responses"].values())
    for methods in document["paths"].values():
        for operation in methods.values():
            responses += [response for response in operation["responses"].values() if "$ref" not in response]
            responses += [operation["requestBody"]] if "requestBody" in operation else []
    for response in responses:
        for media_type, content in response.get("content", {}).items():
            if "json" in media_type and "x-ndjson" not in media_type:
                named = [each["$ref"].rsplit("/", 1)[1] for each in content.get("examples", {}).values()]
                values = [document["components"]["examples"][name]["value"] for name in named]
                for value in [*values, *([content["example"]] if "example" in content else [])]:
                    yield content["schema"], value


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_each_example_fits_its_schema(file: Path) -> None:
    document = json.loads(file.read_text(encoding="utf-8"))
    found = list(examples(document))
    assert len(found) > 20
    for schema, value in found:
        jsonschema.validate(
            value, {**schema, "components": document["components"]}, cls=jsonschema.Draft202012Validator
        )


def test_a_document_with_a_mistake_generates_nothing() -> None:
    files = sample_files()
    name = next(name for name in files if name.startswith("agreements/"))
    with pytest.raises(ValueError, match="unknown-key"):
        generated({**files, name: files[name] + b"\nsurplus: 1\n"})


def values_in(value: Any) -> Iterator[Any]:
    """The value itself and all that is in it."""
    yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from values_in(inner)


def test_what_the_page_for_partners_shows_is_in_the_document() -> None:
    page = (ROOT / "docs" / "partners" / "openapi.md").read_text(encoding="utf-8")
    document = json.loads((FOLDER / "swift-logistics.json").read_text(encoding="utf-8"))
    shown = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", page, re.DOTALL)]
    assert len(shown) == 4
    there = list(values_in(document))
    assert [value for value in shown if value not in there] == []
    operation = document["paths"]["/v1/shipments"]["get"]
    hub = json.loads((FOLDER / "hub.json").read_text(encoding="utf-8"))
    every = [each for path in hub["paths"].values() for each in path.values()]
    named = re.findall(r"`(x-[a-z-]+)`", page)
    assert set(named) == {name for each in every for name in each if name.startswith("x-")}
    taken = {parameter["name"] for parameter in operation["parameters"]}
    assert {"status", "weight_kg[gte]", "status[in]", "fields", "limit", "cursor"} <= taken
