"""A small hub with three partners, compiled from documents, and the exchanges that tests let them have."""

from datetime import UTC, datetime
from typing import Any

import msgspec

from adapters.base import Backend
from contracts.compile import compile_documents
from contracts.plan import Contract, Plan, Plans
from contracts.workspace import decode_documents
from gateway.audit.leaf import Exchange

PRODUCT = """
apiVersion: v3.1.0
kind: DataContract
id: urn:hub:product:{name}
name: {name}
version: 1.0.0
status: active
customProperties: [{{property: backend, value: records}}]
schema:
  - name: {name}
    logicalType: object
    properties:
      - {{name: id, logicalType: string, primaryKey: true, required: true}}
      - {{name: carrier_code, logicalType: string}}
      - name: customer
        logicalType: object
        properties:
          - {{name: name, logicalType: string}}
          - {{name: phone, logicalType: string}}
roles:
  - role: {role}
    customProperties:
      - property: view
        value:
          operations: [list, get]
          purpose: [{purpose}]
          rows: record.carrier_code == partner.code
          fields: {{id: clear, customer.name: {{keep_first: 1}}, customer.phone: {{keep_last: 4}}}}
"""

POLICY = """
policy: standard-terms
version: 1.0.0
title: {zh: 标准条款, en: Standard terms}
prevails: zh
clauses:
  - id: "2.1"
    kind: purpose
    allowed: [delivery, repayment, repair]
    unstated: assume
    text:
      zh: 乙方仅可将数据用于{allowed};调用未写明目的的,{unstated}。
      en: The Partner uses the data only for {allowed}; a call that states no purpose is {unstated}.
  - id: "4.1"
    kind: rate_limit
    per: partner
    limit: 600
    window: PT1M
    burst: 60
    on_outage: refuse
    text:
      zh: 乙方调用接口每 {window} 不超过 {limit} 次,瞬时突发不超过 {burst} 次,按{per}计算;计数服务中断时{on_outage}。
      en: >-
        The Partner makes at most {limit} calls per {window}, in bursts of at most {burst}, counted per {per};
        while the counter is unavailable calls are {on_outage}.
  - id: "5.1"
    kind: availability
    owed_by: hub
    window: month
    slice: PT5M
    empty_slice: good
    good: status < 500
    exclude: [partner_fault]
    target: "99.95"
    text:
      zh: >-
        {owed_by}保证接口在每个{window}内的可用率不低于 {target}:以 {slice} 为一时段,
        应答{good}为可用,无调用的时段{empty_slice},{exclude}除外。
      en: >-
        {owed_by} keeps the interface available for at least {target} of each {window}: measured in slices of {slice},
        an answer with {good} is available, a slice without calls is {empty_slice}, {exclude} excluded.
  - id: "5.2"
    kind: response_time
    owed_by: hub
    window: month
    within: PT0.8S
    share: "95"
    exclude: [partner_fault]
    text:
      zh: 每个{window}内,{owed_by}对至少 {share} 的调用在 {within} 内作出{good}的应答,{exclude}除外。
      en: In each {window} {owed_by} answers at least {share} of calls within {within} with {good}, {exclude} excluded.
"""

AGREEMENT = """
agreement: {id}-2026
version: 1.0.0
partner: {{id: {id}, code: {code}, name: {{zh: {zh}, en: '{en}'}}, role: {role}}}
effective: {{from: 2026-01-01, to: 2028-01-01, time_zone: Asia/Shanghai}}
products: [{{product: {product}, version: 1.0.0}}]
policies: [{{policy: standard-terms, version: 1.0.0}}]
{volume}
"""

PARTNERS: dict[str, dict[str, str]] = {
    "swift-logistics": {
        "code": "SWIFT",
        "zh": "迅达物流",
        "en": "Swift Logistics",
        "role": "logistics",
        "product": "shipments",
        "volume": "volume: {requests_per_day: 1000}",
    },
    "harbor-bank": {
        "code": "HARBOR",
        "zh": "港湾银行",
        "en": "Harbor Bank",
        "role": "bank",
        "product": "repayments",
        "volume": "volume: {requests_per_day: 200}",
    },
    "delta-repair": {
        "code": "DELTA",
        "zh": "三角维修",
        "en": "Delta Repair",
        "role": "repair",
        "product": "parts",
        "volume": "",
    },
}
PURPOSES = {"logistics": "delivery", "bank": "repayment", "repair": "repair"}
NOON_S = int(datetime(2026, 11, 23, 4, tzinfo=UTC).timestamp())
"""Noon of Monday, 23 November 2026, in Shanghai."""


def plans_of(partners: dict[str, dict[str, str]] | None = None, policy: str = POLICY) -> Plans:
    """Compile the hub's documents."""
    files = {"policies/standard-terms.yaml": policy}
    for partner, values in (partners or PARTNERS).items():
        role, product = values["role"], values["product"]
        purpose = PURPOSES[role]
        files[f"products/{product}.odcs.yaml"] = PRODUCT.format(name=product, role=role, purpose=purpose)
        files[f"agreements/{partner}.yaml"] = AGREEMENT.format(id=partner, **values)
    documents, findings = decode_documents({name: text.encode() for name, text in files.items()})
    assert findings == [], findings
    plans = compile_documents(documents, {"records": Backend()})
    assert isinstance(plans, Plans), plans
    return plans


def contract_of(plans: Plans, partner: str = "swift-logistics") -> Contract:
    """The partner's only agreement."""
    (contract,) = plans.of_partner(partner)
    return contract


def plan_of(plans: Plans, partner: str = "swift-logistics", operation: str = "list") -> Plan:
    """The partner's plan for one operation."""
    (plan,) = (plan for plan in plans.all_plans() if plan.contract.partner == partner and plan.operation == operation)
    return plan


def exchange(plan: Plan, time_s: float, /, **said: Any) -> Exchange:
    """One exchange under a plan, a good answer with ten records unless said otherwise."""
    status = said.get("status", 200)
    entry = Exchange(
        time_us=round(time_s * 1_000_000),
        request_id="00000000000000000000000000",
        partner=plan.contract.partner,
        client=f"{plan.contract.partner}-app",
        agreement=plan.contract.agreement,
        version=plan.contract.version,
        contract=plan.contract.hash,
        plan=plan.id,
        product=plan.product,
        operation=plan.operation,
        route=plan.route,
        method="GET",
        status=200,
        code="",
        clause="",
        latency_us=20_000,
        bytes=1_000 if status < 400 else 0,
        records=10 if status < 400 else 0,
        subjects=7 if status < 400 else 0,
        withheld=0,
        mask=plan.mask_id,
    )
    return msgspec.structs.replace(entry, **said)
