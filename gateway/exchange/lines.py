"""Masked records as lines: newline-delimited JSON, and CSV (RFC 4180) with a column for each field."""

import csv
import io
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, Raw

from contracts.granted import Branch
from gateway.exchange.negotiate import Media

Lines: TypeAlias = Callable[[list[Any]], bytes]
_ENCODER = msgspec.json.Encoder()


def lines_of(media: Media, record: Branch, fields: tuple[str, ...] | None) -> tuple[bytes, Lines]:
    """What comes before the first line, and what turns records into lines. `fields` are those wanted, None for all."""
    if media == "ndjson":
        return b"", _ENCODER.encode_lines
    columns = [column for column in _columns(record, ()) if fields is None or _is_wanted(column[0], fields)]
    header = _rows([[".".join(path) for path, _ in columns]])
    getters = [_getter(attributes) for _, attributes in columns]
    return header, lambda records: _rows([get(record) for get in getters] for record in records)


_Column: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]


def _columns(branch: Branch, place: tuple[int, ...], path: tuple[str, ...] = ()) -> list[_Column]:
    """Each scalar, array and map that lies in nothing but objects: its path, and the attributes that lead to it."""
    found: list[_Column] = []
    for number, (name, node) in enumerate(branch.fields.items()):
        here, inner = (*place, number), (*path, name)
        if isinstance(node, Branch):
            found += _columns(node, here, inner)
        else:
            found.append((inner, tuple(f"f{step}" for step in here)))
    return found


def _is_wanted(path: tuple[str, ...], fields: tuple[str, ...]) -> bool:
    """Whether a column holds something of the wanted fields."""
    name = ".".join(path)
    return any(f"{name}.".startswith(f"{field}.") or f"{field}.".startswith(f"{name}.") for field in fields)


def _getter(attributes: tuple[str, ...]) -> Callable[[Any], str]:
    def get(record: Any) -> str:
        for attribute in attributes:
            record = getattr(record, attribute)
            if record is None or record is UNSET:
                return ""
        return _cell(record)

    return get


def _cell(value: Any) -> str:
    """Text as it is, anything else as JSON: numbers in their exact text, arrays and maps whole."""
    if isinstance(value, str):
        return value
    if isinstance(value, Raw):
        text = bytes(value).decode()
        return "" if text == "null" else text
    return _ENCODER.encode(value).decode()


def _rows(rows: Iterable[list[str]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
