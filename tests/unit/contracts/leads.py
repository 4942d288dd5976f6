"""A product of leads that dealers write, what writes it, and short ways to see what a body comes to."""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from contracts.product import SchemaObject
from contracts.writing import Writing, Written, compile_writing

PARTNER = {"id": "p-1", "code": "SWIFT", "role": "dealer"}


def schema(*properties: dict[str, Any]) -> SchemaObject:
    return msgspec.convert({"name": "lead", "properties": list(properties)}, SchemaObject)


def prop(name: str, kind: str | None = "string", /, **more: Any) -> dict[str, Any]:
    options = more.pop("options", None)
    return {"name": name, "logicalType": kind, **({"logicalTypeOptions": options} if options else {}), **more}


LEAD = schema(
    prop("lead_id", "integer", primaryKey=True, required=True),
    prop("dealer", required=True),
    prop("status", enum=[{"value": "new"}, {"value": "lost"}]),
    prop("price", "number", options={"minimum": 0, "multipleOf": 0.01}),
    prop("seats", "integer", options={"format": "u8", "exclusiveMinimum": 0}),
    prop("visit", "date", options={"minimum": "2026-01-01"}),
    prop("sent", "timestamp"),
    prop("hour", "time"),
    prop("hot", "boolean"),
    prop(
        "customer",
        "object",
        required=True,
        properties=[
            prop("name", required=True, options={"minLength": 1, "maxLength": 4}),
            prop("phone", options={"pattern": r"^\+?[0-9]{3,11}$"}),
            prop("mail", options={"format": "email"}),
        ],
    ),
    prop("tags", "array", items=prop("", options={"maxLength": 3}), options={"maxItems": 3, "uniqueItems": True}),
    prop("notes", "map", map={"key": prop("", options={"maxLength": 2}), "value": prop("", "integer")}),
    prop("place", "vector", options={"dimensions": 2, "elementType": "float64"}),
)
ALL = ("status", "price", "seats", "visit", "sent", "hour", "hot", "customer", "tags", "notes", "place")


def create(writable: tuple[str, ...] = ALL, assigned: Mapping[str, Any] | None = None) -> Writing:
    made = compile_writing(LEAD, "create", writable, {"dealer": "partner.code"} if assigned is None else assigned)
    assert isinstance(made, Writing), made
    return made


def update(*writable: str, of: SchemaObject = LEAD) -> Writing:
    made = compile_writing(of, "update", writable, {})
    assert isinstance(made, Writing), made
    return made


def one(declared: dict[str, Any]) -> Writing:
    """Takes the one field `f`."""
    return update("f", of=schema(prop("id", primaryKey=True), declared))


def written(writing: Writing, body: Any) -> dict[str, Any]:
    read = writing.read(body if isinstance(body, bytes) else json.dumps(body).encode(), PARTNER)
    assert isinstance(read, Written), read
    return {".".join(field.path): value for field, value in read.values}


def faults(writing: Writing, body: Any) -> list[tuple[str, str]]:
    read = writing.read(body if isinstance(body, bytes) else json.dumps(body).encode(), PARTNER)
    assert not isinstance(read, Written), read
    return [(fault.pointer, fault.code) for fault in read]
