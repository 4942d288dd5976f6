"""backends.toml: every mistake is said, none of them with a value."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from adapters.base import Backend
from adapters.http import HttpAdapter, HttpBackend
from adapters.memory import MemoryAdapter
from adapters.registry import KINDS, connect, read_backends
from adapters.sql import SqlAdapter, SqlBackend
from tests.conftest import ROOT

CASES: list[dict[str, Any]] = yaml.safe_load((ROOT / "tests/cases/backends.yaml").read_text(encoding="utf-8"))
FOLDER = Path("/workspace")
ENVIRONMENT = {"TOKEN": "s3cret", "PASSWORD": "s3cret ${TOKEN}", "BREAK": "s3cret\r\nX: y", "PORT": "8080"}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["case"])
def test_each_mistake_in_the_file_is_said_with_its_place(case: dict[str, Any]) -> None:
    backends, faults = read_backends(case["given"], FOLDER, ENVIRONMENT)
    said = [f"{fault.line}: {fault.path}: {fault.message}" for fault in faults]
    assert len(said) == len(case["expect"]), said
    for line, expected in zip(said, case["expect"], strict=True):
        assert line.startswith(expected), said
    assert sorted(backends) == case.get("read", [])
    assert "s3cret" not in "".join(said)


def test_one_file_gives_all_its_mistakes_and_all_its_sound_backends() -> None:
    text = "\n".join(
        case["given"].replace("[a", f"[n{number}") for number, case in enumerate(CASES) if case.get("merge")
    )
    backends, faults = read_backends(text, FOLDER, ENVIRONMENT)
    merged = [case for case in CASES if case.get("merge")]
    assert len(merged) > 3
    assert len(faults) == sum(len(case["expect"]) for case in merged)
    assert len(backends) == sum(len(case.get("read", [])) for case in merged)


def test_placeholders_come_from_the_environment_once_and_are_shown_nowhere() -> None:
    text = """
    [web]
    kind = "http"
    url = "http://127.0.0.1:${PORT}"
    headers = {Authorization = "Bearer ${TOKEN}"}
    [db]
    kind = "sql"
    url = "postgresql://u:${PASSWORD}@h/d"
    """
    backends, faults = read_backends(text, FOLDER, ENVIRONMENT)
    assert faults == []
    web, db = backends["web"], backends["db"]
    assert isinstance(web, HttpBackend)
    assert isinstance(db, SqlBackend)
    assert web.headers == {"Authorization": "Bearer s3cret"}
    assert web.url == "http://127.0.0.1:8080"
    assert "s3cret ${TOKEN}" in db.url
    assert "s3cret" not in repr(backends)


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("sqlite:///hub.db", "/workspace/hub.db"),
        ("sqlite:///../data/hub.db", "/data/hub.db"),
        ("sqlite:////elsewhere/hub.db", "/elsewhere/hub.db"),
    ],
)
def test_a_database_file_is_found_from_the_workspace(written: str, found: str) -> None:
    backends, faults = read_backends(f'[db]\nkind = "sql"\nurl = "{written}"', FOLDER, {})
    db = backends["db"]
    assert faults == []
    assert isinstance(db, SqlBackend)
    assert db.url == f"sqlite:///{found}"


async def test_every_kind_connects_without_touching_its_backend() -> None:
    examples: list[tuple[Backend, type]] = [
        (HttpBackend(url="http://127.0.0.1:1"), HttpAdapter),
        (SqlBackend(url="sqlite:////nowhere/x.db"), SqlAdapter),
        (SqlBackend(url="postgresql://127.0.0.1:1/x"), SqlAdapter),
        (KINDS["memory"](), MemoryAdapter),
    ]
    assert {type(backend) for backend, _ in examples} == set(KINDS.values())
    for backend, kind in examples:
        adapter = connect(backend)
        assert isinstance(adapter, kind)
        await adapter.close()


def test_a_kind_without_an_adapter_cannot_be_connected() -> None:
    class Idle(Backend, frozen=True, tag="idle"):
        """Has no connect()."""

    with pytest.raises(TypeError, match="Idle"):
        connect(Idle())


def test_a_huge_or_bottomless_file_is_one_mistake() -> None:
    for text in ("#" * 2_000_000, "a = " + "[" * 100_000):
        backends, faults = read_backends(text, FOLDER, {})
        assert (backends, len(faults)) == ({}, 1)
