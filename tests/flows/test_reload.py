"""SIGHUP under load: a valid edit drops no request, an invalid one changes nothing, what is in force is recorded."""

import asyncio
import re
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from msgspec import Struct

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.audit.verify import FirstFault, verify_log
from tests.flows.backend import Backend, backend
from tests.flows.demo import until
from tests.flows.hub import AGREEMENT, POLICY, Gateway, Hub, hub
from tests.flows.load import Load

ONE = "/v1/shipments/S-1"
CONNECTIONS = 8
AROUND = 200
LESS = "{limit: 999999, burst: 999999}"
LIMIT = "{limit: 1000000, burst: 1000000}"


class Edit(Struct, frozen=True):
    """What is done to the workspace before SIGHUP, and how the load sees that it was heeded."""

    make: Callable[[], None]
    led_to: Callable[[Load], bool]


@pytest.fixture(scope="module")
def source() -> Iterator[Backend]:
    with backend() as running:
        yield running


@pytest.fixture
def made(tmp_path: Path, source: Backend) -> Iterator[Hub]:
    with hub(tmp_path, source.url) as made:
        yield made


async def under_load(gateway: Gateway, edits: list[Edit]) -> Load:
    """Make each edit, send SIGHUP, and wait for what it must lead to, while calls go on without a pause."""
    load = Load(gateway)
    calling = asyncio.create_task(load.run(CONNECTIONS))
    for edit in edits:
        await _answers(load, AROUND)
        edit.make()
        gateway.process.process.send_signal(signal.SIGHUP)
        await load.reached(partial(edit.led_to, load))
    await _answers(load, AROUND)
    load.stop()
    await calling
    return load


async def _answers(load: Load, more: int) -> None:
    enough = load.answers + more
    await load.reached(lambda: load.answers >= enough)


def hash_in(agreement: str) -> str:
    """The contract hash in a Clausegate-Agreement header."""
    found = re.search(r'contract="([0-9a-f]{64})"', agreement)
    assert found is not None, agreement
    return found[1]


def activated(made: Hub) -> list[str]:
    """The contract hashes that came into force, in order."""
    entries = read_as(made.log, Authority)
    return [entry.contract for entry in entries if entry.event == "agreement-activated"]


def test_a_valid_edit_is_served_to_the_next_call_and_drops_none(made: Hub) -> None:
    edits = [
        Edit(lambda: made.edit(AGREEMENT, LIMIT, LESS), lambda load: len(load.agreements) == 2),
        Edit(lambda: made.edit(POLICY, "slice: PT5M", "slice: PT10M"), lambda load: len(load.agreements) == 3),
        Edit(lambda: made.edit(AGREEMENT, "1.2.0", "1.3.0"), lambda load: len(load.agreements) == 4),
    ]
    with made.serving() as gateway:
        before = asyncio.run(gateway.get(ONE))
        load = asyncio.run(under_load(gateway, edits))
        after = asyncio.run(gateway.get(ONE))
        assert dict(load.statuses) == {200: load.answers}
        assert load.broken == 0
        hashes = [hash_in(agreement) for agreement in load.agreements]
        assert activated(made) == hashes
        for reply, version, contract, limit in (
            (before, "1.2.0", hashes[0], 1_000_000),
            (after, "1.3.0", hashes[-1], 999_999),
        ):
            assert reply.headers["ratelimit-policy"] == f'"4.1";q={limit};w=60'
            assert hash_in(reply.headers["clausegate-agreement"]) == contract
            recorded = made.exchange(reply.receipt)
            assert (recorded.version, recorded.contract) == (version, contract)
    assert not isinstance(verify_log(made.log), FirstFault)


def test_an_invalid_edit_leaves_the_old_one_serving_and_says_so(made: Hub) -> None:
    with made.serving() as gateway:
        said = gateway.process
        edits = [
            Edit(
                lambda: made.edit(POLICY, "limit: 600", "limit: six hundred"),
                lambda _: "expected a whole number" in said.stderr,
            ),
            Edit(lambda: made.edit("backends.toml", "[gone]", "[gone"), lambda _: "backends.toml" in said.stderr),
        ]
        load = asyncio.run(under_load(gateway, edits))
        assert dict(load.statuses) == {200: load.answers}
        assert (len(load.agreements), load.broken) == (1, 0)
        assert f"{POLICY}:" in said.stderr
        assert "Traceback" not in said.stderr
        assert activated(made) == [hash_in(*load.agreements)]

        made.edit(POLICY, "limit: six hundred", "limit: 601")
        repaired = Edit(lambda: made.edit("backends.toml", "[gone", "[gone]"), lambda load: len(load.agreements) == 2)
        load = asyncio.run(under_load(gateway, [repaired]))
        assert dict(load.statuses) == {200: load.answers}
        assert load.broken == 0


def test_an_edit_that_cannot_be_recorded_does_not_come_into_force(made: Hub) -> None:
    with made.serving() as gateway:
        before = asyncio.run(gateway.get(ONE))
        assert before.status == 200
        made.segment.rename(made.folder / "away")
        made.edit(AGREEMENT, "version: 1.2.0\n", "version: 1.3.0\n")
        gateway.process.process.send_signal(signal.SIGHUP)
        until(lambda: "reload refused" in gateway.process.stderr)
        assert "00000001.seg was deleted" in gateway.process.stderr
        assert "Traceback" not in gateway.process.stderr
        after = asyncio.run(gateway.get(ONE))
        assert after.status == 503
        assert after.headers["clausegate-agreement"] == before.headers["clausegate-agreement"]


def test_what_is_in_force_already_is_not_recorded_again(made: Hub) -> None:
    with made.serving() as gateway:
        for times in (1, 2):
            gateway.process.process.send_signal(signal.SIGHUP)
            until(lambda times=times: gateway.process.stderr.count('"reloaded"') == times)  # type: ignore[misc]
        assert len(activated(made)) == 1
