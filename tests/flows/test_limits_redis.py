"""Limits over a store that several gateways share, on real servers: processes that hammer one limit, a failover, a
cluster, TLS, and a store that is killed, paused, emptied and replaced meanwhile."""

import asyncio
import contextlib
import multiprocessing
import random
import ssl
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from queue import Empty
from typing import Any

import pytest

from gateway.limits.connection import connect
from gateway.limits.redis_limiter import RedisLimiter
from tests.flows.valkey import Valkey
from tests.unit.limits.redis_limits import charge, in_flight, now, quota, rate

pytestmark = pytest.mark.slow

PROCESSES = 4
LIMIT, WINDOW_S = 60, 1
SPARE_S = 0.002
"""Between the store's clock when it decides and this machine's when the answer is there: two calls that are so much
less than a window apart may have been a window apart."""


def hammer(url: str, load: tuple[int, float, float], barriers: tuple[Any, Any], answers: Any) -> None:
    """One gateway's worker: calls all the time, and tells when each was admitted, and the longest wait.

    It waits for the others at the first barrier before it begins, and at the second before it asks what was counted.
    """
    asyncio.run(_hammer(url, load, barriers, answers))


async def _hammer(url: str, load: tuple[int, float, float], barriers: tuple[Any, Any], answers: Any) -> None:
    (coroutines, for_s, deadline_s), (together, done) = load, barriers
    told: list[str] = []
    limiter = RedisLimiter(connect(url), workers=PROCESSES, events=told.append, deadline_s=deadline_s)
    await limiter.start(["acme"])
    rolling, whole = rate(LIMIT, WINDOW_S), quota(1_000_000, clause="all")
    admitted: list[tuple[float, float]] = []
    slowest_s = 0.0
    await asyncio.to_thread(together.wait)
    until_s = time.time() + for_s

    async def calls() -> None:
        nonlocal slowest_s
        while time.time() < until_s:
            before_s = time.time()
            decision = await limiter.decide([charge(rolling), charge(whole)], now())
            after_s = time.time()
            slowest_s = max(slowest_s, after_s - before_s)
            if decision.bound is None:
                admitted.append((before_s, after_s))
            await asyncio.sleep(random.random() * 0.02)  # noqa: S311 - only spreads calls

    await asyncio.gather(*(calls() for _ in range(coroutines)))
    await until(lambda: limiter.status().reachable)
    await asyncio.to_thread(done.wait)  # not before all have ended: what is counted is of all of them
    standings = await limiter.standings([charge(whole)], now())
    answers.put((admitted, slowest_s, told, 1_000_000 - standings[0].remaining))
    await limiter.close()


def in_processes(url: str, load: tuple[int, float, float], meanwhile: Callable[[], None] = lambda: None) -> list[Any]:
    """What each of the processes tells. `load`: coroutines of each, seconds, and a decision's deadline in seconds."""
    spawn = multiprocessing.get_context("spawn")
    answers = spawn.Queue()
    together, done = spawn.Barrier(PROCESSES + 1), spawn.Barrier(PROCESSES, timeout=60)
    workers = [spawn.Process(target=hammer, args=(url, load, (together, done), answers)) for _ in range(PROCESSES)]
    for worker in workers:
        worker.start()
    together.wait(60)
    meanwhile()
    found = []
    with contextlib.suppress(Empty):
        found = [answers.get(timeout=load[1] + 60) for _ in workers]
    for worker in workers:
        worker.join(20)
    assert len(found) == PROCESSES
    return found


def most_in_a_window(admitted: list[tuple[float, float]], window_s: float) -> int:
    """Calls that were surely within one window: decided between the two times that are known of each."""
    most = 0
    for first_s, _ in admitted:
        most = max(most, sum(1 for begun_s, done_s in admitted if begun_s >= first_s and done_s <= first_s + window_s))
    return most


