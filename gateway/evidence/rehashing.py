"""Recomputes a tree from the hashes of its leaves: every tile above them, and the root."""

from collections.abc import Callable

from gateway.evidence.members import BundleError
from gateway.tlog.merkle import Frontier
from gateway.tlog.tiles import HASH_BYTES, WIDTH, TilePath

Read = Callable[[str], bytes]
"""A tile's path -> its bytes."""


def root_of_tiles(read: Read, size: int) -> bytes:
    """The root over the level-0 tiles of a tree of `size`. Raises BundleError where a tile above is not what follows.

    One tile of each level is in memory.
    """
    frontier, upper = Frontier(), _Upper(read)
    for index in range(-(-size // WIDTH)):
        tile = TilePath(0, index, min(WIDTH, size - index * WIDTH))
        data = read(tile.text())
        if len(data) != tile.width * HASH_BYTES:
            raise BundleError("tile", tile.text(), -1, f"{tile.width * HASH_BYTES} bytes", len(data))
        hashes = [data[start : start + HASH_BYTES] for start in range(0, len(data), HASH_BYTES)]
        frontier = frontier.extended(hashes)
        if tile.width == WIDTH:
            upper.add(1, Frontier().extended(hashes).root())
    upper.finish()
    return frontier.root()


class _Upper:
    """The tiles above level 0, as they follow from full tiles below."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self._pending: list[list[bytes]] = []
        self._done: list[int] = []

    def add(self, level: int, node: bytes) -> None:
        """The root of a full tile of the level below."""
        while len(self._pending) < level:
            self._pending.append([])
            self._done.append(0)
        hashes = self._pending[level - 1]
        hashes.append(node)
        if len(hashes) == WIDTH:
            self._compare(level)
            self.add(level + 1, Frontier().extended(hashes).root())
            self._pending[level - 1] = []
            self._done[level - 1] += 1

    def finish(self) -> None:
        """Compare the partial tiles at the right."""
        for level, hashes in enumerate(self._pending, start=1):
            if hashes:
                self._compare(level)

    def _compare(self, level: int) -> None:
        hashes = self._pending[level - 1]
        path = TilePath(level, self._done[level - 1], len(hashes)).text()
        if self._read(path) != b"".join(hashes):
            raise BundleError("tile", path, -1, "the hashes that follow from the level below", "others")
