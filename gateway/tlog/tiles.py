"""C2SP tlog-tiles: paths of tiles and entry bundles, their bytes, and the nodes of a tree read from them."""

import re
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from gateway.tlog.merkle import NodeAt, parents_of

WIDTH = 256
HASH_BYTES = 32
ENTRY_BYTES_MAX: Final = 65_535

Level: TypeAlias = int | Literal["entries"]
Fetch: TypeAlias = Callable[[str], bytes | None]
"""A path below the log's prefix -> its bytes; None when there is no such file. May raise OSError."""

_LEVELS_PER_TILE = 8
_TILES_KEPT = 64
_PATH = re.compile(r"tile/(entries|[0-9]{1,2})/((?:x[0-9]{3}/){0,6}[0-9]{3})(?:\.p/([0-9]{1,3}))?")


class TileError(Exception):
    """A tile or bundle is missing or is not what the tree needs. `path` is its path below the log's prefix."""

    def __init__(self, path: str, what: str) -> None:
        super().__init__(f"{path}: {what}")
        self.path = path
        self.what = what


class TilePath(Struct, frozen=True):
    """Which tile: `width` is WIDTH for a full one, 1 to 255 for a partial one."""

    level: Level
    index: int
    width: int = WIDTH

    def text(self) -> str:
        """`tile/0/x001/x234/067`, `tile/entries/000.p/17`."""
        partial = "" if self.width == WIDTH else f".p/{self.width}"
        return f"tile/{self.level}/{index_path(self.index)}{partial}"


def parse_tile_path(path: str) -> TilePath | None:
    """The tile that a path names; None for any other text, non-canonical spellings included."""
    match = _PATH.fullmatch(path)
    if match is None:
        return None
    level, index, width = match.groups()
    tile = TilePath(
        "entries" if level == "entries" else int(level),
        int(index.replace("x", "").replace("/", "")),
        WIDTH if width is None else int(width),
    )
    in_range = (tile.level == "entries" or tile.level < 64) and (width is None or 0 < tile.width < WIDTH)
    return tile if in_range and tile.text() == path else None


