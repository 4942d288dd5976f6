"""What every contestant works on: the shipments product, the logistics view of it, and one page of ten records."""

import json
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import msgspec
import yaml

from contracts.granted import Branch
from contracts.mask import Mask
from contracts.product import Product, custom
from contracts.view import grant, read_technique

PRODUCT = Path("contracts/documents/products/shipments.odcs.yaml")
ROLE = "logistics"
CARRIER = "SWIFT"
RECORDS = 10


def keyless(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A view's fields but for pseudonyms and commitments: the yardsticks have no HMAC to make them with."""
    return {path: technique for path, technique in fields.items() if not _is_keyed(technique)}


def _is_keyed(spec: Any) -> bool:
    technique = read_technique(spec)
    return not isinstance(technique, str) and technique.keyed


def view(product_file: Path, role: str = ROLE) -> Branch:
    """What the role is granted, as the tree that masks are compiled from. ValueError if there is no such view."""
    product = msgspec.convert(yaml.safe_load(product_file.read_bytes()), Product)
    for candidate in product.roles:
        if candidate.role == role:
            granted = grant(product.schema[0], keyless(custom(candidate.customProperties, "view")["fields"]))
            if isinstance(granted, list):
                raise ValueError(f"{product_file.name} does not grant a view: {granted}")
            return granted.record
    raise ValueError(f"{product_file.name} has no role {role}")


def page(shipments: Path) -> bytes:
    """The backend's answer: the carrier's first ten records of the demo's data, in the envelope {"data", "next"}."""
    with shipments.open("rb") as lines:
        own = (line.strip() for line in lines if json.loads(line)["carrier_code"] == CARRIER)
        records = list(islice(own, RECORDS))
    last = json.loads(records[-1])["shipment_id"]
    return b'{"data":[' + b",".join(records) + b'],"next":' + json.dumps(last).encode() + b"}"


def masked(mask: Mask, body: bytes) -> list[Any]:
    """The records that the partner may have of a page, as plain values: what every contestant has to answer."""
    answer = mask.page(body)
    if not hasattr(answer, "records"):
        raise ValueError("the page cannot be masked")
    records: list[Any] = json.loads(mask.encode(answer.records))
    return records
