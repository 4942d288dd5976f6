"""A small workspace whose agreement has clauses about data errors, both ways, and a backend that keeps its records."""

import json
from pathlib import Path
from typing import Any

import yaml

from adapters.base import Answer, Call, Change, Fault, Query
from contracts.plan import Contract
from gateway.workspace import Workspace, load_workspace
from policies.kinds.correction import Correction
from tests.conftest import ROOT

POLICY = "policies/logistics-standard.yaml"
AGREEMENT, PARTNER, PRODUCT = "swift-2026", "swift", "shipments"
NOW_US = 1_800_000_000_000_000
"""Friday 15 January 2027, 16:00 in Shanghai."""
HOUR_US = 3_600_000_000
EXPECTED = "12.5"
CANARY = "13800009999"
"""What must be nowhere but in the state store."""

_TERMS = """\
    severities:
      critical: {acknowledge: PT4H, fix: P1D}
      minor: {fix: P5D}
    hours: business
    days: [mon, tue, wed, thu, fri]
    from: "09:00"
    to: "18:00"
    reopen_within: P7D
    text:
      zh: '{owed_by}按{severities}更正；{hours}为{days} {from} 至 {to}；{reopen_within}内可重新提出。'
      en: '{owed_by}: {severities}; {hours} are {days}, {from} to {to}; reopened within {reopen_within}.'
"""
CLAUSES = f"""\
  - id: "6.1"
    kind: correction
    owed_by: hub
{_TERMS}\
  - id: "6.2"
    kind: correction
    owed_by: partner
{_TERMS}"""


def documents() -> dict[str, str]:
    """The files of the workspace by name."""
    files = dict(yaml.safe_load((ROOT / "tests" / "cases" / "documents.yaml").read_text())["workspace"])
    agreement = f"agreements/{AGREEMENT}.yaml"
    files[agreement] = files[agreement].replace("from: 2026-01-01, to: 2027-01-01", "from: 2020-01-01, to: 2120-01-01")
    product = f"products/{PRODUCT}.odcs.yaml"
    phone = "customer.phone: {keep_last: 4}\n"
    files[product] = files[product].replace(phone, f"{phone}            customer.name: redact\n")
    files[POLICY] += CLAUSES
    files["backends.toml"] = '[records]\nkind = "http"\nurl = "http://127.0.0.1:1"\n'
    return files


def corrected_workspace(folder: Path) -> Workspace:
    """The workspace in a new folder, in force from 2020 to 2120."""
    for name, text in documents().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    loaded = load_workspace(folder, {})
    assert isinstance(loaded, Workspace), [finding.to_text() for finding in loaded]
    return loaded


def contract_of(workspace: Workspace) -> Contract:
    """Its one agreement."""
    (contract,) = workspace.plans.contracts.values()
    return contract


def clause_of(workspace: Workspace, number: str = "6.1") -> Correction:
    """One of its clauses about data errors."""
    for promised in contract_of(workspace).promises:
        if promised.ref.id == number and isinstance(promised.clause, Correction):
            return promised.clause
    raise KeyError(number)


class Shelf:
    """A backend that keeps shipments by key. `broken` makes it give no answer."""

    def __init__(self) -> None:
        self.records: dict[str, dict[str, Any]] = {}
        self.broken = False
        self.put("s-1")
        self.put("s-2", carrier_code="OTHER")

    def put(self, key: str, **more: Any) -> None:
        """Keep one more record, or change one."""
        plain = {"shipment_id": key, "carrier_code": "SWIFT", "weight_kg": 2.5}
        customer = {"name": "Li Wei", "phone": "13800001111"}
        self.records[key] = plain | {"customer": customer} | self.records.get(key, {}) | more

    async def answer(self, _call: Call, query: Query) -> Answer | Fault:
        """One record by its key."""
        if self.broken:
            return Fault("unreachable", "")
        if query.key not in self.records:
            return Answer(404, "application/json", b"{}")
        return Answer(200, "application/json", json.dumps(self.records[query.key]).encode())

    async def change(self, _call: Call, _change: Change) -> Answer | Fault:
        """Nothing is written through this double."""
        return Fault("protocol", "")

    async def close(self) -> None:
        """Nothing is open."""


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now_us = NOW_US

    def __call__(self) -> int:
        return self.now_us

    def move(self, hours: float) -> None:
        """Let time pass."""
        self.now_us += round(hours * HOUR_US)


class Heralds:
    """What was told, and to whom: a `Notify` that remembers."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, dict[str, Any]]] = []

    async def notify(self, event: str, partner: str, data: Any) -> None:
        """Remember it."""
        self.told.append((event, partner, dict(data)))
