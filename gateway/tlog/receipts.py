"""From a receipt's leaf hash to its proof: where the record stands in the published tree, and the path to its root."""

import re
import time
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from msgspec import Struct

from gateway.tlog.checkpoint import SignedCheckpoint, open_checkpoint
from gateway.tlog.layout import CHECKPOINT
from gateway.tlog.merkle import inclusion_proof, is_included
from gateway.tlog.note import VerifierKey
from gateway.tlog.proof import format_proof
from gateway.tlog.spelling import parse_hash
from gateway.tlog.target import Target
from gateway.tlog.tiles import HASH_BYTES, WIDTH, Fetch, TileError, TilePath, TileTree

Sleep: TypeAlias = Callable[[float], Awaitable[object]]

WAIT_MS_MAX = 10_000
"""Longer than this no caller is kept waiting, however slowly trees are built."""
_POLLS = 20
_HEX = re.compile(r"[0-9a-fA-F]{64}", re.ASCII)


class Searched(Struct, frozen=True):
    """The `.tlog-proof` text, "" when the record is not there; and the size of the tree that was looked through."""

    proof: str
    size: int


Find: TypeAlias = Callable[[int], Awaitable[Searched]]
"""find_proof for one leaf hash, on whichever thread: takes `after`."""


class Sought(Struct, frozen=True):
    """Whose record: the tree's folder below the target, and the key that signs its checkpoints."""

    target: Target
    tree: str
    key: VerifierKey

    def fetch(self, path: str) -> bytes | None:
        """A file of the tree. Raises OSError."""
        return self.target.read(f"{self.tree}/{path}")


def parse_leaf_hash(text: str) -> bytes | None:
    """The 32 bytes of a leaf hash: 64 hex digits, base64 or base64url, padded or not; None for anything else."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text)
    return parse_hash(text.replace("-", "+").replace("_", "/").removesuffix("=") + "=")


def find_proof(sought: Sought, leaf: bytes, after: int = 0) -> Searched:
    """Look for a leaf hash in the published tree, newest first, and prove it under the published checkpoint.

    `after` leaves are known not to be it. The proof is checked before it is handed out. Raises OSError, and TileError
    when what is published does not hold together.
    """
    published = _published(sought)
    if published is None:
        return Searched("", 0)
    size = published.checkpoint.size
    index = _position(sought.fetch, size, leaf, after)
    if index is None:
        return Searched("", size)
    path = inclusion_proof(index, size, TileTree(sought.fetch, size).node)
    if not is_included(index, size, leaf, path, published.checkpoint.root):
        raise TileError(CHECKPOINT, "its root is not that of the tiles")
    return Searched(format_proof(index, path, published.note), size)


async def await_proof(
    find: Find, wait_ms: int, *, sleep: Sleep, monotonic_s: Callable[[], float] = time.monotonic
) -> str:
    """The proof, waited for when the record is not in the tree yet; "" when it does not come in `wait_ms`.

    Raises what `find` does.
    """
    wait_s = min(wait_ms, WAIT_MS_MAX) / 1000
    deadline_s = monotonic_s() + wait_s
    searched = await find(0)
    while not searched.proof and monotonic_s() < deadline_s:
        await sleep(wait_s / _POLLS)
        searched = await find(searched.size)
    return searched.proof


def _published(sought: Sought) -> SignedCheckpoint | None:
    data = sought.fetch(CHECKPOINT)
    if data is None:
        return None
    opened = open_checkpoint(data, sought.key)
    if opened is None:
        raise TileError(CHECKPOINT, "it is not signed by this log's key")
    return opened


def _position(fetch: Fetch, size: int, leaf: bytes, after: int) -> int | None:
    """The index of a leaf hash among leaves [after, size). Reads tiles and not single hashes: there may be millions."""
    for index in range((size - 1) // WIDTH, after // WIDTH - 1, -1):
        hashes = _tile(fetch, index, min(WIDTH, size - index * WIDTH))
        place = hashes.find(leaf)
        while place >= 0 and place % HASH_BYTES:  # the same bytes across two hashes are no hash
            place = hashes.find(leaf, place + 1)
        if place >= 0:
            return index * WIDTH + place // HASH_BYTES
    return None


def _tile(fetch: Fetch, index: int, width: int) -> bytes:
    """The first `width` hashes of a tile of level 0; the full one may have replaced a partial one."""
    path = TilePath(0, index, width).text()
    data = fetch(path)
    if data is None and width < WIDTH:
        data = fetch(TilePath(0, index).text())
    if data is None or len(data) < width * HASH_BYTES:
        raise TileError(path, "it is missing or too short")
    return data[: width * HASH_BYTES]
