"""clausegate client: the OAuth clients of partners; every change is a record on the audit log."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from gateway.commands.terminal import Folder, FormatOption, fail, open_workspace, out, print_json

if TYPE_CHECKING:
    from gateway.store.clients import AuthMethod, Client

NAME = "client"
app = typer.Typer(
    name=NAME,
    help="The OAuth clients of partners: add, list, disable, enable, a second secret. All on the audit log.",
    no_args_is_help=True,
)
ClientId = Annotated[str, typer.Argument(metavar="CLIENT_ID", help="The OAuth client.")]
_JWKS_BYTES_MAX = 1 << 16


@app.command("list")
def list_all(folder: Folder, output: FormatOption = "text") -> None:
    """List every client with its partner and state."""
    from gateway.commands.administering import administer

    found = administer(open_workspace(folder), lambda administration: administration.clients())
    if output == "json":
        print_json([_facts(client) for client in found])
        return
    table = Table("client", "partner", "authenticates by", "state", box=None, pad_edge=False, header_style="bold")
    for client in found:
        table.add_row(
            client.client_id, client.partner, client.auth_method, "disabled" if client.disabled else "enabled"
        )
    out().print(table)


@app.command()
def add(
    folder: Folder,
    client_id: ClientId,
    partner: Annotated[
        str,
        typer.Option("--partner", metavar="ID", help="Whose client it is; hub: of the hub's own, to call partners."),
    ],
    jwks: Annotated[
        Path | None,
        typer.Option("--jwks", metavar="FILE", help="Its public keys, for private_key_jwt; without, it gets a secret."),
    ] = None,
    output: FormatOption = "text",
) -> None:
    """Register a client of a partner. A secret is shown this once."""
    from contracts.agreement import HUB
    from gateway.authority import NewClient
    from gateway.commands.administering import administer

    workspace = open_workspace(folder)
    if partner not in (HUB, *workspace.plans.partners()):
        fail(
            f"there is no partner {partner}; there are: {', '.join(workspace.plans.partners())}, and {HUB} for our own"
        )
    method: AuthMethod = "client_secret_basic" if jwks is None else "private_key_jwt"
    new = NewClient(client_id, partner, method, None if jwks is None else _keys(jwks))
    added = administer(workspace, lambda administration: administration.add_client(new))
    secret = added.secret.reveal() if added.secret else None
    if output == "json":
        print_json({"client_id": client_id, "partner": partner, "auth_method": method, "client_secret": secret})
        return
    out().print(f"{client_id} of {partner} is registered")
    if secret is not None:
        out().print(f"secret  {secret}\n[dim]Keep it: it is stored as a hash only.[/]", soft_wrap=True)


@app.command()
def disable(folder: Folder, client_id: ClientId) -> None:
    """Give a client no more tokens, and revoke those it has; within a second, while a gateway serves."""
    _set_disabled(folder, client_id, True)


@app.command()
def enable(folder: Folder, client_id: ClientId) -> None:
    """Let a disabled client get tokens again. Those from before stay revoked."""
    _set_disabled(folder, client_id, False)


@app.command()
def rotate(folder: Folder, client_id: ClientId, output: FormatOption = "text") -> None:
    """Give a client a second secret; the first one stays good for a week, so that the change needs no outage."""
    from gateway.commands.administering import administer

    secret = administer(open_workspace(folder), lambda administration: administration.change_secret(client_id))
    if output == "json":
        print_json({"client_id": client_id, "client_secret": secret.reveal()})
    else:
        out().print(f"secret  {secret.reveal()}\n[dim]The one before ends in seven days.[/]", soft_wrap=True)


def _set_disabled(folder: Path, client_id: str, disabled: bool) -> None:
    from gateway.commands.administering import administer

    administer(open_workspace(folder), lambda administration: administration.set_disabled(client_id, disabled))
    out().print(f"{client_id} is {'disabled' if disabled else 'enabled'}")


def _keys(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            read = json.loads(opened.read(_JWKS_BYTES_MAX + 1))
    except OSError as error:
        fail(f"{file}: {error.strerror or type(error).__name__}")
    except (ValueError, RecursionError):
        fail(f"{file}: this is no JSON of at most {_JWKS_BYTES_MAX} bytes")
    if not isinstance(read, dict):
        fail(f"{file}: a JWK set is an object with a member keys (RFC 7517 section 5)")
    return read


def _facts(client: "Client") -> dict[str, object]:
    names = ("client_id", "partner", "auth_method", "created_s", "disabled")
    return {name: getattr(client, name) for name in names}
