"""What tests of issued statements ask for: a store and a log of their own, and who is told."""

import asyncio
import shutil
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from gateway.authority import Administration, open_administration
from gateway.settings import Settings, read_settings
from gateway.store.store import Store

Told = list[tuple[str, str, Mapping[str, Any]]]


@pytest.fixture(scope="session")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, made once: its tables take longer than most tests."""
    folder = tmp_path_factory.mktemp("statements")

    async def make() -> None:
        await (await Store.open(settings_in(folder).database_url(folder))).close()

    asyncio.run(make())
    return folder


@pytest.fixture
def folder(migrated: Path, tmp_path: Path) -> Path:
    """A copy of its own."""
    return Path(shutil.copytree(migrated, tmp_path / "hub"))


@pytest.fixture
async def administration(folder: Path) -> AsyncIterator[Administration]:
    """Its store and its log, open."""
    async with open_administration(settings_in(folder), folder) as opened:
        yield opened


@pytest.fixture
def told() -> Told:
    """What was told to whom."""
    return []


def settings_in(folder: Path) -> Settings:
    """The settings of a folder without a file of them."""
    settings = read_settings(folder, {})
    assert isinstance(settings, Settings)
    return settings
