"""The workspace that `clausegate init` writes: small, commented, and without a mistake."""

import errno
from collections.abc import Iterator
from contextlib import suppress
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from gateway.settings import FILE, Settings
from gateway.starter.settings_file import settings_text


def write_starter(folder: Path) -> list[Path]:
    """Write the starter workspace into `folder`, new or empty, and return the files written, in order.

    Raises OSError (FileExistsError where something is there already); nothing of the workspace is left then.
    """
    existed = folder.is_dir()
    if existed and any(folder.iterdir()):
        raise FileExistsError(errno.ENOTEMPTY, "the folder is not empty: name a new one", str(folder))
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    try:
        for name, text in sorted(starter_files().items()):
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8", newline="\n") as file:
                written.append(path)
                file.write(text)
    except OSError:
        _undo(folder, written, keep_folder=existed)
        raise
    return written


def starter_files() -> dict[str, str]:
    """The starter workspace's files by name."""
    root = resources.files(__name__) / "files"
    files = {name.replace("dot-", "."): file.read_text("utf-8") for name, file in _walk(root, "")}
    return {**files, FILE: settings_text(Settings)}


def _walk(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _walk(entry, f"{prefix}{entry.name}/")
        else:
            yield f"{prefix}{entry.name}", entry


def _undo(folder: Path, written: list[Path], *, keep_folder: bool) -> None:
    """Take back what was written and nothing else."""
    for path in written:
        with suppress(OSError):
            path.unlink()
    for inner in {(folder / name).parent for name in starter_files()} - {folder}:
        with suppress(OSError):
            inner.rmdir()
    if not keep_folder:
        with suppress(OSError):
            folder.rmdir()
