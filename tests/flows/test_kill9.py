"""The serving process is killed under load: every answer that anybody received has its record, and the log verifies."""

import asyncio
import random
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from msgspec import Struct

from contracts.agreement import Ack
from gateway.audit.reader import find_receipt, read_entries
from gateway.audit.verify import FirstFault, verify_log
from tests.flows.backend import backend
from tests.flows.demo import clausegate
from tests.flows.hub import AGREEMENT, Hub, hub
from tests.flows.load import Load

CONNECTIONS = 16
ANSWERS_MAX = 800


class Death(Struct, frozen=True):
    """One life of the gateway: answers with data that were received, and how many of them have no record."""

    received: int
    lost: int


async def until_killed(load: Load, answers: int, kill: Callable[[], None]) -> None:
    """Load the gateway until so many answers have arrived, then kill it while all its connections wait."""

    def on_answer() -> None:
        if load.answers == answers:
            kill()

    await load.run(CONNECTIONS, on_answer)


def one_life(made: Hub, answers: int) -> Death:
    """Serve, kill, and look for the record of every answer that arrived, also of those that arrived after the kill."""
    with made.serving() as gateway:
        load = Load(gateway)
        asyncio.run(until_killed(load, answers, gateway.process.process.kill))
        assert gateway.process.process.wait(30) == -9
    assert set(load.statuses) == {200}
    assert load.broken == CONNECTIONS
    found = {located.receipt().place for located in read_entries(made.log)}
    return Death(len(load.receipts), sum(1 for receipt in load.receipts if receipt.place not in found))


def survives(folder: Path, lives: Sequence[Ack]) -> list[Death]:
    """Kill so often on one log; each start recovers what the last death left, and at the end all of it verifies."""
    moments = random.Random(len(lives))  # noqa: S311  # moments of death, not secrets
    with backend() as running, hub(folder, running.url, ack="sync") as made:
        deaths, ack = [], "sync"
        for next_ack in lives:
            if next_ack != ack:
                made.edit(AGREEMENT, f"ack: {ack}", f"ack: {next_ack}")
                ack = next_ack
            deaths.append(one_life(made, moments.randint(1, ANSWERS_MAX)))
        with made.serving() as gateway:
            assert asyncio.run(gateway.get("/v1/shipments/S-1")).status == 200
        report = verify_log(made.log)
        assert not isinstance(report, FirstFault), report
        assert clausegate("verify", made.folder).returncode == 0
    return deaths


def test_no_answer_that_was_received_is_missing_on_the_log(tmp_path: Path) -> None:
    """With `ack: sync` as with `ack: write`: what the kernel has survives the death of the process."""
    for death in survives(tmp_path, ["sync", "sync", "sync", "write"]):
        assert death.received > 0
        assert death.lost == 0


def test_a_record_that_is_missing_would_be_noticed(tmp_path: Path) -> None:
    with backend() as running, hub(tmp_path, running.url) as made:
        with made.serving() as gateway:
            load = Load(gateway)
            asyncio.run(until_killed(load, 50, gateway.process.process.kill))
        data = made.segment.read_bytes()
        made.segment.write_bytes(data[: len(data) * 3 // 4])
        found = {located.receipt().place for located in read_entries(made.log)}
        missing = [receipt for receipt in load.receipts if receipt.place not in found]
        assert 0 < len(missing) < len(load.receipts)
        assert [find_receipt(made.log, receipt) for receipt in missing] == [None] * len(missing)


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("ack", ["sync", "write"])
def test_twenty_deaths_lose_nothing(tmp_path: Path, ack: Ack, capsys: pytest.CaptureFixture[str]) -> None:
    deaths = survives(tmp_path, [ack] * 20)
    received, lost = sum(death.received for death in deaths), sum(death.lost for death in deaths)
    with capsys.disabled():
        sys.stdout.write(f"\nack {ack}: {len(deaths)} kills, {received} answers received, {lost} without a record\n")
    assert lost == 0
