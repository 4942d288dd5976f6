"""A log that grows, forks and publishes, made by a second reading of RFC 6962: recursive, and from nothing of ours."""

import base64
import hashlib
from collections.abc import Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN = "gateway.example/log"
OTHER = "gateway.example/log/partners/swift"


def leaf(entry: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + entry).digest()


def root_of(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, of leaf hashes."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    return hashlib.sha256(b"\x01" + root_of(leaves[:middle]) + root_of(leaves[middle:])).digest()


def proof_of(old: int, leaves: Sequence[bytes]) -> list[bytes]:
    """RFC 6962 section 2.1.2."""
    return _subproof(old, leaves, True) if 0 < old < len(leaves) else []


def _subproof(old: int, leaves: Sequence[bytes], whole: bool) -> list[bytes]:
    if old == len(leaves):
        return [] if whole else [root_of(leaves)]
    middle = 1
    while middle * 2 < len(leaves):
        middle *= 2
    if old <= middle:
        return [*_subproof(old, leaves[:middle], whole), root_of(leaves[middle:])]
    return [*_subproof(old - middle, leaves[middle:], False), root_of(leaves[:middle])]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


class GrowingLog:
    """Entry i is `<name> i`, from `forked_at` on `<name> i, but otherwise`."""

    def __init__(self, origin: str = ORIGIN, seed: bytes = b"\x01" * 32, forked_at: int | None = None) -> None:
        self.origin, self.forked_at = origin, forked_at
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.public = self._key.public_key().public_bytes_raw()

    @property
    def key_id(self) -> bytes:
        return hashlib.sha256(self.origin.encode() + b"\n\x01" + self.public).digest()[:4]

    @property
    def vkey(self) -> str:
        return f"{self.origin}+{self.key_id.hex()}+{b64(bytes([1]) + self.public)}"

    def entries(self, size: int) -> list[bytes]:
        forked_at = size if self.forked_at is None else self.forked_at
        return [
            f"{self.origin} {index}{', but otherwise' if index >= forked_at else ''}".encode() for index in range(size)
        ]

    def leaves(self, size: int) -> list[bytes]:
        return [leaf(entry) for entry in self.entries(size)]

    def root(self, size: int) -> bytes:
        return root_of(self.leaves(size))

    def text(self, size: int, root: bytes | None = None, extension: str = "") -> str:
        return f"{self.origin}\n{size}\n{b64(self.root(size) if root is None else root)}\n{extension}"

    def sign(self, text: str) -> bytes:
        line = b64(self.key_id + self._key.sign(text.encode()))
        return f"{text}\n— {self.origin} {line}\n".encode()

    def checkpoint(self, size: int, root: bytes | None = None, extension: str = "") -> bytes:
        return self.sign(self.text(size, root, extension))

    def proof(self, old: int, size: int) -> list[bytes]:
        return proof_of(old, self.leaves(size))

    def body(self, old: int, size: int, *, proof: Sequence[bytes] | None = None, note: bytes | None = None) -> bytes:
        """A request to a witness; honest unless something else is given."""
        hashes = self.proof(old, size) if proof is None else proof
        lines = "".join(f"{b64(node)}\n" for node in hashes)
        return f"old {old}\n{lines}\n".encode() + (self.checkpoint(size) if note is None else note)

    def files(self, size: int) -> dict[str, bytes]:
        """The published tree of fewer than 65,536 entries: checkpoint, tiles, bundles, by their paths."""
        found = {"checkpoint": self.checkpoint(size)}
        level, hashes = 0, self.leaves(size)
        while hashes:
            for start in range(0, len(hashes), 256):
                part = hashes[start : start + 256]
                found[f"tile/{level}/{start // 256:03}{'' if len(part) == 256 else f'.p/{len(part)}'}"] = b"".join(part)
            whole = len(hashes) // 256 * 256
            hashes = [root_of(hashes[start : start + 256]) for start in range(0, whole, 256)]
            level += 1
        return found
