"""SQLite files that are made at once: migrated once in a run of the tests, and copied for each test after that."""

import asyncio
import threading
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from gateway.store.store import Store


def ready_file(folder: Path, name: str = "state/clausegate.db") -> str:
    """The URL of a new store in a folder, its tables there and empty; where a workspace's own is unless `name` says."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(_migrated())
    return f"sqlite:///{file.resolve()}"


@cache
def _migrated() -> bytes:
    with TemporaryDirectory() as folder:

        async def make() -> None:
            await (await Store.open(f"sqlite:///{folder}/a.db")).close()

        # On a loop of its own, for whoever asks may be on one.
        thread = threading.Thread(target=lambda: asyncio.run(make()))
        thread.start()
        thread.join()
        return (Path(folder) / "a.db").read_bytes()
