"""What `trace` and `reveal` share: the secret behind pseudonyms and commitments, looked for and never made."""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.commands.terminal import fail

if TYPE_CHECKING:
    from gateway.store.hidden import Hidden
    from gateway.workspace import Workspace


def pseudonym_secret(workspace: "Workspace") -> "Hidden[bytes]":
    """The secret in the workspace's state store; ends the command where there is none.

    Only looked for: one that was made now would find no pseudonym and open no commitment that was ever served.
    """
    from sqlalchemy.engine import make_url

    from gateway.store.faults import StoreError

    url = workspace.settings.database_url(workspace.folder)
    database = make_url(url).database if url.startswith("sqlite:") else None
    if database is not None and not Path(database).exists():
        fail(f"{database}: there is no state store: the keys of pseudonyms are in the one that was served with")
    try:
        found = asyncio.run(_find(workspace))
    except StoreError as error:
        fail(f"the state store cannot be used: {error}")
    if found is None:
        fail("the state store has no secret for pseudonyms: nothing was ever served from it")
    return found


async def _find(workspace: "Workspace") -> "Hidden[bytes] | None":
    from gateway.store.opening import open_store
    from gateway.store.server_secrets import PSEUDONYM_SECRET, ServerSecrets

    store = await open_store(workspace.settings, workspace.folder)
    try:
        return await ServerSecrets(store).find(PSEUDONYM_SECRET)
    finally:
        await store.close()
