"""clausegate statement: what is owed for a period, both ways, with the evidence."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from gateway.commands.default_group import with_default
from gateway.commands.terminal import Folder, FormatOption, fail, open_workspace, print_json
from policies.reference import Language

if TYPE_CHECKING:
    from gateway.store.statements import KeptStatement
    from gateway.workspace import Workspace

NAME = "statement"
app = typer.Typer(
    name=NAME,
    cls=with_default("make"),
    help="What is owed for a period, both ways: compute it, issue it, and see what partners said of it.",
    no_args_is_help=True,
)
Form: TypeAlias = Literal["text", "json", "md", "html", "pdf"]
FormOption = Annotated[Form, typer.Option("--format", help="text for the terminal; json is the statement itself.")]
Text = str | None
StatementLanguage = Annotated[
    Language | None,
    typer.Option("--language", "--lang", help="zh or en; by default the language that prevails in the agreement."),
]
OutputOption = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Where to, instead of standard output.")
]


@app.command()
def make(
    folder: Folder,
    *,
    agreement: Annotated[str, typer.Option("--agreement", metavar="NAME", help="Of which agreement.")],
    period: Annotated[
        str, typer.Option("--period", metavar="PERIOD", help="A month, quarter or year: 2026-10, 2026-Q3, 2026.")
    ],
    from_log: Annotated[
        bool, typer.Option("--from-log", help="From the audit log alone: the same figures to the last digit.")
    ] = False,
    issue: Annotated[
        bool, typer.Option("--issue", help="Issue it: on the audit log, and for the partner to countersign.")
    ] = False,
    output_format: FormOption = "text",
    language: StatementLanguage = None,
    output: OutputOption = None,
) -> None:
    """Compute the statement of a period; `statement DIR` means the same.

        clausegate statement my-hub --agreement first-partner-2026 --period 2026-Q3 --format pdf --output q3.pdf

    Each clause month by month: its sentence, what was counted, what was left out and why, the verdict, the credit, and
    by when it is to be claimed; then the totals of both sides. It is sealed with the range of the log, the size and
    root of the partner's published tree that it was computed from, and its own SHA-256. A period that has not ended is
    computed up to now and marked provisional; it cannot be issued. Issued again with other figures, it becomes a
    revision that says what it replaces and in what it differs.

    Exit status 1 when the log or the published tree is damaged, 2 when there is nothing to compute it from or to issue.
    """
    from gateway.commands.statement_making import Wanted, make_statement
    from gateway.commands.statement_report import write

    workspace = open_workspace(folder)
    made = make_statement(workspace, Wanted(agreement, period, from_log=from_log, issue=issue))
    write(made.statement, made.kept, output_format, language, output)


@app.command("list")
def list_all(
    folder: Folder,
    *,
    agreement: Annotated[Text, typer.Option("--agreement", metavar="NAME", help="Of this agreement alone.")] = None,
    output_format: FormatOption = "text",
) -> None:
    """List the statements that were issued, and how they stand: issued, countersigned, disputed, replaced."""
    from gateway.commands.statement_report import as_list, as_list_table
    from gateway.commands.tables import print_tables

    kept = tuple(each for each in _kept(open_workspace(folder)) if agreement in (None, each.agreement))
    if output_format == "json":
        print_json(as_list(kept))
    else:
        print_tables(as_list_table(kept))


@app.command()
def show(
    folder: Folder,
    statement: Annotated[str, typer.Argument(metavar="ID", help="The statement, as `statement list` names it.")],
    *,
    output_format: FormOption = "text",
    language: StatementLanguage = None,
    output: OutputOption = None,
) -> None:
    """Show a statement as it was issued, and what the partner said of it.

    Its seal is checked first, against what it holds and against the record by which it was issued on the audit log.
    """
    from gateway.commands.statement_report import write
    from gateway.statements.document import is_sealed, read_statement

    workspace = open_workspace(folder)
    every = _kept(workspace)
    found = next((each for each in every if each.id == statement), None)
    if found is None:
        fail(f"there is no statement {statement}; `clausegate statement list {folder}` lists all")
    sealed = read_statement(found.json)
    if not is_sealed(sealed) or sealed.seal.sha256 != found.sha256:
        fail(f"{statement} is not as it was sealed: somebody has changed the state store")
    _check_issued(workspace, found)
    same = [each for each in every if (each.agreement, each.period) == (found.agreement, found.period)]
    latest = max(same, key=lambda each: each.revision)
    write(sealed, found, output_format, language, output, replaced_by=latest.id if latest.id != found.id else "")


def _check_issued(workspace: "Workspace", kept: "KeptStatement") -> None:
    """Ends the command where the log says that another text was issued: who changes the store can seal it anew."""
    from gateway.audit.faults import CorruptLogError
    from gateway.commands.terminal import EXIT_FOUND, err
    from gateway.statements.log_evidence import issued_as

    try:
        hashes = issued_as(workspace.settings.log_path(workspace.folder), kept.id)
    except CorruptLogError as error:
        fail(f"the audit log is damaged: {error}; `clausegate verify` says more", EXIT_FOUND)
    except OSError as error:
        fail(f"the audit log cannot be read: {error.strerror or type(error).__name__}")
    if not hashes:
        err().print(f"the audit log holds no record that {kept.id} was issued: only its seal is checked", markup=False)
    elif kept.sha256 not in hashes:
        fail(f"{kept.id} is not as it was issued: the audit log has another hash", EXIT_FOUND)


def _kept(workspace: "Workspace") -> "tuple[KeptStatement, ...]":
    """Every issued statement."""
    from gateway.commands.reading import reading
    from gateway.store.statements import Statements

    return reading(workspace, lambda store: Statements(store).all())
