"""What `clausegate limits` shows: read from the workspace, the state store and the counters; as JSON, or as tables."""

import asyncio
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from contracts.plan import Plan
from gateway.commands.tables import table
from gateway.commands.terminal import fail, printable
from gateway.limits.adopting import allowances_of, measures_of
from gateway.limits.charging import Charging
from gateway.limits.overview import GateRow, LimitRow, counters_of, current_plans, gate_rows, limit_rows
from gateway.limits.standing_now import Source, standings_now
from gateway.store.allowances import Allowances, GrantedAllowance
from gateway.store.clients import Clients
from gateway.store.faults import StoreError
from gateway.store.findings import ImposedMeasure, Measures
from gateway.store.opening import open_store
from gateway.workspace import Workspace
from policies.limit import Moment

_UNITS: Final = (("d", 86_400), ("h", 3_600), ("min", 60))


class LimitsReport(Struct, frozen=True):
    """How a partner's limits stand. `source` says where the counts are from: log or redis."""

    partner: str
    at: str
    source: Source
    limits: tuple[LimitRow, ...]
    allowances: tuple[GrantedAllowance, ...]
    measures: tuple[ImposedMeasure, ...]
    gates: tuple[GateRow, ...]
    zone: str


class _Kept(Struct, frozen=True):
    """What the state store holds of a partner, in force now."""

    clients: tuple[str, ...]
    granted: tuple[GrantedAllowance, ...]
    imposed: tuple[ImposedMeasure, ...]


def read_report(workspace: Workspace, partner: str, agreement: str | None, client: str | None) -> LimitsReport:
    """Raises StandingUnknown; ends the command where there is no such agreement or client, or no state store."""
    now = Moment(time.time_ns() // 1000, time.monotonic_ns())
    plans = current_plans(workspace.plans, partner, agreement, now.time_us // 1_000_000)
    if not plans:
        fail(f"{partner} has no agreement {agreement or ''} in force now".replace("  ", " "))
    return asyncio.run(_report(workspace, plans, partner, client, now))


async def _report(
    workspace: Workspace, plans: tuple[Plan, ...], partner: str, client: str | None, now: Moment
) -> LimitsReport:
    kept = await _kept(workspace, partner, now.time_us)
    if client is not None and client not in kept.clients:
        fail(f"{partner} has no client {client}; it has: {', '.join(kept.clients) or 'none'}")
    charging = Charging()
    charging.adopt(allowances_of(kept.granted), measures_of(kept.imposed))
    asked = counters_of(plans, kept.clients if client is None else (client,), charging, now.time_us)
    source, standings = await standings_now(workspace, charging, [each.charge for each in asked], now)
    agreements = {plan.contract.agreement for plan in plans}
    return LimitsReport(
        partner=partner,
        at=datetime.fromtimestamp(now.time_us // 1_000_000, UTC).isoformat(),
        source=source,
        limits=limit_rows(asked, standings, kept.granted, now.time_us),
        allowances=tuple(each for each in kept.granted if each.agreement in agreements),
        measures=tuple(each for each in kept.imposed if each.agreement in agreements),
        gates=gate_rows(plans, now.time_us),
        zone=plans[0].contract.time_zone,
    )


async def _kept(workspace: Workspace, partner: str, now_us: int) -> _Kept:
    try:
        store = await open_store(workspace.settings, workspace.folder)
        try:
            clients = await Clients(store).all()
            granted, imposed = await Allowances(store).unended(), await Measures(store).unended()
        finally:
            await store.close()
    except StoreError as error:
        fail(f"the state store cannot be used: {error}")
    return _Kept(
        tuple(each.client_id for each in clients if each.partner == partner),
        tuple(each for each in granted if each.partner == partner and each.in_force(now_us)),
        tuple(each for each in imposed if each.partner == partner and each.in_force(now_us)),
    )


def as_document(report: LimitsReport) -> dict[str, Any]:
    """The report for machines; times of allowances and measures are Unix microseconds."""
    document: dict[str, Any] = msgspec.to_builtins(report)
    del document["zone"]
    return document


def as_tables(report: LimitsReport) -> RenderableType:
    """The report for people."""
    parts: list[RenderableType] = [_limits(report)]
    if any(row.used is None for row in report.limits):
        parts.append("[dim]What is in flight, the log cannot tell.[/]")
    if report.allowances:
        parts += ["", _allowances(report.allowances, report.zone)]
    if report.measures:
        parts += ["", _measures(report.measures, report.zone)]
    if report.gates:
        parts += ["", _gates(report.gates)]
    return Group(*parts)


def _limits(report: LimitsReport) -> Table:
    shown = table("agreement", "clause", "counts", "of", "used", "limit", "left", "resets in", "beyond", "in an outage")
    for row in report.limits:
        limit = f"{row.limit:,}"
        if row.extra:
            until = "" if row.extra_until_us is None else f" until {local(row.extra_until_us, report.zone)}"
            limit += f" ({row.extra:,} extra{until})"
        shown.add_row(
            *map(escape, (row.agreement, row.clause, _counts(row), row.counter or row.per)),
            "-" if row.used is None else f"{row.used:,}",
            limit,
            "-" if row.left is None else f"{row.left:,}",
            "-" if row.resets_in_s is None else length(row.resets_in_s),
            "measure: refused" if row.measure else "only recorded" if row.enforce == "observe" else "refused",
            row.on_outage,
        )
    return shown


def _counts(row: LimitRow) -> str:
    if row.kind == "in-flight":
        return "calls at once"
    if row.period is not None:
        return f"{row.unit} a {row.period}"
    return f"{row.unit} in any {window(row.window_s or 0)}"


def _allowances(granted: Iterable[GrantedAllowance], zone: str) -> Table:
    shown = table("allowance", "agreement", "clause", "extra", "until", "granted by", "reason")
    for each in granted:
        words = (each.granted_by, printable(each.reason))
        until = local(each.until_us, zone)
        shown.add_row(each.id, each.agreement, each.clause, f"{each.extra:,}", until, *map(escape, words))
    return shown


def _measures(imposed: Iterable[ImposedMeasure], zone: str) -> Table:
    shown = table("measure", "agreement", "clause", "product", "until", "finding", "reason")
    for each in imposed:
        where = (each.id, each.agreement, each.clause, each.product, local(each.until_us, zone), each.finding)
        shown.add_row(*where, escape(printable(each.reason)))
    return shown


def _gates(gates: Iterable[GateRow]) -> Table:
    shown = table("agreement", "clause", "kind", "now", "says")
    for row in gates:
        now = "" if row.open_now is None else "open" if row.open_now else "closed"
        if row.opens_in_s is not None:
            now += f", opens in {length(row.opens_in_s)}"
        if row.enforce == "observe":
            now = f"{now} (only recorded)".strip()
        shown.add_row(row.agreement, row.clause, row.kind, now, escape(row.text))
    return shown


def local(time_us: int, zone: str) -> str:
    """A time as the parties of the agreement read it, to the second."""
    return datetime.fromtimestamp(time_us // 1_000_000, ZoneInfo(zone)).isoformat()


def length(seconds: int) -> str:
    """59 s, 12 min, 5 h, 3 d: rounded up, so that nobody comes too early."""
    for unit, size in _UNITS:
        if seconds >= 2 * size or seconds == size:
            return f"{-(-seconds // size)} {unit}"
    return f"{seconds} s"


def window(seconds: int) -> str:
    """90 s, 1 min, 5 h, 3 d: exactly."""
    unit, size = next(((unit, size) for unit, size in _UNITS if seconds % size == 0), ("s", 1))
    return f"{seconds // size} {unit}"
