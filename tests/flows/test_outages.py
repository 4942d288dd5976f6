"""A whole gateway whose shared counters are killed, paused, emptied, cut off and replaced while it serves: each clause
does what it says, every transition is on the log, nobody waits, and no limit is exceeded because a store forgot."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import pytest

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from tests.flows.backend import Backend, backend
from tests.flows.demo import clausegate
from tests.flows.hub import Hub
from tests.flows.outages import CLAUSES, Answered, Counted, Partner, Terms, counting_hub
from tests.flows.valkey import Valkey, Wire

BOUND_S = 1.0
"""No answer takes longer. A decision has 0.05 s; machines that run tests keep any process waiting at times."""
LIMIT, SHARE = 300, 6
AT_ONCE = 8
FAULTS = ("kill", "pause", "flush", "cut", "replace")
AWAY, BACK, REBUILT = "counter-unreachable", "counter-reachable", "counter-rebuilt"
TRANSITIONS: dict[str, list[list[str]]] = {
    "kill": [[AWAY, BACK, REBUILT]],
    "pause": [[AWAY, BACK]],
    "flush": [[REBUILT]],
    "cut": [[AWAY, BACK]],
    "replace": [[AWAY, BACK, REBUILT], [REBUILT]],  # a new server may be there before anybody has asked for the old one
}


@pytest.fixture(scope="module")
def source() -> Iterator[Backend]:
    with backend() as running:
        yield running


class Stage:
    """A gateway that serves, what it counts in, and the wire between them."""

    def __init__(self, server: Valkey, wire: Wire, counted: Counted, partners: dict[str, Partner]) -> None:
        self.server, self.wire, self.hub, self.partners = server, wire, counted.hub, partners
        self._seen = 0

    async def begin(self, fault: str) -> None:
        server = self.server
        if fault == "kill":
            await asyncio.to_thread(server.kill)
        elif fault == "pause":
            server.pause()
        elif fault == "flush":
            await asyncio.to_thread(server.command, "FLUSHALL")
        elif fault == "cut":
            self.wire.cut()
        else:
            (server.folder / "dump.rdb").unlink(missing_ok=True)
            await asyncio.to_thread(server.replace)

    async def end(self, fault: str) -> None:
        if fault == "kill":
            await asyncio.to_thread(self.server.start)
        elif fault == "pause":
            self.server.resume()
        elif fault == "cut":
            self.wire.mend()

    def events(self) -> list[str]:
        """Transitions on the log, in order."""
        return transitions(self.hub)

    def new_events(self) -> list[str]:
        """Those since this was asked last."""
        found = self.events()
        new, self._seen = found[self._seen :], len(found)
        return new

    def uncounted(self, answer: Answered) -> str:
        return self.hub.exchange(answer.reply.receipt).uncounted
