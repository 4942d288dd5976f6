"""Holds products against the official JSON Schema of the Open Data Contract Standard, as other tools will."""

import json
from collections.abc import Iterable
from functools import cache
from importlib import resources
from typing import Any

import jsonschema
import open_data_contract_standard

from contracts.finding import Finding, clipped
from contracts.product import Product
from contracts.workspace import Loaded

_FINDINGS_MAX = 20
"""One mistake in a deep document can break many rules of the schema; the first ones say enough."""
_MESSAGE_CHARACTERS = 160

_AFTER_V3_0 = {
    "AuthoritativeDefinitions": ["additionalProperties"],
    "CustomProperty": ["additionalProperties", "required"],
    "DataQuality": ["unevaluatedProperties"],
    "DataQualityLibrary": ["allOf", "properties", "required"],
    "DataQualitySql": ["allOf"],
    "Pricing": ["additionalProperties"],
    "Role": ["additionalProperties"],
    "SchemaBaseProperty": ["unevaluatedProperties"],
    "Server": ["unevaluatedProperties"],
    "ServiceLevelAgreementProperty": ["additionalProperties"],
    "StableId": ["pattern", "type"],
    "SupportItem": ["additionalProperties"],
    "TeamMember": ["additionalProperties", "required"],
}
"""What later versions of the standard began to ask of a part of a document: to have only known keys, all of some keys,
one threshold of a quality rule, a `metric` where v3.0 has a `rule` of any name."""
_NEW_AFTER_V3_0 = {
    "AuthoritativeDefinitions": ["description"],
    "CustomProperty": ["description", "vendor"],
    "ServiceLevelAgreementProperty": [
        "authoritativeDefinitions",
        "customProperties",
        "description",
        "schedule",
        "scheduler",
    ],
    "SupportItem": ["customProperties"],
    "TeamMember": ["authoritativeDefinitions", "customProperties", "tags"],
}
"""Keys that came later: in v3.0 one of such a name is anybody's own, and its value anything."""


def odcs_findings(products: Iterable[Loaded[Product]]) -> list[Finding]:
    """A warning for each place where a product departs from the standard: we can serve it, others may refuse it.

    A product is held against the schema of v3.2, but asked for nothing that came after the version it names. What only
    an older version asked for is not missed.

    Takes about 0.1 s for a hundred fields, so it is for `check`, not for starting and reloading.
    """
    found: list[Finding] = []
    for product in products:
        source = product.source
        errors = _validator(product.value.apiVersion[:4]).iter_errors(source.data)
        for error in sorted(errors, key=lambda error: [str(step) for step in error.path])[:_FINDINGS_MAX]:
            cause = jsonschema.exceptions.best_match([error])
            place = tuple(cause.absolute_path)
            message = clipped(cause.message, _MESSAGE_CHARACTERS)
            at = source.finding("not-odcs", message, place)
            found.append(Finding(at.code, at.message, at.file, at.line, at.path, "warning"))
    return found


@cache
def _validator(version: str) -> Any:
    """For documents of v3.0, v3.1 or v3.2. Reading and compiling the schema takes longer than using it."""
    schema = json.loads((resources.files(open_data_contract_standard) / "schema.json").read_text("utf-8"))
    parts = schema["$defs"]
    if version in {"v3.0", "v3.1"}:
        _leave_untyped_fields(parts["SchemaBaseProperty"]["allOf"])
    if version == "v3.0":
        for name, rules in _AFTER_V3_0.items():
            part = parts[name].get("items", parts[name])
            for rule in rules:
                part.pop(rule, None)
            for key in _NEW_AFTER_V3_0.get(name, ()):
                part["properties"].pop(key, None)
        _open_exclusive_bounds(parts["SchemaBaseProperty"]["allOf"])
        parts["ServerSource"]["DuckdbServer"]["properties"].pop("schema")  # a number then, text now
    return jsonschema.validators.validator_for(schema)(schema)


def _leave_untyped_fields(conditions: list[dict[str, Any]]) -> None:
    """The conditions of maps and vectors, which came with v3.2, hold for a field without a `logicalType` too."""
    for condition in conditions:
        named = condition.get("if", {}).get("properties", {}).get("logicalType", {}).get("const")
        if named in {"map", "vector"}:
            condition["if"]["required"] = ["logicalType"]


def _open_exclusive_bounds(conditions: list[dict[str, Any]]) -> None:
    """`exclusiveMinimum` and `exclusiveMaximum` were true or false; they are bounds now."""
    for condition in conditions:
        properties = condition.get("then", {}).get("properties", {})
        for bound in ("exclusiveMinimum", "exclusiveMaximum"):
            if bound in properties.get("logicalTypeOptions", {}).get("properties", {}):
                properties["logicalTypeOptions"]["properties"][bound] = {}
