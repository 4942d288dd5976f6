"""A small workspace whose agreement has clauses about notices and interruptions, and notices for it."""

from datetime import UTC, datetime
from pathlib import Path
from textwrap import dedent
from zoneinfo import ZoneInfo

import msgspec
import yaml

from contracts.notice import Notice, decode_notice
from contracts.plan import Contract
from contracts.workspace import Loaded
from gateway.notices.known import Announced
from gateway.notices.windows import unix_us
from gateway.workspace import Workspace, load_workspace
from policies.settling.facts import Facts
from tests.conftest import ROOT
from tests.unit.store.ready_file import ready_file

AGREEMENT = "swift-2026"
PARTNER = "swift"
PRODUCT = "shipments"
VERSION = "2.1.0"
MINUTE_US = 60_000_000
HOUR_US = 60 * MINUTE_US
DAY_US = 24 * HOUR_US

CLAUSES = """\
  - id: "5.8"
    kind: availability
    owed_by: hub
    window: month
    slice: PT5M
    empty_slice: good
    good: status < 500
    exclude: [announced_maintenance, force_majeure]
    credit:
      of: monthly_fee
      bands: [{below: "99.95", percent: 10}, {below: "95", percent: 25}]
      minimum_exclusive: "1.00"
      cap_percent: 100
      claim_within: P2M
    text:
      zh: >-
        {owed_by} {window} {slice} {empty_slice} {good} {exclude} {credit.of} {credit.bands} {credit.minimum_exclusive}
        {credit.cap_percent} {credit.claim_within}
      en: >-
        {owed_by} {window} {slice} {empty_slice} {good} {exclude} {credit.of} {credit.bands} {credit.minimum_exclusive}
        {credit.cap_percent} {credit.claim_within}
  - id: "6.1"
    kind: interruption
    owed_by: hub
    window: month
    at_least: PT5M
    planned: {notice: P7D, free: PT8H}
    credit: {per_started: P1D, percent: "5", cap_percent: 50}
    text:
      zh: "{owed_by} {window} {at_least} {planned.notice} {planned.free} {credit.of} {credit.per_started}
        {credit.percent} {credit.cap_percent}"
      en: "{owed_by} {window} {at_least} {planned.notice} {planned.free} {credit.of} {credit.per_started}
        {credit.percent} {credit.cap_percent}"
  - id: "6.2"
    kind: notice
    owed_by: hub
    window: month
    notice: P90D
    change: P30D
    maintenance: P3D
    force_majeure: P2D
    credit: {percent: "10"}
    text:
      zh: "{owed_by} {window} {notice} {change} {maintenance} {force_majeure} {credit.of} {credit.percent}"
      en: "{owed_by} {window} {notice} {change} {maintenance} {force_majeure} {credit.of} {credit.percent}"
"""


def announcing_workspace(folder: Path) -> Workspace:
    """The small workspace with these clauses, in force from 2020 to 2120, in a new folder."""
    files = dict(yaml.safe_load((ROOT / "tests" / "cases" / "documents.yaml").read_text())["workspace"])
    agreement = f"agreements/{AGREEMENT}.yaml"
    files[agreement] = files[agreement].replace("from: 2026-01-01, to: 2027-01-01", "from: 2020-01-01, to: 2120-01-01")
    files[agreement] += 'fees: {monthly: "1000", currency: CNY}\n'
    files["policies/logistics-standard.yaml"] += CLAUSES
    files["backends.toml"] = '[records]\nkind = "http"\nurl = "http://127.0.0.1:1"\n'
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    ready_file(folder)
    loaded = load_workspace(folder, {})
    assert isinstance(loaded, Workspace), [finding.to_text() for finding in loaded]
    return loaded


def the_contract(workspace: Workspace) -> Contract:
    """Its only agreement."""
    (contract,) = workspace.plans.contracts.values()
    return contract


def loaded(text: str) -> Loaded[Notice]:
    """A notice from YAML; what every notice says may be left out."""
    text = dedent(text)
    common = {"notice": "n", "time_zone": "Asia/Shanghai", "words": "{zh: 通知, en: A notice}"}
    lines = [f"{key}: {value}" for key, value in common.items() if f"{key}:" not in text]
    found = decode_notice("\n".join([*lines, text]).encode(), "notice.yaml")
    assert isinstance(found, Loaded), [finding.to_text() for finding in found]
    return found


def announced(text: str, at: str, withdrawn: str | None = None) -> Announced:
    """A notice, and when it was announced and withdrawn, as times of its zone."""
    notice = loaded(text).value
    ended = None if withdrawn is None else unix_us(notice.moment(withdrawn))
    return Announced(notice, unix_us(notice.moment(at)), ended)


def at_us(wall: str, zone: str = "Asia/Shanghai") -> int:
    """A time of a zone in Unix microseconds."""
    return unix_us(datetime.fromisoformat(wall).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))


def month(name: str, **facts: object) -> Facts:
    """Facts of a month in UTC, with a fee of 1000."""
    year, number = int(name[:4]), int(name[5:])
    following = f"{year + number // 12:04}-{number % 12 + 1:02}"
    said = {"from": f"{name}-01T00:00:00Z", "to": f"{following}-01T00:00:00Z", "fee": "1000", "currency": "CNY"}
    return msgspec.convert(said | facts, Facts)
