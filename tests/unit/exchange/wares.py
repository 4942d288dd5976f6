"""A product with a field of every kind, written and read by one partner, and plans of it over any kind of backend."""

from typing import Any, ClassVar

from adapters.base import Backend
from contracts.compile import compile_documents
from contracts.plan import Plan, Plans
from contracts.product import Operation
from contracts.workspace import decode_documents
from gateway.oauth.grant import Grant
from tests.unit.contracts.sample import TABLE

PRODUCT = """\
apiVersion: v3.1.0
kind: DataContract
id: urn:example:product:wares
name: wares
version: 1.0.0
status: active
customProperties:
  - {property: backend, value: records}
schema:
  - name: ware
    logicalType: object
    properties:
      - {name: id, logicalType: string, primaryKey: true, required: true}
      - {name: owner, logicalType: string, required: true}
      - {name: pieces, logicalType: integer}
      - {name: price, logicalType: number}
      - {name: active, logicalType: boolean}
      - {name: day, logicalType: date}
      - {name: seen, logicalType: timestamp}
      - {name: name, logicalType: string}
      - {name: hidden, logicalType: string}
      - name: address
        logicalType: object
        properties:
          - {name: city, logicalType: string}
          - {name: street, logicalType: string}
      - {name: tags, logicalType: array, items: {logicalType: string}}
      - name: stops
        logicalType: array
        items:
          logicalType: object
          properties:
            - {name: town, logicalType: string}
            - {name: note, logicalType: string}
roles:
  - role: logistics
    customProperties:
      - property: view
        value:
          operations: [list, get, create, update, delete]
          purpose: [delivery]
          rows: record.owner == partner.code
          writable:
            create: [id, pieces, price, active, day, name, address, tags]
            update: [pieces, price, name, address]
          assign: {owner: partner.code}
          fields:
            id: clear
            pieces: clear
            price: clear
            active: clear
            day: clear
            seen: clear
            name: {keep_first: 1}
            address: clear
            tags: clear
            stops.town: clear
            stops.note: {keep_last: 2}
"""
RATE = '"4.1": {limit: 1200}'
WARES = Grant("swift-app", "swift", "http://gateway", frozenset({"wares:read", "wares:write"}), "j", "k", 0, 2**40)


class Rest(Backend, frozen=True, tag="rest"):
    """Neither filters nor sorts nor knows whose rows are whose."""


class Database(Backend, frozen=True, tag="database"):
    """Does all of it."""

    enforces_rows: ClassVar[bool] = True
    selects: ClassVar[bool] = True


def wares(
    backend: Backend | None = None, product: tuple[str, str] = ("", ""), rate: str = RATE, agreement: str = ""
) -> Plans:
    """Plans over a backend (Rest when None), some text of the product replaced, and the agreement's own rate."""
    files = dict(TABLE["workspace"])
    del files["products/shipments.odcs.yaml"]
    before, after = product
    assert before in PRODUCT
    files["products/wares.odcs.yaml"] = PRODUCT.replace(before, after) if before else PRODUCT
    written = files["agreements/swift-2026.yaml"]
    written = written.replace("product: shipments, version: 2.1.0", "product: wares, version: 1.0.0")
    files["agreements/swift-2026.yaml"] = written.replace(RATE, rate) + agreement
    documents, findings = decode_documents({name: text.encode() for name, text in files.items()})
    assert findings == []
    plans = compile_documents(documents, {"records": backend or Rest()})
    assert isinstance(plans, Plans), plans
    return plans


def plan_of(operation: Operation, backend: Backend | None = None) -> Plan:
    """The one plan for an operation."""
    (plan,) = wares(backend).by_route["swift", "wares", operation]
    return plan


def ware(key: str = "W-1", **more: Any) -> dict[str, Any]:
    """A record of the partner's as a backend holds it: what no view grants begins with canary."""
    return {
        "id": key,
        "owner": "SWIFT",
        "pieces": 3,
        "price": 1.5,
        "active": True,
        "day": "2026-03-14",
        "seen": "2026-03-14T08:00:00Z",
        "name": "张三",
        "hidden": "canary-hidden",
        "address": {"city": "Wuhan", "street": "Road 1"},
        "tags": ["a", "b"],
        "stops": [{"town": "Yichang", "note": "1234"}],
        **more,
    }


SEEN = {
    "id": "W-1",
    "pieces": 3,
    "price": 1.5,
    "active": True,
    "day": "2026-03-14",
    "seen": "2026-03-14T08:00:00Z",
    "name": "张*",
    "address": {"city": "Wuhan", "street": "Road 1"},
    "tags": ["a", "b"],
    "stops": [{"town": "Yichang", "note": "**34"}],
}
"""What the partner sees of `ware()`."""