def test_processes_that_hammer_one_limit_never_exceed_it() -> None:
    with Valkey() as server:
        found = in_processes(server.url, (5, 3.0, 5.0))
    admitted = [call for calls, *_ in found for call in calls]
    assert len(admitted) > LIMIT, "they got further than one window"
    assert most_in_a_window(admitted, WINDOW_S - SPARE_S) <= LIMIT
    assert {counted for *_, counted in found} == {len(admitted)}, "every call was charged once"


@pytest.mark.long
def test_nothing_that_happens_to_the_store_lets_more_through() -> None:
    """Killed, paused, emptied, its scripts flushed, replaced: while four processes hammer it, for a minute."""
    with Valkey() as server:

        def disturb() -> None:
            time.sleep(5)
            for what in ("flush", "pause", "replace", "scripts", "flush", "kill", "pause", "replace") * 2:
                if what == "flush":
                    server.command("FLUSHALL")
                elif what == "scripts":
                    server.command("SCRIPT", "FLUSH")
                elif what == "pause":
                    server.pause()
                    time.sleep(0.7)
                    server.resume()
                elif what == "kill":
                    server.kill()
                    time.sleep(0.7)
                    server.start()
                else:
                    server.replace()
                time.sleep(2)

        found = in_processes(server.url, (8, 60.0, 0.05), disturb)
    admitted = [call for calls, *_ in found for call in calls]
    assert len(admitted) > 10 * LIMIT
    assert most_in_a_window(admitted, WINDOW_S - SPARE_S) <= LIMIT
    assert all(slowest_s < 1 for _, slowest_s, *_ in found)
    for *_, told, counted in found:
        assert {"counter-unreachable", "counter-reachable", "counter-rebuilt"} == set(told)
        assert counted >= len(admitted)


@pytest.mark.long
async def test_a_replica_that_takes_over_admits_no_call_that_the_other_counted() -> None:
    """Replication is cut before the last calls: what the replica does not know, the workers do."""
    with Valkey() as first, Valkey() as second, sentinel_of(first) as sentinel:
        second.command("REPLICAOF", "127.0.0.1", first.port)
        await until(lambda: b"master_link_status:up" in bytes(info(second, "replication")))
        await until(lambda: info(sentinel, "sentinel").count(b"slaves=1") == 1)
        told: list[str] = []
        limiter = RedisLimiter(connect(f"redis+sentinel://127.0.0.1:{sentinel.port}/main"), events=told.append)
        await limiter.start(["acme"])
        calls, spaced = quota(10), rate(10, window_s=600)
        for number in range(7):
            if number == 3:
                await until(lambda: second.command("LLEN", "clausegate:{acme}:c:acme/4.1") == 3)
                first.command("ACL", "SETUSER", "default", "-psync", "-sync")
                first.command("CLIENT", "KILL", "TYPE", "replica")
            decision = await limiter.decide([charge(calls), charge(spaced)], now())
            assert decision.bound is None
        assert second.command("LLEN", "clausegate:{acme}:c:acme/4.1") == 3, "it knows no more"
        first.kill()
        assert (await limiter.decide([charge(calls)], now())).unavailable
        await until(lambda: limiter.status().reachable, 30)
        admitted = 7
        while (await limiter.decide([charge(calls), charge(spaced)], now())).bound is None:
            admitted += 1
        assert admitted == 10
        await limiter.close()
        assert told[0] == "counter-unreachable"
        assert "counter-reachable" in told


