"""What commands that only look share: the state store opened for reading, errors said in one line."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from gateway.commands.terminal import fail
from gateway.store.faults import StoreError
from gateway.store.opening import open_store
from gateway.store.store import Store
from gateway.workspace import Workspace

ResultT = TypeVar("ResultT")


def reading(workspace: Workspace, read: Callable[[Store], Awaitable[ResultT]]) -> ResultT:
    """Do `read` with the state store of a workspace, and close it; a fault ends the command."""

    async def opened() -> ResultT:
        store = await open_store(workspace.settings, workspace.folder)
        try:
            return await read(store)
        finally:
            await store.close()

    try:
        return asyncio.run(opened())
    except StoreError as error:
        fail(f"the state store cannot be used: {error}")
