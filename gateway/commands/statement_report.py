"""What `clausegate statement` shows: a statement in any form, and the list of those that were issued."""

import sys
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from gateway.commands.tables import print_tables, table
from gateway.commands.terminal import fail, out, printable
from gateway.statements.document import Statement, read_statement
from gateway.statements.forms import render
from gateway.statements.issuing import told
from gateway.statements.page import Page, Row, lay_out
from gateway.statements.page import Table as Grid
from gateway.store.statements import KeptStatement
from policies.reference import Language


def write(
    statement: Statement,
    kept: KeptStatement | None,
    form: str,
    language: Language | None,
    output: Path | None,
    *,
    replaced_by: str = "",
) -> None:
    """Put a statement out in a form, to a file or to standard output; never over an existing file."""
    prevails: Language = "en" if statement.settlement.prevails == "en" else "zh"
    page = lay_out(statement, language or prevails, kept, replaced_by)
    if form == "text" and output is None:
        print_tables(as_text(page))
        return
    if form == "pdf" and output is None and sys.stdout.isatty():
        fail("a PDF is no text for a terminal: name a file with --output")
    data = _bytes(statement, page, form)
    if output is None:
        sys.stdout.buffer.write(data)
        return
    try:
        with output.open("xb") as file:
            file.write(data)
    except FileExistsError:
        fail(f"{output}: there is such a file already")
    except OSError as error:
        fail(f"{output}: {error.strerror or type(error).__name__}")
    out().print(f"written {printable(str(output))}: sha256 of the statement {statement.seal.sha256}", markup=False)


def _bytes(statement: Statement, page: Page, form: str) -> bytes:
    if form == "json":
        return msgspec.json.format(msgspec.json.encode(statement), indent=2) + b"\n"
    made = datetime.fromisoformat(statement.settlement.settled_until)
    return render(page, "pdf" if form == "pdf" else "html" if form == "html" else "md", made)


def as_text(page: Page) -> RenderableType:
    """The short form for a terminal: parties, totals, each clause's months, the seal."""
    labels, parts = page.labels, [Text(f"{page.title}: {page.subtitle}", style="bold")]
    shown: list[RenderableType] = [*parts]
    if page.banner:
        shown.append(Text(page.banner, style="yellow"))
    shown += [Text(), _rows(page.parties), Text(), _grid(page.overview), Text(), _grid(page.totals)]
    shown.append(Text(f"{labels['net']}: {page.net}", style="bold"))
    for clause in page.clauses:
        for month in clause.months:
            shown += [Text(), Text(f"{clause.title}, {month.title}: {month.verdict}", style="bold"), Text(month.steps)]
            if month.fault:
                shown.append(Text(month.fault, style="red"))
            if month.exclusions is not None:
                shown.append(_grid(month.exclusions))
    if page.differences is not None:
        shown += [Text(), Text(page.replaces), _grid(page.differences)]
    if page.answer:
        shown += [Text(), Text(labels["answer"], style="bold"), _rows(page.answer)]
        shown += [_grid(page.reasons)] if page.reasons is not None else []
    return Group(*shown, Text(), Text(labels["seal"], style="bold"), _rows(page.seal))


def as_list(kept: Sequence[KeptStatement]) -> list[dict[str, Any]]:
    """Every statement as JSON values, in the order given."""
    latest = _latest(kept)
    return [
        {
            **told(each),
            "partner": each.partner,
            "issued_us": each.issued_us,
            "issued_by": each.issued_by,
            "answered_us": each.answered_us,
            "answered_by": each.answered_by,
            "replaced_by": None if latest[_key(each)] == each.id else latest[_key(each)],
            "net": msgspec.to_builtins(read_statement(each.json).settlement.net),
        }
        for each in kept
    ]


def as_list_table(kept: Sequence[KeptStatement]) -> RenderableType:
    """The same for people."""
    found, latest = table("statement", "partner", "state", "net", "sha256"), _latest(kept)
    for each in kept:
        net = [f"{one.owed_by} owes {one.amount} {one.currency}" for one in read_statement(each.json).settlement.net]
        state = each.state if latest[_key(each)] == each.id else f"{each.state}, replaced by {latest[_key(each)]}"
        found.add_row(each.id, each.partner, state, "; ".join(net) or "even", each.sha256)
    return (
        found
        if kept
        else Text("no statement was issued yet; `statement make --issue` issues one of a period that is over")
    )


def _latest(kept: Sequence[KeptStatement]) -> Mapping[tuple[str, str], str]:
    return {_key(each): each.id for each in sorted(kept, key=lambda each: each.revision)}


def _key(kept: KeptStatement) -> tuple[str, str]:
    return kept.agreement, kept.period


def _rows(rows: Sequence[Row]) -> Table:
    found = Table(box=None, pad_edge=False, show_header=False)
    for row in rows:
        found.add_row(Text(row.label), Text(printable(row.text)))
    return found


def _grid(grid: Grid) -> Table:
    found = table(*grid.heads)
    for index in grid.numbers:
        found.columns[index].justify = "right"
    for row in grid.rows:
        found.add_row(*(Text(cell if cell.isprintable() else printable(cell)) for cell in row))
    return found
