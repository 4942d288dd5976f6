"""clausegate findings: what looks like scraping, and what people decide about it."""

import time
from typing import Annotated

import typer

from gateway.commands.default_group import with_default
from gateway.commands.terminal import Folder, FormatOption, LanguageOption, fail, open_workspace, out, print_json

NAME = "findings"
app = typer.Typer(
    name=NAME,
    cls=with_default("list"),
    help="What looks like scraping: list it, confirm it under a clause, dismiss it, lift a measure.",
    no_args_is_help=True,
)
FindingId = Annotated[str, typer.Argument(metavar="ID", help="The finding.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="WORDS", help="Why; at most 500 characters.")]


@app.command("list")
def list_all(
    folder: Folder,
    *,
    show: Annotated[
        str | None, typer.Option("--show", metavar="ID", help="One of them, with a clause that would hold it back.")
    ] = None,
    output: FormatOption = "text",
    language: LanguageOption = None,
) -> None:
    """List what looks like scraping, open findings first, with the measures in force. `findings DIR` means the same.

    `--show` tells one of them in full: the figures behind it, the clauses under which it may be confirmed, and a clause
    to agree on that would hold it back.
    """
    from gateway.commands.findings_report import all_findings, as_document, as_tables, one_finding
    from gateway.commands.tables import print_tables
    from gateway.commands.terminal import language_or_terminal

    workspace = open_workspace(folder)
    chosen = language_or_terminal(language)
    findings = all_findings(workspace) if show is None else one_finding(workspace, show)
    if output == "json":
        print_json(as_document(findings))
    else:
        print_tables(as_tables(findings, chosen, full=show is not None))


@app.command()
def confirm(
    folder: Folder,
    finding: FindingId,
    *,
    clause: Annotated[str, typer.Option("--clause", metavar="ID", help="The clause of kind anomaly.")],
    reason: ReasonOption,
    output: FormatOption = "text",
) -> None:
    """Confirm that it is scraping: what the clause says is in force within two seconds, for as long as it says.

    The clause has to be one of kind anomaly, in the agreement in force, that is about what was found. Confirming is a
    record on the audit log before it is in force, which commits to the evidence and to the reason.
    """
    from msgspec import to_builtins

    from gateway.authority_limits import LimitsAuthority
    from gateway.commands.administering import administer
    from gateway.commands.findings_report import kept
    from gateway.commands.limits_report import local
    from gateway.limits.confirming import anomaly_for
    from gateway.limits.grants import Unfit

    workspace, words = open_workspace(folder), _reason(reason)
    under = anomaly_for(workspace.plans, kept(workspace, finding), clause, int(time.time()))
    if isinstance(under, Unfit):
        fail(under.message)
    contract, anomaly = under
    imposed = administer(
        workspace,
        lambda administration: LimitsAuthority(administration).confirm(finding, contract, anomaly, words),
    )
    if output == "json":
        print_json(to_builtins(imposed))
        return
    done = "is suspended" if anomaly.action == "suspend" else "is throttled"
    until = local(imposed.until_us, contract.time_zone)
    out().print(f"{imposed.id}: {imposed.product} of {imposed.agreement} {done} by clause {clause} until {until}")


@app.command()
def dismiss(folder: Folder, finding: FindingId, *, reason: ReasonOption) -> None:
    """Say that it is no scraping. The audit log commits to the evidence and to the reason."""
    from gateway.authority_limits import LimitsAuthority
    from gateway.commands.administering import administer

    workspace, words = open_workspace(folder), _reason(reason)
    dismissed = administer(workspace, lambda administration: LimitsAuthority(administration).dismiss(finding, words))
    out().print(f"{dismissed.id} is dismissed")


@app.command()
def lift(
    folder: Folder, measure: Annotated[str, typer.Argument(metavar="ID", help="The measure.")], *, reason: ReasonOption
) -> None:
    """End a measure before its time: on the audit log, and in force within two seconds."""
    from gateway.authority_limits import LimitsAuthority
    from gateway.commands.administering import administer

    workspace, words = open_workspace(folder), _reason(reason)
    lifted = administer(workspace, lambda administration: LimitsAuthority(administration).lift(measure, words))
    out().print(f"{lifted.id} is lifted: {lifted.product} of {lifted.agreement} is as it was")


def _reason(reason: str) -> str:
    from gateway.limits.grants import reason_fault

    if fault := reason_fault(reason):
        fail(fault.message)
    return reason.strip()
