"""A whole exchange without a socket: real plans, masks, limits and log; a scripted backend and a known caller."""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, cast

from msgspec import Struct

from adapters.base import Adapter, Answer, Call, Change, Fault, Query
from contracts.plan import Plans
from gateway.audit.leaf import Entry, Exchange
from gateway.audit.reader import read_entries, read_exchanges
from gateway.audit.sidecar import Sidecar, handle_of, subject_text
from gateway.audit.writer import Writer
from gateway.credentials.noted import RefusedCall
from gateway.exchange.arrival import Arrival, Reception
from gateway.exchange.changing import Changes
from gateway.exchange.cursor import Cursors
from gateway.exchange.identify import Verify
from gateway.exchange.serve import Gateway, Serving
from gateway.exchange.settle import Settling
from gateway.exchange.signed import SignedChanges, nobody_signs
from gateway.exchange.signing import SignAnswer, unsigned
from gateway.limits.charging import Charging
from gateway.oauth.grant import Admitted, Grant, Presented, Rejected
from gateway.quality.sampler import Sampler
from gateway.sla.tally import Tally
from gateway.store.hidden import Hidden
from gateway.store.idempotency import Idempotency
from gateway.store.store import Store
from policies.counters import Counters
from tests.unit.audit.doubles import BRIEF
from tests.unit.contracts.sample import compiled
from tests.unit.exchange.judging import judged_by

MIDSUMMER_2026_US = 1_782_000_000_000_000
GRANT = Grant("swift-app", "swift", "http://gateway", frozenset({"shipments:read"}), "jti", "kid", 0, 2**40)
SECRET = Hidden(bytes(range(32)))


class ScriptedAdapter:
    """Answers what it was told, and remembers what it was asked.

    `says` is the answer to every query and, if `changes_say` is None, to every change; `first` come before it, one
    each. `meanwhile` is called before each answer.
    """

    def __init__(self) -> None:
        self.says: Answer | Fault | Exception = Answer(200, "application/json", b'{"data":[]}')
        self.changes_say: Answer | Fault | Exception | None = None
        self.first: list[Answer | Fault | Exception] = []
        self.asked: list[tuple[Call, Query]] = []
        self.changes: list[tuple[Call, Change]] = []
        self.meanwhile: Callable[[], None] = lambda: None

    async def answer(self, call: Call, query: Query) -> Answer | Fault:
        self.asked.append((call, query))
        return self._said(self.first.pop(0) if self.first else self.says)

    async def change(self, call: Call, change: Change) -> Answer | Fault:
        self.changes.append((call, change))
        return self._said(self.says if self.changes_say is None else self.changes_say)

    async def close(self) -> None:
        return

    def json(self, value: Any, status: int = 200) -> None:
        """Say a JSON body."""
        self.says = said(value, status)

    def _said(self, says: Answer | Fault | Exception) -> Answer | Fault:
        self.meanwhile()
        if isinstance(says, Exception):
            raise says
        return says


def said(value: Any, status: int = 200) -> Answer:
    """An answer with a JSON body."""
    return Answer(status, "application/json", json.dumps(value, ensure_ascii=False).encode())


def arriving(method: str = "GET", query: str = "", **headers: str) -> Arrival:
    """A request for a list of wares, or of one; header names with underscores for hyphens."""
    scope = {
        "method": method,
        "raw_path": b"/v1/wares",
        "query_string": query.encode(),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
    }
    return Reception(lambda: MIDSUMMER_2026_US, lambda: 0).receive(scope)


class Reply(Struct, frozen=True):
    """What the caller got. `headers` in lower case, the last of a name; `pieces` as they were sent; `ended` the proper
    end of the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    pieces: tuple[bytes, ...] = ()
    ended: bool = True

    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The problem's code; "" for an answer that is none."""
        if self.headers.get("content-type") != "application/problem+json":
            return ""
        return str(self.json()["type"]).removeprefix("/problems/")


