"""Client certificates (RFC 8705): which one a request came with, and whose it is.

That a caller holds the private key was proved to whoever ended the TLS connection: this server, or a proxy that is
believed. Nothing else is taken over from there. The handshake also lets certificates through that partners registered
themselves; so who issued a certificate is looked at here, against the authorities of the setting `client_ca_file`
alone.
"""

import datetime
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError

from gateway.oauth.certificate import Certificate, certificate_from_pem
from gateway.oauth.distinguished_name import name_of, read_name
from gateway.oauth.forwarded_certificate import HEADER, forwarded_certificate
from gateway.source_address import peer_of
from gateway.store.clients import Client, SubjectKind

__all__ = [
    "Authorities",
    "Certificate",
    "CertificateOf",
    "certificate_of",
    "is_client",
    "no_certificate",
    "subject_fault",
]

_KEPT_MAX: Final = 1024


CertificateOf: TypeAlias = Callable[[Any], Certificate | None]
"""Says from an ASGI scope which certificate a request came with."""


def no_certificate(_scope: Any) -> None:
    """Of a gateway that sees none."""


def certificate_of(proxies: Sequence[str]) -> CertificateOf:
    """How to tell certificates when proxies in these networks (CIDR) are believed. Raises ValueError for what is none.

    Of a request that comes from one of them: what X-Forwarded-Client-Cert says; the connection's own certificate would
    be the proxy's. Of any other request: the certificate of its connection (ASGI TLS extension), and the header is
    not looked at, whoever wrote it.
    """
    networks = [ip_network(text) for text in proxies]
    forwarded = lru_cache(_KEPT_MAX)(forwarded_certificate)

    @lru_cache(_KEPT_MAX)
    def is_believed(peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in networks if network.version == address.version)

    def of(scope: Any) -> Certificate | None:
        if networks and is_believed(peer_of(scope)):
            values = [value for name, value in scope["headers"] if name == HEADER]
            return forwarded(values[0]) if len(values) == 1 else None
        return _of_connection(scope)

    return of


class Authorities:
    """Those who issue client certificates for tls_client_auth. Each is an anchor, whether it is a root or not."""

    def __init__(self, anchors: Iterable[x509.Certificate] = ()) -> None:
        self._anchors = tuple(anchors)
        self._store = Store(list(self._anchors)) if self._anchors else None

    @classmethod
    def read(cls, file: str) -> Self:
        """From the setting `client_ca_file`, "" for nobody. Raises OSError, and ValueError for what is no PEM."""
        return cls(x509.load_pem_x509_certificates(Path(file).read_bytes())) if file else cls()

    def vouches(self, certificate: Certificate, now_s: float) -> bool:
        """Whether one of them issued a certificate that is valid now, for a client, directly or by authorities whose
        certificates came with it (RFC 5280 section 6, with the algorithms of the CA/Browser Forum)."""
        if self._store is None:
            return False
        try:
            leaf, *chain = (x509.load_der_x509_certificate(der) for der in (certificate.der, *certificate.chain))
            builder = PolicyBuilder().store(self._store).time(_date(now_s))
            builder = builder.extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=_OF_CLIENTS)
            builder.build_client_verifier().verify(leaf, chain)
        except (VerificationError, ValueError):
            return False
        return True


def is_client(certificate: Certificate | None, client: Client, authorities: Authorities, now_s: float) -> bool:
    """Whether a certificate authenticates a client by the method it is registered for (RFC 8705 section 2).

    tls_client_auth: issued by an authority, and its one subject of the client's kind is the client's.
    self_signed_tls_client_auth: it is one that the client registered, byte for byte, within its validity.
    """
    if certificate is None:
        return False
    if client.auth_method == "self_signed_tls_client_auth":
        return _is_registered(certificate, client, now_s)
    if client.auth_method != "tls_client_auth":
        return False
    # The chain first: the name of a certificate that nobody vouches for tells nothing, in time either.
    if not authorities.vouches(certificate, now_s):
        return False
    return _names(x509.load_der_x509_certificate(certificate.der), client.tls_subject_kind, client.tls_subject)


def subject_fault(kind: SubjectKind, subject: str) -> str | None:
    """What keeps a subject from being registered for tls_client_auth; None for nothing."""
    if kind == "":
        return "a client that authenticates by tls_client_auth needs a subject: a DN, or a name of another kind"
    if kind == "dn" and read_name(subject) is None:
        return "this is no distinguished name as RFC 4514 writes it, such as CN=harbor-bank,O=Harbor Bank,C=DE"
    if kind == "san_ip" and _address(subject) is None:
        return "this is no IP address"
    if kind in {"san_dns", "san_uri", "san_email"} and not (subject and subject.isascii() and subject.isprintable()):
        return "a name in a certificate is printable ASCII"
    return None


def _is_registered(certificate: Certificate, client: Client, now_s: float) -> bool:
    for registered in client.certificates:
        if registered.thumbprint == certificate.thumbprint and now_s < registered.not_after_s:
            own = certificate_from_pem(registered.pem.encode())
            return own is not None and own.der == certificate.der and _is_valid(certificate.der, now_s)
    return False


def _is_valid(der: bytes, now_s: float) -> bool:
    loaded, now = x509.load_der_x509_certificate(der), _date(now_s)
    return loaded.not_valid_before_utc <= now <= loaded.not_valid_after_utc


def _names(certificate: x509.Certificate, kind: SubjectKind, subject: str) -> bool:
    """Whether the certificate's subject, or its only alternative name of a kind, is this."""
    if not subject or subject_fault(kind, subject) is not None:
        return False
    if kind == "dn":
        return name_of(certificate.subject) == read_name(subject)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    if kind == "san_dns":
        return [name.lower() for name in names.get_values_for_type(x509.DNSName)] == [subject.lower()]
    if kind == "san_uri":
        return names.get_values_for_type(x509.UniformResourceIdentifier) == [subject]
    if kind == "san_email":
        return names.get_values_for_type(x509.RFC822Name) == [subject]
    return names.get_values_for_type(x509.IPAddress) == [_address(subject)]


def _of_connection(scope: Any) -> Certificate | None:
    extensions = scope.get("extensions")
    tls = extensions.get("tls") if extensions else None
    chain = tls.get("client_cert_chain") if tls else None
    return _from_chain(tuple(chain)) if chain else None


@lru_cache(_KEPT_MAX)
def _from_chain(chain: tuple[str, ...]) -> Certificate | None:
    return certificate_from_pem(chain[0].encode(), "".join(chain[1:]).encode())


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _date(now_s: float) -> datetime.datetime:
    return datetime.datetime.fromtimestamp(now_s, datetime.UTC)


def _no_authority(_policy: Policy, _certificate: x509.Certificate, found: x509.BasicConstraints | None) -> None:
    if found is not None and found.ca:
        raise ValueError("an authority is no client")


def _may_sign(_policy: Policy, _certificate: x509.Certificate, found: x509.KeyUsage | None) -> None:
    if found is not None and not found.digital_signature:
        raise ValueError("its key is not for signatures, which a handshake needs")


def _is_for_clients(_policy: Policy, _certificate: x509.Certificate, found: x509.ExtendedKeyUsage | None) -> None:
    if found is not None and ExtendedKeyUsageOID.CLIENT_AUTH not in found:
        raise ValueError("it is for something else")


# The defaults ask for a subjectAltName, which certificates of organisations need not have.
_OF_CLIENTS: Final = (
    ExtensionPolicy.permit_all()
    .may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, _no_authority)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _may_sign)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _is_for_clients)
)
