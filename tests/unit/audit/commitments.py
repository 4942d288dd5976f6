"""Checking a commitment as whoever is given its key does: with the standard library alone."""

import hmac
from hashlib import sha256
from pathlib import Path

from gateway.audit.sidecar import Opening, openings


def opening(sidecar: Path, payload: str) -> Opening | None:
    """What opens a record's `payload`; None when nothing does any more."""
    return next(openings(sidecar, {bytes.fromhex(payload)}), None)


def opens(found: Opening, body: bytes) -> bool:
    """Whether this very body was committed to (docs/privacy.md)."""
    return hmac.digest(found.key, sha256(body).digest(), "sha256") == found.commitment
