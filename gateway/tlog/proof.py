"""C2SP tlog-proof@v1: an inclusion proof with its checkpoint, as a text that can be checked offline."""

from typing import Final

from msgspec import Struct

from gateway.tlog.checkpoint import SignedCheckpoint, parse_checkpoint
from gateway.tlog.merkle import is_included
from gateway.tlog.note import NOTE_BYTES_MAX, Note
from gateway.tlog.spelling import base64_text, decode_lines, parse_base64, parse_decimal, parse_hash

PATH_MAX: Final = 63
"""Hashes in the path of the largest tree that there can be."""
PROOF_BYTES_MAX: Final = 2 * NOTE_BYTES_MAX

_FIRST_LINE = "c2sp.org/tlog-proof@v1"
_EXTRA = "extra "
_INDEX = "index "


class Proof(Struct, frozen=True):
    """`path` runs from the leaf's sibling to the root's child; `extra` is opaque, and nothing vouches for it."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: SignedCheckpoint
    extra: bytes = b""

    def proves(self, leaf: bytes) -> bool:
        """Whether the leaf with this hash is in the checkpoint's tree. Signatures are the caller's business."""
        head = self.checkpoint.checkpoint
        return is_included(self.index, head.size, leaf, self.path, head.root)


def format_proof(index: int, path: list[bytes], checkpoint: Note, extra: bytes = b"") -> str:
    """The `.tlog-proof` text."""
    lines = [_FIRST_LINE]
    if extra:
        lines.append(_EXTRA + base64_text(extra))
    lines.append(f"{_INDEX}{index}")
    lines += [base64_text(sibling) for sibling in path]
    return "\n".join(lines) + "\n\n" + checkpoint.encode().decode()


def parse_proof(data: bytes) -> Proof | None:
    """A proof's parts; None when the bytes are none (limits: PATH_MAX, PROOF_BYTES_MAX)."""
    text = decode_lines(data) if len(data) <= PROOF_BYTES_MAX else None
    if text is None:
        return None
    head, _, note = text.partition("\n\n")
    checkpoint = parse_checkpoint(note.encode())
    first, *lines = head.split("\n")
    extra: bytes | None = b""
    if lines and lines[0].startswith(_EXTRA):
        extra = parse_base64(lines.pop(0).removeprefix(_EXTRA)) or None  # An empty one is left out altogether.
    if checkpoint is None or first != _FIRST_LINE or extra is None or not lines or not lines[0].startswith(_INDEX):
        return None
    index = parse_decimal(lines[0].removeprefix(_INDEX))
    path = [sibling for line in lines[1:] if (sibling := parse_hash(line)) is not None]
    if index is None or len(path) != len(lines) - 1 or len(path) > PATH_MAX:
        return None
    return Proof(index, tuple(path), checkpoint, extra)
