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


def odcs_findings(products: Iterable[Loaded[Product]]) -> list[Finding]:
    """A warning for each place where a product departs from the standard: we can serve it, others may refuse it.

    Takes about 0.1 s for a hundred fields, so it is for `check`, not for starting and reloading.
    """
    found: list[Finding] = []
    for product in products:
        source = product.source
        errors = sorted(_validator().iter_errors(source.data), key=lambda error: [str(step) for step in error.path])
        for error in errors[:_FINDINGS_MAX]:
            cause = jsonschema.exceptions.best_match([error])  # type: ignore[no-untyped-call]
            place = tuple(cause.absolute_path)
            message = clipped(cause.message, _MESSAGE_CHARACTERS)
            at = source.finding("not-odcs", message, place)
            found.append(Finding(at.code, at.message, at.file, at.line, at.path, "warning"))
    return found


@cache
def _validator() -> Any:
    """Reading and compiling the schema takes longer than using it."""
    schema = json.loads((resources.files(open_data_contract_standard) / "schema.json").read_text("utf-8"))
    return jsonschema.validators.validator_for(schema)(schema)
