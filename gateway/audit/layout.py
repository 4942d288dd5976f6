"""Where segments lie: `<log>/<writer>/<8-digit number>.seg`, numbered from 1."""

import re
from pathlib import Path
from typing import Final

from gateway.tlog.layout import FOLDER

RESERVED: Final = frozenset({FOLDER, "contracts"})
"""Folders beside the writers' that are none: the published trees, and the contracts by hash."""

WRITER_NAME_RULE: Final = f"1 to 64 of a-z, 0-9, dot, underscore and hyphen, and none of {', '.join(sorted(RESERVED))}"

_WRITER = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SEGMENT = re.compile(r"(\d{8})\.seg")


def is_writer_name(name: str) -> bool:
    """Whether this may be a folder's name and a string in a header: a-z, 0-9, dot, underscore, hyphen; at most 64.

    Names of other things in the log's folder (RESERVED) are none.
    """
    return _WRITER.fullmatch(name) is not None and name not in RESERVED


def segment_name(number: int) -> str:
    """1 -> 00000001.seg"""
    return f"{number:08d}.seg"


def segment_number(name: str) -> int | None:
    """00000001.seg -> 1; None for any other name."""
    found = _SEGMENT.fullmatch(name)
    return int(found[1]) if found else None


def segments_in(folder: Path) -> list[tuple[int, Path]]:
    """(number, path) of a writer's segments in order."""
    numbered = ((segment_number(path.name), path) for path in folder.glob("*.seg"))
    return sorted((number, path) for number, path in numbered if number is not None)


def writers_in(log: Path) -> list[Path]:
    """The folders that hold segments, by name. A folder that is empty counts too: its segments are gone."""
    folders = [path for path in log.iterdir() if path.is_dir() and is_writer_name(path.name)]
    return sorted(path for path in folders if any(path.glob("*.seg")) or not any(path.iterdir()))
