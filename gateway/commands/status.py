"""clausegate status: what was counted under each agreement."""

import time

from gateway.commands.figures import replayed, show
from gateway.commands.terminal import Folder, FormatOption, LanguageOption, language_or_terminal, open_workspace
from gateway.health.report import status_rows
from gateway.health.tables import status_table

NAME = "status"


def run(folder: Folder, output: FormatOption = "text", language: LanguageOption = None) -> None:
    """Show, for each agreement, calls, refusals by clause, what was disclosed, how its SLA clauses and its data stand.

    Computed from the audit log, so it needs no running gateway.
    """
    workspace = open_workspace(folder)
    rows = status_rows(replayed(workspace), workspace.plans, int(time.time()))
    show(rows, status_table(rows, language_or_terminal(language)), output)
