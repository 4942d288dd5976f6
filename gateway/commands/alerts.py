"""clausegate alerts: promises that are being used up too fast, and how much of each month's error budget is left."""

from typing import Annotated

import typer

from gateway.commands.default_group import with_default
from gateway.commands.terminal import Folder, FormatOption, LanguageOption, fail, open_workspace, out, print_json

NAME = "alerts"
app = typer.Typer(
    name=NAME,
    cls=with_default("list"),
    help="Promises that are used up too fast: list alerts, acknowledge one, show error budgets.",
    no_args_is_help=True,
)


@app.command("list")
def list_all(
    folder: Folder,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Also the latest that are resolved.")] = False,
    output: FormatOption = "text",
    language: LanguageOption = None,
) -> None:
    """List alerts that are not resolved, the latest first. `alerts DIR` means the same.

    Each with the rule that raised it, the figures it was raised for, and whether somebody has seen it. An alert is
    resolved by data alone: enough events that show a burn rate below the rule's. One whose rule is gone is withdrawn.
    """
    from gateway.commands.alerts_report import alert_rows, alert_table, kept_alerts
    from gateway.commands.tables import print_tables
    from gateway.commands.terminal import language_or_terminal

    workspace = open_workspace(folder)
    kept = kept_alerts(workspace, everything=everything)
    if output == "json":
        print_json({"alerts": alert_rows(kept)})
    elif not kept:
        out().print("no alert is open" if not everything else "no alert was ever raised")
    else:
        print_tables(alert_table(kept, workspace.plans, language_or_terminal(language)))


@app.command()
def budgets(
    folder: Folder,
    *,
    agreement: Annotated[
        str | None, typer.Option("--agreement", metavar="NAME", help="Of this agreement alone.")
    ] = None,
    output: FormatOption = "text",
    language: LanguageOption = None,
) -> None:
    """Show the error budget of each promise in its month: what may be bad, what is used up, how fast it is burning.

    Used up and left are by the clause's own method, as in a statement; burn rates are of calls, in the windows of the
    rules that watch the clause. Computed from the audit log, so it needs no running gateway.
    """
    from gateway.commands.alerts_report import budget_rows, budget_table
    from gateway.commands.figures import replayed
    from gateway.commands.tables import print_tables
    from gateway.commands.terminal import language_or_terminal

    workspace = open_workspace(folder)
    if agreement is not None and agreement not in workspace.plans.agreements():
        fail(f"there is no agreement {agreement}; there are: {', '.join(sorted(workspace.plans.agreements()))}")
    rows = budget_rows(workspace, replayed(workspace), agreement)
    if output == "json":
        print_json({"budgets": rows})
    else:
        print_tables(budget_table(rows, language_or_terminal(language)))


@app.command()
def acknowledge(
    folder: Folder,
    alert: Annotated[str, typer.Argument(metavar="ID", help="The alert, as `alerts` names it.")],
    *,
    note: Annotated[str, typer.Option("--note", metavar="WORDS", help="What is being done; at most 500 characters.")],
    output: FormatOption = "text",
) -> None:
    """Say that somebody has seen an alert and sees to it. It stays open until data show that it is over.

    That is a record on the audit log, which commits to the note and to who ran this; the note is kept in the state
    store and is sent to nobody.
    """
    from gateway.alerts.acknowledging import NOTE_MAX
    from gateway.alerts.acknowledging import acknowledge as acknowledged
    from gateway.commands.administering import administer
    from gateway.commands.alerts_report import account_name

    workspace, words = open_workspace(folder), note.strip()
    if not words:
        fail("a note has to be given: what is being done about it")
    if len(words) > NOTE_MAX:
        fail(f"a note is at most {NOTE_MAX} characters")
    by = account_name()
    seen = administer(workspace, lambda administration: acknowledged(administration, alert, by, words))
    if output == "json":
        print_json({"alert": seen.id, "state": "acknowledged", "by": by})
    else:
        out().print(f"{seen.id} is acknowledged: {seen.agreement} {seen.clause}, rule {seen.rule}")
