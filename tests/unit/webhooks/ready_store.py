"""State stores that are made at once."""

from pathlib import Path

from gateway.store.store import Store
from tests.unit.store.ready_file import ready_file


async def ready_store(folder: Path) -> Store:
    """A new store in a folder."""
    return await Store.open(ready_file(folder, "state.db"))
