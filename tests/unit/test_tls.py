"""The gateway's own TLS: who gets through a handshake, and what each request then says of its connection."""

import asyncio
import json
import os
import signal
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

import pytest
import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from msgspec.structs import replace
from structlog.testing import capture_logs

from gateway.oauth.certificates import Authorities, Certificate, certificate_of, client_fault
from gateway.server import listen, run
from gateway.store.clients import Client, Clients, RegisteredCertificate
from gateway.store.store import Store
from gateway.tls import TlsContext, follow_certificates
from gateway.workers.sharing import HANDSHAKE_S
from tests.unit.oauth.issued import DAY, FOR_CLIENTS, Issued, issue

PATIENCE_S = 30
GATEWAY = issue("localhost", names=[x509.DNSName("localhost")])
ROOT = issue("Client CA", authority=True)
BETWEEN = issue("Client CA 1", ROOT, authority=True)
BANK = issue("bank", BETWEEN)
OF_CONNECTION = certificate_of([])


class App:
    """Keeps what each request says of its connection."""

    def __init__(self) -> None:
        self.seen: list[Certificate | None] = []
        self.tls: dict[str, Any] = {}
        self.port = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for _ in range(2):
                kind = (await receive())["type"]
                await send({"type": f"{kind}.complete"})
            return
        self.seen.append(OF_CONNECTION(scope))
        self.tls = scope["extensions"]["tls"]
        body = json.dumps(scope["scheme"]).encode()
        await send(
            {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
        )
        await send({"type": "http.response.body", "body": body})


Call = Callable[..., Awaitable[bytes | None]]


def serving(tls: TlsContext, shared: bool, calls: Callable[[App, Call], Awaitable[None]]) -> None:
    """Serve as the gateway does, for as long as `calls` calls it; ends as at SIGTERM."""

    async def serve() -> None:
        app, ready = App(), asyncio.Event()
        with listen("127.0.0.1", 0) as listening:
            port = app.port = listening.getsockname()[1]
            served = asyncio.create_task(run(app, listening, ready.set, shared=shared, tls=tls.context))
            await ready.wait()

            async def call(
                shown: tuple[str, str] | None = None,
                times: int = 1,
                most: ssl.TLSVersion | None = None,
                trusts: Issued = GATEWAY,
            ) -> bytes | None:
                client = ssl.create_default_context(cadata=trusts.pem)
                client.set_alpn_protocols(["h2", "http/1.1"])
                client.maximum_version = most or ssl.TLSVersion.MAXIMUM_SUPPORTED
                if shown is not None:
                    client.load_cert_chain(*shown)
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        return await ask(port, client, times)
                except OSError:
                    return None

            try:
                await calls(app, call)
            finally:
                os.kill(os.getpid(), signal.SIGTERM)
                async with asyncio.timeout(HANDSHAKE_S - 1):
                    await served

    uvloop.run(serve())


async def ask(port: int, client: ssl.SSLContext, times: int) -> bytes | None:
    """The body of the last of so many answers on one connection; None where there is none."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost")
    try:
        assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == "http/1.1"
        for _ in range(times):
            writer.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            body = await reader.readexactly(length)
    except asyncio.IncompleteReadError:
        return None
    finally:
        writer.close()
    return body


@pytest.fixture
def context(tmp_path: Path) -> TlsContext:
    ca, _ = ROOT.files(tmp_path, "ca")
    return TlsContext(*GATEWAY.files(tmp_path, "gateway"), client_ca_file=ca)


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])
def test_each_request_of_a_connection_says_with_which_certificate_it_came(
    tmp_path: Path, context: TlsContext, shared: bool
) -> None:
    async def calls(app: App, call: Call) -> None:
        assert await call() == b'"https"'
        assert app.seen == [None]
        for most, version in ((None, 0x0304), (ssl.TLSVersion.TLSv1_2, 0x0303)):
            app.seen.clear()
            assert await call(BANK.files(tmp_path, "bank"), 2, most) == b'"https"'
            assert app.seen == [BANK.shown] * 2  # the authority between came along
            assert app.tls["tls_version"] == version

    serving(context, shared, calls)


def test_a_certificate_of_ones_own_gets_through_once_it_is_registered_and_who_it_issued_is_nobody(
    tmp_path: Path, context: TlsContext
) -> None:
    mine, again = issue("partner", authority=True), issue("partner", extensions=[FOR_CLIENTS])
    forged = issue("bank", mine)
    bank = Client("bank", "b", "tls_client_auth", 0, False, 0, tls_subject_kind="dn", tls_subject="CN=bank")
    partner = Client("p", "p", "self_signed_tls_client_auth", 0, False, 0, certificates=(mine.registered,))
    authorities = Authorities([ROOT.certificate])

    async def calls(app: App, call: Call) -> None:
        assert await call(mine.files(tmp_path, "mine")) is None
        context.adopt([replace(mine.registered, thumbprint="broken", pem="canary"), mine.registered])
        assert await call(mine.files(tmp_path, "mine")) is not None
        assert await call(again.files(tmp_path, "again")) is None
        context.adopt([mine.registered, again.registered])  # of the same name
        assert await call(again.files(tmp_path, "again")) is not None
        assert await call(mine.files(tmp_path, "mine")) is not None
        now_s = mine.certificate.not_valid_before_utc.timestamp() + 60
        assert client_fault(app.seen[-1], partner, authorities, now_s) is None
        assert await call(forged.files(tmp_path, "forged")) is not None  # the handshake takes it
        assert app.seen[-1] == forged.shown
        assert client_fault(app.seen[-1], bank, authorities, now_s) is not None
        assert client_fault(app.seen[-1], partner, authorities, now_s) is not None
        context.adopt([again.registered])
        assert await call(mine.files(tmp_path, "mine")) is None
        assert await call(forged.files(tmp_path, "forged")) is None
        assert await call(again.files(tmp_path, "again")) is not None
        assert await call(BANK.files(tmp_path, "bank")) is not None

    serving(context, False, calls)


def test_while_the_gateways_own_files_are_unusable_nobody_new_is_kept_out_and_who_left_is_tried_again(
    tmp_path: Path,
) -> None:
    certificate, key = (Path(file) for file in GATEWAY.files(tmp_path, "gateway"))
    context, pem = TlsContext(str(certificate), str(key)), certificate.read_text()
    mine, again = issue("partner"), issue("partner")

    async def calls(_app: App, call: Call) -> None:
        context.adopt([mine.registered])
        certificate.write_text("canary")
        with capture_logs() as lines:
            for _ in range(3):
                context.adopt([again.registered])
        assert [line["log_level"] for line in lines] == ["warning"]
        assert await call(mine.files(tmp_path, "mine")) is not None
        assert await call(again.files(tmp_path, "again")) is not None
        certificate.write_text(pem)
        context.adopt([again.registered])
        assert await call(mine.files(tmp_path, "mine")) is None
        assert await call(again.files(tmp_path, "again")) is not None

    serving(context, False, calls)


def test_who_shows_a_certificate_that_leads_nowhere_is_hung_up_on_and_the_next_is_served(
    tmp_path: Path, context: TlsContext
) -> None:
    async def calls(app: App, call: Call) -> None:
        for number, shown in enumerate([issue("x"), issue("x", ROOT, lasts=DAY / 2), without_chain(BANK)]):
            assert await call(shown.files(tmp_path, f"x{number}")) is None
        assert app.seen == []
        assert await call(BANK.files(tmp_path, "bank")) is not None

    for shared in (False, True):
        serving(context, shared, calls)


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared"])
def test_who_does_not_shake_hands_keeps_nobody_from_ending(context: TlsContext, shared: bool) -> None:
    async def calls(app: App, call: Call) -> None:
        silent.append(await asyncio.open_connection("127.0.0.1", app.port))
        assert await call() is not None  # and nobody from being served

    silent: list[object] = []  # stays open until the gateway has ended
    serving(context, shared, calls)


def without_chain(issued: Issued) -> Issued:
    return Issued(issued.certificate, issued.key, ())


def of_rsa() -> Issued:
    """The gateway's certificate for a key of another kind."""
    key = rsa.generate_private_key(65537, 2048)
    builder = x509.CertificateBuilder(GATEWAY.certificate.issuer, GATEWAY.certificate.subject, key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(GATEWAY.certificate.not_valid_before_utc)
    builder = builder.not_valid_after(GATEWAY.certificate.not_valid_after_utc)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    return Issued(builder.add_extension(names, critical=False).sign(key, hashes.SHA256()), cast(Any, key), ())


async def serial(port: int, most: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED) -> int:
    """The number of the certificate that is shown to a caller who names no server and believes anybody."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname, client.verify_mode, client.maximum_version = False, ssl.CERT_NONE, most
    _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="")
    der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
    writer.close()
    return x509.load_der_x509_certificate(der).serial_number


def test_a_certificate_that_was_replaced_with_its_key_is_shown_from_then_on_and_no_other(
    tmp_path: Path, context: TlsContext
) -> None:
    """Also one whose key is of another kind, also to who does not name the server, also in TLS 1.2."""
    mine = issue("partner")

    async def calls(app: App, call: Call) -> None:
        context.adopt([mine.registered])
        for each in (of_rsa(), issue("localhost", names=[x509.DNSName("localhost")])):
            each.files(tmp_path, "gateway")
            await context.follow()
            assert await serial(app.port) != each.certificate.serial_number  # it has to stand still for a while
            await context.follow()
            for most in (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2):
                assert await serial(app.port, most) == each.certificate.serial_number
            for shown in (BANK, mine):
                assert await call(shown.files(tmp_path, "shown"), trusts=each) == b'"https"'
                assert app.seen[-1] == shown.shown
            assert await call(issue("x").files(tmp_path, "x"), trusts=each) is None

    serving(context, False, calls)


async def test_a_pair_that_cannot_be_used_is_said_once_and_the_one_before_stays(tmp_path: Path) -> None:
    certificate, key = (Path(file) for file in GATEWAY.files(tmp_path, "gateway"))
    context = TlsContext(str(certificate), str(key))
    before = context.context
    pem, other = certificate.read_text(), issue("localhost")
    for text in (other.pem, "canary", pem[:-40], None):
        certificate.unlink() if text is None else certificate.write_text(text)
        with capture_logs() as lines:
            for _ in range(4):
                await context.follow()
        assert [line["log_level"] for line in lines] == ["error"]
        assert str(tmp_path) not in str(lines)
        assert context.current is before
    other.files(tmp_path, "gateway")
    with capture_logs() as lines:
        for _ in range(3):
            await context.follow()
    assert [line["log_level"] for line in lines] == ["info"]
    assert context.current is not before


def test_what_is_older_than_tls_1_2_is_not_spoken_and_no_session_is_resumed(context: TlsContext) -> None:
    assert context.context.minimum_version == ssl.TLSVersion.TLSv1_2
    assert context.context.num_tickets == 0
    assert context.context.options & ssl.OP_NO_TICKET


@pytest.mark.parametrize("broken", ["certificate", "key", "ca"])
def test_a_file_that_is_none_is_an_oserror(tmp_path: Path, broken: str) -> None:
    certificate, key = GATEWAY.files(tmp_path, "gateway")
    files = {"certificate": certificate, "key": key, "ca": certificate} | {broken: str(tmp_path / "absent")}
    with pytest.raises(OSError, match="No such file"):
        TlsContext(files["certificate"], files["key"], files["ca"])


def test_a_key_under_a_password_is_refused_and_nobody_is_asked_for_it(tmp_path: Path) -> None:
    certificate, key = GATEWAY.files(tmp_path, "gateway")
    sealed = GATEWAY.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"canary"))
    Path(key).write_bytes(sealed)
    with pytest.raises(OSError, match=r".+"):
        TlsContext(certificate, key)


async def test_registered_certificates_are_followed_while_the_store_says_so(tmp_path: Path) -> None:
    store = await Store.open(f"sqlite:///{tmp_path / 'state.db'}")
    heard: list[tuple[RegisteredCertificate, ...]] = []
    following = asyncio.create_task(follow_certificates(store, lambda found: heard.append(tuple(found)), 0.001))

    async def told(expected: tuple[RegisteredCertificate, ...]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not heard or heard[-1] != expected:  # noqa: ASYNC110
                await asyncio.sleep(0.001)

    await told(())
    mine = issue("partner").registered
    clients = Clients(store)
    await clients.add(Client("p", "p", "self_signed_tls_client_auth", 0, False, 0, certificates=(mine,)))
    await clients.add(Client("q", "q", "private_key_jwt", 0, False, 0, certificates=(issue("q").registered,)))
    await told((mine,))
    await clients.set_disabled("p", True, 1)
    await told(())
    following.cancel()
    await store.close()
