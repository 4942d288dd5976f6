"""What changes authority, each with its record on the audit log: clients, people, signing keys.

The record comes first and is durable before the change is made: a change that nobody can prove must not be possible,
and one that failed after its record shows in the log as one that can be looked for. May run beside a serving gateway.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from gateway.audit.administration import open_admin
from gateway.audit.faults import LogFault
from gateway.authority_clients import ClientAuthority
from gateway.authority_people import PeopleAuthority
from gateway.authority_record import AuthorityError, record
from gateway.oauth.clients import NewClient
from gateway.oauth.keys import new_signing_key, rotate_signing_keys
from gateway.settings import Settings
from gateway.store.opening import open_store
from gateway.store.signing_keys import SigningKey, SigningKeys

__all__ = ["Administration", "AuthorityError", "NewClient", "open_administration", "record"]


class Administration(ClientAuthority, PeopleAuthority):
    """An open state store and an end of the log of its own. Every method raises AuthorityError and StoreError.

    What is granted and imposed beside the contracts, gateway/authority_limits.py changes with the same two.
    """

    async def rotate_keys(self, *, compromised: bool = False) -> str:
        """Let the pending key sign access tokens; its kid. No token is refused: both keys verify.

        `compromised`: the key that signed until now verifies nothing any more, and its tokens are refused.
        """
        keys = await SigningKeys(self.store).all()
        active, pending = ([key for key in keys if key.state == state] for state in ("active", "pending"))
        if not (active and pending):
            raise AuthorityError("there is no pending key: `clausegate serve` makes the first ones")
        following = new_signing_key("pending", _now_s())
        await self._record("key-created", following.kid)
        if compromised:
            await self._record("key-withdrawn", active[0].kid)
        await self._record("key-rotated", pending[0].kid)
        return await rotate_signing_keys(self.store, _now_s(), following, compromised=compromised)

    async def keys(self) -> tuple[SigningKey, ...]:
        """Every signing key, the active one first."""
        return await SigningKeys(self.store).all()


@asynccontextmanager
async def open_administration(settings: Settings, folder: Path, wait_s: float = 5.0) -> AsyncIterator[Administration]:
    """The store and the log of a workspace, for changes of authority. Raises AuthorityError, StoreError."""
    writer = open_admin(settings, folder, wait_s)
    if isinstance(writer, LogFault):
        raise AuthorityError(f"the audit log cannot be opened: {writer.kind}: {writer.detail}")
    try:
        store = await open_store(settings, folder)
        try:
            yield Administration(store, writer)
        finally:
            await store.close()
    finally:
        writer.close()


def _now_s() -> int:
    return int(time.time())
