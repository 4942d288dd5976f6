"""Generates the demo's data once: the same seed gives the same bytes, and a run that was cut short is done again."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from gateway.demo.database import make_database
from gateway.demo.draw import people
from gateway.demo.repayments import repayments
from gateway.demo.shipments import shipments

VERSION: Final = 2
"""Raised whenever other data come out of the same seed, so that what an older version left is replaced."""
SEED: Final = 2026
_CUSTOMERS = 6_000


class DemoData(Struct, frozen=True):
    """Where the data are: two files of one JSON record a line, in order of key, and one SQLite database."""

    shipments: Path
    repayments: Path
    database: Path


def paths(folder: Path) -> DemoData:
    """The files below `folder`, whether they are there or not."""
    return DemoData(folder / "shipments.jsonl", folder / "repayments.jsonl", folder / "hub.db")


def generate(folder: Path, seed: int = SEED) -> DemoData:
    """Write the data to `folder` unless it holds those of this version and seed.

    They are made beside it and moved in whole. Raises OSError when they cannot be written.
    """
    made = paths(folder)
    stamp = folder / "made-by.json"
    mark = msgspec.json.encode({"version": VERSION, "seed": seed})
    files = (made.shipments, made.repayments, made.database)
    if all(file.is_file() for file in files) and _content(stamp) == mark:
        return made
    folder.mkdir(parents=True, exist_ok=True)
    stamp.unlink(missing_ok=True)
    workshop = folder / ".making"
    shutil.rmtree(workshop, ignore_errors=True)
    workshop.mkdir()
    new = paths(workshop)
    customers = people(seed, _CUSTOMERS)
    _write_lines(new.shipments, shipments(seed, customers))
    _write_lines(new.repayments, repayments(seed, customers))
    make_database(new.database, seed, customers)
    for file in files:
        os.replace(workshop / file.name, file)
    workshop.rmdir()
    stamp.write_bytes(mark)
    return made


def _write_lines(file: Path, records: Iterable[dict[str, Any]]) -> None:
    encoder = msgspec.json.Encoder()
    with file.open("wb") as lines:
        for record in records:
            lines.write(encoder.encode(record) + b"\n")


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except OSError:
        return None
