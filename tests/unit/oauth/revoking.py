"""Lists of revoked certificates, made for a test by the authorities of tests/unit/oauth/issued.py."""

import datetime
import os
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding

from gateway.oauth.crl import Crl, read_crls
from tests.unit.oauth.issued import DAY, Issued

Extension: TypeAlias = tuple[x509.ExtensionType, bool]
"""With whether it is critical."""
NUMBER = x509.CRLNumber(1)


def entry(serial: int, *extensions: Extension, at: datetime.datetime | None = None) -> x509.RevokedCertificate:
    """One line of a list."""
    builder = x509.RevokedCertificateBuilder().serial_number(serial)
    builder = builder.revocation_date(at or datetime.datetime.now(datetime.UTC) - DAY / 2)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.build()


def listed(
    authority: Issued,
    *revoked: Issued | int | x509.RevokedCertificate,
    extensions: Sequence[Extension] = ((NUMBER, False),),
    name: x509.Name | None = None,
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | None = None,
    begins: datetime.datetime | None = None,
    lasts: datetime.timedelta = DAY,
    digest: hashes.SHA224 | hashes.SHA256 | hashes.SHA384 | hashes.SHA512 = hashes.SHA256(),  # noqa: B008 - it is a value
) -> x509.CertificateRevocationList:
    """What an authority revoked, from an hour ago for a day, unless something else is given."""
    begins = begins or datetime.datetime.now(datetime.UTC) - DAY / 24
    builder = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(name or authority.certificate.subject)
        .last_update(begins)
        .next_update(begins + lasts)
    )
    for each in revoked:
        named = each.certificate.serial_number if isinstance(each, Issued) else each
        builder = builder.add_revoked_certificate(entry(named, at=begins) if isinstance(named, int) else named)
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical)
    return builder.sign(key or authority.key, digest)


def part(**scope: Any) -> x509.IssuingDistributionPoint:
    """What a list says of the certificates that it is about."""
    said: dict[str, Any] = {
        "full_name": None,
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**(said | scope))


def pem(*crls: x509.CertificateRevocationList) -> bytes:
    """As they stand in a file."""
    return b"".join(crl.public_bytes(Encoding.PEM) for crl in crls)


def der(crl: x509.CertificateRevocationList) -> bytes:
    """One, as authorities publish it."""
    return crl.public_bytes(Encoding.DER)


def read(*crls: x509.CertificateRevocationList) -> tuple[Crl, ...]:
    """As the gateway reads them."""
    return read_crls(pem(*crls))


def openssl(folder: Path, chain: Sequence[x509.Certificate], lists: Sequence[x509.CertificateRevocationList]) -> str:
    """What OpenSSL has against a chain, the client's certificate first and its anchor last; "" for nothing. Skips the
    test where there is none."""
    program = shutil.which("openssl")
    if program is None:
        assert not os.environ.get("CI"), "there is no openssl"
        pytest.skip("there is no openssl here")
    files = [f"{number}.pem" for number, _ in enumerate(chain)]
    for file, certificate in zip(files, chain, strict=True):
        (folder / file).write_bytes(certificate.public_bytes(Encoding.PEM))
    arguments = ["-crl_check_all", "-no-CApath", "-no-CAstore", "-CAfile", files[-1]]
    for file in files[1:-1]:
        arguments += ["-untrusted", file]
    for number, each in enumerate(lists):
        (folder / f"{number}.crl").write_bytes(pem(each))
        arguments += ["-CRLfile", f"{number}.crl"]
    said = subprocess.run(
        [program, "verify", *arguments, files[0]], cwd=folder, capture_output=True, text=True, check=False
    )
    assert said.returncode == 0 or said.stderr
    return "" if said.returncode == 0 else said.stderr
