"""Takes a data contract of the standard into a workspace: what it says stays as it is, and a starter view is added.

The view opens nothing. It holds, as comments, a line for every field that could be opened and how, so that somebody who
knows the data decides about each.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Final

import yaml
from msgspec import Struct

from contracts.decode import decode
from contracts.finding import Finding
from contracts.product import Product, Property, custom
from contracts.source import Source, read_source
from contracts.view import SCALAR_TYPES, children, unwrapped

ROLE: Final = "partner"
"""The role of the starter view: one that is to be called otherwise."""
PURPOSE: Final = "to-be-agreed"
BACKEND: Final = "name-of-a-table-in-backends-toml"

_SENSITIVE = re.compile(r"personal|pii|sensitiv|confidential|restricted|secret|个人|敏感|机密", re.IGNORECASE)
_NUMBERS = re.compile(
    r"phone|mobile|tel|card|account|iban|passport|id_?no|id_?number|licen[cs]e|电话|手机", re.IGNORECASE
)
_NAMES = re.compile(r"name|姓名", re.IGNORECASE)


class Imported(Struct, frozen=True):
    """The text of a product for a workspace, and the name of its file. `kept` False: its comments could not be kept."""

    file: str
    text: str
    kept: bool


def import_product(data: bytes, file: str) -> Imported | list[Finding]:
    """The data contract in `data`, which is called `file`, with a starter view; or all that is wrong with it."""
    source = read_source(data, file)
    if isinstance(source, list):
        return source
    product = decode(source, Product)
    if isinstance(product, list):
        return product
    slug = _slug(product.name or file.rsplit("/", 1)[-1].removesuffix(".yaml").removesuffix(".odcs"))
    additions = _additions(product, slug)
    wanted = _merged(source.data, additions)
    comments = _suggested(product)
    text = _spliced(data.decode("utf-8-sig"), additions, comments)
    kept = _says(text, wanted)
    if not kept:
        text = yaml.safe_dump(wanted, sort_keys=False, allow_unicode=True, width=120) + "".join(comments)
    if not _says(text, wanted):
        return [source.finding("yaml-syntax", "the starter view cannot be added to this file: write it in block style")]
    return Imported(f"{slug}.odcs.yaml", text, kept)


def _slug(name: str) -> str:
    """A name as it may stand in a URL and as a file."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:64] or "product"


def _additions(product: Product, slug: str) -> dict[str, Any]:
    """What the document lacks, by top-level key; lists are added to those that are there."""
    added: dict[str, Any] = {} if product.name is not None else {"name": slug}
    if custom(product.customProperties, "backend") is None:
        added["customProperties"] = [{"property": "backend", "value": BACKEND}]
    taken = {role.role for role in product.roles}
    name = next(name for name in _names() if name not in taken)
    added["roles"] = [{"role": name, "customProperties": [{"property": "view", "value": _view(product)}]}]
    return added


def _names() -> Iterator[str]:
    yield ROLE
    number = 2
    while True:
        yield f"{ROLE}-{number}"
        number += 1


def _view(product: Product) -> dict[str, Any]:
    if len(product.schema) > 1:
        return {"purpose": [PURPOSE], "objects": {schema.name: _nothing() for schema in product.schema}}
    return {"purpose": [PURPOSE], **_nothing()}


def _nothing() -> dict[str, Any]:
    """Made anew each time: YAML writes the same list twice as an alias, which documents may not have."""
    return {"operations": ["list", "get"], "fields": {}}


def _merged(data: dict[str, Any], additions: dict[str, Any]) -> dict[str, Any]:
    """The document as it should read afterwards."""
    merged = dict(data)
    for key, value in additions.items():
        merged[key] = [*(merged.get(key) or []), *value] if isinstance(value, list) else value
    return merged


def _says(text: str, wanted: dict[str, Any]) -> bool:
    """Whether `text` is a document with these values, and no others."""
    read = read_source(text.encode(), "")
    return isinstance(read, Source) and json.dumps(read.data, sort_keys=True) == json.dumps(wanted, sort_keys=True)


def _spliced(text: str, additions: dict[str, Any], comments: list[str]) -> str:
    """The text with the additions put in where their lists end, or at the end; everything else byte for byte."""
    lines = text.splitlines(keepends=True)
    if lines and not lines[-1].endswith(("\n", "\r")):
        lines[-1] += "\n"
    root = yaml.compose(text, Loader=yaml.CSafeLoader)
    lists = {key.value: value for key, value in root.value} if isinstance(root, yaml.MappingNode) else {}
    places: list[tuple[int, list[str]]] = []
    for key, value in additions.items():
        there = lists.get(key)
        block = isinstance(there, yaml.SequenceNode) and not there.flow_style
        shown = _shown({key: value} if there is None else value, comments if key == "roles" else [])
        if there is None:
            places.append((len(lines), shown))
        elif block:
            indent = " " * there.start_mark.column
            places.append((_end(there), [indent + line for line in shown]))
    for line, shown in sorted(places, key=lambda place: place[0], reverse=True):
        lines[line:line] = shown
    return "".join(lines)


def _end(node: yaml.Node) -> int:
    """The number of the line behind the last one on which a value stands."""
    while isinstance(node, yaml.CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        node = last[1] if isinstance(last, tuple) else last
    return int(node.end_mark.line + (1 if node.end_mark.column else 0))


def _shown(value: Any, comments: list[str]) -> list[str]:
    """A value in block style, line by line; the comments stand below it, indented like the end of the view."""
    plain = isinstance(value, dict) and not any(isinstance(inner, list) for inner in value.values())
    flow = False if plain else None  # None: what holds no other list or mapping stands on one line
    text = yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=120, default_flow_style=flow)
    lines = text.splitlines(keepends=True)
    return [*lines, *(f"      {comment}" for comment in comments)]


def _suggested(product: Product) -> list[str]:
    """A comment for every field that could be opened."""
    lines = ["# Nothing is opened yet. Move what the role may see into `fields`, and decide about each:\n"]
    for schema in product.schema:
        if len(product.schema) > 1:
            lines.append(f"# {_printable(schema.name)}:\n")
        lines += [f"#   {line}\n" for declared in schema.properties for line in _lines(declared, "", None)]
    return lines


def _lines(declared: Property, prefix: str, classification: str | None) -> Iterator[str]:
    name = _printable(prefix + declared.name)
    classification = declared.classification or classification
    inner = children(declared)
    if inner:
        for child in inner:
            yield from _lines(child, f"{prefix}{declared.name}.", classification)
        return
    kind = unwrapped(declared).logicalType
    if kind not in SCALAR_TYPES:
        yield f"{name}: (logicalType {kind} cannot be served)" if kind else f"{name}: (it has no logicalType)"
        return
    note = f"  # {_printable(classification)}" if classification else ""
    yield f"{name}: {suggestion(declared, classification)}{note}"


def suggestion(declared: Property, classification: str | None) -> str:
    """A technique to begin with, as a view writes it: for what looks personal or secret one that masks."""
    marks = [classification or "", *(declared.tags or []), *(entry.property for entry in declared.customProperties)]
    if not any(_SENSITIVE.search(mark) for mark in marks):
        return "clear"
    if unwrapped(declared).logicalType == "string":
        if _NUMBERS.search(declared.name):
            return "{keep_last: 4}"
        if _NAMES.search(declared.name):
            return "{keep_first: 1}"
    return "redact"


def _printable(text: str) -> str:
    """Text on one line, whatever a document put into a name."""
    return "".join(character if character.isprintable() else "·" for character in text)
