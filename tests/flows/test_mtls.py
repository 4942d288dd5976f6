"""Client certificates end to end: at the gateway's own TLS, and behind the Envoy of the sample configuration."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from cryptography import x509
from msgspec import Struct
from msgspec.structs import replace

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.oauth.certificates import Authorities, Certificate, certificate_of, client_fault
from gateway.server import BoundedProtocol, listen
from gateway.settings import Settings
from gateway.store.clients import Client, Clients
from gateway.store.opening import open_store
from tests.flows.backend import backend
from tests.flows.demo import running, until
from tests.flows.envoy import envoy, free_port
from tests.flows.hub import hub
from tests.unit.oauth.issued import Issued, issue

pytestmark = pytest.mark.slow

PROXY = ["127.0.0.1/32"]
OWN = issue("localhost", names=[x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
ROOT = issue("Client CA", authority=True)
BETWEEN = issue("Client CA 1", ROOT, authority=True)
BANK = issue("bank", BETWEEN)
PARTNER = issue("partner", authority=True)
FORGED = issue("bank", PARTNER)
AUTHORITIES = Authorities([ROOT.certificate])
OF_BANK = Client("bank", "b", "tls_client_auth", 0, False, 0, tls_subject_kind="dn", tls_subject="CN=bank")
OF_PARTNER = Client("partner", "p", "self_signed_tls_client_auth", 0, False, 0, certificates=(PARTNER.registered,))
NOW_S = BANK.certificate.not_valid_before_utc.timestamp() + 60


class Seen:
    """Stands where the gateway is: keeps which certificate each request came with, as two settings tell it."""

    def __init__(self) -> None:
        self.believing: list[Certificate | None] = []
        self.not_believing: list[Certificate | None] = []
        self.targets: list[bytes] = []
        self._of, self._never = certificate_of(PROXY), certificate_of(["192.0.2.0/24"])

    async def __call__(self, scope: Any, _receive: Any, send: Any) -> None:
        self.believing.append(self._of(scope))
        self.not_believing.append(self._never(scope))
        self.targets.append(scope["raw_path"] + b"?" + scope["query_string"])
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})


@contextlib.asynccontextmanager
async def seen_behind_envoy(folder: Path) -> AsyncIterator[tuple[Seen, int]]:
    seen = Seen()
    with listen("127.0.0.1", 0) as listening:
        config = uvicorn.Config(seen, http=BoundedProtocol, lifespan="off", log_config=None, proxy_headers=False)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server._serve(sockets=[listening]))
        upstream = listening.getsockname()[1]
        try:
            with contextlib.ExitStack() as stack:
                port = await asyncio.to_thread(stack.enter_context, envoy(folder, upstream, OWN, ROOT))
                yield seen, port
        finally:
            server.should_exit = True
            await serving


async def call(port: int, folder: Path, shown: Issued | None, *headers: str, path: str = "/") -> int:
    """The status of one request over TLS."""
    client = ssl.create_default_context(cadata=OWN.pem)
    if shown is not None:
        client.load_cert_chain(*shown.files(folder, "shown"))
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=client, server_hostname="localhost")
    try:
        lines = (f"GET {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers)
        writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        async with asyncio.timeout(30):
            return int((await reader.read()).split(b" ")[1])
    finally:
        writer.close()


def spoofed(whose: Issued) -> str:
    return f'X-Forwarded-Client-Cert: Cert="{whose.pem}"'.replace("\n", "%0A")


async def test_behind_envoy_the_certificate_is_that_of_the_handshake_whatever_the_caller_writes(tmp_path: Path) -> None:
    async with seen_behind_envoy(tmp_path) as (seen, port):
        for shown in (None, BANK, PARTNER, FORGED, issue("unknown")):
            for headers in ((), (spoofed(BANK),), (spoofed(BANK), spoofed(PARTNER))):
                assert await call(port, tmp_path, shown, *headers) == 200
                found = seen.believing[-1]
                assert (found and found.der) == (shown and shown.shown.der)
                assert (client_fault(found, OF_BANK, AUTHORITIES, NOW_S) is None) is (shown is BANK)
                assert (client_fault(found, OF_PARTNER, AUTHORITIES, NOW_S) is None) is (shown is PARTNER)
        assert seen.believing[3] == BANK.shown  # with the authority in between
        assert set(seen.not_believing) == {None}
        as_written = "/a/../b%2Fc//d?x=%41"
        assert await call(port, tmp_path, BANK, path=as_written) == 200
        assert seen.targets[-1] == as_written.encode()  # a proof or a signature names it so


# --- the whole gateway


class Partner(Struct, frozen=True):
    """What a partner's program does with a certificate, over a client library that is not ours."""

    url: str
    folder: Path

    def ask(self, shown: Issued | None, method: str, path: str, **how: Any) -> httpx.Response | None:
        """One request; None where the handshake ended it."""
        trusting = ssl.create_default_context(cadata=OWN.pem)
        if shown is not None:
            trusting.load_cert_chain(*shown.files(self.folder, "shown"))
        with httpx.Client(verify=trusting, base_url=self.url, timeout=30) as client:
            try:
                return client.request(method, path, **how)
            except httpx.TransportError:
                return None

    def token(self, shown: Issued | None, client_id: str, **how: Any) -> httpx.Response | None:
        form = {"grant_type": "client_credentials", "client_id": client_id, "resource": self.url}
        return self.ask(shown, "POST", "/oauth/token", data=form, **how)

    def reads(self, shown: Issued | None, token: str, **headers: str) -> int:
        """The status of a call with a token, 0 where the handshake ended it."""
        answer = self.ask(shown, "GET", "/v1/shipments", headers={"authorization": f"Bearer {token}"} | headers)
        return answer.status_code if answer is not None else 0


