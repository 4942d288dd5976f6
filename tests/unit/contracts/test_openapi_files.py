"""The committed OpenAPI documents are those that the code makes of the sample documents."""

import json

import openapi_spec_validator
import pytest

from openapi.generate import ROOT, generated, sample_files

FOLDER = ROOT / "openapi"


def test_the_committed_files_are_the_generated_ones():
    texts = generated(sample_files())
    committed = {file.name: file.read_text(encoding="utf-8") for file in FOLDER.glob("*.json")}
    assert committed.keys() == texts.keys(), "run: python -m openapi.generate"
    changed = [name for name, text in texts.items() if committed[name] != text]
    assert not changed, f"run: python -m openapi.generate; it changes {changed}"


@pytest.mark.parametrize("file", sorted(FOLDER.glob("*.json")), ids=lambda file: file.stem)
def test_each_committed_file_is_valid_openapi(file):
    openapi_spec_validator.validate(json.loads(file.read_text(encoding="utf-8")))


def test_a_document_with_a_mistake_generates_nothing():
    files = sample_files()
    name = next(name for name in files if name.startswith("agreements/"))
    with pytest.raises(ValueError, match="unknown-key"):
        generated({**files, name: files[name] + b"\nsurplus: 1\n"})
