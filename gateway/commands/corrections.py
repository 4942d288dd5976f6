"""clausegate corrections: reported data errors, by when they are to be corrected, and what the hub does about them."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from gateway.commands.default_group import with_default
from gateway.commands.terminal import EXIT_FOUND, Folder, FormatOption, fail, open_workspace, out, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.corrections.steps import Action

NAME = "corrections"
app = typer.Typer(
    name=NAME,
    cls=with_default("list"),
    help="Reported data errors: list them, acknowledge, fix, reject; report one in a partner's data.",
    no_args_is_help=True,
)
CorrectionId = Annotated[str, typer.Argument(metavar="ID", help="The correction.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="WORDS", help="Why; at most 500 characters.")]


@app.command("list")
def list_all(
    folder: Folder,
    *,
    partner: Annotated[str | None, typer.Option("--partner", metavar="ID", help="Only this partner's.")] = None,
    state: Annotated[
        Literal["open", "reported", "acknowledged", "fixed", "rejected", "reopened", "withdrawn"] | None,
        typer.Option("--state", help="Only those in this state; `open` for all that wait."),
    ] = None,
    output: FormatOption = "text",
) -> None:
    """List reported data errors, the latest first, with their deadlines. `corrections DIR` means the same.

    Deadlines are in the agreement's time zone. Exit status 1 when one of those listed is overdue.
    """
    from gateway.commands.corrections_report import as_table, read_all
    from gateway.commands.tables import print_rows

    found = read_all(open_workspace(folder), partner, state)
    if output == "json":
        print_json({"corrections": found})
    else:
        empty = "nothing was reported" if partner is state is None else "there is no such correction"
        print_rows(as_table(found), empty)
    if any(each["overdue"] for each in found):
        raise typer.Exit(EXIT_FOUND)


@app.command()
def show(folder: Folder, correction: CorrectionId, output: FormatOption = "text") -> None:
    """Show one with everything that was said, every step, its deadlines, and what may follow."""
    from gateway.commands.corrections_report import in_full, read_one

    found = read_one(open_workspace(folder), correction)
    if output == "json":
        print_json(found)
    else:
        out().print(in_full(found))


@app.command()
def acknowledge(folder: Folder, correction: CorrectionId, output: FormatOption = "text") -> None:
    """Say that the hub has seen it. It is a record on the audit log, and its time is what the clause asks for."""
    _act(folder, correction, "acknowledge", "", output == "json")


@app.command()
def fix(
    folder: Folder,
    correction: CorrectionId,
    *,
    note: Annotated[
        str, typer.Option("--note", metavar="WORDS", help="Why it is corrected though the record does not show it.")
    ] = "",
    output: FormatOption = "text",
) -> None:
    """Say that it is corrected, after reading the record again through the view of whoever reported it.

    It counts as corrected when the field shows what is expected; of a masked field, when it shows what the expected
    value would look like, and did not before. Otherwise a note has to say why, which is kept with what was read.
    """
    _act(folder, correction, "fix", note, output == "json")


@app.command()
def reject(folder: Folder, correction: CorrectionId, *, reason: ReasonOption, output: FormatOption = "text") -> None:
    """Say that the record is right, and why. Whoever reported it may reopen it, for as long as the clause says."""
    _act(folder, correction, "reject", reason, output == "json")


@app.command()
def reopen(folder: Folder, correction: CorrectionId, *, reason: ReasonOption, output: FormatOption = "text") -> None:
    """Say that an error that the hub reported is still there, though the partner fixed or rejected it."""
    _act(folder, correction, "reopen", reason, output == "json")


@app.command()
def withdraw(folder: Folder, correction: CorrectionId, *, reason: ReasonOption, output: FormatOption = "text") -> None:
    """Take back an error that the hub reported."""
    _act(folder, correction, "withdraw", reason, output == "json")


@app.command()
def report(
    folder: Folder,
    *,
    partner: Annotated[str, typer.Option("--partner", metavar="ID", help="Whose data they are.")],
    product: Annotated[str, typer.Option("--product", metavar="NAME", help="The product, or PRODUCT/OBJECT.")],
    key: Annotated[str, typer.Option("--key", metavar="KEY", help="The record.")],
    field: Annotated[str, typer.Option("--field", metavar="PATH", help="The field, as the view names it.")],
    expected: Annotated[str, typer.Option("--expected", metavar="VALUE", help="What it should be.")],
    severity: Annotated[str, typer.Option("--severity", metavar="NAME", help="As the clause names it.")],
    evidence: Annotated[str, typer.Option("--evidence", metavar="WORDS", help="What shows that, or a link.")] = "",
    clause: Annotated[str, typer.Option("--clause", metavar="ID", help="The clause, where several are about it.")] = "",
    output: FormatOption = "text",
) -> None:
    """Report an error in a partner's data, under a clause by which the partner owes its correction.

    The record has to be one that the partner sees, and the field one of its view; VALUE is JSON where the field is no
    text, such as 12.5 or null.
    """
    from gateway.commands.acting import account
    from gateway.commands.corrections_report import Reported, report_error

    reported = Reported(partner, product, key, field, expected, severity, evidence, clause)
    found = report_error(open_workspace(folder), reported, account())
    _said(found, output == "json")


def _act(folder: "Path", correction: str, action: "Action", words: str, as_json: bool) -> None:
    from gateway.commands.acting import account
    from gateway.commands.corrections_report import act
    from gateway.limits.grants import reason_fault

    if (words or action in ("reject", "reopen", "withdraw")) and (fault := reason_fault(words)):
        fail(fault.message)
    _said(act(open_workspace(folder), correction, action, words.strip(), account()), as_json)


def _said(found: dict[str, object], as_json: bool) -> None:
    from gateway.commands.corrections_report import in_short

    if as_json:
        print_json(found)
    else:
        out().print(in_short(found), markup=False)
