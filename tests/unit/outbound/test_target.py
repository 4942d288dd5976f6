"""[services] of backends.toml: read with all its mistakes, none of which repeats a value, and mutual TLS from it."""

import datetime
import ipaddress
import ssl
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.registry import read_backends, read_services
from gateway.outbound.connection import Answered, Connection, Failed, Sending
from gateway.outbound.target import ServiceTarget
from tests.unit.outbound.partner_api import listening, says

SENDING = Sending("POST", "/quotes", "", (), b"{}", repeatable=False)
TABLE = """\
[services.rates]
url = "https://api.bank.example/v1"
auth = "client_secret_basic"
token_url = "https://login.bank.example/token"
client_id = "hub"
client_secret = "${BANK_SECRET}"
timeout_ms = 2000
"""


def faults(text: str, **environment: str) -> list[tuple[str, str]]:
    found = read_services(text, ServiceTarget, environment)[1]
    assert all(fault.line for fault in found)
    return [(fault.path, fault.message) for fault in found]


def test_a_table_is_a_service_with_its_secret_from_the_environment() -> None:
    services, found = read_services(TABLE, ServiceTarget, {"BANK_SECRET": "s3cret"})
    assert found == []
    assert (services["rates"].client_secret, services["rates"].timeout_ms) == ("s3cret", 2000)
    assert "s3cret" not in repr(services)
    assert read_backends(TABLE, Path(), {}) == ({}, [])


def test_a_secret_that_is_not_set_is_said_by_the_name_of_its_variable() -> None:
    assert faults(TABLE) == [("services.rates.client_secret", "the environment has no variable BANK_SECRET")]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("https://api", "http://api", "services.rates.url: begins with https://"),
        (
            "https://api.bank.example/v1",
            "https://a:hunter2@bank.example",
            "services.rates.url: holds a user or password",
        ),
        ("https://api.bank.example/v1", "https://bank.example/?key=hunter2", "services.rates.url: has a query"),
        ("https://login", "http://login", "services.rates.token_url: begins with https://"),
        ('client_id = "hub"', "", "services.rates.client_id: is needed for auth = client_secret_basic"),
        ('"client_secret_basic"', '"basic"', "services.rates.token_url: is not used with auth = basic"),
        ('"client_secret_basic"', '"magic"', "services.rates.auth: "),
        ("timeout_ms = 2000", "timeout_ms = 500", "services.rates.connect_timeout_ms: is longer than timeout_ms"),
        ("timeout_ms = 2000", "timeout = 5", "services.rates.timeout: unknown field; a service has "),
        ("timeout_ms = 2000", 'key_file = "hunter2"', "services.rates.key_file: certificate_file and key_file belong"),
        ("timeout_ms = 2000", 'headers = {Host = "hunter2"}', "services.rates.headers.Host: is set by Clausegate"),
        ("timeout_ms = 2000", 'headers = {Authorization = "hunter2"}', "services.rates.headers: names Authorization"),
    ],
)
def test_mistakes_are_named_by_place_and_never_by_value(before: str, after: str, said: str) -> None:
    assert before in TABLE
    found = faults(TABLE.replace(before, after), BANK_SECRET="hunter2")
    assert any(f"{path}: {message}".startswith(said) for path, message in found), found
    assert "hunter2" not in str(found)


@pytest.mark.parametrize("text", ["services = 3", "[services]\nrates = 3"])
def test_what_is_no_table_is_said_to_be_none(text: str) -> None:
    found = read_services(text, ServiceTarget, {})[1]
    assert "is no table" in found[0].message


class Authority:
    """A certificate authority of a test, and what it has certified, as files."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._key = folder, ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority")])
        self.file = folder / "authority.pem"
        made = self._certified(self._name, self._key, is_authority=True)
        self.file.write_bytes(made.public_bytes(serialization.Encoding.PEM))

    def issue(self, name: str) -> dict[str, str]:
        """Certificate and key for `name` at 127.0.0.1."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        files = self._folder / f"{name}.pem", self._folder / f"{name}.key"
        certificate = self._certified(subject, key, is_authority=False)
        files[0].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        files[1].write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return {"certificate_file": str(files[0]), "key_file": str(files[1])}

    def _certified(self, subject: x509.Name, key: Any, *, is_authority: bool) -> x509.Certificate:
        now = datetime.datetime.now(datetime.UTC)
        address = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=1))
            .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
            .add_extension(x509.SubjectAlternativeName([address]), critical=False)
            .sign(self._key, hashes.SHA256())
        )


async def test_both_sides_show_their_certificates_or_nothing_is_sent(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    own, partners = authority.issue("hub"), authority.issue("partner")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=authority.file)
    tls.load_cert_chain(partners["certificate_file"], partners["key_file"])
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.maximum_version = ssl.TLSVersion.TLSv1_2  # with 1.3 a refused certificate shows only after the request
    async with listening(tls) as api:
        api.usual["/quotes"] = says({"price": "1.00"})
        url = f"https://127.0.0.1:{api.port}"

        async def outcome(**settings: str) -> Answered | Failed:
            connection = Connection(ServiceTarget(url=url, **settings))  # type: ignore[arg-type]
            try:
                return (await connection.call(SENDING)).outcome
            finally:
                await connection.close()

        assert isinstance(await outcome(ca_file=str(authority.file), **own), Answered)
        assert len(api.got) == 1
        assert await outcome(ca_file=str(authority.file)) == Failed("unreachable")
        assert await outcome(**own) == Failed("unreachable")
        assert len(api.got) == 1
