"""clausegate status: what was counted under each agreement, and how the audit log's trees stand."""

import time

from rich.console import Group

from gateway.commands.figures import replayed, show
from gateway.commands.outages import counter_events
from gateway.commands.terminal import Folder, FormatOption, LanguageOption, language_or_terminal, open_workspace
from gateway.health.counter_report import counter_rows
from gateway.health.limit_table import limit_table
from gateway.health.log_table import log_table
from gateway.health.report import status_rows
from gateway.health.tables import status_table

NAME = "status"


def run(folder: Folder, output: FormatOption = "text", language: LanguageOption = None) -> None:
    """Show, for each agreement, calls, refusals by clause, what was disclosed, how its SLA clauses and its data stand.

    Then what limits did besides refusing: calls that a clause which only watches would have refused, calls that passed
    uncounted while shared counters could not be reached, answers that were cut short; and whether a gateway cannot
    reach the shared counters, as far as the log knows.

    Then the audit log: for each partner's tree and the root log its size, what waits to be put in, the age of its last
    checkpoint, deadlines of receipts that were missed, and witnesses that have not cosigned. Computed from the audit
    log and the state store, so it needs no running gateway.
    """
    from gateway.commands.trees import read_log_status

    workspace = open_workspace(folder)
    log = read_log_status(workspace.settings, workspace.folder, time.time_ns() // 1000)
    rows = status_rows(replayed(workspace), workspace.plans, int(time.time()))
    counters = counter_rows(counter_events(workspace.settings.log_path(workspace.folder)))
    chosen = language_or_terminal(language)
    tables = (status_table(rows, chosen), limit_table(rows, counters, chosen), log_table(log, chosen))
    show(rows, Group(*tables), output, log, counters)
