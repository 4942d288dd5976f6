"""What `status` and `health` have in common: counts replayed from the log, whether or not a gateway is running."""

import sys
import time
from collections.abc import Iterable
from typing import Any

from rich.console import RenderableType

from gateway.audit.faults import CorruptLogError
from gateway.audit.reader import read_counted
from gateway.commands.terminal import Format, err, fail, out
from gateway.health.counter_report import CounterRow
from gateway.health.log_report import LogStatus
from gateway.health.report import as_json
from gateway.sla.presence import Presence
from gateway.sla.tally import Tally
from gateway.workspace import Workspace


def replayed(workspace: Workspace) -> Tally:
    """The counts of all that a workspace's log holds; a damaged log ends the command."""
    log = workspace.settings.log_path(workspace.folder)
    tally = Tally(workspace.plans, presence=Presence())
    if not log.is_dir():
        return tally
    try:
        with err().status("replaying the log"):
            return tally.replay(read_counted(log, tally.hear))
    except (CorruptLogError, OSError) as error:
        fail(f"the log cannot be read: {error}; `clausegate verify {workspace.folder}` says more", code=1)


def show(
    rows: Iterable[Any],
    table: RenderableType,
    output: Format,
    log: LogStatus | None = None,
    counters: Iterable[CounterRow] | None = None,
) -> None:
    """Rows, and how the log's trees and the shared counters stand where that is asked, as JSON with the time they hold
    for, or as a table."""
    if output == "json":
        sys.stdout.write(as_json(rows, int(time.time()), log, counters).decode() + "\n")
    else:
        out().print(table)
