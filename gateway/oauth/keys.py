"""The keys that sign access tokens: made, published as JWKS, rotated."""

import asyncio
import json
import logging
from functools import lru_cache
from typing import Any

from joserfc.jwk import ECKey
from msgspec import Struct

from gateway.oauth.jose import CLOCK_SKEW_S
from gateway.oauth.tokens import LIFETIME_S
from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.signing_keys import KeptKey, KeyState, SigningKey, SigningKeys
from gateway.store.store import Store

# After its last signature a key is published for as long as a token of it may be in use, and a little longer for
# whoever keeps a copy of the key set.
RETIRED_FOR_S = LIFETIME_S + CLOCK_SKEW_S + 300
_PATIENCE_S = 0.2
_IMPORTED_MAX = 16

_LOG = logging.getLogger("clausegate.oauth")


class Signer(Struct, frozen=True):
    """The active key, ready to sign."""

    kid: str
    key: ECKey


class KeyRing(Struct, frozen=True):
    """The keys at one moment: the one that signs, those that verify by kid, and the JWK set (RFC 7517 section 5)."""

    signer: Signer
    verifying: dict[str, ECKey]
    jwks: bytes


def new_signing_key(state: KeyState, now_s: int) -> SigningKey:
    """A P-256 key; its kid is its RFC 7638 thumbprint."""
    key = ECKey.generate_key("P-256", private=True)
    return SigningKey(
        kid=key.thumbprint(),
        private_jwk=Hidden(json.dumps(key.as_dict(private=True))),
        state=state,
        created_s=now_s,
        activated_s=now_s if state == "active" else None,
    )


async def ensure_signing_keys(store: Store, now_s: int) -> None:
    """Make the first active and pending key if there is none. Raises StoreError."""
    keys = SigningKeys(store)
    missing = {"active", "pending"} - {key.state for key in await keys.kept()}
    states: tuple[KeyState, ...] = ("active", "pending")
    await keys.add_missing(tuple(new_signing_key(state, now_s) for state in states if state in missing))


async def rotate_signing_keys(
    store: Store, now_s: int, following: SigningKey | None = None, *, compromised: bool = False
) -> str:
    """Let the pending key sign, which every node has published long since; returns its kid. Raises StoreError.

    `following` takes its place as the pending one; a new key unless it is given. `compromised`: the one that signed
    until now verifies nothing from now on, as if it had retired long ago.
    """
    keys = SigningKeys(store)
    forget_before_s = now_s - RETIRED_FOR_S
    retired_s = forget_before_s if compromised else now_s
    await keys.rotate(following or new_signing_key("pending", now_s), now_s, forget_before_s, retired_s)
    return next(key.kid for key in await keys.kept() if key.state == "active")


def forgotten_s(retired_s: int | None) -> int | None:
    """When a key that retired then verifies nothing any more; None for one that has not retired."""
    return None if retired_s is None else retired_s + RETIRED_FOR_S


async def load_key_ring(store: Store, now_s: int) -> KeyRing:
    """The keys as they are now. Raises StoreError, LookupError when there is no active key.

    This runs twice a second, so nothing is opened or imported twice; and what it is loaded with, revocations, has to
    be there within a second, so a pending key that an engine does not open at once is published a little later.
    """
    signer: Signer | None = None
    verifying: dict[str, ECKey] = {}
    published: list[dict[str, Any]] = []
    keys = SigningKeys(store)
    for row in await keys.kept():
        if row.retired_s is not None and row.retired_s + RETIRED_FOR_S <= now_s:
            continue
        opened = await _opened(keys, row)
        if opened is None:
            continue
        private, public, jwk = _imported(row.kid, opened.private_jwk.reveal())
        published.append(jwk)
        verifying[row.kid] = public
        if row.state == "active":
            signer = Signer(row.kid, private)
    if signer is None:
        raise LookupError("the state store holds no active signing key")
    return KeyRing(signer, verifying, json.dumps({"keys": published}, separators=(",", ":")).encode())


async def _opened(keys: SigningKeys, row: KeptKey) -> SigningKey | None:
    if row.state == "active":
        return await keys.open(row)
    try:
        async with asyncio.timeout(_PATIENCE_S):
            return await keys.open(row)
    except TimeoutError:
        return None
    except StoreError as error:
        _LOG.warning("a key that does not sign is left out: %s", error)
        return None


@lru_cache(_IMPORTED_MAX)
def _imported(kid: str, private_jwk: str) -> tuple[ECKey, ECKey, dict[str, Any]]:
    """The key to sign with, the one to verify with, and what is published of it."""
    private = ECKey.import_key(json.loads(private_jwk))
    jwk = private.as_dict(private=False, kid=kid, alg="ES256", use="sig")
    return private, ECKey.import_key(jwk), jwk
