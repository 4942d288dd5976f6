"""clausegate token: an access token for a client, signed by whoever holds the workspace."""

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands.terminal import Folder, FormatOption, fail, open_workspace, print_json

if TYPE_CHECKING:
    from gateway.oauth.clients import ClientFault, IssuedToken
    from gateway.workspace import Workspace

NAME = "token"


def run(
    folder: Folder,
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="A registered OAuth client.")],
    port: Annotated[
        int | None, typer.Option("--port", help="The port it is served on, when that is not where it was served last.")
    ] = None,
    output: FormatOption = "text",
) -> None:
    """Print an access token for a client, good for five minutes.

    For trying things: it is signed with the key in the state store, so no secret of the client is needed. Partners get
    theirs from `POST /oauth/token`.
    """
    from gateway.oauth.clients import ClientFault
    from gateway.store.faults import StoreError
    from gateway.workspace import issuer_of

    workspace = open_workspace(folder)
    issuer = issuer_of(workspace) if port is None else workspace.settings.issuer(port)
    try:
        issued = asyncio.run(_issue(workspace, client_id, issuer))
    except StoreError as error:
        fail(f"the state store cannot be used: {error}")
    if isinstance(issued, ClientFault):
        fail(issued.reason)
    if output == "json":
        print_json(
            {"access_token": issued.token.reveal(), "scope": " ".join(issued.scopes), "expires": issued.expires_s}
        )
    else:
        typer.echo(issued.token.reveal())


async def _issue(workspace: "Workspace", client_id: str, issuer: str) -> "IssuedToken | ClientFault":
    from gateway.oauth.clients import issue_token
    from gateway.store.store import Store

    store = await Store.open(workspace.settings.database_url(workspace.folder))
    try:
        return await issue_token(
            store,
            client_id,
            issuer=issuer,
            scopes_of=workspace.plans.scopes_of,
            now_s=time.time(),
        )
    finally:
        await store.close()
