"""The wire format of C2SP tlog-witness: what a log sends to `POST <prefix>/add-checkpoint`."""

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from gateway.tlog.checkpoint import SignedCheckpoint, parse_checkpoint
from gateway.tlog.note import Note
from gateway.tlog.spelling import base64_text, decode_lines, parse_decimal, parse_hash

PATH: Final = "/add-checkpoint"
BODY_BYTES_MAX: Final = 64 * 1024
PROOF_HASHES_MAX: Final = 63
"""A tree of 2^63 leaves needs no more."""
SIZE_TYPE: Final = "text/x.tlog.size"
"""Content-Type of a 409 whose body is the size of the latest cosigned checkpoint."""
_OLD = "old "


class Submission(Struct, frozen=True):
    """A checkpoint, unverified, with the proof that the tree of `old_size` is a prefix of its own.

    `prefix_root` is no part of the protocol: whoever has read the tree's tiles knows the root of its first `old_size`
    leaves, which a proof from a power of two does not tell by itself.
    """

    old_size: int
    proof: tuple[bytes, ...]
    signed: SignedCheckpoint
    prefix_root: bytes | None = None


def encode_submission(old_size: int, proof: Sequence[bytes], note: Note) -> bytes:
    """The body of a request. `proof` holds at most PROOF_HASHES_MAX hashes."""
    lines = [f"{_OLD}{old_size}", *map(base64_text, proof), "", ""]
    return "\n".join(lines).encode() + note.encode()


def parse_submission(data: bytes) -> Submission | None:
    """What a request says; None for a body that is not exactly of this form (status 400)."""
    head, separator, rest = data.partition(b"\n\n")
    text = decode_lines(head + b"\n") if separator and len(data) <= BODY_BYTES_MAX else None
    if text is None:
        return None
    first, *lines = text[:-1].split("\n")
    old_size = parse_decimal(first.removeprefix(_OLD)) if first.startswith(_OLD) else None
    proof = [node for line in lines if (node := parse_hash(line)) is not None]
    signed = parse_checkpoint(rest)
    if old_size is None or signed is None or len(proof) != len(lines) or len(proof) > PROOF_HASHES_MAX:
        return None
    return Submission(old_size, tuple(proof), signed)


def encode_size(size: int) -> bytes:
    """The body of a 409: the size of the latest cosigned checkpoint."""
    return f"{size}\n".encode()


def parse_size(body: bytes) -> int | None:
    """The size that a 409 names; None for another body."""
    text = decode_lines(body)
    return None if text is None else parse_decimal(text[:-1])
