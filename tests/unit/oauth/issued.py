"""Certificates and those who issue them, made for a test."""

import datetime
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from gateway.oauth.certificate import certificate_from_pem
from gateway.oauth.certificates import Certificate
from gateway.store.clients import RegisteredCertificate

DAY = datetime.timedelta(days=1)
FOR_CLIENTS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH])
FOR_SERVERS = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH])


class Issued:
    """A certificate with its key; with `authority` it may issue others. `chain`: those between it and a root."""

    def __init__(self, certificate: x509.Certificate, key: ec.EllipticCurvePrivateKey, chain: Sequence[Self]) -> None:
        self.certificate, self.key, self.chain = certificate, key, tuple(chain)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(Encoding.PEM).decode()

    @property
    def chain_pem(self) -> str:
        """Those that it sends along."""
        return "".join(each.pem for each in self.chain)

    @property
    def shown(self) -> Certificate:
        """As a request shows it."""
        found = certificate_from_pem(self.pem.encode(), self.chain_pem.encode())
        assert found is not None
        return found

    @property
    def registered(self) -> RegisteredCertificate:
        """As the store keeps it."""
        ends_s = int(self.certificate.not_valid_after_utc.timestamp())
        return RegisteredCertificate(self.shown.thumbprint, self.pem, ends_s, 0)

    def files(self, folder: Path, name: str) -> tuple[str, str]:
        """Paths of its certificate with chain, and of its key."""
        chain, key = folder / f"{name}.pem", folder / f"{name}.key"
        chain.write_text(self.pem + self.chain_pem, encoding="ascii")
        key.write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return str(chain), str(key)


def named(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    """A name of such attributes, the most general first."""
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def issue(
    name: str | x509.Name,
    issuer: Issued | None = None,
    *,
    authority: bool = False,
    extensions: Sequence[x509.ExtensionType] = (),
    names: Sequence[x509.GeneralName] = (),
    begins: datetime.datetime | None = None,
    lasts: datetime.timedelta = 2 * DAY,
    serial: int | None = None,
) -> Issued:
    """A certificate, self-signed without an issuer."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]) if isinstance(name, str) else name
    begins = begins or datetime.datetime.now(datetime.UTC) - DAY
    signer = issuer.key if issuer else key
    builder = (
        x509.CertificateBuilder(subject_name=subject, issuer_name=issuer.certificate.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(serial or x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(begins + lasts)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
    )
    if authority:
        usage = x509.KeyUsage(True, False, False, False, False, True, True, False, False)
        builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
        builder = builder.add_extension(usage, critical=True)
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    chain = [issuer, *issuer.chain] if issuer and issuer.certificate.issuer != issuer.certificate.subject else []
    return Issued(builder.sign(signer, hashes.SHA256()), key, chain)
