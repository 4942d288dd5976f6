"""clausegate evidence: one file that proves what the log holds of a partner in a period."""

import asyncio
import time
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TimeRemainingColumn

from gateway.commands.terminal import (
    EXIT_FOUND,
    EXIT_USAGE,
    Folder,
    FormatOption,
    counted,
    err,
    existing,
    fail,
    out,
    print_json,
    show_findings,
)
from gateway.settings import Settings, read_settings

if TYPE_CHECKING:
    from gateway.evidence.check import BundleReport
    from gateway.evidence.make import Asked
    from gateway.evidence.published import NotMade
    from gateway.tlog.keys import LogKeys

NAME = "evidence"


def run(
    folder: Folder,
    *,
    partner: Annotated[str, typer.Option("--partner", metavar="ID", help="Whose records.")],
    since: Annotated[
        str | None, typer.Option("--from", metavar="DATE", help="From this date or time, included. Default: all.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Until this date or time, not included. Default: all.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", metavar="FILE.zip", help="Where to; never an existing file.")
    ] = None,
    with_openings: Annotated[
        bool,
        typer.Option("--openings", help="With what shows which data were sent. Erasing a person does not reach it."),
    ] = False,
    form: FormatOption = "text",
) -> None:
    """Write the evidence of what the log holds of a partner: one zip that can be checked without trusting anybody.

        clausegate evidence my-hub --partner first-partner --from 2026-10-01 --to 2026-11-01

    It holds the records as JSON and as a table (Parquet), a proof for each, signed checkpoints, public keys, the
    contracts that records name, and a README for lawyers in English and Chinese. It is made of the published tree, so
    the latest second may be missing; dates are days in the time zone of the partner's agreement. What was made is
    checked before it gets its name; `clausegate verify FILE.zip` checks it again, anywhere.

    Exit status 1 when what is published does not verify, 2 when there is nothing to write or it cannot be written.
    """
    from gateway.evidence.make import Asked
    from gateway.evidence.published import is_partner_name
    from gateway.tlog.layout import tree_of

    if not is_partner_name(partner):
        fail("no partner can have that name")
    settings = read_settings(existing(folder))
    if not isinstance(settings, Settings):
        show_findings(settings)
        fail(f"clausegate.toml has {counted(len(settings), 'error')}; `clausegate check {folder}` lists them")
    from_time, until_time = _bounds(folder, partner, since, until)
    written = output or Path(f"evidence-{partner}{_dates(since, until)}.zip")
    keys = _keys(settings, folder)
    asked = Asked(
        partner=partner,
        key=keys.verifier(tree_of(partner)) if keys else None,
        from_time=from_time,
        until_time=until_time,
        made_by=f"clausegate {version('clausegate')}",
        receipts_vkey=keys.receipt_signer().verifier.text() if keys else "",
        policy=_policy(settings, folder, partner),
        sidecar=settings.sidecar_path(folder) if with_openings else None,
    )
    _show(_make(settings, folder, asked, written), written, form)


def _make(settings: Settings, folder: Path, asked: "Asked", written: Path) -> "BundleReport":
    """Write the bundle, with a progress bar; ends the command where there is none."""
    from gateway.evidence.published import NotMade

    made = _made(settings, folder, asked, written)
    if isinstance(made, NotMade):
        hint = "; `clausegate status` shows which trees there are" if made.kind == "no-tree" else ""
        fail(made.message + hint, EXIT_FOUND if made.kind == "damaged" else EXIT_USAGE)
    return made


