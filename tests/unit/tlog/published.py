"""A tree published into memory as C2SP files, built with plain code of its own: what routes and receipts read."""

from collections.abc import Iterable, Sequence
from hashlib import sha256

from gateway.store.hidden import Hidden
from gateway.tlog.checkpoint import Checkpoint, sign_checkpoint
from gateway.tlog.keys import LogKeys
from gateway.tlog.tiles import WIDTH, TilePath, encode_bundle, tiles_of

KEYS = LogKeys("gateway.example/log", Hidden(b"c" * 32), Hidden(b"r" * 32))


class MemoryTarget:
    """A target in a dictionary. `reads` are the paths asked for; with `broken` nothing can be read."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.reads: list[str] = []
        self.broken = False

    def read(self, path: str) -> bytes | None:
        self.reads.append(path)
        if self.broken:
            raise OSError("the disk is gone")
        return self.files.get(path)

    def write(self, path: str, data: bytes) -> None:
        self.files[path] = data

    def remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            self.files.pop(path, None)

    def flush(self) -> None:
        pass


def hashed(entry: bytes) -> bytes:
    """RFC 6962: the hash of a leaf."""
    return sha256(b"\x00" + entry).digest()


def root_of(hashes: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, as it is written there, from leaf hashes."""
    if len(hashes) <= 1:
        return hashes[0] if hashes else sha256(b"").digest()
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return sha256(b"\x01" + root_of(hashes[:split]) + root_of(hashes[split:])).digest()


def publish(target: MemoryTarget, tree: str, entries: Sequence[bytes]) -> None:
    """Every file of a tree of these entries, and its checkpoint."""
    hashes = [hashed(entry) for entry in entries]
    for path in tiles_of(len(entries)):
        target.write(f"{tree}/{path.text()}", _file(path, entries, hashes))
    checkpoint = Checkpoint(KEYS.origin_of(tree), len(entries), root_of(hashes))
    target.write(f"{tree}/checkpoint", sign_checkpoint(checkpoint, KEYS.signer(tree)).encode())


def _file(path: TilePath, entries: Sequence[bytes], hashes: Sequence[bytes]) -> bytes:
    first = path.index * WIDTH
    if path.level == "entries":
        return encode_bundle(entries[first : first + path.width])
    span = WIDTH**path.level
    return b"".join(root_of(hashes[at * span : (at + 1) * span]) for at in range(first, first + path.width))
