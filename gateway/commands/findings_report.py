"""What `clausegate findings` shows: findings with their figures, measures in force; as JSON, or as tables."""

import time
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from gateway.commands.reading import reading
from gateway.commands.tables import table
from gateway.commands.terminal import fail, printable
from gateway.limits.confirming import clauses_for
from gateway.limits.events import utc
from gateway.scraping.finding import Finding
from gateway.store.findings import Findings, ImposedMeasure, KeptFinding, Measures
from gateway.store.store import Store
from gateway.workspace import Workspace
from policies.reference import Language


class FoundRow(Struct, frozen=True):
    """One finding: what was found, what a person said of it, `clauses` under which it may be confirmed now."""

    finding: Finding
    state: str
    reason: str
    reported: bool
    clauses: tuple[str, ...]
    measures: tuple[ImposedMeasure, ...]


class FindingsReport(Struct, frozen=True):
    """Findings, open ones first, and the measures in force."""

    findings: tuple[FoundRow, ...]
    measures: tuple[ImposedMeasure, ...]


def all_findings(workspace: Workspace) -> FindingsReport:
    """Every finding of a workspace. Ends the command where the state store cannot be used."""
    now_us = time.time_ns() // 1000

    async def read(store: Store) -> FindingsReport:
        imposed = await Measures(store).unended()
        rows = [_row(workspace, each, imposed, now_us) for each in await Findings(store).all()]
        return FindingsReport(tuple(rows), tuple(each for each in imposed if each.in_force(now_us)))

    return reading(workspace, read)


def one_finding(workspace: Workspace, finding_id: str) -> FindingsReport:
    """One of them, with every measure that was ever imposed for it. Ends the command where there is none."""
    now_us = time.time_ns() // 1000

    async def read(store: Store) -> FindingsReport | None:
        found = await Findings(store).find(finding_id)
        if found is None:
            return None
        imposed = await Measures(store).of_finding(finding_id)
        return FindingsReport((_row(workspace, found, imposed, now_us),), imposed)

    return reading(workspace, read) or fail(_unknown(finding_id))


def kept(workspace: Workspace, finding_id: str) -> KeptFinding:
    """One of them as it is kept. Ends the command where there is none."""
    return reading(workspace, lambda store: Findings(store).find(finding_id)) or fail(_unknown(finding_id))


def _unknown(finding_id: str) -> str:
    return f"there is no finding {finding_id}; `clausegate findings` lists all"


def _row(workspace: Workspace, found: KeptFinding, imposed: Iterable[ImposedMeasure], now_us: int) -> FoundRow:
    return FoundRow(
        finding=msgspec.json.decode(found.json, type=Finding),
        state=found.state,
        reason=found.reason,
        reported=found.reported is not None,
        clauses=clauses_for(workspace.plans, found, now_us // 1_000_000) if found.state == "open" else (),
        measures=tuple(each for each in imposed if each.finding == found.id),
    )


def as_document(report: FindingsReport) -> dict[str, Any]:
    """The report for machines; times are Unix microseconds."""
    document: dict[str, Any] = msgspec.to_builtins(report)
    return document


def as_tables(report: FindingsReport, language: Language, *, full: bool) -> RenderableType:
    """The report for people, or one finding in full."""
    if not report.findings:
        return "nothing was found"
    parts: list[RenderableType] = []
    if full:
        parts += _in_full(report.findings[0], language)
    else:
        parts.append(_findings(report.findings, language))
    if report.measures:
        parts += ["", _measures(report.measures)]
    return Group(*parts)


def _findings(rows: Iterable[FoundRow], language: Language) -> Table:
    shown = table("finding", "state", "partner", "agreement", "product", "until", "what", "confirm under")
    for row in rows:
        found = row.finding
        state = f"{row.state}, {found.severity}" if row.state == "open" else row.state
        where = (found.id, state, found.partner, found.agreement, found.resource, utc(found.until_us))
        shown.add_row(*where, escape(printable(found.text[language])), ", ".join(row.clauses))
    return shown


def _in_full(row: FoundRow, language: Language) -> Iterable[RenderableType]:
    found = row.finding
    facts = Table.grid(padding=(0, 2))
    judged = row.state if not row.reason else f"{row.state}: {printable(row.reason)}"
    for name, said in (
        ("finding", found.id),
        ("state", judged),
        ("detector", f"{found.detector}, {found.severity}"),
        ("where", f"{found.partner}, {found.agreement} {found.version}, {found.resource}"),
        ("traffic", f"{utc(found.from_us)} to {utc(found.until_us)}"),
        ("confirm under", ", ".join(row.clauses) or "no clause of the agreement in force"),
        *((name, f"{figure:,}") for name, figure in found.evidence.items()),
    ):
        facts.add_row(f"[bold]{escape(name)}[/]", escape(said))
    yield escape(printable(found.text[language]))
    yield facts
    yield "\na clause that would hold it back:\n"
    yield escape(found.recommended.rstrip())


def _measures(imposed: Iterable[ImposedMeasure]) -> Table:
    shown = table("measure", "finding", "agreement", "clause", "product", "until", "reason")
    for each in imposed:
        until = utc(each.until_us) if each.ended_us is None else f"ended {utc(each.ended_us)}"
        where = (each.id, each.finding, each.agreement, each.clause, each.product, until)
        shown.add_row(*where, escape(printable(each.reason)))
    return shown
