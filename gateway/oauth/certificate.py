"""A client's certificate as a value, read from PEM."""

import base64
import hashlib
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec import Struct

from gateway.credentials.noted import UNSAID, Lasting

CHAIN_MAX: Final = 8
"""Certificates that come with one: nobody has so many authorities between itself and a root."""


class Certificate(Struct, frozen=True):
    """A certificate as DER. `thumbprint` is its x5t#S256 (RFC 8705 section 3.1); `chain` what came with it, as DER."""

    thumbprint: str
    der: bytes
    chain: tuple[bytes, ...] = ()


def thumbprint_of(der: bytes) -> str:
    """x5t#S256: base64url of the SHA-256 of the DER, without padding."""
    return base64.urlsafe_b64encode(hashlib.sha256(der).digest()).rstrip(b"=").decode()


def lasting_of(certificate: Certificate) -> Lasting:
    """How long it is good; UNSAID for one with a year that no calendar of ours knows, which anybody may show."""
    try:
        return Lasting(*validity(x509.load_der_x509_certificate(certificate.der)))
    except (ValueError, OverflowError):
        return UNSAID


def validity(certificate: x509.Certificate) -> tuple[int, int]:
    """Since when and until when it is good, Unix seconds (RFC 5280 section 4.1.2.5)."""
    begins, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return int(begins.timestamp()), int(ends.timestamp())


def certificate_from_pem(pem: bytes, chain: bytes = b"") -> Certificate | None:
    """One certificate with those of a chain, in which it may be repeated; None if that is not what the texts hold."""
    try:
        (leaf,) = x509.load_pem_x509_certificates(pem)
        others = x509.load_pem_x509_certificates(chain) if chain else []
    except ValueError:
        return None
    der = leaf.public_bytes(Encoding.DER)
    others_der = tuple(each.public_bytes(Encoding.DER) for each in others if each != leaf)
    return Certificate(thumbprint_of(der), der, others_der) if len(others_der) <= CHAIN_MAX else None
