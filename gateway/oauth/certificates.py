"""Client certificates (RFC 8705): which one a request came with, and whose it is.

That a caller holds the private key was proved to whoever ended the TLS connection: this server, or a proxy that is
believed. Nothing else is taken over from there. The handshake also lets certificates through that partners registered
themselves; so who issued a certificate is looked at here, against the authorities of the setting `client_ca_file`
alone, and whether one of these took it back, in the lists of `client_crl_files`.
"""

import datetime
import ipaddress
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any, Final, Literal, Self, TypeAlias

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, Policy, PolicyBuilder, Store, VerificationError
from msgspec import Struct

from gateway.oauth.certificate import Certificate, certificate_from_pem
from gateway.oauth.crl import Crl
from gateway.oauth.crl_judging import RevocationFault, judged
from gateway.oauth.distinguished_name import name_of, read_name
from gateway.oauth.forwarded_certificate import HEADER, forwarded_certificate
from gateway.source_address import peer_of
from gateway.store.clients import Client, SubjectKind

__all__ = [
    "Authorities",
    "AuthorityFault",
    "Certificate",
    "CertificateFault",
    "CertificateOf",
    "ListsOf",
    "certificate_of",
    "client_fault",
    "no_certificate",
    "subject_fault",
]

AuthorityFault: TypeAlias = Literal["certificate-wrong", RevocationFault]
"""Why no authority stands by a certificate: none issued it, or one says that it is revoked, or none says that not."""
CertificateFault: TypeAlias = Literal["certificate-missing", AuthorityFault]
"""Why a request's certificate authenticates no client."""

_KEPT_MAX: Final = 1024
_FAULT_S: Final = 1.0
"""So long a fault is remembered: nobody makes the gateway verify chains for each of his calls."""


CertificateOf: TypeAlias = Callable[[Any], Certificate | None]
"""Says from an ASGI scope which certificate a request came with."""


ListsOf: TypeAlias = Callable[[Sequence[x509.Certificate], float], Iterable[Crl]]
"""Gives for a verified chain, which leads to an anchor, the lists to look in at a time (Unix seconds)."""


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


class _Judged(Struct, frozen=True):
    """What holds of a certificate within [`begins_s`, `ends_s`), Unix seconds, while the lists stay the same."""

    fault: AuthorityFault | None
    begins_s: float
    ends_s: float


class Authorities:
    """Those who issue client certificates for tls_client_auth. Each is an anchor, whether it is a root or not.

    `crls` are the lists of certificates that they and the authorities below them revoked; None: none is looked at.
    """

    def __init__(self, anchors: Iterable[x509.Certificate] = (), crls: Iterable[Crl] | None = None) -> None:
        self.anchors = tuple(anchors)
        self._store = Store(list(self.anchors)) if self.anchors else None
        self._judged: dict[Certificate, _Judged] = {}
        self._lists_of: ListsOf | None = None
        if crls is not None:
            self.adopt(crls)

    @classmethod
    def read(cls, file: str) -> Self:
        """From the setting `client_ca_file`, "" for nobody. Raises OSError, and ValueError for what is no PEM."""
        return cls(x509.load_pem_x509_certificates(Path(file).read_bytes())) if file else cls()

    def adopt(self, crls: Iterable[Crl]) -> None:
        """Look at these lists, whoever's certificate it is, from the next one on."""
        given = tuple(crls)
        self.look_in(lambda _chain, _now_s: given)

    def look_in(self, lists_of: ListsOf) -> None:
        """Look at the lists that it gives from the next certificate on. To be called again when it would give
        others than for the same chain before."""
        self._lists_of = lists_of
        self._judged.clear()

    def fault(self, certificate: Certificate, now_s: float) -> AuthorityFault | None:
        """What keeps a certificate from being one that an authority stands by now; None for nothing.

        One of them issued it, for a client, directly or by authorities whose certificates came with it (RFC 5280
        section 6, with the algorithms of the CA/Browser Forum), and where there are lists, none of these is revoked.
        """
        return self._judge(certificate, now_s).fault

    def still(self, certificate: Certificate, now_s: float) -> AuthorityFault | None:
        """The same where lists are looked at, and else nothing; for each call, so what was found is remembered."""
        if self._lists_of is None:
            return None
        found = self._judged.get(certificate)
        if found is None or not found.begins_s <= now_s < found.ends_s:
            if len(self._judged) >= _KEPT_MAX:
                self._judged.clear()
            found = self._judged[certificate] = self._judge(certificate, now_s)
        return found.fault

    def _judge(self, certificate: Certificate, now_s: float) -> _Judged:
        chain = self._chain(certificate, now_s)
        if chain is None:
            return _Judged("certificate-wrong", now_s, now_s + _FAULT_S)
        begins_s = max(each.not_valid_before_utc.timestamp() for each in chain)
        ends_s = min(each.not_valid_after_utc.timestamp() for each in chain)
        if self._lists_of is None:
            return _Judged(None, begins_s, ends_s)
        found = judged(chain, self._lists_of(chain, now_s), now_s)
        if found.fault is not None:
            return _Judged(found.fault, now_s, now_s + _FAULT_S)
        return _Judged(None, max(begins_s, found.begins_s), min(ends_s, found.ends_s))

    def _chain(self, certificate: Certificate, now_s: float) -> list[x509.Certificate] | None:
        """From the certificate to an anchor, verified; None where there is none."""
        if self._store is None:
            return None
        try:
            leaf, *others = (x509.load_der_x509_certificate(der) for der in (certificate.der, *certificate.chain))
            builder = PolicyBuilder().store(self._store).time(_date(now_s))
            builder = builder.extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=_OF_CLIENTS)
            return builder.build_client_verifier().verify(leaf, others).chain
        except (VerificationError, ValueError):
            return None


def client_fault(
    certificate: Certificate | None, client: Client, authorities: Authorities, now_s: float
) -> CertificateFault | None:
    """What keeps a certificate from authenticating a client by the method it is registered for (RFC 8705 section 2);
    None for nothing.

    tls_client_auth: issued by an authority, not revoked, and its one subject of the client's kind is the client's.
    self_signed_tls_client_auth: it is one that the client registered, byte for byte, within its validity.
    """
    if certificate is None:
        return "certificate-missing"
    if client.auth_method == "self_signed_tls_client_auth":
        return None if _is_registered(certificate, client, now_s) else "certificate-wrong"
    if client.auth_method != "tls_client_auth":
        return "certificate-wrong"
    # The chain first: the name of a certificate that nobody vouches for tells nothing, in time either.
    fault = authorities.fault(certificate, now_s)
    if fault == "certificate-wrong":
        return fault
    loaded = x509.load_der_x509_certificate(certificate.der)
    # That a certificate is revoked is said to whom it belongs, not to whom somebody else's was shown in the name of.
    return fault if _names(loaded, client.tls_subject_kind, client.tls_subject) else "certificate-wrong"


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
