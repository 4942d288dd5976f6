"""clausegate health: how each partnership is doing, from the traffic that was counted."""

import time

from gateway.commands.figures import replayed, show
from gateway.commands.terminal import Folder, FormatOption, LanguageOption, language_or_terminal, open_workspace
from gateway.health.report import health_rows
from gateway.health.tables import health_table

NAME = "health"


def run(folder: Folder, output: FormatOption = "text", language: LanguageOption = None) -> None:
    """Show a health score for each partner, and the count behind every point that was lost.

    Computed from the audit log, so it needs no running gateway and equals the console's figures. Without data a score
    is unknown, never good. docs/health.md gives the weights.
    """
    workspace = open_workspace(folder)
    rows = health_rows(replayed(workspace), workspace.plans, int(time.time()))
    show(rows, health_table(rows, language_or_terminal(language)), output)
