"""What a gateway needs from its start to its end: the state store with this gateway's secrets, work that goes on in the
background; and why a start may fail."""

import asyncio
import time
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from typing import Any

from msgspec import Struct

from gateway.audit.sidecar import HANDLE_SECRET, Subject, handle_of, subject_text
from gateway.oauth.authority import Authority, open_authority
from gateway.oauth.client_secret import load_pepper
from gateway.oauth.nonces import NONCE_SECRET
from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.opening import open_store
from gateway.store.server_secrets import PSEUDONYM_SECRET, ServerSecrets
from gateway.store.store import Store
from gateway.tlog.keys import LogKeys, OriginError, load_log_keys
from gateway.workspace import Workspace
from policies.keys import PartnerKeys


class StartError(Exception):
    """The gateway cannot start; the text is for the operator."""


class State(Struct, frozen=True):
    """What the state store holds that is needed from the start."""

    store: Store
    authority: Authority
    cursor_key: Hidden[bytes]
    throttle_key: Hidden[bytes]
    nonce_key: Hidden[bytes]
    pepper: Hidden[bytes]
    change_key: Hidden[bytes]
    pseudonym_key: Hidden[bytes]
    sidecar_key: Hidden[bytes]
    log_keys: LogKeys

    def keys_of(self, partner: str) -> PartnerKeys:
        """The keys of a partner's pseudonyms and commitments."""
        return PartnerKeys(self.pseudonym_key.reveal(), partner)

    def handle_of(self, person: Subject) -> bytes:
        """What counters know a person by; the sidecar's handle, so that they can be counted again from the log."""
        return handle_of(subject_text(person), self.sidecar_key)


async def open_state(workspace: Workspace, stack: AsyncExitStack) -> State:
    """The state store, and the secrets that it keeps for this gateway."""
    now_s = int(time.time())
    try:
        store = await open_store(workspace.settings, workspace.folder, warns=True)
        stack.push_async_callback(store.close)
        secrets = ServerSecrets(store)
        return State(
            store=store,
            authority=await open_authority(store, time.time()),
            cursor_key=await secrets.obtain("cursor", now_s),
            throttle_key=await secrets.obtain("throttle", now_s),
            nonce_key=await secrets.obtain(NONCE_SECRET, now_s),
            pepper=await load_pepper(store, now_s),
            change_key=await secrets.obtain("change", now_s),
            pseudonym_key=await secrets.obtain(PSEUDONYM_SECRET, now_s),
            sidecar_key=await secrets.obtain(HANDLE_SECRET, now_s),
            log_keys=await load_log_keys(store, workspace.settings, now_s),
        )
    except OriginError as error:
        raise StartError(str(error)) from None
    except StoreError as error:
        raise StartError(f"the state store cannot be used: {error}") from None


def in_background(work: Coroutine[Any, Any, Any], stack: AsyncExitStack) -> None:
    """Do it in the background, and end it with the gateway."""
    task = asyncio.create_task(work)

    async def end() -> None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    stack.push_async_callback(end)
