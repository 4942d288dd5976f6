"""Signs a notice: a C2SP signed note that says when which document was announced."""

from typing import Final

from msgspec import Struct

from gateway.tlog.note import ED25519, Note, Signer, VerifierKey, parse_note, verified

NOTICES: Final = "/notices"
"""What the name of the key that signs notices has behind the root log's origin."""
_FIRST_LINE: Final = "clausegate-notice/v1"
_LINES = 6


class Statement(Struct, frozen=True):
    """What is signed: that the notice of this name and kind, with this SHA-256 (hex) of its canonical JSON, was
    announced at a time (Unix microseconds), by the hub whose log has this origin."""

    origin: str
    notice: str
    kind: str
    sha256: str
    announced_us: int

    def text(self) -> str:
        """The note text: six lines."""
        parts = (_FIRST_LINE, self.origin, self.notice, self.kind, self.sha256, str(self.announced_us))
        return "".join(f"{part}\n" for part in parts)


def sign(signer: Signer, notice: str, kind: str, sha256: str, announced_us: int) -> str:
    """The signed note. Raises ValueError when the signer's name is not `<origin>/notices`."""
    name = signer.verifier.name
    if not name.endswith(NOTICES):
        raise ValueError(f"the key that signs notices is named <origin>{NOTICES}")
    text = Statement(name.removesuffix(NOTICES), notice, kind, sha256, announced_us).text()
    return Note(text, (signer.sign(text),)).encode().decode()


def read_signed(note: str, verifier: VerifierKey) -> Statement | None:
    """What a note says that the holder of this key, named `<origin>/notices`, signed; None for anything else."""
    parsed = parse_note(note.encode())
    if parsed is None or verifier.kind != ED25519 or verified(parsed, verifier) is None:
        return None
    parts = parsed.text.split("\n")
    if len(parts) != _LINES + 1 or parts[0] != _FIRST_LINE or not parts[5].isdecimal():
        return None
    said = Statement(parts[1], parts[2], parts[3], parts[4], int(parts[5]))
    return said if said.text() == parsed.text and verifier.name == said.origin + NOTICES else None
