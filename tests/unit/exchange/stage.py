"""A whole exchange without a socket: real plans, masks, limits and log; a scripted backend and a known caller."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec import Struct

from adapters.base import Answer, Call, Fault, Query
from contracts.plan import Plans
from gateway.audit.leaf import Exchange
from gateway.audit.reader import read_exchanges
from gateway.audit.writer import Writer
from gateway.exchange.arrival import Reception
from gateway.exchange.cursor import Cursors
from gateway.exchange.serve import Gateway, Serving
from gateway.oauth.grant import Grant, Rejected
from gateway.sla.tally import Tally
from policies.counters import Counters
from tests.unit.contracts.sample import compiled

MIDSUMMER_2026_US = 1_782_000_000_000_000
GRANT = Grant("swift-app", "swift", "http://gateway", frozenset({"shipments:read"}), "jti", "kid", 0, 2**40)


class ScriptedAdapter:
    """Answers what it was told, and remembers what it was asked."""

    def __init__(self) -> None:
        self.says: Answer | Fault | Exception = Answer(200, "application/json", b'{"data":[]}')
        self.asked: list[tuple[Call, Query]] = []

    async def answer(self, call: Call, query: Query) -> Answer | Fault:
        self.asked.append((call, query))
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    async def close(self) -> None:
        return

    def json(self, value: Any, status: int = 200) -> None:
        """Say a JSON body."""
        self.says = Answer(status, "application/json", json.dumps(value, ensure_ascii=False).encode())


class Reply(Struct, frozen=True):
    """What the caller got. `headers` in lower case, the last of a name."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


class Stage:
    """One gateway process, as far as an exchange can tell. `now_us` and `now_ns` are its clocks."""

    def __init__(self, folder: Path, plans: Plans | None = None) -> None:
        self.now_us, self.now_ns = MIDSUMMER_2026_US, 0
        self.grant: Grant | Rejected = GRANT
        self.adapter = ScriptedAdapter()
        self.folder = folder
        plans = plans or compiled()[1]
        writer = Writer.open(folder, "gw-test")
        assert isinstance(writer, Writer), writer
        self.writer = writer
        self.tally = Tally(plans)
        self.gateway = Gateway(
            Serving(plans, {"records": self.adapter}),
            verify=lambda _header, _now_s: self.grant,
            counters=Counters(lambda: self.now_ns),
            cursors=Cursors(bytes(32)),
            writer=writer,
            tally=self.tally,
            reception=Reception(lambda: self.now_us, lambda: self.now_ns),
            monotonic_ns=lambda: self.now_ns,
        )

    async def get(self, target: str, method: str = "GET", **headers: str) -> Reply:
        """Send a request; header names with underscores for hyphens."""
        path, _, query = target.partition("?")
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        scope = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }
        await self.gateway.serve(scope, None, send)
        start, *bodies = sent
        decoded = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], decoded, b"".join(part["body"] for part in bodies))

    def records(self) -> list[Exchange]:
        """All exchanges on the log."""
        return list(read_exchanges(self.folder))
