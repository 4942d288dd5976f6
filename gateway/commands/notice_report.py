"""What `clausegate notice` shows: whom a notice is for and what it changes; all that was announced."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct
from rich.markup import escape
from rich.table import Table

from contracts.finding import Finding
from contracts.notice import Change, Deprecation, Notice, decode_notice
from contracts.source import SIZE_MAX_BYTES
from contracts.workspace import Loaded
from gateway.audit.faults import CorruptLogError
from gateway.commands.reading import reading
from gateway.commands.tables import print_tables, table
from gateway.commands.terminal import EXIT_FOUND, counted, fail, out, printable, show_findings
from gateway.limits.events import utc
from gateway.notices.checking import Concern, concerned, unknown_names
from gateway.notices.effects import Effect
from gateway.notices.known import Announced, concerns, notice_of
from gateway.notices.retroactive import effects_of, months_changed
from gateway.sla.ledger import from_log
from gateway.store.notices import KeptNotice, Notices, read_known
from gateway.store.store import Store
from gateway.workspace import Workspace
from policies.reference import Language
from policies.settling.saying import lasting


class Draft(Struct, frozen=True):
    """A notice that is not published yet: whom it is for, and what it changes in time that has passed."""

    loaded: Loaded[Notice]
    concerns: tuple[Concern, ...]
    effects: tuple[Effect, ...]

    @property
    def refusable(self) -> bool:
        """Whether it is one that must not come too late: of maintenance only what comes too late does not count."""
        return isinstance(self.loaded.value, Deprecation | Change)


def draft(workspace: Workspace, file: Path) -> Draft:
    """A file judged against a workspace. Ends the command where it is no notice, or one for nobody."""
    loaded, now_us = _decoded(file), time.time_ns() // 1000
    notice = loaded.value
    wrong = [
        loaded.source.finding("unknown-agreement" if path[0] == "agreements" else "unknown-product", message, path)
        for path, message in unknown_names(notice, workspace.plans)
    ]
    _end_if(wrong, file)
    concerns = concerned(notice, workspace.plans, now_us)
    if not concerns:
        fail(f"{file}: no agreement is in force at a time that the notice is about", EXIT_FOUND)
    return Draft(loaded, concerns, _effects(workspace, Announced(notice, now_us), concerns, now_us))


def show(found: Draft) -> None:
    """Whom it is for, whom it is too late for, and what it changes."""
    agreements = table("agreement", "partner", "in time", "spans", "that count")
    for each in found.concerns:
        said = (f"{each.contract.agreement} {each.contract.version}", each.contract.partner, _in_time(each))
        agreements.add_row(
            *map(escape, said), str(each.spans or "-"), str(each.spans - each.late if each.spans else "-")
        )
    print_tables(agreements)
    for each in found.concerns:
        if each.only_some:
            clauses = ", ".join(each.only_some)
            message = (
                f"{each.contract.agreement}: nothing is left out of clause {clauses}, which is about more products"
            )
            out().print(escape(message))
    if found.effects:
        changes = table("agreement", "clause", "month", "measured", "credit")
        for effect in found.effects:
            changes.add_row(*map(escape, _effect_row(effect)))
        print_tables(changes)


def as_document(found: Draft, kept: KeptNotice | None) -> dict[str, Any]:
    """The same as JSON; `published` is null where nothing was done."""
    return {
        "notice": msgspec.to_builtins(found.loaded.value),
        "agreements": [
            {
                "agreement": each.contract.agreement,
                "version": each.contract.version,
                "partner": each.contract.partner,
                "in_time": each.in_time,
                "clause": each.clause,
                "short_s": max(each.short_us, 0) // 1_000_000,
                "spans": each.spans,
                "late": each.late,
                "unaffected_clauses": each.only_some,
            }
            for each in found.concerns
        ],
        "effects": msgspec.to_builtins(found.effects),
        "published": None if kept is None else _kept_document(kept),
    }


def all_notices(workspace: Workspace) -> tuple[KeptNotice, ...]:
    """What was announced, the latest first. Ends the command where the state store cannot be used."""

    async def read(store: Store) -> tuple[KeptNotice, ...]:
        return (await Notices(store).all())[::-1]

    return reading(workspace, read)


def partners_of(workspace: Workspace, notice_id: str) -> tuple[str, ...]:
    """Whom a notice is for."""

    async def read(store: Store) -> KeptNotice | None:
        return await Notices(store).find(notice_id)

    kept = reading(workspace, read)
    notice = None if kept is None else notice_of(kept.json.encode())
    if notice is None:
        return ()
    return tuple(sorted({each.partner for each in workspace.plans.contracts.values() if concerns(notice, each)}))


def notices_document(found: tuple[KeptNotice, ...]) -> list[dict[str, Any]]:
    """As JSON, each with its signed note."""
    return [_kept_document(kept) for kept in found]


def notices_table(found: tuple[KeptNotice, ...], language: Language) -> Table:
    """As a table."""
    rows = table("notice", "kind", "announced", "by", "withdrawn", "words")
    for kept in found:
        notice = notice_of(kept.json.encode())
        withdrawn = "" if kept.withdrawn_us is None else f"{utc(kept.withdrawn_us)} ({kept.withdraw_reason})"
        words = notice.words[language].strip() if notice is not None else ""
        said = (kept.id, kept.kind, utc(kept.announced_us), kept.published_by, withdrawn, words)
        rows.add_row(*(escape(printable(each)) for each in said))
    return rows


def _decoded(file: Path) -> Loaded[Notice]:
    try:
        with file.open("rb") as opened:
            data = opened.read(SIZE_MAX_BYTES + 1)
    except OSError as error:
        fail(f"{file}: {error.strerror or type(error).__name__}")
    loaded = decode_notice(data, str(file))
    if isinstance(loaded, Loaded):
        return loaded
    _end_if(loaded, file)
    raise AssertionError  # a file that is no notice has findings


def _end_if(findings: list[Finding], file: Path) -> None:
    if findings:
        show_findings(findings)
        fail(f"{file}: {counted(len(findings), 'error')}: see above; nothing was published", EXIT_FOUND)


def _effects(
    workspace: Workspace, announced: Announced, concerns: tuple[Concern, ...], now_us: int
) -> tuple[Effect, ...]:
    contracts = [each.contract for each in concerns]
    if not any(months_changed(announced, contract, now_us) for contract in contracts):
        return ()
    known = reading(workspace, read_known)
    try:
        ledger = from_log(workspace.settings.log_path(workspace.folder), workspace.plans)
    except (CorruptLogError, OSError) as error:
        fail(f"the audit log cannot be read: {error}", EXIT_FOUND)
    return effects_of(announced, known, contracts, workspace.plans, ledger, now_us=now_us)


def _in_time(each: Concern) -> str:
    if each.in_time:
        return "yes"
    by = lasting(timedelta(seconds=-(-each.short_us // 1_000_000)))["en"]
    return f"no: {by} too late for clause {each.clause}" if each.clause else f"no: {by} after it begins"


def _effect_row(effect: Effect) -> tuple[str, ...]:
    before, after = (_measured(each, effect.unit) for each in (effect.measured_before, effect.measured_after))
    measured = f"{before} → {after}"
    credit = f"{effect.credit_before:f} → {effect.credit_after:f} {effect.currency}"
    return f"{effect.agreement} {effect.version}", effect.clause, effect.window, measured, credit


def _measured(figure: str | None, unit: str) -> str:
    if figure is None:
        return "nothing to judge"
    return f"{figure}%" if unit == "percent" else figure if unit == "count" else f"{figure} {unit}"


def _kept_document(kept: KeptNotice) -> dict[str, Any]:
    return {
        "id": kept.id,
        "kind": kept.kind,
        "notice": msgspec.json.decode(kept.json),
        "sha256": kept.sha256,
        "note": kept.note,
        "announced": utc(kept.announced_us),
        "published_by": kept.published_by,
        "withdrawn": None if kept.withdrawn_us is None else utc(kept.withdrawn_us),
        "withdraw_reason": kept.withdraw_reason,
    }
