"""C2SP tlog-checkpoint: origin, size and root of a tree as note text."""

from collections.abc import Iterable

from msgspec import Struct

from gateway.tlog.note import COSIGNATURE, Note, Signature, Signed, Signer, VerifierKey, parse_note, verified
from gateway.tlog.spelling import base64_text, parse_decimal, parse_hash


class Checkpoint(Struct, frozen=True):
    """A tree head. `root` is 32 bytes."""

    origin: str
    size: int
    root: bytes

    def text(self) -> str:
        """The note text: origin, size and base64 root, each on its line."""
        return f"{self.origin}\n{self.size}\n{base64_text(self.root)}\n"


class SignedCheckpoint(Struct, frozen=True):
    """A checkpoint with the note that carries it."""

    checkpoint: Checkpoint
    note: Note


def parse_checkpoint(data: bytes) -> SignedCheckpoint | None:
    """The checkpoint in a note, unverified; None when it is none. Extension lines are kept in `note.text`."""
    note = parse_note(data)
    lines = note.text.split("\n") if note is not None else []
    if note is None or len(lines) < 4 or not all(lines[:-1]):  # Behind the last newline there is nothing.
        return None
    size, root = parse_decimal(lines[1]), parse_hash(lines[2])
    if size is None or root is None:
        return None
    return SignedCheckpoint(Checkpoint(lines[0], size, root), note)


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> Note:
    """The checkpoint as a note signed by the log."""
    text = checkpoint.text()
    return Note(text, (signer.sign(text),))


def open_checkpoint(data: bytes, key: VerifierKey) -> SignedCheckpoint | None:
    """The checkpoint, when it is signed by `key` and its origin is the key's name."""
    found = parse_checkpoint(data)
    if found is None or found.checkpoint.origin != key.name or verified(found.note, key) is None:
        return None
    return found


def cosigned(note: Note, signatures: Iterable[Signature]) -> Note:
    """The note with more signature lines; of one key (name and id) the latest given replaces an earlier one.

    Whoever gives them has verified them: a line under the log's own name and id would replace its signature.
    """
    lines = {(signature.name, signature.key_id): signature for signature in (*note.signatures, *signatures)}
    return Note(note.text, tuple(lines.values()))


def cosignatures(note: Note, keys: Iterable[VerifierKey]) -> list[Signed]:
    """Of these witnesses' keys, those that have cosigned it well, with their times."""
    return [signed for key in keys if key.kind == COSIGNATURE and (signed := verified(note, key)) is not None]
