"""State stores that are made at once: migrated once, and copied for each test after that."""

from pathlib import Path

from gateway.store.store import Store

_MIGRATED: list[bytes] = []


async def ready_store(folder: Path) -> Store:
    """A new store in a folder."""
    file = folder / "state.db"
    if not _MIGRATED:
        await (await Store.open(f"sqlite:///{file}")).close()
        _MIGRATED.append(file.read_bytes())
    file.write_bytes(_MIGRATED[0])
    return await Store.open(f"sqlite:///{file}")
