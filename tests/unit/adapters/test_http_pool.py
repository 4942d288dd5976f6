"""The HTTP client's pool under concurrency, cancellation and closing; and TLS."""

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from adapters.base import Answer, Fault
from adapters.http_client import HttpClient, Origin
from tests.unit.adapters.hostile import Peer, response, serving
from tests.unit.adapters.talking import always, get, talking_to


async def test_a_hundred_calls_at_once_never_mix_their_bodies_and_keep_to_the_bound() -> None:
    async def reply(peer: Peer, number: int) -> None:
        body = peer.target.encode() * 50
        await asyncio.sleep(0.001 * (number % 3))
        await peer.send(response(body)[:70])
        await asyncio.sleep(0)
        await peer.send(response(body)[70:])

    async with talking_to(reply, connections=7) as (client, served):
        answers = await asyncio.gather(*(get(client, f"/{number}") for number in range(100)))
        expected = [Answer(200, "application/json", f"/{number}".encode() * 50) for number in range(100)]
        assert answers == expected
        assert served.connections <= 7


async def test_calls_beyond_the_bound_wait_no_longer_than_their_deadline() -> None:
    release = asyncio.Event()

    async def reply(peer: Peer, _number: int) -> None:
        await release.wait()
        await peer.send(response(b"{}"))

    async with talking_to(reply, connections=1) as (client, served):
        first = asyncio.create_task(get(client))
        await asyncio.sleep(0)
        late = await get(client, timeout_ms=50)
        assert isinstance(late, Fault)
        assert late.kind == "timeout"
        release.set()
        assert await first == Answer(200, "application/json", b"{}")
        assert await get(client) == Answer(200, "application/json", b"{}")
        assert served.connections == 1


async def test_a_cancelled_call_does_not_poison_the_pool() -> None:
    release = asyncio.Event()

    async def reply(peer: Peer, _number: int) -> None:
        if peer.target == "/cancelled":
            await release.wait()
        await peer.send(response(peer.target.encode()))

    async with talking_to(reply, connections=1) as (client, served):
        call = asyncio.create_task(get(client, "/cancelled"))
        waiting = asyncio.create_task(get(client, "/waiting"))
        gone = asyncio.create_task(get(client, "/gone"))
        await served.asked.wait()
        gone.cancel()
        call.cancel()
        assert await waiting == Answer(200, "application/json", b"/waiting")
        assert await get(client, "/next") == Answer(200, "application/json", b"/next")
        release.set()
        outcomes = await asyncio.gather(call, gone, return_exceptions=True)
        assert all(isinstance(outcome, asyncio.CancelledError) for outcome in outcomes)
        assert served.connections == 2


async def test_a_call_that_is_cancelled_just_when_a_place_came_free_passes_it_on() -> None:
    async def reply(peer: Peer, _number: int) -> None:
        if peer.target != "/stuck":
            await peer.send(response(b"{}"))

    async with talking_to(reply, connections=1) as (client, served):
        stuck, waiting = (asyncio.create_task(get(client, "/stuck")) for _ in range(2))
        await served.asked.wait()
        stuck.cancel()
        await asyncio.sleep(0)  # now the place is the second call's, which has not run since
        waiting.cancel()
        await asyncio.gather(stuck, waiting, return_exceptions=True)
        assert await get(client, timeout_ms=1000) == Answer(200, "application/json", b"{}")


async def test_cancelling_many_calls_at_any_moment_loses_no_place_in_the_pool() -> None:
    async def reply(peer: Peer, _number: int) -> None:
        await asyncio.sleep(0.001)
        await peer.send(response(peer.target.encode()))

    async with talking_to(reply, connections=3) as (client, _):
        for round_number in range(15):
            calls = [asyncio.create_task(get(client, f"/{number}")) for number in range(8)]
            for _ in range(round_number):
                await asyncio.sleep(0.0005)
            for call in calls[::2]:
                call.cancel()
            outcomes = await asyncio.gather(*calls, return_exceptions=True)
            for number, outcome in enumerate(outcomes):
                cancelled = number % 2 == 0 and isinstance(outcome, asyncio.CancelledError)
                assert cancelled or outcome == Answer(200, "application/json", f"/{number}".encode())
        alive = await asyncio.gather(*(get(client, "/alive") for _ in range(3)))
        assert alive == [Answer(200, "application/json", b"/alive")] * 3


async def test_closing_ends_calls_in_flight_and_refuses_new_ones() -> None:
    async with talking_to(always(), connections=1) as (client, served):
        calls = [asyncio.create_task(get(client)) for _ in range(2)]
        await served.asked.wait()
        await client.close()
        for outcome in [*await asyncio.gather(*calls), await get(client)]:
            assert isinstance(outcome, Fault)
            assert outcome.kind in {"unreachable", "protocol"}


async def test_tls_is_spoken_with_a_backend_whose_certificate_is_trusted_and_with_no_other(tmp_path: Path) -> None:
    certificate = self_signed(tmp_path)
    theirs = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    theirs.load_cert_chain(certificate)
    async with serving(always(response(b"{}")), theirs) as served:
        origin = Origin("https", "127.0.0.1", served.port)
        trusting = HttpClient(origin, {}, 1, ssl.create_default_context(cafile=str(certificate)))
        for _ in range(3):
            assert await get(trusting) == Answer(200, "application/json", b"{}")
        assert served.connections == 1
        wary = HttpClient(origin, {}, 1)
        outcome = await get(wary)
        assert isinstance(outcome, Fault)
        assert outcome.kind == "unreachable"
        await trusting.close()
        await wary.close()


def self_signed(folder: Path) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "backend")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (folder / "backend.pem").write_bytes(secret + certificate.public_bytes(pem))
    return folder / "backend.pem"
