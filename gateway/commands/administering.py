"""What commands that change authority share: the workspace's store and log opened, errors said in one line."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.authority import Administration, AuthorityError, open_administration
from gateway.commands.terminal import fail
from gateway.store.faults import StoreError
from gateway.workspace import Workspace

ResultT = TypeVar("ResultT")


def administer(workspace: Workspace, work: Callable[[Administration], Awaitable[ResultT]]) -> ResultT:
    """Do `work` with the store and the log of a workspace, and close both; a refusal ends the command."""

    async def opened() -> ResultT:
        async with open_administration(workspace.settings, workspace.folder) as administration:
            return await work(administration)

    try:
        return asyncio.run(opened())
    except AuthorityError as error:
        fail(str(error))
    except StoreError as error:
        fail(f"the state store cannot be used: {error}")