def _made(settings: Settings, folder: Path, asked: "Asked", written: Path) -> "BundleReport | NotMade":
    """The bundle, with a bar on the terminal while it is made."""
    from gateway.evidence.make import Phase, make_bundle
    from gateway.tlog.open_target import TargetError, open_target

    console = err()
    columns = ("{task.description}", BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("finding", total=None)

        def step(phase: Phase, done: int, total: int) -> None:
            bar.update(task, description=phase, completed=done, total=total)

        try:
            target = open_target(settings.published_at(folder))
        except TargetError as error:
            fail(str(error))
        return make_bundle(target, settings.log_path(folder), asked, written, step)


def _show(report: "BundleReport", written: Path, form: str) -> None:
    with written.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
    if form == "json":
        print_json({"file": str(written), "bytes": written.stat().st_size, "sha256": digest, "report": report})
        return
    console = out()
    console.print(f"[green]written[/] {written}: {counted(report.records, 'record')}", soft_wrap=True)
    console.print(f"  of a tree of {report.tree_size:,}, root {report.root}", soft_wrap=True)
    console.print(f"  signed by {report.key}", markup=False, soft_wrap=True)
    console.print(f"  {counted(report.contracts, 'contract')}, {counted(report.anchors, 'anchor')} in the root log")
    if report.contracts_missing:
        console.print(f"  [yellow]no document was kept[/] of {counted(len(report.contracts_missing), 'contract')}")
    console.print(f"  sha256 {digest}", soft_wrap=True)


def _bounds(folder: Path, partner: str, since: str | None, until: str | None) -> tuple[str, str]:
    """Both ends of the period with offsets, "" for an open one."""
    from gateway.audit.period import PeriodFault, moment

    if since is None and until is None:
        return "", ""
    zone = _zone(folder, partner)
    moments: list[int | None] = []
    for text in (since, until):
        found = None if text is None else moment(text, zone)
        if isinstance(found, PeriodFault):
            fail(found.message)
        moments.append(found)
    start, end = moments
    if start is not None and end is not None and end <= start:
        fail("the period ends before it begins: --to is not included, so it is the day after the last")
    try:
        return _iso(start, zone), _iso(end, zone)
    except OverflowError:
        fail("the years of a period are 1 to 9999, in every time zone")


def _iso(time_us: int | None, zone: tzinfo) -> str:
    if time_us is None:
        return ""
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=time_us)).astimezone(zone).isoformat()


def _zone(folder: Path, partner: str) -> tzinfo:
    """The time zone of the partner's latest agreement; UTC, said aloud, for a partner that has none any more."""
    from gateway.workspace import Workspace, load_workspace

    workspace = load_workspace(folder)
    if isinstance(workspace, Workspace):
        contracts = workspace.plans.of_partner(partner)
        if contracts:
            return ZoneInfo(contracts[-1].time_zone)
    err().print(f"no agreement with {partner} says a time zone: dates are UTC", markup=False)
    return UTC


def _dates(since: str | None, until: str | None) -> str:
    """The period in the file's name, as far as it was given, without what a file's name cannot have."""
    return "".join(f"-{text[:10]}" for text in (since, until) if text and text[:10].replace("-", "").isalnum())


def _keys(settings: Settings, folder: Path) -> "LogKeys | None":
    """This hub's keys; None, said aloud, where the state store is not at hand, as beside a copy of the log."""
    from gateway.store.faults import StoreError
    from gateway.store.opening import open_store
    from gateway.tlog.keys import LogKeys, OriginError, load_log_keys

    url = settings.database_url(folder)
    path = url.removeprefix("sqlite:///")
    if path != url and not Path(path).is_file():  # opening it would make one
        err().print("there is no state store here: the published key is not compared with the hub's own")
        return None

    async def load() -> LogKeys:
        store = await open_store(settings, folder)
        try:
            return await load_log_keys(store, settings, int(time.time()))
        finally:
            await store.close()

    try:
        return asyncio.run(load())
    except (StoreError, OriginError) as error:
        fail(str(error))


def _policy(settings: Settings, folder: Path, partner: str) -> bytes:
    """The witnesses' policy for this partner's tree, else the one for the root log."""
    if not settings.witness_policy:
        return b""
    main = folder / settings.witness_policy
    own = main.parent / f"{partner}.policy"
    try:
        return (own if own.is_file() else main).read_bytes()
    except OSError as error:
        fail(f"the witness policy cannot be read: {error.strerror or type(error).__name__}")
