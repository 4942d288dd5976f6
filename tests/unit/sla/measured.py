"""A partner with every kind of promise that is measured on traffic, in a zone with clock changes; and logs to read."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from adapters.base import Backend
from contracts.compile import compile_documents
from contracts.plan import Contract, Plan, Plans
from contracts.workspace import decode_documents
from gateway.audit.frames import frame
from gateway.audit.layout import segment_name
from gateway.audit.leaf import Entry, Leaf, Outbound, Place, encode
from tests.unit.sla.hub import PRODUCT

POLICY = """
policy: measured
version: 1.0.0
title: {zh: 标准条款, en: Standard terms}
prevails: zh
clauses:
  - {id: "2.1", kind: purpose, allowed: [delivery], unstated: assume, text: {zh: "T21", en: "T21"}}
  - id: "5.1"
    kind: availability
    owed_by: hub
    window: month
    slice: PT5M
    empty_slice: good
    good: status < 500
    exclude: [announced_maintenance, partner_fault]
    credit: {of: monthly_fee, bands: [{below: "99.9", percent: 10}, {below: "95", percent: 25}], cap_percent: 25}
    text: {zh: "T51", en: "T51"}
  - id: "5.2"
    kind: response_time
    owed_by: hub
    window: month
    within: PT0.5S
    percentile: "95"
    credit:
      of: monthly_fee
      bands: [{longer_than: PT0.5S, percent: 5}, {longer_than: PT2S, percent: 20}]
      cap_percent: 20
    text: {zh: "T52", en: "T52"}
  - id: "5.3"
    kind: error_rate
    owed_by: hub
    window: month
    slice: PT1H
    per: operation
    slice_requests_min: 2
    credit: {of: monthly_fee, bands: [{above: "1", percent: 10}, {above: "10", percent: 30}], cap_percent: 30}
    text: {zh: "T53", en: "T53"}
  - id: "5.4"
    kind: freshness
    owed_by: hub
    window: month
    product: shipments
    field: updated_at
    max_age: PT15M
    share: "95"
    credit: {of: monthly_fee, percent: 5, cap_percent: 5}
    text: {zh: "T54", en: "T54"}
  - id: "6.1"
    kind: delivery
    owed_by: partner
    window: month
    product: shipments
    days: [mon, tue, wed, thu, fri]
    by: "08:00"
    records_min: 3
    credit: {of: monthly_fee, per_started: PT6H, amount: "25.00", cap_amount: "5000"}
    text: {zh: "T61", en: "T61"}
  - id: "6.2"
    kind: response_time
    owed_by: partner
    window: month
    within: PT1S
    share: "90"
    credit: {of: monthly_fee, percent: 10, cap_percent: 10}
    text: {zh: "T62", en: "T62"}
"""
AGREEMENT = """
agreement: measured-2026
version: 1.0.0
partner: {id: measured, code: MEASURED, name: {zh: 甲, en: Measured}, role: logistics}
effective: {from: 2026-01-01, to: 2028-01-01, time_zone: Europe/Berlin}
products: [{product: shipments, version: 1.0.0}]
policies: [{policy: measured, version: 1.0.0}]
fees: {monthly: "20000.00", currency: EUR}
"""
NAME = ("measured-2026", "1.0.0")
_SPOKEN = {
    "T21": "{allowed} {unstated}",
    "T51": "{owed_by} {window} {slice} {empty_slice} {good} {exclude} {credit.bands} {credit.cap_percent} {credit.of}",
    "T52": "{owed_by} {window} {within} {percentile} {good} {exclude} {credit.bands} {credit.cap_percent} {credit.of}",
    "T53": (
        "{owed_by} {window} {slice} {empty_slice} {method} {good} {exclude} {per} {slice_requests_min} "
        "{credit.bands} {credit.cap_percent} {credit.of}"
    ),
    "T54": (
        "{owed_by} {window} {product} {field} {of} {max_age} {share} {credit.percent} {credit.cap_percent} {credit.of}"
    ),
    "T61": (
        "{owed_by} {window} {product} {days} {by} {records_min} {credit.per_started} {credit.amount} "
        "{credit.cap_amount}"
    ),
    "T62": "{owed_by} {window} {within} {share} {good} {exclude} {credit.percent} {credit.cap_percent} {credit.of}",
}


def measured_plans(policy: str = POLICY) -> Plans:
    """Compile the documents."""
    for name, text in _SPOKEN.items():
        policy = policy.replace(f'"{name}"', f'"{text}"')
    product = PRODUCT.format(name="shipments", role="logistics", purpose="delivery")
    product = product.replace(
        "operations: [list, get]", "operations: [list, get, create]\n          writable: {create: [customer.name]}"
    )
    files = {
        "policies/measured.yaml": policy,
        "products/shipments.odcs.yaml": product,
        "agreements/measured.yaml": AGREEMENT,
    }
    documents, findings = decode_documents({name: text.encode() for name, text in files.items()})
    assert findings == [], findings
    plans = compile_documents(documents, {"records": Backend()})
    assert isinstance(plans, Plans), plans
    return plans


def the_contract(plans: Plans) -> Contract:
    """The only agreement."""
    return plans.contracts[NAME]


def the_plan(plans: Plans, operation: str) -> Plan:
    """The plan of one operation."""
    (plan,) = (plan for plan in plans.all_plans() if plan.operation == operation)
    return plan


def outbound(time_us: int, **said: object) -> Outbound:
    """A call of the partner's API, answered well unless said otherwise."""
    values: dict[str, object] = {
        "request_id": "r",
        "partner": "measured",
        "client": "hub-app",
        "agreement": NAME[0],
        "version": NAME[1],
        "contract": "",
        "service": "quotes",
        "operation": "quote",
        "method": "GET",
        "status": 200,
        "code": "",
        "latency_us": 100_000,
        "attempts": 1,
        "bytes": 10,
    }
    return Outbound(time_us=time_us, **(values | said))  # type: ignore[arg-type]  # as in a record


def us(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> int:
    """A moment of UTC in Unix microseconds."""
    return int(datetime(year, month, day, hour, minute, tzinfo=UTC).timestamp()) * 1_000_000


def leaves(writer: str, entries: Sequence[Entry], first_seq: int = 0) -> list[bytes]:
    """Entries as they stand in a writer's log. The chain is left out: only `verify` looks at it."""
    return [encode(Leaf(2, Place(writer, 1, first_seq + at, ""), entry)) for at, entry in enumerate(entries)]


def put(log: Path, writer: str, segment: int, found: Iterable[bytes]) -> None:
    """Add leaves to a segment."""
    folder = log / writer
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / segment_name(segment)).open("ab") as file:
        file.write(b"".join(map(frame, found)))
