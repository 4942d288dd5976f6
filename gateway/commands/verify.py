"""clausegate verify: re-read the audit log and believe nothing."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

from gateway.audit.verify import FirstFault, verify_log
from gateway.commands.terminal import EXIT_FOUND, Folder, FormatOption, counted, err, existing, fail, out, print_json
from gateway.settings import Settings, read_settings

NAME = "verify"


def run(
    folder: Folder,
    log: Annotated[Path | None, typer.Option("--log", help="A log folder elsewhere, such as a copy.")] = None,
    output: FormatOption = "text",
) -> None:
    """Verify the audit log of a workspace, or a log folder: every frame, checksum, hash, link and sequence number.

    Needs nothing but the files, and may run beside a serving gateway. Exit status 0 when all is as it was written;
    1 with the first place that is not. What a log cannot prove by itself is in docs/audit.md.
    """
    if log is None and any(folder.glob("*/*.seg")):
        log = folder
    if log is None:
        settings = read_settings(existing(folder))
        log = (settings if isinstance(settings, Settings) else Settings()).log_path(folder)
    if not log.is_dir():
        fail(f"there is no log at {log}: nothing was ever served from here")
    console = err()
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress("verifying", *columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("verify", total=None)
        found = verify_log(log, lambda done, total: bar.update(task, completed=done, total=total))
    intact = not isinstance(found, FirstFault)
    if output == "json":
        print_json({"intact": intact, "fault" if isinstance(found, FirstFault) else "writers": _facts(found)})
    elif isinstance(found, FirstFault):
        console = out()
        console.print(f"[bold red]FAULT[/] {found.kind} in {found.file} at byte {found.offset}", soft_wrap=True)
        console.print(f"  writer {found.writer}, record {found.seq}", soft_wrap=True)
        console.print(f"  expected {found.expected}, found {found.found}", markup=False, soft_wrap=True)
    else:
        facts = [counted(found.records, "record"), counted(found.epochs, "epoch"), counted(found.bytes, "byte")]
        out().print(f"[green]intact[/]: {', '.join(facts)}")
    if not intact:
        raise typer.Exit(EXIT_FOUND)


def _facts(found: object) -> object:
    return found if isinstance(found, FirstFault) else getattr(found, "writers", ())
