"""A clause of every kind, as a document writes it, for tests to change."""

from typing import Any

import msgspec

from policies.clause import Binding, Clause
from policies.library import KINDS
from policies.reference import ClauseRef

RATE = {
    "id": "4.1",
    "kind": "rate_limit",
    "per": "partner",
    "limit": 600,
    "window": "PT1M",
    "burst": 60,
    "on_outage": "refuse",
    "text": {
        "zh": "每 {window} 不超过 {limit} 次,瞬时突发不超过 {burst} 次,按{per}计算;计数服务中断时{on_outage}。",
        "en": "At most {limit} calls per {window}, bursts of {burst}, per {per}; during an outage {on_outage}.",
    },
}
PURPOSE = {
    "id": "2.1",
    "kind": "purpose",
    "allowed": ["delivery", "claims"],
    "unstated": "assume",
    "text": {"zh": "仅限{allowed};未声明者{unstated}。", "en": "Only {allowed}; unstated ones are {unstated}."},
}
AVAILABILITY = {
    "id": "5.1",
    "kind": "availability",
    "owed_by": "hub",
    "window": "month",
    "slice": "PT5M",
    "empty_slice": "good",
    "good": "status < 500",
    "exclude": ["partner_fault"],
    "target": "99.9",
    "text": {
        "zh": "{owed_by}{window}{slice}{empty_slice}{good}{exclude}{target}",
        "en": "{owed_by} {window} {slice} {empty_slice} {good} {exclude} {target}",
    },
}
CREDIT = {
    "of": "monthly_fee",
    "bands": [{"below": "99.95", "percent": 10}, {"below": "99.0", "percent": 25}],
    "minimum_exclusive": "1.00",
    "cap_percent": 100,
    "claim_within": "P2M",
}
RESPONSE = {
    "id": "5.2",
    "kind": "response_time",
    "owed_by": "hub",
    "window": "month",
    "within": "PT0.5S",
    "share": "99.0",
    "text": {
        "zh": "{owed_by}{window}{within}{share}{good}{exclude}",
        "en": "{owed_by} {window} {within} {share} {good} {exclude}",
    },
}
QUOTA = {
    "id": "4.2",
    "kind": "quota",
    "unit": "records",
    "period": "day",
    "per": "partner",
    "limit": 50_000,
    "on_outage": "local",
    "text": {
        "zh": "每{period}不超过 {limit} {unit}，按{per}计算；计数服务中断时{on_outage}；{weights}；超出的{enforce}。",
        "en": "At most {limit} {unit} a {period}, per {per}; {on_outage}; {weights}; calls beyond are {enforce}.",
    },
}
CONCURRENCY = {
    "id": "4.3",
    "kind": "concurrency",
    "per": "client",
    "limit": 8,
    "on_outage": "allow",
    "text": {"zh": "{limit}{per}{on_outage}", "en": "{limit} {per} {on_outage}"},
}
HOURS = {
    "id": "4.4",
    "kind": "access_hours",
    "days": ["mon", "tue", "wed", "thu", "fri"],
    "from": "08:30",
    "to": "18:00",
    "text": {"zh": "{days} {from} 至 {to}，{enforce}", "en": "{days}, {from} to {to}, else {enforce}"},
}
NETWORKS = {
    "id": "4.5",
    "kind": "source_networks",
    "allowed": ["192.0.2.0/24", "2001:db8::/32"],
    "text": {"zh": "{allowed}", "en": "{allowed}"},
}
PAGE = {
    "id": "4.6",
    "kind": "page_size",
    "default": 100,
    "maximum": 500,
    "text": {"zh": "{default}{maximum}", "en": "{default} {maximum}"},
}
BULK = {
    "id": "4.7",
    "kind": "bulk_sync",
    "days": ["sat", "sun"],
    "from": "22:00",
    "to": "04:00",
    "records": 200_000,
    "text": {"zh": "{days} {from} 至 {to}，{records}", "en": "{days}, {from} to {to}: {records}"},
}
ANOMALY = {
    "id": "4.8",
    "kind": "anomaly",
    "findings": ["sequential-keys", "off-hours"],
    "action": "throttle",
    "calls": 60,
    "window": "PT1M",
    "lasts": "P1D",
    "text": {
        "zh": "{findings}：{action}，{window} {calls} 次，{lasts}",
        "en": "{findings}: {action}, {calls} in {window}, for {lasts}",
    },
}
AUTHENTICATION = {
    "id": "2.2",
    "kind": "authentication",
    "methods": ["private_key_jwt", "tls_client_auth"],
    "bound_to": ["dpop", "mtls"],
    "text": {"zh": "{methods}；{bound_to}", "en": "By {methods}; bound to {bound_to}."},
}
SIGNED = {
    "id": "2.3",
    "kind": "signed_requests",
    "operations": ["create", "update"],
    "max_age": "PT1M",
    "text": {
        "zh": "{operations}须签名：{covers}，{algorithms}，{max_age}",
        "en": "Signed: {operations}; {covers}, {algorithms}, {max_age}",
    },
}
ALL = (
    AUTHENTICATION,
    RATE,
    PURPOSE,
    AVAILABILITY,
    RESPONSE,
    QUOTA,
    CONCURRENCY,
    HOURS,
    NETWORKS,
    PAGE,
    BULK,
    ANOMALY,
    SIGNED,
)


def clause(values: dict[str, Any], **changes: Any) -> Clause:
    """The clause with other values. `from_` stands for `from`."""
    changed = {name.removesuffix("_"): value for name, value in changes.items()}
    return msgspec.convert(values | changed, KINDS[values["kind"]])


def binding(
    ref_id: str = "4.1",
    purposes: tuple[str, ...] = ("delivery",),
    operation: str = "list",
    zone: str = "Asia/Shanghai",
) -> Binding:
    """Where it is bound: a list of shipments of the agreement swift-2026."""
    ref = ClauseRef("swift-2026", "1.0.0", ref_id, "", {"zh": "", "en": ""})
    return Binding(ref, "swift", "shipments", operation, purposes, zone)
