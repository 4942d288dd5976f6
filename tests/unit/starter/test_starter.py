"""The starter workspace: without a mistake, explained in both languages, and never half-written."""

import json
import os
import re
import tomllib
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import open_data_contract_standard
import pytest

from adapters.base import Backend
from adapters.registry import read_backends
from contracts.compile import compile_and_check
from contracts.explain import explain
from contracts.mask import Masked
from contracts.plan import Plans
from contracts.source import Source, read_source
from contracts.workspace import Documents, read_workspace
from gateway.settings import Settings, parse_settings
from gateway.starter import starter_files, write_starter
from gateway.workspace import Workspace, load_workspace
from policies.kinds import KINDS
from policies.reference import LANGUAGES


class Enforcing(Backend, frozen=True):
    """A backend that applies the row filter itself, as the starter's does."""

    enforces_rows = True


@pytest.fixture
def starter(tmp_path: Path) -> Path:
    write_starter(tmp_path / "hub")
    return tmp_path / "hub"


def compiled(folder: Path) -> tuple[Documents, Plans]:
    documents, findings = read_workspace(folder)
    plans, wrong = compile_and_check(documents, {"hub": Enforcing()})
    assert [*findings, *wrong] == []
    return documents, plans


def test_the_starter_has_no_mistake_and_no_warning(starter: Path) -> None:
    documents, plans = compiled(starter)
    assert len(documents.products) == len(documents.policies) == len(documents.agreements) == 1
    assert {plan.operation for plan in plans.all_plans()} == {"list", "get"}


def test_the_starter_is_served_as_it_is(starter: Path) -> None:
    workspace = load_workspace(starter, {})
    assert isinstance(workspace, Workspace), workspace
    assert workspace.warnings == []
    assert workspace.settings == Settings()


def test_the_starter_shows_every_kind_of_clause(starter: Path) -> None:
    _, plans = compiled(starter)
    (contract,) = plans.contracts.values()
    # the starter's records neither change nor come from its partner, and are not changed by it
    commented = {"freshness", "delivery", "signed_requests"}
    assert {clause.kind for clause in contract.clauses} == set(KINDS) - commented
    policy = starter / "policies" / "partner-standard.yaml"
    lines = policy.read_text().splitlines()
    first = lines.index('  # - id: "5.4"')
    taken = [*lines[:first], *(line.replace("  # ", "  ", 1) for line in lines[first:])]
    policy.write_text("\n".join(taken) + "\n")
    _, plans = compiled(starter)
    (contract,) = plans.contracts.values()
    assert {clause.kind for clause in contract.clauses} == set(KINDS)


def test_the_starters_agreement_is_in_force_for_years(starter: Path) -> None:
    _, plans = compiled(starter)
    (contract,) = plans.contracts.values()
    assert contract.effective_from_s < datetime(2026, 11, 1, tzinfo=UTC).timestamp()
    assert contract.effective_until_s > datetime(2029, 1, 1, tzinfo=UTC).timestamp()


def test_the_starters_texts_read_well_in_both_languages(starter: Path) -> None:
    documents, plans = compiled(starter)
    for language in LANGUAGES:
        text = explain("first-partner-2026", documents, plans, language)
        assert text is not None
        assert "120" in text
        assert not re.search(r"[{}]", text)


def test_what_no_view_names_does_not_leave(starter: Path) -> None:
    _, plans = compiled(starter)
    records = tomllib.loads((starter / "backends.toml").read_text())["hub"]["records"]["orders"]
    (plan, *_) = plans.all_plans()
    masked = plan.mask.page(json.dumps({"data": records, "next": None}).encode())
    assert isinstance(masked, Masked)
    assert masked.drift == ()
    answer = plan.mask.encode(masked.records).decode()
    for record in records:
        assert record["customer"]["phone"] not in answer
        assert record["customer"]["name"] not in answer
        assert record["order_id"] in answer
    assert "margin" not in answer
    assert "*******5678" in answer


def test_the_starters_product_is_valid_under_the_official_schema(starter: Path) -> None:
    schema = json.loads((resources.files(open_data_contract_standard) / "schema.json").read_text())
    source = read_source((starter / "products" / "orders.odcs.yaml").read_bytes(), "orders.odcs.yaml")
    assert isinstance(source, Source)
    jsonschema.validate(source.data, schema)


def test_the_backends_that_are_only_shown_are_right_too(starter: Path) -> None:
    text = (starter / "backends.toml").read_text()
    shown = re.findall(r"^# (\[hub\]\n(?:# .+\n)+)", text, re.MULTILINE)
    assert len(shown) == 2
    for block in shown:
        backends, faults = read_backends(block.replace("\n# ", "\n"), starter, {"ERP_TOKEN": "x", "HUB_PASSWORD": "y"})
        assert faults == []
        assert list(backends) == ["hub"]


def test_every_setting_is_listed_with_its_meaning_and_its_default(starter: Path) -> None:
    text = (starter / "clausegate.toml").read_text()
    assert parse_settings(text, {}) == Settings()
    assert tomllib.loads(text) == {}
    uncommented = re.sub(r"^#(?=[a-z_]+ = )", "", text, flags=re.MULTILINE)
    assert set(tomllib.loads(uncommented)) == set(Settings.__struct_fields__)
    assert parse_settings(uncommented, {}) == Settings()
    for paragraph in text.split("\n\n")[1:]:
        assert len(paragraph.splitlines()) >= 2, paragraph
        assert paragraph.startswith("# ")


def test_the_files_written_are_returned_and_are_all_there_are(tmp_path: Path) -> None:
    written = write_starter(tmp_path / "a" / "b")
    found = sorted(path for path in (tmp_path / "a" / "b").rglob("*") if path.is_file())
    assert sorted(written) == found
    assert len(found) == len(starter_files())
    assert (tmp_path / "a" / "b" / ".gitignore").is_file()


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    assert write_starter(tmp_path)


def test_a_folder_with_anything_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(FileExistsError, match="not empty"):
        write_starter(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_file_in_the_place_of_the_folder_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    with pytest.raises(FileExistsError):
        write_starter(tmp_path / "mine")
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("existed", [True, False])
def test_when_writing_fails_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, existed: bool) -> None:
    """A full disk, at the fourth file."""
    folder = tmp_path / "hub"
    if existed:
        folder.mkdir()
    opened = Path.open
    calls: list[Path] = []

    def failing(self: Path, *arguments: Any, **options: Any) -> Any:
        calls.append(self)
        if len(calls) == 4:
            raise OSError(28, os.strerror(28))
        return opened(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", failing)
    with pytest.raises(OSError, match="No space"):
        write_starter(folder)
    monkeypatch.undo()
    assert folder.exists() is existed
    assert not existed or list(folder.iterdir()) == []