def index_path(index: int) -> str:
    """1234067 -> x001/x234/067. Raises ValueError for a negative index."""
    if index < 0:
        raise ValueError("no tile has a negative index")
    index, last = divmod(index, 1000)
    path = f"{last:03}"
    while index:
        index, group = divmod(index, 1000)
        path = f"x{group:03}/{path}"
    return path


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Each entry behind its length in 16 bits, big-endian. Raises ValueError for an entry over 65,535 bytes."""
    parts: list[bytes] = []
    for entry in entries:
        size = len(entry)
        if size > ENTRY_BYTES_MAX:
            raise ValueError(f"an entry of {size} bytes is too long for a bundle")
        parts.append(size.to_bytes(2))
        parts.append(entry)
    return b"".join(parts)


def decode_bundle(data: bytes) -> list[bytes]:
    """The entries of a bundle. Raises ValueError when the bytes do not end with an entry."""
    entries: list[bytes] = []
    start, end = 0, len(data)
    while start < end:
        after = start + 2 + int.from_bytes(data[start : start + 2])
        if start + 2 > end or after > end:
            raise ValueError("a bundle ends within an entry")
        entries.append(data[start + 2 : after])
        start = after
    return entries


def tiles_of(size: int) -> Iterator[TilePath]:
    """Every tile and bundle that a tree of `size` consists of, partial ones last of their level."""
    yield from _tiles_at("entries", size)
    level, hashes = 0, size
    while hashes:
        yield from _tiles_at(level, hashes)
        level, hashes = level + 1, hashes // WIDTH


def _tiles_at(level: Level, count: int) -> Iterator[TilePath]:
    full, partial = divmod(count, WIDTH)
    for index in range(full):
        yield TilePath(level, index)
    if partial:
        yield TilePath(level, full, partial)


class TileTree:
    """A published tree of a certain size, read tile by tile; tiles are kept while this object lives (at most 64).

    A partial tile that is gone is looked for as the full tile that replaced it. Raises TileError.
    """

    def __init__(self, fetch: Fetch, size: int) -> None:
        self._fetch, self.size = fetch, size
        # Each tile as the levels of its own small tree, from its hashes upwards, as far as they were asked for.
        self._kept: OrderedDict[tuple[int, int], list[list[bytes]]] = OrderedDict()

    @property
    def node(self) -> NodeAt:
        """For merkle.inclusion_proof and merkle.consistency_proof."""
        return self._node

    def entries(self, start: int, end: int) -> Iterator[bytes]:
        """Entries [start, end) in order, bundle by bundle. Raises ValueError unless 0 <= start <= end <= size."""
        for tile, first, last in self._covering("entries", start, end):
            data, path = self._read(tile)
            try:
                entries = decode_bundle(data)
            except ValueError as error:
                raise TileError(path, str(error)) from None
            expected = tile.width if path == tile.text() else WIDTH
            if len(entries) != expected:
                raise TileError(path, f"{len(entries)} entries instead of {expected}")
            yield from entries[first:last]

    def leaf_hashes(self, start: int, end: int) -> Iterator[bytes]:
        """Leaf hashes [start, end) from level-0 tiles. Raises ValueError unless 0 <= start <= end <= size."""
        for tile, first, last in self._covering(0, start, end):
            yield from self._hashes(tile)[first:last]

    def _covering(self, level: Level, start: int, end: int) -> Iterator[tuple[TilePath, int, int]]:
        """The tiles over [start, end), and which part of each belongs to it."""
        if not 0 <= start <= end <= self.size:
            raise ValueError(f"a tree of {self.size} has no range from {start} to {end}")
        for index in range(start // WIDTH, -(-end // WIDTH)):
            before = index * WIDTH
            yield self._tile(level, index), max(start - before, 0), min(end - before, WIDTH)

    def _node(self, level: int, index: int) -> bytes:
        tile_level, inside = divmod(level, _LEVELS_PER_TILE)
        per_tile = WIDTH >> inside
        tile_index, place = divmod(index, per_tile)
        if not 0 <= index < self.size >> level:
            raise TileError(f"tile/{tile_level}", f"a tree of {self.size} has no node {index} of level {level}")
        levels = self._levels(tile_level, tile_index)
        while len(levels) <= inside:
            levels.append(parents_of(levels[-1]))
        return levels[inside][place]

    def _levels(self, level: int, index: int) -> list[list[bytes]]:
        kept = self._kept
        levels = kept.get((level, index))
        if levels is not None:
            kept.move_to_end((level, index))
            return levels
        levels = kept[level, index] = [self._hashes(self._tile(level, index))]
        if len(kept) > _TILES_KEPT:
            kept.popitem(last=False)
        return levels

    def _tile(self, level: Level, index: int) -> TilePath:
        """The tile as wide as this tree makes it."""
        count = self.size if level == "entries" else self.size >> (level * _LEVELS_PER_TILE)
        return TilePath(level, index, min(WIDTH, count - index * WIDTH))

    def _hashes(self, tile: TilePath) -> list[bytes]:
        data, path = self._read(tile)
        expected = HASH_BYTES * (tile.width if path == tile.text() else WIDTH)
        if len(data) != expected:
            raise TileError(path, f"{len(data)} bytes instead of {expected}")
        return [data[start : start + HASH_BYTES] for start in range(0, tile.width * HASH_BYTES, HASH_BYTES)]

    def _read(self, tile: TilePath) -> tuple[bytes, str]:
        """The bytes, and the path where they were found."""
        path = tile.text()
        data = self._fetch(path)
        if data is not None:
            return data, path
        if tile.width < WIDTH:
            full = TilePath(tile.level, tile.index).text()
            data = self._fetch(full)
            if data is not None:
                return data, full
        raise TileError(path, "not there")
