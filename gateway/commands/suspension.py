"""clausegate suspension: the collaboration under an agreement, interrupted for a time by one of the two sides."""

import time
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gateway.commands.default_group import with_default
from gateway.commands.terminal import Folder, FormatOption, fail, open_workspace, out, print_json

if TYPE_CHECKING:
    from contracts.plan import Contract
    from gateway.store.notices import KeptSuspension
    from gateway.workspace import Workspace

NAME = "suspension"
app = typer.Typer(
    name=NAME,
    cls=with_default("list"),
    help="Interrupt the collaboration under an agreement, and let it go on; every interruption that there was.",
    no_args_is_help=True,
)
ReasonOption = Annotated[str, typer.Option("--reason", metavar="WORDS", help="Why; at most 500 characters.")]
AgreementOption = Annotated[str, typer.Option("--agreement", metavar="NAME", help="Of which agreement.")]


@app.command()
def begin(
    folder: Folder,
    *,
    agreement: AgreementOption,
    by: Annotated[Literal["hub", "partner"], typer.Option("--by", help="Which side interrupts.")] = "hub",
    reason: ReasonOption,
    output: FormatOption = "text",
) -> None:
    """Interrupt the collaboration: within two seconds no call under the agreement is admitted, until it ends.

    On the audit log before it is in force. What the side that interrupts owes for it is settled by the clauses of kind
    interruption; maintenance that was announced for the time makes it a planned one.
    """
    from gateway.commands.acting import account
    from gateway.commands.administering import administer
    from gateway.notices.authority import NewSuspension, NoticesAuthority

    workspace, words = open_workspace(folder), _reason(reason)
    new = NewSuspension(_contract(workspace, agreement), by, words, account())
    begun = administer(workspace, lambda administration: NoticesAuthority(administration).begin(new))
    if output == "json":
        print_json(_document(begun))
    else:
        out().print(f"{begun.id}: {agreement} is suspended by the {by}")


@app.command()
def end(
    folder: Folder,
    suspension: Annotated[str, typer.Argument(metavar="ID", help="The suspension, as `suspension list` names it.")],
    *,
    reason: ReasonOption,
) -> None:
    """Let the collaboration go on: on the audit log, and in force within two seconds."""
    from gateway.commands.administering import administer
    from gateway.notices.authority import NoticesAuthority

    workspace, words = open_workspace(folder), _reason(reason)
    ended = administer(workspace, lambda administration: NoticesAuthority(administration).end(suspension, words))
    out().print(f"{ended.id} is over: {ended.agreement} goes on")


@app.command("list")
def list_all(folder: Folder, *, output: FormatOption = "text") -> None:
    """List the suspensions, the latest first. `suspension DIR` means the same."""
    from rich.markup import escape

    from gateway.commands.reading import reading
    from gateway.commands.tables import print_rows, table
    from gateway.commands.terminal import printable
    from gateway.limits.events import utc
    from gateway.store.notices import Suspensions

    workspace = open_workspace(folder)
    found = reading(workspace, lambda store: Suspensions(store).all())[::-1]
    if output == "json":
        print_json([_document(each) for each in found])
        return
    rows = table("suspension", "agreement", "by", "begun", "ended", "reason")
    for each in found:
        ended = "" if each.ended_us is None else utc(each.ended_us)
        said = (each.id, each.agreement, each.side, utc(each.begun_us), ended, each.reason)
        rows.add_row(*(escape(printable(text)) for text in said))
    print_rows(rows, "nothing was ever suspended")


def _contract(workspace: "Workspace", agreement: str) -> "Contract":
    """The version of an agreement that is in force now."""
    now_s = int(time.time())
    versions = [each for each in workspace.plans.contracts.values() if each.agreement == agreement]
    if not versions:
        fail(f"there is no agreement {agreement}; there are: {', '.join(sorted(workspace.plans.agreements()))}")
    in_force = [each for each in versions if each.effective_from_s <= now_s < each.effective_until_s]
    if not in_force:
        fail(f"{agreement} is not in force now: there is nothing to interrupt")
    return in_force[0]


def _reason(reason: str) -> str:
    from gateway.limits.grants import reason_fault

    if fault := reason_fault(reason):
        fail(fault.message)
    return reason.strip()


def _document(each: "KeptSuspension") -> dict[str, object]:
    from gateway.limits.events import utc

    return {
        "id": each.id,
        "agreement": each.agreement,
        "partner": each.partner,
        "by": each.side,
        "begun": utc(each.begun_us),
        "reason": each.reason,
        "begun_by": each.begun_by,
        "ended": None if each.ended_us is None else utc(each.ended_us),
        "end_reason": each.end_reason,
    }
