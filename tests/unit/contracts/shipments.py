"""A small product for tests: every kind of field a view can meet."""

from typing import Any

import msgspec

from adapters.base import Envelope
from contracts.mask import Mask
from contracts.product import SchemaObject
from contracts.view import GrantedView, grant

SCHEMA = msgspec.convert(
    {
        "name": "shipment",
        "properties": [
            {"name": "id", "logicalType": "string", "primaryKey": True},
            {"name": "carrier", "logicalType": "string"},
            {"name": "weight", "logicalType": "number"},
            {"name": "pieces", "logicalType": "integer"},
            {"name": "insured", "logicalType": "boolean"},
            {"name": "eta", "logicalType": "date"},
            {"name": "note", "logicalType": "string"},
            {
                "name": "customer",
                "logicalType": "object",
                "properties": [
                    {"name": "name", "logicalType": "string"},
                    {"name": "phone", "logicalType": "string"},
                    {"name": "age", "logicalType": "integer"},
                    {"name": "active", "logicalType": "boolean"},
                ],
            },
            {
                "name": "nodes",
                "logicalType": "array",
                "items": {
                    "logicalType": "object",
                    "properties": [
                        {"name": "city", "logicalType": "string"},
                        {"name": "km", "logicalType": "number"},
                        {"name": "agent", "logicalType": "string"},
                    ],
                },
            },
            {"name": "tags", "logicalType": "array", "items": {"logicalType": "string"}},
            {"name": "readings", "logicalType": "array", "items": {"logicalType": "number"}},
            {"name": "blob", "logicalType": "object"},
        ],
    },
    SchemaObject,
)


def view(fields: dict[str, Any]) -> GrantedView:
    """The fields laid over the schema; fails the test when they cannot be."""
    granted = grant(SCHEMA, fields)
    assert isinstance(granted, GrantedView), granted
    return granted


def mask(fields: dict[str, Any], envelope: Envelope | None = None) -> Mask:
    """The mask of a view."""
    return Mask(view(fields).record, envelope or Envelope())
