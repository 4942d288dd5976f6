"""Content-Digest (RFC 9530): a body's digest as it travels, after any content coding."""

import hashlib
import hmac
from base64 import b64encode

from gateway.signatures.fields import byte_members

_HASHES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}
"""The two of RFC 9530's registry that are good against somebody who wants to deceive; others are passed over."""


def content_digest(body: bytes) -> bytes:
    """The field for a body that is sent."""
    return b"sha-256=:" + b64encode(hashlib.sha256(body).digest()) + b":"


def fits(field: bytes, body: bytes) -> bool:
    """Whether the field has at least one digest that we know, and all of those are this body's."""
    members = byte_members(field)
    known = {name: value for name, value in (members or {}).items() if name in _HASHES}
    if not known:
        return False
    return all(
        value is not None and hmac.compare_digest(value, _HASHES[name](body).digest()) for name, value in known.items()
    )
