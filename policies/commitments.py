"""Commitments: tokens that bind whoever made them to a value, and that can be opened to one party later.

A token is `c`, the key's version, a dot, and SHA-256(salt || value) in base64url without padding. The 32-byte salt is
derived from the partner's key and the value, so it is stored nowhere and a token is the same each time. Who is given
value and salt checks them with nothing but SHA-256.
"""

from base64 import urlsafe_b64encode
from collections.abc import Callable
from hashlib import sha256
from hmac import compare_digest

from policies.keys import PartnerKeys, hmac_sha256

SALT_BYTES = 32


def salts(keys: PartnerKeys, path: str, version: int) -> Callable[[str], bytes]:
    """The salt of each value of one field for one partner: HMAC-SHA-256 under a key of that field."""
    mac = hmac_sha256(keys.derive(f"commitment of {path}", version))
    return lambda value: mac(value.encode())


def commit(salt: bytes, value: str, version: int) -> str:
    """The token of a value under a salt."""
    return f"c{version}.{urlsafe_b64encode(sha256(salt + value.encode()).digest()).decode().rstrip('=')}"


def verify(commitment: str, salt: str, value: str) -> bool:
    """Whether a token commits to this value; `salt` as hexadecimal digits. Needs no key: anybody can do it.

    A number is given in its canonical text (`policies.numerals.canonical_number`): 12.50 as 12.5.
    """
    version, dot, _ = commitment.partition(".")
    if not dot or not version.startswith("c") or not version[1:].isdecimal():
        return False
    try:
        opened = bytes.fromhex(salt)
    except ValueError:
        return False
    if len(opened) != SALT_BYTES:  # a shorter salt and a longer value could be the same bytes
        return False
    return compare_digest(commit(opened, value, int(version[1:])).encode(), commitment.encode())
