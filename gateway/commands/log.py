"""clausegate log: ask the audit log."""

import csv
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, tzinfo
from pathlib import Path
from typing import Annotated, Literal, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
import typer

from gateway.audit.index import Row
from gateway.audit.period import Period, PeriodFault, moment, named_period
from gateway.audit.query import Question, ask, count
from gateway.commands.index import FILE, bring_up_to_date
from gateway.commands.terminal import Folder, err, fail

NAME = "log"
LogFormat: TypeAlias = Literal["text", "json", "csv"]
Kind: TypeAlias = Literal[
    "exchange", "intent", "part", "observation", "authority", "undelivered", "opening", "counters"
]
_TEXT_ROWS_MAX = 50
_HEADS = ("time", "partner", "what", "answer", "clause", "records", "record", "request id")
Text: TypeAlias = str | None
ClauseOption: TypeAlias = Annotated[
    Text, typer.Option("--clause", metavar="ID", help="Refused, or cut short, by this clause, such as 4.1.")
]
LetPassOption: TypeAlias = Annotated[
    Text, typer.Option("--let-pass", metavar="ID", help="Let pass by this clause: it only watches, or lost count.")
]
EventOption: TypeAlias = Annotated[
    Text, typer.Option("--event", metavar="NAME", help="Authority events, such as client-added.")
]


def run(
    folder: Folder,
    *,
    partner: Annotated[Text, typer.Option("--partner", metavar="ID", help="Of this partner alone.")] = None,
    client: Annotated[Text, typer.Option("--client", metavar="ID", help="Of this OAuth client.")] = None,
    agreement: Annotated[Text, typer.Option("--agreement", metavar="NAME", help="Under this agreement.")] = None,
    product: Annotated[Text, typer.Option("--product", metavar="NAME", help="Of this product.")] = None,
    operation: Annotated[Text, typer.Option("--operation", metavar="NAME", help="list, get, create, ...")] = None,
    clause: ClauseOption = None,
    let_pass: LetPassOption = None,
    status: Annotated[int | None, typer.Option("--status", min=100, max=599, help="With this HTTP status.")] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Refusals: by a clause, or any 4xx.")] = False,
    failed: Annotated[bool, typer.Option("--failed", help="Faults: any 5xx.")] = False,
    kind: Annotated[Kind | None, typer.Option("--type", help="Of this type alone.")] = None,
    event: EventOption = None,
    request_id: Annotated[Text, typer.Option("--request-id", metavar="ID", help="What became of one request.")] = None,
    period: Annotated[
        Text, typer.Option("--period", metavar="PERIOD", help="today, last-week, last-month, ..., or 24h, 7d, 2w.")
    ] = None,
    since: Annotated[Text, typer.Option("--from", metavar="TIME", help="A date or time, included.")] = None,
    until: Annotated[Text, typer.Option("--to", metavar="TIME", help="A date or time, not included.")] = None,
    zone: Annotated[str, typer.Option("--time-zone", help="The zone of days and of what is printed.")] = "UTC",
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="The latest N; in text 50 unless you say otherwise.")
    ] = None,
    output: Annotated[LogFormat, typer.Option("--format", help="For people, or for machines.")] = "text",
) -> None:
    """Ask the audit log which records it holds: all refusals of a partner last week under clause 4.1, say.

        clausegate log my-hub --partner first-partner --refused --clause 4.1 --period last-week

    Answers come from an index that is brought up to date first, and can be made anew by `clausegate index`. Exit
    status 0 also when nothing is found.
    """
    place = _zone(zone)
    bounds = _period(period, since, until, place)
    question = Question(
        partner=partner,
        client=client,
        agreement=agreement,
        product=product,
        operation=operation,
        clause=clause,
        let_pass=let_pass,
        status=status,
        kind=kind,
        event=event,
        request_id=request_id,
        refused=refused,
        failed=failed,
        from_us=bounds.from_us,
        until_us=bounds.until_us,
    )
    bring_up_to_date(folder)
    shown = limit if limit is not None or output != "text" else _TEXT_ROWS_MAX
    try:
        _show(folder / FILE, question, shown, output, place)
    except sqlite3.Error as error:
        fail(f"the index cannot be read: {error}; `clausegate index {folder}` makes it anew")


def _show(file: Path, question: Question, limit: int | None, output: LogFormat, zone: tzinfo) -> None:
    rows = ask(file, question, limit)
    if output == "csv":
        _csv(rows, zone)
        return
    total = count(file, question)
    if output == "json":
        _json(rows, total, zone)
        return
    for line in _lines(rows, zone):
        sys.stdout.write(line + "\n")
    if limit is not None and total > limit:
        err().print(f"the latest {limit} of {total:,}; --limit shows more, --format csv all")
    else:
        err().print(f"{total:,} found")


def _json(rows: Iterable[Row], total: int, zone: tzinfo) -> None:
    """One document, written row by row: an answer may be larger than memory."""
    sys.stdout.write(f'{{"total":{total},"rows":[')
    between = "\n"
    for row in rows:
        said = {"time": _time(row, zone)} | msgspec.to_builtins(row)
        sys.stdout.write(between + msgspec.json.encode(said).decode())
        between = ",\n"
    sys.stdout.write("\n]}\n")


def _csv(rows: Iterable[Row], zone: tzinfo) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(("time", *Row.__struct_fields__))
    for row in rows:
        writer.writerow((_time(row, zone), *msgspec.structs.astuple(row)))


def _lines(rows: Iterable[Row], zone: tzinfo) -> Iterator[str]:
    """Aligned lines without a frame: they are searched and cut by other tools as often as they are read."""
    cells = [_HEADS, *(_cells(row, zone) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for line in cells:
        yield "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()


def _cells(row: Row, zone: tzinfo) -> tuple[str, ...]:
    what = " ".join(filter(None, (row.method or row.event or row.type, row.product or row.subject, row.operation)))
    answer = " ".join(filter(None, (str(row.status or ""), row.code)))
    disclosed = str(row.records) if row.type in ("exchange", "part") else ""
    record = f"{row.writer}/{row.seq}"
    return (_time(row, zone)[:19], row.partner, what, answer, _clauses(row), disclosed, record, row.request_id)


def _clauses(row: Row) -> str:
    """The clause that refused or cut, then those that let pass what they would have refused or could not count."""
    observed = (f"{clause} observed" for clause in row.observed.split())
    uncounted = (f"{clause} uncounted" for clause in row.uncounted.split())
    return ", ".join(filter(None, (row.clause, *observed, *uncounted)))


def _time(row: Row, zone: tzinfo) -> str:
    return datetime.fromtimestamp(row.time_us / 1e6, zone).isoformat(timespec="milliseconds")


def _zone(name: str) -> tzinfo:
    try:
        return UTC if name == "UTC" else ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        fail(f"{name!r} is no time zone: write a name such as Asia/Shanghai")


def _period(period: Text, since: Text, until: Text, zone: tzinfo) -> Period:
    if period is not None:
        if since is not None or until is not None:
            fail("say --period, or --from and --to")
        found = named_period(period, datetime.now(zone))
        return found if isinstance(found, Period) else fail(found.message)
    bounds = [None if text is None else moment(text, zone) for text in (since, until)]
    for bound in bounds:
        if isinstance(bound, PeriodFault):
            fail(bound.message)
    first, last = (bound if isinstance(bound, int) else None for bound in bounds)
    if first is not None and last is not None and last <= first:
        fail("--to is not after --from")
    return Period(first, last)
