"""C2SP signed-note: text with signature lines, and verifier keys; Ed25519 (0x01) and its cosignature (0x04)."""

from hashlib import sha256
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from msgspec import Struct

from gateway.tlog.spelling import base64_text, decode_lines, parse_base64

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
NOTE_BYTES_MAX: Final = 1 << 16
SIGNATURES_MAX: Final = 64

_KEY_BYTES = 32
_KEY_ID_BYTES = 4
_TIME_BYTES = 8
_SIGNATURE_BYTES = 64
_TIME_S_MAX = (1 << 63) - 1
_DASH = "— "


class VerifierKey(Struct, frozen=True):
    """A public key under its name. `kind` is ED25519 or COSIGNATURE, `public` 32 bytes."""

    name: str
    kind: int
    public: bytes

    @property
    def key_id(self) -> bytes:
        """SHA-256(name || 0x0A || kind || public)[:4]."""
        return sha256(b"%s\n%c%s" % (self.name.encode(), self.kind, self.public)).digest()[:_KEY_ID_BYTES]

    def text(self) -> str:
        """The vkey: `name+8 hex digits+base64(kind || public)`."""
        return f"{self.name}+{self.key_id.hex()}+{base64_text(bytes((self.kind,)) + self.public)}"


def parse_vkey(text: str) -> VerifierKey | None:
    """The key of a vkey; None for other text, an unknown kind, or a key id that does not belong to it."""
    parts = text.split("+", 2)  # Base64 has plus signs of its own.
    key = parse_base64(parts[2]) if len(parts) == 3 else None
    if key is None or len(key) != 1 + _KEY_BYTES or key[0] not in (ED25519, COSIGNATURE) or not _is_name(parts[0]):
        return None
    found = VerifierKey(parts[0], key[0], key[1:])
    return found if found.text() == text else None


class Signature(Struct, frozen=True):
    """One signature line: `blob` is what follows the key id (64 bytes for 0x01, 8 + 64 for 0x04)."""

    name: str
    key_id: bytes
    blob: bytes

    def line(self) -> str:
        """`— name base64(key id || blob)` with its newline."""
        return f"{_DASH}{self.name} {base64_text(self.key_id + self.blob)}\n"


class Note(Struct, frozen=True):
    """`text` ends in a newline; the signatures are unverified until `verified` says otherwise."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """text, an empty line, the signature lines."""
        return f"{self.text}\n{''.join(signature.line() for signature in self.signatures)}".encode()


def parse_note(data: bytes) -> Note | None:
    """A note's parts; None when the bytes are no note (limits: NOTE_BYTES_MAX, SIGNATURES_MAX)."""
    decoded = decode_lines(data) if len(data) <= NOTE_BYTES_MAX else None
    if decoded is None:
        return None
    text, empty_line, lines = decoded.rpartition("\n\n")  # The text may have empty lines: the last one ends it.
    signatures = parse_signature_lines(lines) if empty_line else None
    return None if signatures is None else Note(text + "\n", signatures)


def parse_signature_lines(text: str) -> tuple[Signature, ...] | None:
    """Signature lines alone, as a witness answers them; None when there is none, or something else among them."""
    *lines, rest = text.split("\n", SIGNATURES_MAX + 1)
    if rest or not 0 < len(lines) <= SIGNATURES_MAX:
        return None
    signatures = []
    for line in lines:
        signature = _parse_signature(line)
        if signature is None:
            return None
        signatures.append(signature)
    return tuple(signatures)


class Signer:
    """A private key under a name. Ed25519 from a 32-byte seed."""

    def __init__(self, name: str, seed: bytes, kind: int = ED25519) -> None:
        """Raises ValueError for a name with a space or a plus, an empty one, or a seed of another length."""
        if not _is_name(name):
            raise ValueError("a key's name has at least one character, no white space and no plus sign")
        if kind not in (ED25519, COSIGNATURE):
            raise ValueError(f"no Ed25519 signature has type {kind}")
        self._private = Ed25519PrivateKey.from_private_bytes(seed)
        self._verifier = VerifierKey(name, kind, self._private.public_key().public_bytes_raw())

    @property
    def verifier(self) -> VerifierKey:
        """The public half."""
        return self._verifier

    def sign(self, text: str, time_s: int | None = None) -> Signature:
        """A signature of note text (kind 0x01), or at a time (kind 0x04, which needs `time_s`: Unix seconds).

        Raises ValueError when a cosignature has no time or one before 1970.
        """
        key = self._verifier
        if key.kind == ED25519:
            return Signature(key.name, key.key_id, self._private.sign(text.encode()))
        if time_s is None or not 0 <= time_s <= _TIME_S_MAX:
            raise ValueError("a cosignature needs its time, in seconds since 1970")
        signed = self._private.sign(_cosigned_message(text, time_s))
        return Signature(key.name, key.key_id, time_s.to_bytes(_TIME_BYTES) + signed)


class Signed(Struct, frozen=True):
    """A good signature; `time_s` is when it was made, known for cosignatures alone."""

    key: VerifierKey
    time_s: int | None


def verified(note: Note, key: VerifierKey) -> Signed | None:
    """The first signature by this key, when it is good; None if there is none or it is bad."""
    name, key_id = key.name, key.key_id
    for signature in note.signatures:
        if signature.name == name and signature.key_id == key_id:
            return _checked(note.text, signature.blob, key)
    return None


def _checked(text: str, blob: bytes, key: VerifierKey) -> Signed | None:
    time_s: int | None = None
    message = text.encode()
    if key.kind == COSIGNATURE:
        time_s, blob = int.from_bytes(blob[:_TIME_BYTES]), blob[_TIME_BYTES:]
        message = _cosigned_message(text, time_s)
    if len(blob) != _SIGNATURE_BYTES or (time_s or 0) > _TIME_S_MAX:
        return None
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(blob, message)
    except (InvalidSignature, ValueError):
        return None
    return Signed(key, time_s)


def _cosigned_message(text: str, time_s: int) -> bytes:
    """C2SP tlog-cosignature, cosignature/v1."""
    return f"cosignature/v1\ntime {time_s}\n{text}".encode()


def _parse_signature(line: str) -> Signature | None:
    if not line.startswith(_DASH):
        return None
    name, _, encoded = line.removeprefix(_DASH).partition(" ")
    value = parse_base64(encoded)
    if value is None or len(value) <= _KEY_ID_BYTES or not _is_name(name):
        return None
    return Signature(name, value[:_KEY_ID_BYTES], value[_KEY_ID_BYTES:])


def _is_name(name: str) -> bool:
    """No Unicode space, no plus, no control character, and nothing that UTF-8 cannot say (a lone surrogate)."""
    if name.split() != [name] or "+" in name:
        return False
    return not any(character < " " or "\ud800" <= character <= "\udfff" for character in name)
