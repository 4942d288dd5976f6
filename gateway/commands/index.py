"""clausegate index: make the index of the log anew."""

import sqlite3
from pathlib import Path

from gateway.audit.faults import CorruptLogError
from gateway.audit.index import Indexed, refresh
from gateway.commands.terminal import Folder, FormatOption, counted, err, existing, fail, out, print_json
from gateway.settings import Settings, read_settings

NAME = "index"
FILE = Path("state", "log-index.db")


def run(folder: Folder, output: FormatOption = "text") -> None:
    """Make the index of the audit log anew, from the segments alone.

    `clausegate log` keeps it up to date by itself; this throws the old one away. It may run beside a serving gateway.
    """
    indexed = bring_up_to_date(folder, anew=True)
    if output == "json":
        print_json({"records": indexed.records})
    else:
        out().print(f"indexed {counted(indexed.records, 'record')} in {folder / FILE}", soft_wrap=True)


def bring_up_to_date(folder: Path, *, anew: bool = False) -> Indexed:
    """The index of a workspace's log, as far as the log is now; a damaged log ends the command."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    settings = read_settings(existing(folder))
    log = (settings if isinstance(settings, Settings) else Settings()).log_path(folder)
    if not log.is_dir():
        fail(f"there is no log at {log}: nothing was ever served from here")
    console = err()
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    try:
        with Progress("indexing", *columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("index", total=None)
            return refresh(
                log, folder / FILE, lambda done, total: bar.update(task, completed=done, total=total), anew=anew
            )
    except (CorruptLogError, OSError) as error:
        fail(f"the log cannot be read: {error}; `clausegate verify {folder}` says more", code=1)
    except sqlite3.Error as error:
        fail(f"the index at {folder / FILE} cannot be written: {error}; `clausegate index {folder}` makes it anew")
