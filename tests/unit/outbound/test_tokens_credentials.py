"""How the hub proves itself to a partner's authorization server: one that checks all of it, over sockets."""

import logging
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from gateway.outbound.connection import Answered, Connection, Failed, Sending
from gateway.outbound.target import ServiceTarget
from gateway.outbound.tokens import KeyFileError
from tests.unit.outbound.authority import Authority
from tests.unit.outbound.strict_partner import ISSUER, Known, StrictPartner, strict, thumbprint

SENDING = Sending("GET", "/rates/a", "", (), None, repeatable=True)
KEYS: dict[str, Callable[[], Key]] = {
    "ES256": lambda: ECKey.generate_key("P-256"),
    "PS256": lambda: RSAKey.generate_key(2048),
    "EdDSA": lambda: OKPKey.generate_key("Ed25519"),
}


@asynccontextmanager
async def connected(partner: StrictPartner, scheme: str = "http", **settings: Any) -> AsyncIterator[Connection]:
    at = f"{scheme}://127.0.0.1:{partner.port}"
    target = ServiceTarget(url=at, token_url=f"{at}/token", client_id="hub", **settings)
    assert target.faults() == []
    connection = Connection(target)
    try:
        yield connection
    finally:
        await connection.close()


def saved(folder: Path, key: Any) -> str:
    file = folder / "key.pem"
    file.write_bytes(key.as_pem(private=True))
    return str(file)


def der(file: str) -> bytes:
    certificate = x509.load_pem_x509_certificate(Path(file).read_bytes())
    return certificate.public_bytes(serialization.Encoding.DER)


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
@pytest.mark.parametrize("key_id", ["", "hub-2026"])
async def test_a_key_of_each_kind_signs_with_its_own_algorithm_and_under_its_name(
    tmp_path: Path, algorithm: str, key_id: str
) -> None:
    key = KEYS[algorithm]()
    known = Known(key=key, kid=key_id or key.thumbprint(), algorithm=algorithm)
    async with strict(known) as partner:
        file = saved(tmp_path, key)
        settings: dict[str, Any] = {
            "auth": "private_key_jwt",
            "private_key_file": file,
            "audience": ISSUER,
            "key_id": key_id,
        }
        async with connected(partner, **settings) as connection:
            partner.token_lifetime_s = 0  # so that every call needs one, each with a `jti` of its own
            for _ in range(3):
                assert isinstance((await connection.call(SENDING)).outcome, Answered)
        assert partner.refused == []
        assert len(partner.used) == 3


async def test_the_assertion_is_for_the_token_endpoint_unless_an_issuer_is_named(tmp_path: Path) -> None:
    key = KEYS["ES256"]()
    async with strict(Known(key=key, kid=key.thumbprint(), algorithm="ES256")) as partner:
        async with connected(partner, auth="private_key_jwt", private_key_file=saved(tmp_path, key)) as connection:
            assert (await connection.call(SENDING)).outcome == Failed("no-token")
        assert partner.refused == ["claims"]


@pytest.mark.filterwarnings("ignore:Key size")
@pytest.mark.parametrize(
    "made",
    [
        lambda: ECKey.generate_key("P-384"),
        lambda: RSAKey.generate_key(1024),
        lambda: OKPKey.generate_key("X25519"),
    ],
)
def test_a_key_that_no_allowed_algorithm_is_for_opens_no_connection(tmp_path: Path, made: Any) -> None:
    key = made()
    target = ServiceTarget(
        url="http://127.0.0.1:1",
        token_url="http://127.0.0.1:1/token",
        auth="private_key_jwt",
        client_id="hub",
        private_key_file=saved(tmp_path, key),
    )
    with pytest.raises(KeyFileError, match="none of P-256, Ed25519, RSA"):
        Connection(target)


@pytest.mark.parametrize(
    "content", [b"", b"hunter2", b"-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n"]
)
def test_a_file_that_is_no_key_is_said_to_be_none_and_not_repeated(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "key.pem").write_bytes(content)
    settings: dict[str, Any] = {
        "url": "http://127.0.0.1:1",
        "token_url": "http://127.0.0.1:1/token",
        "client_id": "hub",
    }
    target = ServiceTarget(**settings, auth="private_key_jwt", private_key_file=str(tmp_path / "key.pem"))
    with pytest.raises(KeyFileError) as caught:
        Connection(target)
    assert "hunter2" not in str(caught.value)


