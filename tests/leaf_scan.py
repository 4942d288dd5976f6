"""Looks for personal values of the demo's data in everything that the test suite put on a log: there must be none.

What counts as personal is what the demo's products classify so, in the records that the demo generates, together with
the examples that these products give of it: other tests take their data from those.
"""

import re
import sqlite3
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from msgspec import Struct

from gateway.demo.data import SEED
from gateway.demo.database import make_database
from gateway.demo.draw import people
from gateway.demo.repayments import repayments
from gateway.demo.shipments import shipments
from gateway.demo.words import CANARY

VALUE_BYTES_MIN = 5
"""Shorter values would be met by chance. None of the demo's is shorter: the shortest is the Latin name of Li Li."""
FILES = ("*.seg", "*.side", "tile/entries/**/*")
_PRODUCTS = Path(__file__).parents[1] / "contracts" / "documents" / "products"
_CUSTOMERS = 6_000
_HASH = re.compile(rb"[0-9a-f]{64}")


class Leak(Struct, frozen=True):
    """A personal value, and the files that hold it."""

    value: str
    files: tuple[str, ...]


class PersonalValues:
    """Finds any of many values in bytes, by their first few bytes. Digits must not be part of a longer number."""

    def __init__(self, values: Iterable[str]) -> None:
        self._all = {value.encode() for value in values if len(value.encode()) >= VALUE_BYTES_MIN}
        self._by_start: dict[bytes, set[int]] = defaultdict(set)
        for value in self._all:
            self._by_start[value[:VALUE_BYTES_MIN]].add(len(value))

    def __len__(self) -> int:
        return len(self._all)

    def within(self, data: bytes) -> set[str]:
        """Those that stand anywhere in these bytes."""
        starts, found = self._by_start, set()
        for at in range(len(data) - VALUE_BYTES_MIN + 1):
            lengths = starts.get(data[at : at + VALUE_BYTES_MIN])
            for length in lengths or ():
                value = data[at : at + length]
                if value in self._all and not (value.isdigit() and _in_a_number(data, at, length)):
                    found.add(value.decode())
        return found


def _in_a_number(data: bytes, at: int, length: int) -> bool:
    return data[at - 1 : at].isdigit() or data[at + length : at + length + 1].isdigit()


def scan(folder: Path, personal: PersonalValues) -> list[Leak]:
    """Every personal value in the leaves, entry bundles and sidecars below a folder."""
    files = sorted({file for pattern in FILES for file in folder.rglob(pattern) if file.is_file()})
    pieces: set[bytes] = set()
    found: set[str] = set()
    for file in files:
        data = _content(file)
        if file.suffix == ".side":
            found |= personal.within(data)
            continue
        # Leaves repeat the same few texts: each is looked at once. What lies between any two quotes is a piece, text or
        # not: a frame's checksum may hold a quote, after which nobody could say which are in pairs.
        pieces.update(data.split(b'"'))
    # The many hashes are no text, and of random digits.
    found |= personal.within(b'"'.join(piece for piece in pieces if not _HASH.fullmatch(piece)))
    return [Leak(value, tuple(_holding(value.encode(), files, folder))) for value in sorted(found)]


def _holding(value: bytes, files: Iterable[Path], folder: Path) -> Iterator[str]:
    return (str(file.relative_to(folder)) for file in files if value in _content(file))


def _content(file: Path) -> bytes:
    """A file's bytes; none of one that is gone by now: partial bundles are removed once the full one is there."""
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return b""


@cache
def demo_values() -> frozenset[str]:
    """Every personal value of the demo's data. Of those that no role may see it is what all of them begin with."""
    customers = people(SEED, _CUSTOMERS)
    values = {value for person in customers for value in person}
    made = {"shipments": shipments(SEED, customers), "repayments": repayments(SEED, customers)}
    for file in sorted(_PRODUCTS.glob("*.odcs.yaml")):
        product = yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)
        for declared in product["schema"]:
            fields = list(_personal(declared["properties"], ()))
            values |= {example for _, field in fields for example in field.get("examples", [])}
            for record in made.get(product["name"], ()):
                for path, _ in fields:
                    _collect(record, path, values)
    with tempfile.TemporaryDirectory() as folder:
        values |= _in_database(Path(folder) / "hub.db", customers)
    return frozenset({CANARY, *(value for value in values if not value.startswith(CANARY))})


def _personal(properties: list[Any], prefix: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Path and declaration of each scalar that is classified as personal."""
    for declared in properties:
        path = (*prefix, declared["name"])
        inner = declared.get("items", declared) if declared["logicalType"] == "array" else declared
        if "properties" in inner:
            yield from _personal(inner["properties"], path)
        elif str(inner.get("classification", declared.get("classification"))).startswith("personal"):
            yield path, inner


def _collect(value: Any, path: tuple[str, ...], into: set[str]) -> None:
    """Add the texts at a path, in all items of arrays on the way."""
    for number, name in enumerate(path):
        if isinstance(value, list):
            for item in value:
                _collect(item, path[number:], into)
            return
        if name not in value:
            return
        value = value[name]
    into.add(str(value))


def _in_database(file: Path, customers: Any) -> set[str]:
    """Personal columns of the demo's database."""
    make_database(file, SEED, customers)
    with closing(sqlite3.connect(file)) as connection:
        rows = connection.execute("SELECT contact_name, contact_phone, contact_id_number, contact_email FROM leads")
        contacts = connection.execute("SELECT supplier_contact FROM spare_parts")
        return {value for row in [*rows, *contacts] for value in row}