async def test_a_cluster_counts_each_partner_in_one_place() -> None:
    with cluster(3) as servers:
        url = "redis+cluster://" + ",".join(f"127.0.0.1:{server.port}" for server in servers)
        limiter = RedisLimiter(connect(url), deadline_s=2)
        partners = [f"partner-{number}" for number in range(12)]
        await limiter.start(partners[:6])
        for partner in partners:
            calls, held = quota(2, agreement=partner), in_flight(1, agreement=partner)
            charges = [charge(calls), charge(held)]
            assert (await limiter.decide(charges, now(), "x")).bound is None
            assert (await limiter.decide(charges, now(), "y")).bound is held
            await limiter.release(charges, "x")
            assert (await limiter.decide(charges, now(), "y")).bound is None
            assert (await limiter.decide([charge(calls)], now())).bound is calls
        assert sum(int(str(server.command("DBSIZE"))) > 0 for server in servers) > 1
        for server in servers:
            server.command("FLUSHALL")
            server.command("SCRIPT", "FLUSH")
        for partner in partners:
            calls = quota(2, agreement=partner)
            assert (await limiter.decide([charge(calls)], now())).bound is calls
        await limiter.close()


async def test_tls_is_verified(tmp_path: Path) -> None:
    """The bundled server speaks no TLS: in front of it stands a real TLS end."""
    with Valkey() as server:
        certificate = certify(tmp_path)
        async with tls_end(server, certificate) as port:
            limiter = RedisLimiter(connect(f"rediss://127.0.0.1:{port}?ssl_ca_certs={certificate}"), deadline_s=2)
            await limiter.start(["acme"])
            assert (await limiter.decide([charge(quota(1))], now())).bound is None
            await limiter.close()
            stranger = RedisLimiter(connect(f"rediss://127.0.0.1:{port}"), deadline_s=2)
            await stranger.start(["acme"])
            assert not stranger.status().reachable
            await stranger.close()


async def until(condition: Callable[[], bool], within_s: float = 20) -> None:
    end_s = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < end_s, "it never came to be"
        await asyncio.sleep(0.02)


def info(server: Valkey, section: str) -> bytes:
    """As text; a command of its own keeps redis-py from reading it."""
    return bytes(str(server.raw("INFO", section)), "ascii")


def sentinel_of(server: Valkey) -> Valkey:
    """A sentinel that watches a server as the service `main`."""
    sentinel = Valkey(mode="sentinel")
    text = f"sentinel monitor main 127.0.0.1 {server.port} 1\nsentinel down-after-milliseconds main 400\n"
    (sentinel.folder / "sentinel.conf").write_text(text + "sentinel failover-timeout main 3000\n")
    return sentinel


@contextmanager
def cluster(count: int) -> Iterator[list[Valkey]]:
    """So many masters that share the slots."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(Valkey("--cluster-enabled", "yes")) for _ in range(count)]
        bounds = [16_384 * number // count for number in range(count + 1)]
        for number, server in enumerate(servers):
            server.command("CLUSTER", "ADDSLOTSRANGE", bounds[number], bounds[number + 1] - 1)
            server.command("CONFIG", "SET", "cluster-announce-ip", "127.0.0.1")
            if number:
                server.command("CLUSTER", "MEET", "127.0.0.1", servers[0].port)
        end_s = time.monotonic() + 30
        while not all("cluster_state:ok" in str(server.raw("CLUSTER", "INFO")) for server in servers):
            assert time.monotonic() < end_s, "the cluster did not form"
            time.sleep(0.05)
        yield servers


def certify(folder: Path) -> Path:
    """A certificate for 127.0.0.1 that is its own authority, with its key, in one file."""
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "certificate.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(made.public_bytes(serialization.Encoding.PEM) + private)
    return path


@asynccontextmanager
async def tls_end(server: Valkey, certificate: Path) -> AsyncIterator[int]:
    """A port that speaks TLS and carries what comes to a server."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    tasks: set[asyncio.Task[None]] = set()

    async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65_536):
                sink.write(data)
                await sink.drain()
        sink.close()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", server.port)
        for ends in ((reader, far_writer), (far_reader, writer)):
            task = asyncio.create_task(carry(*ends))
            tasks.add(task)
            task.add_done_callback(tasks.discard)

    listening = await asyncio.start_server(accept, "127.0.0.1", 0, ssl=context)
    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        listening.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
