"""Makes a tree larger: which files follow from new entries, and whether what was read back is the tree it should be.

Making and checking share no code but the hash function: what one gets wrong the other finds. All of it is pure but for
the files that are fetched.
"""

from collections.abc import Iterator, Sequence
from hashlib import sha256
from struct import Struct as Pairs

from msgspec import Struct

from gateway.tlog.merkle import EMPTY_ROOT, node_hash
from gateway.tlog.tiles import HASH_BYTES, WIDTH, Fetch, Level, TilePath, encode_bundle

_TILE_BYTES = WIDTH * HASH_BYTES
_SHIFT = 8
"""A tile's hash stands for 2 ** 8 hashes of the level below."""
_PAIRS = {size: Pairs("64s" * (size // 64)) for size in (2 * HASH_BYTES << level for level in range(_SHIFT))}
"""How so many bytes of hashes are taken apart into pairs."""


class Edge(Struct, frozen=True):
    """The right edge of a tree, which is all that appending needs.

    `bundle` are the entries behind the last full bundle; `tiles` the hashes behind the last full tile, level by level.
    """

    size: int = 0
    bundle: bytes = b""
    tiles: tuple[bytes, ...] = ()

    def root(self) -> bytes:
        """The tree's root; EMPTY_ROOT for size 0."""
        root = b""
        for tile in self.tiles:
            for subtree in _subtrees(tile):
                root = node_hash(subtree, root) if root else subtree
        return root or EMPTY_ROOT


class Extension(Struct, frozen=True):
    """A tree after it grew: files by path below its folder, the new edge and its root.

    `stale` are partial tiles and bundles, some of which may exist, that full ones in `files` replace.
    """

    files: dict[str, bytes]
    edge: Edge
    root: bytes
    stale: tuple[str, ...]


class TreeFault(Struct, frozen=True):
    """A file that is not what the tree needs. `path` is below the tree's folder; `detail` has numbers and hashes."""

    path: str
    detail: str


def load_edge(fetch: Fetch, size: int, root: bytes) -> Edge | TreeFault:
    """The edge of a published tree of this size, if it leads to this root. The bundle's entries are not hashed.

    Raises OSError.
    """
    tiles = _edge_tiles(fetch, size)
    if isinstance(tiles, TreeFault):
        return tiles
    bundle = b""
    if size % WIDTH:
        path = TilePath("entries", size // WIDTH, size % WIDTH).text()
        found = fetch(path)
        if found is None:
            return TreeFault(path, "not there")
        bundle = found
    edge = Edge(size, bundle, tiles)
    if edge.root() != root:
        return TreeFault(f"tree of {size}", f"root {edge.root().hex()} instead of {root.hex()}")
    return edge


def extend(edge: Edge, entries: Sequence[bytes], leaf_hashes: Sequence[bytes]) -> Extension:
    """The tree with these entries behind, `leaf_hashes` being theirs. Raises ValueError for an entry over 65,535 bytes.

    The same edge and entries give the same bytes, whoever computes them.
    """
    files: dict[str, bytes] = {}
    stale: list[str] = []
    size, before = edge.size, edge.size % WIDTH
    bundle = edge.bundle
    start = 0
    while start < len(entries):
        taken = entries[start : start + WIDTH - before]
        bundle += encode_bundle(taken)
        start += len(taken)
        width = before + len(taken)
        files[TilePath("entries", (size + start - 1) // WIDTH, width).text()] = bundle
        if width == WIDTH:
            bundle, before = b"", 0
    if start and size // WIDTH < (size + start) // WIDTH:
        stale.extend(_partial_paths("entries", size))
    tiles = _extend_tiles(edge, b"".join(leaf_hashes), files, stale)
    grown = Edge(size + len(entries), bundle, tiles)
    return Extension(files, grown, grown.root(), tuple(stale))


def verify_extension(fetch: Fetch, old_size: int, old_root: bytes, new_size: int, new_root: bytes) -> TreeFault | None:
    """Whether the files that `fetch` reads make the tree of `old_size` one of `new_size`; the first place if not.

    Every new entry is hashed and compared with its tile, every new tile with those above it; both roots must follow
    from the tiles that were read, so the old tree is a prefix of the new one. Raises OSError.
    """
    levels: list[bytes] = []
    below = _leaves(fetch, old_size, new_size)
    level, old, new = 0, old_size, new_size
    while new:
        if isinstance(below, TreeFault):
            return below
        read = _read_level(fetch, level, old, new)
        if isinstance(read, TreeFault):
            return read
        # What stood in the first tile before has no tile below that was read: the old root vouches for it.
        known = read[(old % WIDTH if level else 0) * HASH_BYTES :]
        if known != below:
            return _differing(level, old if level else old - old % WIDTH, new, known, below)
        levels.append(read)
        below = b"".join(_tile_root(read[at : at + _TILE_BYTES]) for at in range(0, _full_bytes(read), _TILE_BYTES))
        level, old, new = level + 1, old >> _SHIFT, new >> _SHIFT
    return _root_fault(levels, old_size, old_root, "old") or _root_fault(levels, new_size, new_root, "new", old_size)


def _root_fault(levels: Sequence[bytes], size: int, root: bytes, which: str, old_size: int = -1) -> TreeFault | None:
    """Whether the root over the edge of a tree of `size` is another one. Each level begins with its old first tile."""
    tiles = []
    old = size if old_size < 0 else old_size
    for level, hashes in enumerate(levels):
        first = (old >> (level * _SHIFT)) // WIDTH * WIDTH
        count = size >> (level * _SHIFT)
        begin = (count - count % WIDTH - first) * HASH_BYTES
        tiles.append(hashes[begin : begin + count % WIDTH * HASH_BYTES])
    found = Edge(size, b"", tuple(tiles)).root()
    if found == root:
        return None
    return TreeFault(f"tree of {size}", f"{which} root {found.hex()} instead of {root.hex()}")


def _extend_tiles(edge: Edge, new: bytes, files: dict[str, bytes], stale: list[str]) -> tuple[bytes, ...]:
    """The partial tiles of the grown tree; files and paths that they replace are added to those given."""
    tiles: list[bytes] = []
    level = 0
    while new or level < len(edge.tiles):
        count = edge.size >> (level * _SHIFT)
        index = count // WIDTH
        hashes = (edge.tiles[level] if level < len(edge.tiles) else b"") + new
        end = _full_bytes(hashes)
        rest = hashes[end:]
        full = [hashes[at : at + _TILE_BYTES] for at in range(0, end, _TILE_BYTES)]
        files.update((TilePath(level, index + nth).text(), tile) for nth, tile in enumerate(full))
        if rest and new:
            files[TilePath(level, index + len(full), len(rest) // HASH_BYTES).text()] = rest
        if full:
            stale.extend(_partial_paths(level, count))
        tiles.append(rest)
        new = b"".join(map(_tile_root, full))
        level += 1
    return tuple(tiles)


def _partial_paths(level: Level, count: int) -> Iterator[str]:
    """Every partial tile that a tree may have had where its last tile of `count % WIDTH` hashes stands."""
    tile = TilePath(level, count // WIDTH).text()  # the others are spelled from it: a step may name ten thousand
    return (f"{tile}.p/{width}" for width in range(1, count % WIDTH + 1))


def _leaves(fetch: Fetch, old: int, new: int) -> bytes | TreeFault:
    """The leaf hashes of all bundles that hold an entry of [old, new), the first bundle whole."""
    parts = []
    for tile in _tiles("entries", old, new):
        data = fetch(tile.text())
        if data is None:
            return TreeFault(tile.text(), "not there")
        hashes = _hashed(data)
        if hashes is None or len(hashes) != tile.width:
            return TreeFault(tile.text(), f"not {tile.width} entries")
        parts.append(b"".join(hashes))
    return b"".join(parts)


def _hashed(bundle: bytes) -> list[bytes] | None:
    """The leaf hash of each entry; None when the bytes do not end with an entry."""
    entries = []
    start, end = 0, len(bundle)
    while start + 2 <= end:
        begin = start + 2
        start = begin + (bundle[start] << 8 | bundle[start + 1])
        entries.append(bundle[begin:start])
    hasher = sha256
    return [hasher(b"\x00" + entry).digest() for entry in entries] if start == end else None


def _read_level(fetch: Fetch, level: int, old: int, new: int) -> bytes | TreeFault:
    """The hashes of a level from its old last tile on."""
    parts = []
    for tile in _tiles(level, old, new):
        data = fetch(tile.text())
        if data is None or len(data) != tile.width * HASH_BYTES:
            found = "not there" if data is None else f"{len(data)} bytes instead of {tile.width * HASH_BYTES}"
            return TreeFault(tile.text(), found)
        parts.append(data)
    return b"".join(parts)


def _tiles(level: Level, old: int, new: int) -> Iterator[TilePath]:
    """The tiles from the one that the old tree ended in to the one that the new tree ends in."""
    for index in range(old // WIDTH, -(-new // WIDTH)):
        yield TilePath(level, index, min(WIDTH, new - index * WIDTH))


def _edge_tiles(fetch: Fetch, size: int) -> tuple[bytes, ...] | TreeFault:
    """The partial tile of each level of a tree, b"" where the level ends with a full one."""
    tiles = []
    level, count = 0, size
    while count:
        tile = b""
        if count % WIDTH:
            found = _read_level(fetch, level, count, count)
            if isinstance(found, TreeFault):
                return found
            tile = found
        tiles.append(tile)
        level, count = level + 1, count >> _SHIFT
    return tuple(tiles)


def _subtrees(tile: bytes) -> Iterator[bytes]:
    """The roots of the perfect subtrees over a partial tile's hashes, from right (smallest) to left."""
    width = len(tile) // HASH_BYTES
    while width:
        step = width & -width
        yield _tile_root(tile[(width - step) * HASH_BYTES : width * HASH_BYTES])
        width -= step


def _tile_root(hashes: bytes) -> bytes:
    """The root over 2 ** n hashes that stand one behind the other."""
    hasher = sha256  # a local name: this loop is most of what a tree costs
    while len(hashes) > HASH_BYTES:
        pairs = _PAIRS[len(hashes)].unpack(hashes)
        hashes = b"".join([hasher(b"\x01" + pair).digest() for pair in pairs])
    return hashes


def _full_bytes(hashes: bytes) -> int:
    return len(hashes) - len(hashes) % _TILE_BYTES


def _differing(level: int, first: int, size: int, found: bytes, expected: bytes) -> TreeFault:
    """The first tile that is not what its lower level makes it, of a level whose hashes [first, size) were compared."""
    place = next(
        (
            at
            for at in range(0, len(expected), HASH_BYTES)
            if found[at : at + HASH_BYTES] != expected[at : at + HASH_BYTES]
        ),
        len(expected),
    )
    index = first + place // HASH_BYTES
    path = TilePath(level, index // WIDTH, min(WIDTH, size - index // WIDTH * WIDTH)).text()
    return TreeFault(path, f"hash {index % WIDTH} of it is not that of what stands below")
