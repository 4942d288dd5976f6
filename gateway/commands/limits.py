"""clausegate limits: how every limit of a partner stands, and what is granted beyond one for a time."""

import time
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands.default_group import with_default
from gateway.commands.terminal import EXIT_FOUND, Folder, FormatOption, fail, open_workspace, out, print_json

if TYPE_CHECKING:
    from gateway.store.allowances import GrantedAllowance
    from gateway.workspace import Workspace

NAME = "limits"
app = typer.Typer(
    name=NAME,
    cls=with_default("show"),
    help="A partner's limits: used, left, when they reset; and what is granted beyond them for a time.",
    no_args_is_help=True,
)
PartnerOption = Annotated[str, typer.Option("--partner", metavar="ID", help="Whose limits.")]
AgreementOption = Annotated[
    str | None, typer.Option("--agreement", metavar="NAME", help="Of this agreement, where there are several.")
]
Text = str | None


@app.command()
def show(
    folder: Folder,
    *,
    partner: PartnerOption,
    agreement: AgreementOption = None,
    client: Annotated[Text, typer.Option("--client", metavar="ID", help="Of this OAuth client alone.")] = None,
    output: FormatOption = "text",
) -> None:
    """Show every limit of a partner: used, left, when it resets, under which clause. `limits DIR` means the same.

    Then the allowances that are open with their reasons, measures in force, and clauses that let calls pass by hour or
    network. Counters of this process are computed anew from the audit log, also while a gateway serves; shared ones are
    asked of Redis. Exit status 1 when Redis cannot be reached.
    """
    from gateway.commands.limits_report import as_document, as_tables, read_report
    from gateway.commands.tables import print_tables
    from gateway.limits.standing_now import StandingUnknown

    workspace = open_workspace(folder)
    _known_partner(workspace, partner)
    try:
        report = read_report(workspace, partner, agreement, client)
    except StandingUnknown as error:
        fail(str(error), code=EXIT_FOUND)
    if output == "json":
        print_json(as_document(report))
    else:
        print_tables(as_tables(report))


@app.command()
def grant(
    folder: Folder,
    *,
    partner: PartnerOption,
    clause: Annotated[str, typer.Option("--clause", metavar="ID", help="The clause that counts, such as 4.1.")],
    extra: Annotated[int, typer.Option("--extra", min=1, help="So much more of what the clause counts.")],
    until: Annotated[str, typer.Option("--until", metavar="TIME", help="A time, or for so long: PT2H, P3D.")],
    reason: Annotated[str, typer.Option("--reason", metavar="WORDS", help="Why; at most 500 characters.")],
    agreement: AgreementOption = None,
    output: FormatOption = "text",
) -> None:
    """Grant a partner more than a clause says, for a time and for a reason; gateways take it over within two seconds.

    It is a record on the audit log before it is in force, and its end is one as well. The reason is kept in the state
    store; the log commits to it.
    """
    from gateway.authority_limits import LimitsAuthority, NewAllowance
    from gateway.commands.acting import account
    from gateway.commands.administering import administer
    from gateway.limits.grants import EXTRA_MAX, Unfit, agreement_for, reason_fault, until_of

    workspace, now_us = open_workspace(folder), time.time_ns() // 1000
    _known_partner(workspace, partner)
    contract = agreement_for(workspace.plans, partner, clause, agreement, now_us // 1_000_000)
    if isinstance(contract, Unfit):
        fail(contract.message)
    until_us = until_of(until, now_us, contract.time_zone)
    if isinstance(until_us, Unfit):
        fail(until_us.message)
    if fault := reason_fault(reason):
        fail(fault.message)
    if extra > EXTRA_MAX:
        fail(f"an allowance is at most {EXTRA_MAX:,} more")
    new = NewAllowance(contract, clause, extra, until_us, reason.strip(), account())
    granted = administer(workspace, lambda administration: LimitsAuthority(administration).grant(new))
    _show_granted(granted, contract.time_zone, as_json=output == "json")


@app.command()
def revoke(
    folder: Folder, allowance: Annotated[str, typer.Argument(metavar="ID", help="The allowance, as `limits` names it.")]
) -> None:
    """End an allowance before its time; on the audit log, and in force within two seconds."""
    from gateway.authority_limits import LimitsAuthority
    from gateway.commands.administering import administer

    workspace = open_workspace(folder)
    ended = administer(workspace, lambda administration: LimitsAuthority(administration).revoke(allowance))
    out().print(f"{ended.id}: clause {ended.clause} of {ended.agreement} is as it was")


def _known_partner(workspace: "Workspace", partner: str) -> None:
    if partner not in workspace.plans.partners():
        fail(f"there is no partner {partner}; there are: {', '.join(workspace.plans.partners())}")


def _show_granted(granted: "GrantedAllowance", zone: str, *, as_json: bool) -> None:
    from msgspec import to_builtins

    from gateway.commands.limits_report import local

    if as_json:
        print_json(to_builtins(granted))
        return
    more, until = f"{granted.extra:,} more", local(granted.until_us, zone)
    out().print(f"{granted.id}: clause {granted.clause} of {granted.agreement} admits {more} until {until}")
