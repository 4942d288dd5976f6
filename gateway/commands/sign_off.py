"""clausegate sign-off: a person says on the audit log which contract hash they approve."""

import sys
import time
from typing import Annotated

import typer

from gateway.commands.terminal import Folder, FormatOption, err, fail, open_workspace, out, print_json
from gateway.store.hidden import Hidden

NAME = "sign-off"


def run(
    folder: Folder,
    agreement: Annotated[str, typer.Argument(metavar="AGREEMENT", help="The agreement, in its newest version.")],
    account: Annotated[str, typer.Option("--as", metavar="USERNAME", help="Whose account of the console signs off.")],
    output: FormatOption = "text",
) -> None:
    """Sign an agreement off: put on the audit log that you approve exactly this contract hash.

    The password of the console account, and the code of its second factor where it has one, are read from the terminal
    or, when it is none, from lines of standard input. The role has to be legal or admin. People of the identity
    provider have no password here: they sign off at the console. Nothing is switched on or off by it: it is evidence
    of who approved what, in the partner's own part of the log too.
    """
    from gateway.commands.administering import administer

    workspace = open_workspace(folder)
    versions = workspace.plans.versions_of(agreement)
    if not versions:
        fail(f"there is no agreement {agreement}; there are: {', '.join(sorted(workspace.plans.agreements()))}")
    contract = versions[-1]
    if contract.effective_until_s <= time.time():
        fail(f"{agreement} {contract.version} has ended: there is nothing to approve any more")
    err().print(f"{agreement} {contract.version}, contract hash {contract.hash}", soft_wrap=True)
    password = Hidden(_asked("password"))
    code = _asked("code, if the account has a second factor")
    administer(workspace, lambda administration: administration.sign_off(contract, account, password, code))
    if output == "json":
        print_json({"agreement": agreement, "version": contract.version, "contract": contract.hash, "account": account})
    else:
        out().print(f"signed off by {account}: {contract.hash}", soft_wrap=True)


def _asked(what: str) -> str:
    """At the terminal, without showing it; else the next line of standard input, "" after the last."""
    if sys.stdin.isatty():
        said: str = typer.prompt(what, default="", show_default=False, hide_input=True, err=True)
        return said
    return sys.stdin.readline(1024).rstrip("\r\n")
