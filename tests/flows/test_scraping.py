"""The demo's base copied at one hundredth an hour is found within its first day; a declared nightly copy is not.

The demo's own documents, data and backend process, called through the whole exchange over HTTP; only the clock is the
test's, so that a day passes in seconds.
"""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from bench.traces import DAY_US, HOUR_US, at
from gateway.demo.data import generate
from gateway.demo.stage import backend_process
from gateway.demo.workspace import assemble
from gateway.exchange.arrival import Reception
from gateway.exchange.changing import Changes
from gateway.exchange.cursor import Cursors
from gateway.exchange.serve import Gateway, Serving
from gateway.oauth.grant import Grant
from gateway.reload import connect_all
from gateway.scraping.finding import Finding
from gateway.scraping.watcher import Watcher
from gateway.store.idempotency import Idempotency
from gateway.workspace import Workspace, load_workspace
from policies.keys import PartnerKeys
from tests.unit.exchange.judging import judged_by
from tests.unit.exchange.stage import SECRET, Reply, Stage

PARTNER = "swift-logistics"
DAWN, NIGHT = at(0, 6), at(1, 1.5)
"""Outside of the bulk read that the demo's agreement declares for each night from 1 to 5 o'clock, and within it."""

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Watched:
    """The demo's gateway in this process, under a clock that the test moves."""

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        plans = workspace.plans.with_keys(lambda partner: PartnerKeys(bytes(32), partner))
        self.findings: list[Finding] = []
        self.stage = stage = Stage(folder, plans)
        self.watcher = Watcher(stage.settling.handle, self.findings.append, now_us=lambda: stage.now_us)
        stage.grant = Grant(
            "swift-app",
            PARTNER,
            "http://gateway",
            frozenset(plan.scope for plan in plans.all_plans()),
            "jti",
            "kid",
            0,
            2**40,
        )
        stage.gateway = Gateway(
            Serving(plans, connect_all(workspace.backends, {}, {})),
            verify=judged_by(lambda _header, _now_s: stage.grant),
            settling=stage.settling,
            cursors=Cursors(bytes(32)),
            writer=stage.writer,
            tally=stage.tally,
            changes=Changes(stage.writer, Idempotency(None, SECRET, "this-process"), SECRET),  # type: ignore[arg-type]
            commit=stage.sidecar.commit,
            sampler=stage.sampler,
            reception=Reception(lambda: stage.now_us, lambda: stage.now_ns),
            monotonic_ns=lambda: stage.now_ns,
            watch=self.watcher.saw,
        )

    def pass_to(self, time_us: int) -> None:
        """Time goes on, on both clocks."""
        self.stage.now_ns += (time_us - self.stage.now_us) * 1000
        self.stage.now_us = time_us

    async def get(self, target: str, pause_us: int) -> Reply:
        """A call, and the time until the next one."""
        reply = await self.stage.get(target)
        self.watcher.tick(self.stage.now_us)
        self.pass_to(self.stage.now_us + pause_us)
        return reply

    def detectors(self) -> set[str]:
        """Which ones found something."""
        return {finding.detector for finding in self.findings}

    async def copy(self) -> int:
        """Read the list to its end, a page every three seconds; how many records that were."""
        records, target = 0, "/v1/shipments?limit=200"
        while target:
            reply = await self.get(target, 3_000_000)
            assert reply.status == 200, reply.body
            page: Any = reply.json()
            records += len(page["data"])
            target = f"/v1/shipments?limit=200&cursor={page['next']}" if page["next"] else ""
        return records


@contextmanager
def watched(folder: Path) -> Iterator[Watched]:
    """The demo with its data and its backend process."""
    generate(folder / "data")
    with backend_process(folder / "data") as port:
        workspace = load_workspace(assemble(folder, port))
        assert isinstance(workspace, Workspace), workspace
        made = Watched(folder / "log", workspace)
        made.stage.now_us = DAWN
        yield made


async def test_sequential_ids_low_and_slow_are_found_within_a_day(tmp_path: Path) -> None:
    draw = random.Random(1)  # noqa: S311 - a simulation
    with watched(tmp_path) as demo:
        served = number = 0
        while "sequential-keys" not in demo.detectors() and demo.stage.now_us < DAWN + DAY_US:
            number += 1
            reply = await demo.get(f"/v1/shipments/SHP-26-{number:06d}", int(draw.uniform(6, 30) * 1_000_000))
            assert reply.status in (200, 404)
            served += reply.status == 200
        (found,) = [finding for finding in demo.findings if finding.detector == "sequential-keys"]
        assert found.until_us < DAWN + 3 * HOUR_US
        assert 0 < served < 300
        assert (found.agreement, found.resource) == ("swift-logistics-2026", "shipments")
        assert "SHP-" not in str(found)


async def test_a_nightly_copy_of_the_whole_base_that_the_agreement_declares_is_not_found(tmp_path: Path) -> None:
    with watched(tmp_path) as demo:
        for night in range(2):
            demo.pass_to(NIGHT + night * DAY_US)
            assert await demo.copy() > 4_800, "more than the scraper would have had in a day"
        assert demo.detectors() == set()
        demo.pass_to(at(2, 6))
        await demo.copy()
        assert "sequential-keys" in demo.detectors(), "at six it is not declared"
