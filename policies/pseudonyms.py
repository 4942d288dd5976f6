"""Pseudonyms: tokens that stand for a value for one partner, and that tell the hub which partner they were made for.

A token is `p`, the key's version, a dot, and 22 bytes in base64url (RFC 4648 section 5, no padding): 16 bytes of
HMAC-SHA-256 of the value under the partner's key, and 6 bytes of HMAC-SHA-256 of those under another key of the same
partner, the tag. Without the key nobody makes a tag, so nobody can lay a leak at another partner's door; a random
token fits one given partner once in 2**48 times.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Iterable, Sequence
from hmac import compare_digest, digest

from msgspec import Struct

from policies.keys import PartnerKeys, hmac_sha256

VERSION_MAX = 9_999
PATTERN = r"p[1-9][0-9]{0,3}\.[A-Za-z0-9_-]{30}"
"""A token as a regular expression. One may stand anywhere in a text; the tag tells whether it is one."""
TOKEN_LENGTH_MAX = 36
_MAC_BYTES = 16
_TAG_BYTES = 6
_TOKEN = re.compile(PATTERN)


class Attribution(Struct, frozen=True):
    """Of how many different tokens each partner is the one they were made for, and how many were made for none."""

    partners: dict[str, int]
    nobody: int


def pseudonyms(keys: PartnerKeys, domain: str, version: int) -> Callable[[str], str]:
    """What makes the tokens of one partner for the values of one domain."""
    mac_of = hmac_sha256(keys.derive(f"pseudonym of {domain}", version))
    tag_of = hmac_sha256(_tag_key(keys, version))
    prefix = f"p{version}."

    def pseudonym(value: str) -> str:
        mac = mac_of(value.encode())[:_MAC_BYTES]
        return prefix + urlsafe_b64encode(mac + tag_of(mac)[:_TAG_BYTES]).decode().rstrip("=")

    return pseudonym


def attribute(tokens: Iterable[str], partners: Sequence[PartnerKeys]) -> Attribution:
    """Whose each of these tokens is. A token that comes twice counts once; partners without any are left out."""
    counts = dict.fromkeys((keys.partner for keys in partners), 0)
    tag_keys: dict[int, list[tuple[str, bytes]]] = {}
    nobody = 0
    for token in set(tokens):
        mac, tag, version = _parts(token)
        if version not in tag_keys:
            tag_keys[version] = [(keys.partner, _tag_key(keys, version)) for keys in partners]
        candidates = tag_keys[version]
        position = next((at for at, (_, key) in enumerate(candidates) if compare_digest(_tag(key, mac), tag)), None)
        if position is None:
            nobody += 1
            continue
        # An extract mostly is of one partner: who was found last is asked first, however many there are.
        candidates.insert(0, candidates.pop(position))
        counts[candidates[0][0]] += 1
    return Attribution({partner: count for partner, count in counts.items() if count}, nobody)


def tokens_in(text: str) -> list[str]:
    """What looks like a token in a text, in order."""
    return _TOKEN.findall(text)


def _parts(token: str) -> tuple[bytes, bytes, int]:
    """The value's part, the tag and the version. A tag of no bytes fits nobody: the token was not written by us."""
    if re.fullmatch(PATTERN, token) is None:
        return b"", b"", 0
    version, encoded = token[1:].split(".")
    body = urlsafe_b64decode(f"{encoded}==")
    if urlsafe_b64encode(body).decode().rstrip("=") != encoded:  # bits set that no encoder sets
        return b"", b"", 0
    return body[:_MAC_BYTES], body[_MAC_BYTES:], int(version)


def _tag_key(keys: PartnerKeys, version: int) -> bytes:
    return keys.derive("pseudonym tag", version)


def _tag(key: bytes, mac: bytes) -> bytes:
    return digest(key, mac, "sha256")[:_TAG_BYTES]
