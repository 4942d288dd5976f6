"""clausegate account: who may log in to the console and the portal; every change is a record on the audit log."""

import secrets
import sys
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from gateway.commands.terminal import Folder, FormatOption, fail, open_workspace, out, print_json, printable
from gateway.store.hidden import Hidden
from policies.reference import Language

if TYPE_CHECKING:
    from gateway.people.roles import Seat
    from gateway.store.accounts import Account
    from gateway.workspace import Workspace

NAME = "account"
app = typer.Typer(
    name=NAME,
    help="People's accounts: add, list, disable, enable, role, password, second factor. All on the audit log.",
    no_args_is_help=True,
)
Username = Annotated[str, typer.Argument(metavar="USERNAME", help="The account.")]
RoleName = Annotated[str, typer.Option("--role", metavar="ROLE", help="ops, legal, admin, auditor, partner-developer.")]
Partner = Annotated[str, typer.Option("--partner", metavar="ID", help="Whose developer it is, for partner-developer.")]
FromInput = Annotated[
    bool, typer.Option("--password-stdin", help="Read the password from standard input, its first line.")
]
Generated = Annotated[bool, typer.Option("--generate", help="Make a password up, and show it this once.")]


@app.command("list")
def list_all(folder: Folder, output: FormatOption = "text") -> None:
    """List every account with its role and state."""
    from gateway.commands.administering import administer

    found = administer(open_workspace(folder), lambda administration: administration.accounts())
    if output == "json":
        print_json([_facts(account) for account in found])
        return
    columns = ("account", "role", "partner", "from", "second factor", "state")
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for account in found:
        origin, factor = ("provider", "provider") if account.subject else ("here", "on" if account.totp else "off")
        state = "disabled" if account.disabled else "enabled"
        table.add_row(printable(account.username), account.role, account.partner, origin, factor, state)
    out().print(table)


@app.command()
def add(
    folder: Folder,
    username: Username,
    *,
    role: RoleName,
    partner: Partner = "",
    language: Annotated[Language, typer.Option("--lang", help="The language that the person reads: zh or en.")] = "en",
    password_stdin: FromInput = False,
    generate: Generated = False,
    output: FormatOption = "text",
) -> None:
    """Add a local account. Its password is asked for, and not shown, unless one is made up."""
    from gateway.authority_people import NewAccount
    from gateway.commands.administering import administer

    workspace = open_workspace(folder)
    seat = _seat(workspace, role, partner)
    password = _password(password_stdin, generate)
    new = NewAccount(username, password, seat, language)
    added = administer(workspace, lambda administration: administration.add_account(new))
    if output == "json":
        print_json(_facts(added) | {"password": password.reveal() if generate else None})
        return
    out().print(f"{username} is added as {role}")
    _show(password, generate)


@app.command()
def disable(folder: Folder, username: Username) -> None:
    """Let nobody log in with an account, and end its sessions; within a second, while a gateway serves."""
    _set_disabled(open_workspace(folder), username, True)


@app.command()
def enable(folder: Folder, username: Username) -> None:
    """Let a disabled account be used again."""
    _set_disabled(open_workspace(folder), username, False)


@app.command()
def role(
    folder: Folder,
    username: Username,
    role: Annotated[str, typer.Argument(metavar="ROLE", help="ops, legal, admin, auditor, partner-developer.")],
    partner: Partner = "",
) -> None:
    """Give an account another role, in sessions that go on too."""
    from gateway.commands.administering import administer

    workspace = open_workspace(folder)
    seat = _seat(workspace, role, partner)
    administer(workspace, lambda administration: administration.set_role(username, seat))
    out().print(f"{username} is {role}")


@app.command()
def password(
    folder: Folder, username: Username, password_stdin: FromInput = False, generate: Generated = False
) -> None:
    """Give an account another password. Its sessions end."""
    from gateway.commands.administering import administer

    workspace = open_workspace(folder)
    chosen = _password(password_stdin, generate)
    administer(workspace, lambda administration: administration.set_password(username, chosen))
    out().print(f"{username} has another password")
    _show(chosen, generate)


@app.command()
def totp(
    folder: Folder,
    username: Username,
    off: Annotated[bool, typer.Option("--off", help="Take the second factor away.")] = False,
    output: FormatOption = "text",
) -> None:
    """Give an account a second factor: codes of an authenticator, new every 30 seconds. Its sessions end.

    What is printed is put into the authenticator, and shown this once: a URI, and on a terminal a code to scan.
    """
    from gateway.commands.administering import administer

    workspace = open_workspace(folder)
    if off:
        administer(workspace, lambda administration: administration.remove_totp(username))
        out().print(f"{username} has no second factor")
        return
    uri = administer(workspace, lambda administration: administration.enrol(username)).reveal()
    if output == "json":
        print_json({"username": username, "otpauth_uri": uri})
        return
    out().print(f"{username} logs in with a code from now on")
    sys.stdout.write(f"{uri}\n")
    if sys.stdout.isatty():
        import segno

        segno.make(uri, micro=False).terminal(compact=True)


def _set_disabled(workspace: "Workspace", username: str, disabled: bool) -> None:
    from gateway.commands.administering import administer

    administer(workspace, lambda administration: administration.set_account_disabled(username, disabled))
    out().print(f"{printable(username)} is {'disabled' if disabled else 'enabled'}")


def _seat(workspace: "Workspace", role: str, partner: str) -> "Seat":
    from gateway.people.roles import ROLES, seat_of

    if role not in ROLES:
        fail(f"there is no role {role}; there are: {', '.join(ROLES)}")
    if partner and partner not in workspace.plans.partners():
        fail(f"there is no partner {partner}; there are: {', '.join(workspace.plans.partners())}")
    seat = seat_of(role, partner)
    if seat is None:
        fail("a partner-developer is one of --partner ID, and nobody else has a partner")
    return seat


def _password(from_input: bool, generate: bool) -> Hidden[str]:
    if generate:
        return Hidden(secrets.token_urlsafe(12))
    if from_input:
        return Hidden(sys.stdin.readline(1024).rstrip("\r\n"))
    if not sys.stdin.isatty():
        fail("there is no terminal to ask at: --password-stdin reads the password, --generate makes one up")
    return Hidden(typer.prompt("password", hide_input=True, confirmation_prompt=True, err=True))


def _show(password: Hidden[str], generate: bool) -> None:
    if generate:
        out().print(f"password  {password.reveal()}\n[dim]Keep it: it is stored as a hash only.[/]", soft_wrap=True)


def _facts(account: "Account") -> dict[str, object]:
    """What machines read. Not the subject: it is the provider's name for a person."""
    names = ("username", "role", "partner", "language", "created_s", "disabled", "totp")
    return {name: getattr(account, name) for name in names} | {"from": "provider" if account.subject else "here"}
