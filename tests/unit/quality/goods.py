"""A product with quality rules of every kind, compiled for two partners: one sees all records, one its own."""

from collections.abc import Mapping
from typing import Any

import yaml

from adapters.base import Backend
from contracts.compile import compile_documents
from contracts.decode import decode
from contracts.plan import Plan, Plans
from contracts.product import Product
from contracts.source import Source, read_source
from contracts.workspace import Loaded, decode_documents
from tests.unit.sla.hub import AGREEMENT, POLICY

GOODS = """
apiVersion: v3.1.0
kind: DataContract
id: urn:hub:product:goods
name: goods
version: 1.0.0
status: active
customProperties: [{property: backend, value: records}]
slaProperties:
  - {property: latency, value: 4, unit: h, element: good.seen_at}
schema:
  - name: good
    logicalType: object
    quality:
      - {metric: rowCount, mustBeGreaterThan: 1}
      - {metric: duplicateValues, arguments: {properties: [kind, city]}, mustBe: 0}
    properties:
      - {name: id, logicalType: string, primaryKey: true, quality: [{metric: duplicateValues, mustBe: 0}]}
      - {name: owner, logicalType: string}
      - name: kind
        logicalType: string
        quality:
          - {metric: nullValues, mustBeLessThan: 30, unit: percent}
          - {metric: missingValues, arguments: {missingValues: ["", "n/a"]}, mustBeLessOrEqualTo: 1}
          - {metric: invalidValues, arguments: {validValues: [a, b, c]}, mustBe: 0}
      - {name: city, logicalType: string}
      - name: weight
        logicalType: number
        quality: [{metric: invalidValues, arguments: {validValues: [1, 2.5]}, mustBe: 0}]
      - {name: seen_at, logicalType: timestamp}
      - {name: secret, logicalType: string, quality: [{metric: nullValues, mustBe: 0}]}
      - name: person
        logicalType: object
        properties:
          - name: phone
            logicalType: string
            quality: [{metric: invalidValues, arguments: {pattern: "^1[0-9]{3}$"}, mustBe: 0}]
      - name: nodes
        logicalType: array
        items:
          logicalType: object
          properties:
            - {name: city, logicalType: string, quality: [{metric: nullValues, mustBe: 0}]}
      - name: labels
        logicalType: map
        map:
          key: {logicalType: string, quality: [{metric: invalidValues, arguments: {validValues: [x, y]}, mustBe: 0}]}
          value: {logicalType: string, quality: [{metric: nullValues, mustBe: 0}]}
roles:
  - role: logistics
    customProperties:
      - property: view
        value:
          purpose: [delivery]
          operations: [list, get]
          fields: &fields
            id: clear
            kind: clear
            city: clear
            weight: clear
            seen_at: clear
            person: clear
            nodes: clear
            labels: clear
  - role: repair
    customProperties:
      - property: view
        value: {purpose: [repair], operations: [list, get], fields: *fields, rows: record.owner == partner.code}
"""
"""YAML's anchors are for this file alone: documents have none, so it is written out before it is read."""

PARTNERS = {
    "swift-logistics": {
        "code": "SWIFT",
        "zh": "迅达",
        "en": "Swift",
        "role": "logistics",
        "product": "goods",
        "volume": "",
    },
    "delta-repair": {"code": "DELTA", "zh": "三角", "en": "Delta", "role": "repair", "product": "goods", "volume": ""},
}


def document(changes: Mapping[str, Any] | None = None) -> bytes:
    """The product's text, some of its top-level keys replaced."""
    data = yaml.safe_load(GOODS) | dict(changes or {})
    return yaml.dump(data, allow_unicode=True, Dumper=_Plain).encode()


class _Plain(yaml.SafeDumper):
    """Writes no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def loaded(changes: Mapping[str, Any] | None = None) -> Loaded[Product]:
    """The product alone, with its source."""
    source = read_source(document(changes), "products/goods.odcs.yaml")
    assert isinstance(source, Source), source
    product = decode(source, Product)
    assert isinstance(product, Product), product
    return Loaded(product, source)


def goods_plans(changes: Mapping[str, Any] | None = None) -> Plans:
    """Both partners' plans."""
    files = {"policies/standard-terms.yaml": POLICY.encode(), "products/goods.odcs.yaml": document(changes)}
    for partner, values in PARTNERS.items():
        files[f"agreements/{partner}.yaml"] = AGREEMENT.format(id=partner, **values).encode()
    documents, findings = decode_documents(files)
    assert findings == [], findings
    plans = compile_documents(documents, {"records": Backend()})
    assert isinstance(plans, Plans), plans
    return plans


def plan_of(plans: Plans, partner: str = "swift-logistics", operation: str = "list") -> Plan:
    """A partner's plan for one operation."""
    (plan,) = (plan for plan in plans.all_plans() if plan.contract.partner == partner and plan.operation == operation)
    return plan
