"""The demo's data, generated once for all tests, and its documents, compiled once."""

from pathlib import Path

import pytest

from contracts.compile import compile_documents
from contracts.plan import Plans
from contracts.workspace import Documents, read_workspace
from gateway.demo.data import DemoData, generate
from gateway.demo.workspace import assemble
from tests.unit.demo.seen import Filtering, Unfiltering


@pytest.fixture(scope="session")
def demo_data(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    return generate(tmp_path_factory.mktemp("demo") / "data")


@pytest.fixture(scope="session")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assemble(tmp_path_factory.mktemp("assembled"), 8123)


@pytest.fixture(scope="session")
def documents(workspace: Path) -> Documents:
    read, findings = read_workspace(workspace)
    assert findings == []
    return read


@pytest.fixture(scope="session")
def plans(documents: Documents) -> Plans:
    compiled = compile_documents(documents, {"operations": Unfiltering(), "hub": Filtering()})
    assert isinstance(compiled, Plans), compiled
    return compiled
