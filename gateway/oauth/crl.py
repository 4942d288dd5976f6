"""Lists of revoked certificates (CRLs, RFC 5280 section 5): one as a value, read from PEM or DER.

What makes a list say less than it seems to is refused when it is read, in words for the operator: a part of a list
taken for the whole would let through whom the authority withdrew.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from msgspec import Struct

from gateway.oauth.crl_scope import CrlScope

__all__ = ["CRLS_MAX", "CRL_BYTES_MAX", "Crl", "read_crls"]

CRL_BYTES_MAX: Final = 16 * 1024 * 1024
"""Of a file: some 300,000 revoked certificates, which takes seconds to read."""

CRLS_MAX: Final = 256
"""In a file: the signature of each is verified while calls wait."""

_BEGIN: Final = b"-----BEGIN X509 CRL-----"
_END: Final = b"-----END X509 CRL-----"
_UNREADABLE: Final = "is no X.509 CRL that can be read"
_ALIKE_MAX: Final = 16
_HASHES: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_KNOWN: Final = (
    x509.AuthorityKeyIdentifier,
    x509.CRLNumber,
    x509.CRLReason,
    x509.InvalidityDate,
    x509.IssuingDistributionPoint,
)
"""Extensions of lists and entries that may be critical. A reason changes nothing: what is listed is revoked, and the
reason removeFromCRL, which would take it back, has a meaning in deltas alone (section 5.3.1)."""


class Crl(Struct, frozen=True):
    """A list of all that one authority revoked, within its `scope`. Times are Unix seconds; `next_update_s` is when it
    ends.

    `authority_key` is the identifier of the key that signed it, b"" where it does not say, and `number` counts the
    lists of an authority, -1 where it does not. Of what was signed a digest is kept, so that a signature costs the same
    however long the list is.
    """

    issuer: x509.Name
    authority_key: bytes
    number: int
    this_update_s: float
    next_update_s: float
    serials: frozenset[int]
    scope: CrlScope
    digest: bytes
    hashed_by: hashes.HashAlgorithm
    signature: bytes
    scheme: object

    def is_signed_by(self, issuer: x509.Certificate) -> bool:
        """Whether an authority made it: by its name, its key, and that its key is for that (section 6.3.3, f and g)."""
        if self.issuer != issuer.subject or not _may_sign_lists(issuer):
            return False
        key, hashed_by = issuer.public_key(), Prehashed(self.hashed_by)
        try:
            if isinstance(key, rsa.RSAPublicKey) and isinstance(self.scheme, padding.PKCS1v15 | padding.PSS):
                key.verify(self.signature, self.digest, self.scheme, hashed_by)
                return True
            if isinstance(key, ec.EllipticCurvePublicKey) and isinstance(self.scheme, ec.ECDSA):
                key.verify(self.signature, self.digest, ec.ECDSA(hashed_by))
                return True
        except InvalidSignature:
            pass
        return False


def read_crls(data: bytes) -> tuple[Crl, ...]:
    """The lists in a file, one in DER or any number in PEM. Raises ValueError, which says what is wrong with it."""
    if data[:1] == b"\x30" and data[1:2] >= b"\x80":  # how a DER sequence of this size begins, and no text does
        return (_read(data, x509.load_der_x509_crl),)
    blocks: list[bytes] = []
    for block in _blocks(data):
        if len(blocks) == CRLS_MAX:
            raise ValueError(f"holds more than {CRLS_MAX} lists")
        blocks.append(block)
    if not blocks:
        raise ValueError("holds no list of revoked certificates (X.509 CRL), neither as PEM nor as DER")
    return tuple(_read(block, x509.load_pem_x509_crl) for block in blocks)


def _blocks(data: bytes) -> Iterator[bytes]:
    """The lists in PEM, each byte looked at once whatever it is. Raises ValueError for one that does not end."""
    begins = data.find(_BEGIN)
    while begins >= 0:
        ends = data.find(_END, begins)
        if ends < 0:
            raise ValueError(_UNREADABLE)
        yield data[begins : ends + len(_END)]
        begins = data.find(_BEGIN, ends)


def _read(data: bytes, load: Callable[[bytes], x509.CertificateRevocationList]) -> Crl:
    try:
        loaded = load(data)
        extensions = tuple(loaded.extensions)
        entries = [(entry.serial_number, _unknown(entry.extensions)) for entry in loaded]
        scheme, hashed_by = loaded.signature_algorithm_parameters, loaded.signature_hash_algorithm
    except UnsupportedAlgorithm:
        raise ValueError("is signed by an algorithm that is not known") from None
    except (ValueError, TypeError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, x509.InvalidVersion):
        raise ValueError(_UNREADABLE) from None
    _check_whole(extensions, (unknown for _, unknown in entries))
    scope = CrlScope.of(extensions)
    ends = loaded.next_update_utc
    if ends is None:
        raise ValueError("does not say when it ends (nextUpdate)")
    if not isinstance(hashed_by, _HASHES):
        raise ValueError("is signed with another digest than SHA-256, SHA-384 or SHA-512")
    hashing = hashes.Hash(hashed_by)
    hashing.update(loaded.tbs_certlist_bytes)
    values = [extension.value for extension in extensions]
    keys = [value.key_identifier for value in values if isinstance(value, x509.AuthorityKeyIdentifier)]
    return Crl(
        issuer=loaded.issuer,
        authority_key=next((key for key in keys if key is not None), b""),
        number=next((value.crl_number for value in values if isinstance(value, x509.CRLNumber)), -1),
        this_update_s=loaded.last_update_utc.timestamp(),
        next_update_s=ends.timestamp(),
        serials=_set_of([serial for serial, _ in entries]),
        scope=scope,
        digest=hashing.finalize(),
        hashed_by=hashed_by,
        signature=loaded.signature,
        scheme=scheme,
    )


def _set_of(serials: Sequence[int]) -> frozenset[int]:
    """Raises ValueError for numbers that are made so that a set of them takes minutes: with the same hash, which of
    integers anybody can work out. By chance not even two of millions have one.
    """
    in_order = sorted(serials)
    different = 1 + sum(one != other for one, other in pairwise(in_order)) if in_order else 0
    if different - len({hash(serial) for serial in in_order}) > _ALIKE_MAX:
        raise ValueError("has serial numbers that no authority gives: they are made to take long")
    return frozenset(in_order)


def _check_whole(extensions: Iterable[x509.Extension[Any]], of_entries: Iterable[x509.ObjectIdentifier | None]) -> None:
    """Raises ValueError for a list that says only what changed, or what nobody understands (sections 5.2 and 5.3)."""
    if any(isinstance(extension.value, x509.DeltaCRLIndicator) for extension in extensions):
        raise ValueError("is a delta CRL, which says only what changed: give the complete one")
    unknown = next((oid for oid in (_unknown(extensions), *of_entries) if oid is not None), None)
    if unknown is not None:
        raise ValueError(f"has a critical extension that is not known ({unknown.dotted_string})")


def _unknown(extensions: Iterable[x509.Extension[Any]]) -> x509.ObjectIdentifier | None:
    """The first extension that has to be understood and is not."""
    return next((each.oid for each in extensions if each.critical and not isinstance(each.value, _KNOWN)), None)


def _may_sign_lists(issuer: x509.Certificate) -> bool:
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.crl_sign
    except x509.ExtensionNotFound:
        return True  # a key whose use is not said may be used for all (section 4.2.1.3)
    except (x509.DuplicateExtension, ValueError):
        return False