class Stage:
    """One gateway process, as far as an exchange can tell. `now_us` and `now_ns` are its clocks; `monotonic_ns` is what
    limits are counted by. `upload_ns` is how long callers take to send a body.

    `grant` is who calls, `verify` what decides on that; `refused` are the refusals of known clients at the door.

    `sent` is called with each message to the caller before it goes out; `gone` set: the caller hangs up once its
    request has been read. Without a `store` there are no idempotency keys.
    """

    def __init__(
        self,
        folder: Path,
        plans: Plans | None = None,
        adapter: Adapter | None = None,
        store: Store | None = None,
        *,
        signed: SignedChanges | None = None,
        sign: SignAnswer = unsigned,
    ) -> None:
        self.now_us, self.now_ns = MIDSUMMER_2026_US, 0
        self.upload_ns = 0
        self.monotonic_ns: Callable[[], int] = lambda: self.now_ns
        self.grant: Grant | Rejected = GRANT
        self.verify: Verify = judged_by(lambda _header, _now_s: self.grant)
        self.refused: list[RefusedCall] = []
        self.adapter = ScriptedAdapter()
        self.folder = folder
        self.sent: Callable[[Any], None] = lambda _message: None
        self.gone = asyncio.Event()
        plans = plans or compiled()[1]
        writer = Writer.open(folder, "gw-test", options=BRIEF)
        assert isinstance(writer, Writer), writer
        self.writer = writer
        self.sidecar = Sidecar(folder / "sidecar" / "gw-test", SECRET, flush_s=None)
        self.tally = Tally(plans)
        self.sampler = Sampler(
            writer.append_durable, lambda _: None, monotonic_ns=lambda: self.now_ns, interval_ms=1, flush_s=1
        )
        self.settling = Settling(Charging(), Counters(), lambda person: handle_of(subject_text(person), SECRET))
        idempotency = Idempotency(cast(Store, store), SECRET, "this-process")  # None is never asked
        self.gateway = Gateway(
            Serving(plans, {"records": adapter or self.adapter}),
            verify=self._judge,
            settling=self.settling,
            cursors=Cursors(bytes(32)),
            writer=writer,
            tally=self.tally,
            changes=Changes(writer, idempotency, SECRET, signed or nobody_signs()),
            commit=self.sidecar.commit,
            sampler=self.sampler,
            reception=Reception(lambda: self.now_us, self._monotonic),
            monotonic_ns=lambda: self.now_ns,
            sign=sign,
            note=self.refused.append,
        )

    async def _judge(self, shown: Presented, now_s: float) -> Admitted | Rejected:
        """By `verify` as it is now: tests put another in its place."""
        return await self.verify(shown, now_s)

    def _monotonic(self) -> int:
        """Of the clock as it is now: tests put another in its place."""
        return self.monotonic_ns()

    async def get(self, target: str, method: str = "GET", **headers: str) -> Reply:
        """Send a request without a body; header names with underscores for hyphens."""
        return await self.ask(method, target, None, **headers)

    async def ask(self, method: str, target: str, body: Any, **headers: str) -> Reply:
        """Send a request; a `body` that is no bytes goes as JSON."""
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if body is not None:
            headers = {"content_type": "application/json", **headers}
        path, _, query = target.partition("?")
        sent: list[Any] = []
        pieces = [{"type": "http.request", "body": content, "more_body": False}]

        async def send(message: Any) -> None:
            self.sent(message)
            sent.append(message)

        async def receive() -> Any:
            self.now_ns += self.upload_ns
            if pieces:
                return pieces.pop(0)
            await self.gone.wait()
            return {"type": "http.disconnect"}

        scope = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()],
        }
        await self.gateway.serve(scope, receive, send)
        return _reply(sent)

    def records(self) -> list[Exchange]:
        """All exchanges on the log."""
        return list(read_exchanges(self.folder))

    def entries(self) -> list[Entry]:
        """All that is on the log, but for the writer's own first record."""
        return [found.leaf.entry for found in read_entries(self.folder)][1:]


def _reply(sent: Iterable[Any]) -> Reply:
    start, *bodies = sent
    decoded = {name.decode(): value.decode() for name, value in start["headers"]}
    pieces = tuple(part["body"] for part in bodies)
    ended = bool(bodies) and not bodies[-1].get("more_body", False)
    return Reply(start["status"], decoded, b"".join(pieces), pieces, ended)