def demanding(authority: Authority, trusted: str) -> ssl.SSLContext:
    """A server that takes no connection without a certificate that leads to `trusted`."""
    own = authority.issue("partner")
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=trusted)
    tls.load_cert_chain(own["certificate_file"], own["key_file"])
    tls.verify_mode = ssl.CERT_REQUIRED
    tls.maximum_version = ssl.TLSVersion.TLSv1_2  # with 1.3 a refused certificate shows only after the request
    return tls


@pytest.mark.parametrize("auth", ["tls_client_auth", "self_signed_tls_client_auth"])
async def test_the_certificate_is_shown_for_the_token_and_for_the_call_that_uses_it(tmp_path: Path, auth: str) -> None:
    authority = Authority(tmp_path)
    mine = authority.issue("hub") if auth == "tls_client_auth" else authority.issue("hub", signed_by_itself=True)
    trusted = str(authority.file) if auth == "tls_client_auth" else mine["certificate_file"]
    known = Known(certificate=der(mine["certificate_file"]))
    async with strict(known, demanding(authority, trusted)) as partner:
        async with connected(partner, "https", auth=auth, ca_file=str(authority.file), **mine) as connection:
            outcomes = [(await connection.call(SENDING)).outcome for _ in range(2)]
        for outcome in outcomes:
            assert isinstance(outcome, Answered)
            assert thumbprint(known.certificate).encode() in outcome.body
        assert (partner.refused, len(partner.given)) == ([], 1)
        assert partner.got[0].body == b"grant_type=client_credentials&client_id=hub"


async def test_another_certificate_of_the_same_authority_gets_no_token(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    mine, others = authority.issue("hub"), authority.issue("other")
    known = Known(certificate=der(mine["certificate_file"]))
    async with strict(known, demanding(authority, str(authority.file))) as partner:
        async with connected(
            partner, "https", auth="tls_client_auth", ca_file=str(authority.file), **others
        ) as connection:
            assert (await connection.call(SENDING)).outcome == Failed("no-token")
        assert partner.refused == ["certificate"]


def test_a_certificate_needs_tls_and_a_name_to_be_known_by() -> None:
    plain: dict[str, Any] = {
        "url": "http://127.0.0.1:1",
        "auth": "tls_client_auth",
        "certificate_file": "c",
        "key_file": "k",
    }
    found = ServiceTarget(**plain, token_url="http://127.0.0.1:1/token").faults()
    assert [name for name, _ in found] == ["client_id", "token_url"]
    found = ServiceTarget(**plain, token_url="https://127.0.0.1/token", client_id="hub", audience="a").faults()
    assert found == [("audience", "is not used with auth = tls_client_auth")]


async def test_neither_key_nor_assertion_nor_token_is_on_any_log_at_any_level(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("authlib", "httpx", "httpcore", "clausegate", "joserfc"):
        caplog.set_level(logging.DEBUG, name)
    key = KEYS["ES256"]()
    settings: dict[str, Any] = {"auth": "private_key_jwt", "private_key_file": saved(tmp_path, key), "audience": ISSUER}
    async with strict(Known(key=key, kid=key.thumbprint(), algorithm="ES256")) as partner:
        async with connected(partner, **settings) as connection:
            assert isinstance((await connection.call(SENDING)).outcome, Answered)
            partner.known = Known(key=KEYS["ES256"](), algorithm="ES256")
            connection.drop("token-1")
            assert (await connection.call(SENDING)).outcome == Failed("no-token")
        assertions = [got.body.decode().rpartition("client_assertion=")[2] for got in partner.got if got.body]
        assert len(assertions) == 2
        said = caplog.text + "".join(capfd.readouterr())
        assert caplog.records  # something was said at all, by the event loop at least
        for secret in (*assertions, *(part for one in assertions for part in one.split(".")[1:]), "token-1"):
            assert secret not in said
        assert str(key.as_dict(private=True)["d"]) not in said
