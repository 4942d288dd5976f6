"""clausegate notice: what the hub announces to its partners: maintenance, force majeure, deprecations, changes."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands.default_group import with_default
from gateway.commands.terminal import (
    EXIT_FOUND,
    Folder,
    FormatOption,
    LanguageOption,
    fail,
    open_workspace,
    out,
    print_json,
)

if TYPE_CHECKING:
    from gateway.commands.notice_report import Draft
    from gateway.store.notices import KeptNotice
    from gateway.workspace import Workspace

NAME = "notice"
app = typer.Typer(
    name=NAME,
    cls=with_default("list"),
    help="Announce maintenance, force majeure, deprecations and changes; list and withdraw what was announced.",
    no_args_is_help=True,
)
File = Annotated[Path, typer.Argument(metavar="FILE", help="The notice: a YAML file, see docs/notices.md.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="WORDS", help="Why; at most 500 characters.")]


@app.command()
def publish(
    folder: Folder,
    file: File,
    *,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would mean; nothing is done.")] = False,
    anyway: Annotated[bool, typer.Option("--anyway", help="Also where a notice clause wants it earlier.")] = False,
    output: FormatOption = "text",
) -> None:
    """Announce what is in a file, from now on: signed, and on the audit log before it holds.

    Before anything is done it says which agreements it is for; where it comes too late for a notice clause, so that
    maintenance does not count as announced there; and, for time that has passed, every figure and credit that it
    changes. A deprecation or change that comes too late is refused without --anyway, exit status 1.
    """
    from gateway.commands.notice_report import as_document, draft, show

    workspace = open_workspace(folder)
    found = draft(workspace, file)
    if output == "text":
        show(found)
    late = [each.contract.agreement for each in found.concerns if not each.in_time]
    if late and found.refusable and not anyway:
        fail(f"too late for {', '.join(sorted(set(late)))}: publish it with --anyway, or with later times", EXIT_FOUND)
    kept = None if dry_run else _publish(workspace, found)
    if output == "json":
        print_json(as_document(found, kept))
    elif kept is None:
        out().print("nothing was published: this was a dry run")
    else:
        out().print(f"{kept.id} is published: sha256 {kept.sha256}")


@app.command("list")
def list_all(folder: Folder, *, output: FormatOption = "text", language: LanguageOption = None) -> None:
    """List what was announced, the latest first. `notice DIR` means the same."""
    from gateway.commands.notice_report import all_notices, notices_document, notices_table
    from gateway.commands.tables import print_rows
    from gateway.commands.terminal import language_or_terminal

    workspace = open_workspace(folder)
    found = all_notices(workspace)
    if output == "json":
        print_json(notices_document(found))
    else:
        print_rows(notices_table(found, language_or_terminal(language)), "nothing was announced")


@app.command()
def withdraw(
    folder: Folder,
    notice: Annotated[str, typer.Argument(metavar="NAME", help="The notice, as `notice list` names it.")],
    *,
    reason: ReasonOption,
) -> None:
    """Say that a notice does not hold any more: on the audit log, and in force within two seconds.

    Maintenance that had begun stays announced until then; force majeure is taken back for the whole of it.
    """
    from gateway.commands.administering import administer
    from gateway.commands.notice_report import partners_of
    from gateway.limits.grants import reason_fault
    from gateway.notices.authority import NoticesAuthority

    workspace = open_workspace(folder)
    if fault := reason_fault(reason):
        fail(fault.message)
    partners = partners_of(workspace, notice)
    words = reason.strip()
    withdrawn = administer(workspace, lambda opened: NoticesAuthority(opened).withdraw(notice, partners, words))
    out().print(f"{withdrawn.id} is withdrawn")


def _publish(workspace: "Workspace", found: "Draft") -> "KeptNotice":
    import time

    from gateway.authority import Administration, AuthorityError
    from gateway.commands.acting import account
    from gateway.commands.administering import administer
    from gateway.notices.authority import NewNotice, NoticesAuthority
    from gateway.tlog.keys import OriginError, load_log_keys

    new = NewNotice(found.loaded, tuple(sorted({each.contract.partner for each in found.concerns})), account())

    async def published(administration: Administration) -> "KeptNotice":
        try:
            keys = await load_log_keys(administration.store, workspace.settings, int(time.time()))
        except OriginError as error:
            raise AuthorityError(str(error)) from None
        return await NoticesAuthority(administration).publish(new, keys.notice_signer())

    return administer(workspace, published)
