"""clausegate status: what was counted under each agreement, and how the audit log's trees stand."""

import time

from rich.console import Group

from gateway.commands.figures import replayed, show
from gateway.commands.terminal import Folder, FormatOption, LanguageOption, language_or_terminal, open_workspace
from gateway.health.log_table import log_table
from gateway.health.report import status_rows
from gateway.health.tables import status_table

NAME = "status"


def run(folder: Folder, output: FormatOption = "text", language: LanguageOption = None) -> None:
    """Show, for each agreement, calls, refusals by clause, what was disclosed, how its SLA clauses and its data stand.

    Then the audit log: for each partner's tree and the root log its size, what waits to be put in, the age of its last
    checkpoint, deadlines of receipts that were missed, and witnesses that have not cosigned. Computed from the audit
    log and the state store, so it needs no running gateway.
    """
    from gateway.commands.trees import read_log_status

    workspace = open_workspace(folder)
    log = read_log_status(workspace.settings, workspace.folder, time.time_ns() // 1000)
    rows = status_rows(replayed(workspace), workspace.plans, int(time.time()))
    chosen = language_or_terminal(language)
    show(rows, Group(status_table(rows, chosen), log_table(log, chosen)), output, log)
