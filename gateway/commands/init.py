"""clausegate init: a workspace to begin with."""

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer

from gateway.commands.terminal import fail, open_workspace, out

NAME = "init"
_CLIENT = "first-partner-app"


def run(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new or empty folder.")],
) -> None:
    """Write a commented starter workspace: one product, one policy, one agreement, and data to try them on.

    It passes `check` and can be served at once. A console account and an OAuth client are made with it; their
    passwords are shown this once.
    """
    from gateway.authority import AuthorityError, NewClient
    from gateway.provision import provision
    from gateway.starter import write_starter
    from gateway.store.faults import StoreError

    try:
        written = write_starter(folder)
    except OSError as error:
        fail(f"{folder}: {error.strerror or error}")
    workspace = open_workspace(folder)
    partner = workspace.plans.partners()[0]
    try:
        account, (client,) = asyncio.run(
            provision(workspace, "admin", [NewClient(_CLIENT, partner, "client_secret_basic")])
        )
    except (AuthorityError, StoreError) as error:
        fail(str(error))
    console = out()
    console.print(f"[green]{len(written)} files[/] in {os.fspath(folder)}; begin with README.md there", soft_wrap=True)
    console.print(f"console    user {account.username}, password {account.password.reveal()}", soft_wrap=True)
    secret = client.secret.reveal() if client.secret else ""
    console.print(f"client     {client.client_id}, secret {secret}", soft_wrap=True)
    console.print("[dim]Keep both: they are stored as hashes only and cannot be shown again.[/]")
    console.print(f"next       clausegate check {folder} && clausegate serve {folder}", soft_wrap=True)
