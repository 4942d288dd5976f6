"""clausegate token: an access token for a client, signed by whoever holds the workspace."""

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gateway.commands.proof import NO_KEY, read_pem
from gateway.commands.terminal import Folder, FormatOption, fail, open_workspace, print_json

if TYPE_CHECKING:
    from gateway.oauth.clients import ClientFault, IssuedToken
    from gateway.oauth.issuing import Unfit
    from gateway.oauth.tokens import Held
    from gateway.workspace import Workspace

NAME = "token"


def run(
    folder: Folder,
    client_id: Annotated[str, typer.Argument(metavar="CLIENT_ID", help="A registered OAuth client.")],
    *,
    port: Annotated[
        int | None, typer.Option("--port", help="The port it is served on, when that is not where it was served last.")
    ] = None,
    dpop_key: Annotated[
        Path | None,
        typer.Option("--dpop-key", metavar="PEM", help="Bind it to this private key: see `clausegate proof`."),
    ] = None,
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", metavar="PEM", help="Bind it to this client certificate (mTLS)."),
    ] = None,
    output: FormatOption = "text",
) -> None:
    """Print an access token for a client, good for five minutes.

    For trying things: it is signed with the key in the state store, so no secret of the client is needed. Partners get
    theirs from `POST /oauth/token`. Where the client's agreement asks for a token that is bound to a key or to a
    certificate, say to which.
    """
    from gateway.oauth.clients import ClientFault
    from gateway.oauth.issuing import Unfit
    from gateway.store.faults import StoreError
    from gateway.workspace import issuer_of

    held = _held(dpop_key, certificate)
    workspace = open_workspace(folder)
    issuer = issuer_of(workspace) if port is None else workspace.settings.issuer(port)
    try:
        issued = asyncio.run(_issue(workspace, client_id, issuer, held))
    except StoreError as error:
        fail(f"the state store cannot be used: {error}")
    if isinstance(issued, ClientFault):
        fail(issued.reason)
    if isinstance(issued, Unfit):
        fail(_asked(issued, client_id))
    if output == "json":
        scheme = "DPoP" if held.binding == "dpop" else "Bearer"
        token, scope = issued.token.reveal(), " ".join(issued.scopes)
        print_json({"access_token": token, "token_type": scheme, "scope": scope, "expires": issued.expires_s})
    else:
        typer.echo(issued.token.reveal())


def _held(dpop_key: Path | None, certificate: Path | None) -> "Held":
    """What the token is to be bound to."""
    from gateway.oauth.issuing import certificate_held
    from gateway.oauth.proof import read_proof_key
    from gateway.oauth.tokens import UNBOUND, Held

    if dpop_key is not None and certificate is not None:
        fail("a token is bound to one thing: give --dpop-key or --certificate")
    if dpop_key is not None:
        key = read_proof_key(read_pem(dpop_key))
        if key is None:
            fail(f"{dpop_key}: {NO_KEY}")
        return Held("dpop", key.thumbprint)
    if certificate is not None:
        bound = certificate_held(read_pem(certificate))
        return bound if bound is not None else fail(f"{certificate}: this is no certificate as PEM")
    return UNBOUND


def _asked(unfit: "Unfit", client_id: str) -> str:
    """What the agreement asks for, and how to do it."""
    clause = unfit.asked.clause
    named = f"clause {clause.id} of {clause.agreement}"
    if unfit.why == "method":
        admitted = ", ".join(sorted(unfit.asked.methods))
        return f"{client_id} authenticates by {unfit.auth_method}, and {named} admits: {admitted}"
    how = {"none": "no option", "dpop": "--dpop-key PEM", "mtls": "--certificate PEM"}
    ways = " or ".join(said for binding, said in how.items() if binding in unfit.asked.bindings)
    return f"{named} says what a token is bound to: {ways}"


async def _issue(
    workspace: "Workspace", client_id: str, issuer: str, held: "Held"
) -> "IssuedToken | Unfit | ClientFault":
    from gateway.oauth.issuing import issue
    from gateway.store.opening import open_store

    store = await open_store(workspace.settings, workspace.folder)
    try:
        return await issue(store, workspace.plans, client_id, issuer=issuer, now_s=time.time(), held=held)
    finally:
        await store.close()
