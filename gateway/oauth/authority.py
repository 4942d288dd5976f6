"""What tokens are worth right now: the keys and the revocations, read from the store again and again."""

import asyncio
import logging
import sys
import time
from collections.abc import Callable, Mapping
from typing import NoReturn

from msgspec import Struct

from gateway.oauth.keys import KeyRing, ensure_signing_keys, load_key_ring
from gateway.store.clients import Clients
from gateway.store.faults import StoreError
from gateway.store.revocations import Revocations
from gateway.store.store import Store

_LOG = logging.getLogger("clausegate.oauth")
_ALWAYS = sys.maxsize


class Authority(Struct, frozen=True):
    """One moment's truth. `revoked_until_s` maps a client to the time up to which its tokens are revoked;
    `revoked_tokens` are those (`jti`) that were revoked one by one."""

    keys: KeyRing
    revoked_until_s: Mapping[str, int]
    revoked_tokens: frozenset[str] = frozenset()


async def open_authority(store: Store, now_s: float) -> Authority:
    """The authority of a starting gateway: makes the signing keys if there are none. Raises StoreError."""
    await ensure_signing_keys(store, int(now_s))
    return await load_authority(store, now_s)


async def load_authority(store: Store, now_s: float) -> Authority:
    """Read keys and revocations. Raises StoreError, LookupError without an active key."""
    keys = await load_key_ring(store, int(now_s))
    revocations = await Clients(store).revocations()
    return Authority(
        keys,
        {client_id: _ALWAYS if disabled else epoch_s for client_id, (disabled, epoch_s) in revocations.items()},
        await Revocations(store).live(int(now_s)),
    )


async def follow(
    store: Store,
    adopt: Callable[[Authority], None],
    *,
    interval_s: float = 0.5,
    now: Callable[[], float] = time.time,
) -> NoReturn:
    """Hand every change to `adopt`, until cancelled: half a second and a query is less than the second in which a
    revocation has to reach every worker (FORMATS, OAuth profile).

    While the store cannot be read the last authority stays: known revocations hold, tokens live five minutes.
    """
    faulty = False
    while True:
        try:
            adopt(await load_authority(store, now()))
            if faulty:
                _LOG.info("keys and revocations are being read again")
            faulty = False
        except (StoreError, LookupError) as error:
            if not faulty:
                _LOG.warning("keys and revocations cannot be read: %s", error)
            faulty = True
        await asyncio.sleep(interval_s)
