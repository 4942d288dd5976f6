"""Reads X-Forwarded-Client-Cert, in which Envoy hands on the certificate of whoever connected to it.

A proxy that sanitises and sets the header (SANITIZE_SET) sends exactly one element, of its own making. Anything else
was at least in part written by somebody else, and says nothing. Source: Envoy, HTTP connection manager, header
x-forwarded-client-cert.
"""

import hashlib
import re
from typing import Final
from urllib.parse import unquote_to_bytes

from gateway.oauth.certificate import Certificate, certificate_from_pem

HEADER: Final = b"x-forwarded-client-cert"
_PAIR: Final = re.compile(rb'([A-Za-z]+)=(?:"((?:[^"\\]|\\.)*)"|([^",;=]*))(?:;|\Z)')
_REPEATED: Final = frozenset({b"by", b"uri", b"dns"})
"""One pair for each name of its kind that is in a certificate (ours, the client's)."""
_ESCAPED: Final = re.compile(rb"\\(.)")


def forwarded_certificate(value: bytes) -> Certificate | None:
    """The certificate in a header of one element; None where there is none, or the header is not well-formed."""
    pairs = _pairs_of(value)
    encoded = pairs.get(b"cert") if pairs is not None else None
    if pairs is None or encoded is None:
        return None
    certificate = certificate_from_pem(unquote_to_bytes(encoded), _chain(pairs))
    if certificate is None:
        return None
    named = pairs.get(b"hash")
    if named is not None and named.lower() != hashlib.sha256(certificate.der).hexdigest().encode():
        return None
    return certificate


def _pairs_of(value: bytes) -> dict[bytes, bytes] | None:
    """The pairs of the one element, keys in lower case; those that may be repeated are left out."""
    pairs: dict[bytes, bytes] = {}
    at = 0
    while at < len(value):
        found = _PAIR.match(value, at)
        if found is None:
            return None
        key = found[1].lower()
        at = found.end()
        if key in _REPEATED:
            continue
        if key in pairs:
            return None
        pairs[key] = found[3] if found[2] is None else _ESCAPED.sub(rb"\1", found[2])
    return None if value.endswith(b";") else pairs


def _chain(pairs: dict[bytes, bytes]) -> bytes:
    return unquote_to_bytes(pairs.get(b"chain", b""))
