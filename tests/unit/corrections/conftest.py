"""What tests of corrections ask for: the workspace, its store and log, a clock, and whoever is told."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import structs

from gateway.authority import Administration, open_administration
from gateway.corrections.life import CorrectionLife
from gateway.store.store import Store
from gateway.workspace import Workspace
from tests.unit.corrections.stage import Clock, Heralds, corrected_workspace


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """The workspace with an empty store, made once: its tables take longer than most tests."""
    workspace = corrected_workspace(tmp_path_factory.mktemp("prepared") / "workspace")

    async def migrated() -> None:
        await (await Store.open(workspace.settings.database_url(workspace.folder))).close()

    asyncio.run(migrated())
    return workspace


@pytest.fixture
def workspace(prepared: Workspace, tmp_path: Path) -> Workspace:
    """A copy of its own, compiled already."""
    folder = tmp_path / "workspace"
    shutil.copytree(prepared.folder, folder)
    return structs.replace(prepared, folder=folder)


@pytest.fixture
async def administration(workspace: Workspace) -> AsyncIterator[Administration]:
    async with open_administration(workspace.settings, workspace.folder) as opened:
        yield opened


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def heralds() -> Heralds:
    return Heralds()


@pytest.fixture
def life(administration: Administration, clock: Clock, heralds: Heralds) -> CorrectionLife:
    return CorrectionLife(administration.store, administration.writer, heralds.notify, clock)