async def add(folder: Path, *clients: Client) -> None:
    store = await open_store(Settings(), folder)
    try:
        for client in clients:
            assert await Clients(store).add(client)
    finally:
        await store.close()


@contextlib.contextmanager
def gateway_direct(folder: Path) -> Iterator[Partner]:
    """The gateway that serves https itself."""
    certificate, key = OWN.files(folder, "own")
    ca, _ = ROOT.files(folder, "ca")
    settings = f'tls_certificate_file = "{certificate}"\ntls_key_file = "{key}"\nclient_ca_file = "{ca}"\n'
    with backend() as records, hub(folder, records.url, settings=settings) as made, made.serving() as gateway:
        assert gateway.url.startswith("https://127.0.0.1:")
        yield Partner(gateway.url, folder)
        renewed = issue("localhost")  # as certbot does it, in the place of the one before
        renewed.files(folder, "own")
        at = "127.0.0.1", httpx.URL(gateway.url).port or 0
        until(lambda: ssl.PEM_cert_to_DER_cert(ssl.get_server_certificate(at)) == renewed.shown.der)
        own = f"hub server-certificate {OWN.shown.thumbprint} 1"  # of two days, one is left
        assert ("credential-expiring", own) in told(made.folder / "log")


@contextlib.contextmanager
def gateway_behind_envoy(folder: Path) -> Iterator[Partner]:
    """The gateway that serves http to the proxy which it believes."""
    ca, _ = ROOT.files(folder, "ca")
    port = free_port()
    settings = (
        f'base_url = "https://localhost:{port}"\nclient_ca_file = "{ca}"\ncertificate_proxies = ["127.0.0.1/32"]\n'
    )
    with backend() as records, hub(folder, records.url, settings=settings) as made:
        upstream = free_port()
        with running(folder / "said", "serve", made.folder, "--port", upstream) as process:
            process.says("ready ")
            with envoy(folder, upstream, OWN, ROOT, port):
                yield Partner(f"https://localhost:{port}", folder)


@pytest.mark.parametrize("gateway", [gateway_direct, gateway_behind_envoy], ids=["direct", "behind Envoy"])
def test_a_token_is_had_and_used_with_the_certificate_it_was_issued_to_alone(
    tmp_path: Path, gateway: Callable[[Path], contextlib.AbstractContextManager[Partner]]
) -> None:
    with gateway(tmp_path) as partner:
        asyncio.run(add(tmp_path / "workspace", replace(OF_BANK, partner="swift")))
        answer = partner.token(BANK, "bank")
        assert answer is not None
        assert answer.status_code == 200, answer.text
        assert answer.json()["token_type"] == "Bearer"
        token = answer.json()["access_token"]
        assert partner.reads(BANK, token) == 200
        assert partner.reads(None, token) == 401
        assert partner.reads(issue("bank", ROOT), token) == 401  # of the same name, and another key
        assert partner.reads(None, token, **forged_header(BANK)) == 401
        for shown in (None, issue("other", ROOT)):
            refused = partner.token(shown, "bank", headers=forged_header(BANK))
            assert refused is not None
            assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")

        asyncio.run(add(tmp_path / "workspace", replace(OF_PARTNER, partner="swift")))  # while it serves
        until(lambda: is_given(partner.token(PARTNER, "partner")))
        forged = partner.token(FORGED, "bank")  # whom a partner's own certificate issued
        assert forged is not None
        assert (forged.status_code, forged.json()["error"]) == (401, "invalid_client")
        assert not is_given(partner.token(FORGED, "partner"))
        assert not is_given(partner.token(BANK, "partner"))
        until(lambda: is_shown(partner, token, BANK))


def is_shown(partner: Partner, token: str, used: Issued) -> bool:
    """Whether the partner sees until when the certificate is good that it used, and when that was."""
    answer = partner.ask(used, "GET", "/partner/clients/bank", headers={"authorization": f"Bearer {token}"})
    assert answer is not None
    assert answer.status_code == 200, answer.text
    of_name, *seen = answer.json()["credentials"]
    assert of_name["id"] == "CN=bank"
    ends = used.certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%SZ")
    return [(each["id"], each["expires"]) for each in seen if each["last_used"]] == [(used.shown.thumbprint, ends)]


def told(log: Path) -> list[tuple[str, str]]:
    return [(each.event, each.subject) for each in read_as(log, Authority)]


def is_given(answer: httpx.Response | None) -> bool:
    return answer is not None and answer.status_code == 200


def forged_header(whose: Issued) -> dict[str, str]:
    name, _, value = spoofed(whose).partition(": ")
    return {name: value}
