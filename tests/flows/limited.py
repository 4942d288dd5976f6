"""Clauses that limit, hold and measure, for the small workspace of tests; an allowance, and a finding that might be
confirmed."""

from pathlib import Path

import yaml

from gateway.scraping.finding import Finding
from gateway.store.allowances import GrantedAllowance
from gateway.workspace import Workspace, load_workspace
from tests.conftest import ROOT
from tests.unit.store.ready_file import ready_file

POLICY = "policies/logistics-standard.yaml"
AGREEMENT = "swift-2026"
PARTNER = "swift"

CLAUSES = """\
  - id: "4.2"
    kind: quota
    unit: calls
    period: day
    per: client
    limit: 5
    on_outage: refuse
    text:
      zh: 每{period}按{per}计不超过 {limit} {unit}；计数中断时{on_outage}。
      en: At most {limit} {unit} per {period}, per {per}; in an outage calls are {on_outage}.
  - id: "4.3"
    kind: concurrency
    per: operation
    limit: 50
    on_outage: local
    text:
      zh: 按{per}计同时不超过 {limit} 次；计数中断时{on_outage}。
      en: At most {limit} calls at once, per {per}; in an outage calls are {on_outage}.
  - id: "4.4"
    kind: access_hours
    days: [mon, tue, wed, thu, fri, sat, sun]
    from: "00:00"
    to: "24:00"
    text:
      zh: 调用限于{days} {from} 至 {to}。
      en: Calls are made on {days} from {from} until {to}.
  - id: "9.1"
    kind: anomaly
    findings: [sequential-keys]
    action: throttle
    calls: 1
    window: P1D
    lasts: PT1H
    text:
      zh: 发现{findings}的，{action}，每 {window} 不超过 {calls} 次，为期 {lasts}。
      en: On {findings} access is {action}, to {calls} calls per {window}, for {lasts}.
  - id: "9.2"
    kind: anomaly
    findings: [distinct-subjects, sequential-keys]
    action: suspend
    lasts: P1D
    text:
      zh: 发现{findings}的，{action}，为期 {lasts}。
      en: On {findings} access is {action}, for {lasts}.
"""


def limited_workspace(folder: Path) -> Workspace:
    """The small workspace with these clauses, in force from 2020 to 2120, in a new folder."""
    files = dict(yaml.safe_load((ROOT / "tests" / "cases" / "documents.yaml").read_text())["workspace"])
    agreement = f"agreements/{AGREEMENT}.yaml"
    files[agreement] = files[agreement].replace("from: 2026-01-01, to: 2027-01-01", "from: 2020-01-01, to: 2120-01-01")
    files[POLICY] += CLAUSES
    files["backends.toml"] = '[records]\nkind = "http"\nurl = "http://127.0.0.1:1"\n'
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    ready_file(folder)
    loaded = load_workspace(folder, {})
    assert isinstance(loaded, Workspace), [finding.to_text() for finding in loaded]
    return loaded


def allowance(granted_us: int, until_us: int) -> GrantedAllowance:
    """Seven calls a day more for each client."""
    return GrantedAllowance(
        id="a-1",
        partner=PARTNER,
        agreement=AGREEMENT,
        clause="4.2",
        extra=7,
        granted_us=granted_us,
        until_us=until_us,
        reason="a campaign",
        granted_by="ops",
    )


def finding(name: str = "f1", detector: str = "sequential-keys", *, keys: int = 4_000) -> Finding:
    """What a watcher says of somebody who walks through the shipments."""
    return Finding(
        id=name,
        detector=detector,
        agreement=AGREEMENT,
        version="1.2.0",
        partner=PARTNER,
        resource="shipments",
        from_us=1_790_000_000_000_000,
        until_us=1_790_003_600_000_000,
        evidence={"keys": keys, "neighbours_percent": 97},
        severity="warning",
        recommended="kind: anomaly\n",
        text={"zh": "按顺序遍历主键", "en": "keys asked for one after the other"},
    )
