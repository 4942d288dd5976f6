"""Calls of a partner's interface as the hub's programs make them: real plans and log, a partner on a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

from msgspec import Struct

from contracts.agreement import HUB
from contracts.compile import compile_documents
from contracts.finding import Finding
from contracts.plan import Plans
from contracts.workspace import decode_documents
from gateway.audit.leaf import Entry, Exchange, Outbound
from gateway.audit.reader import read_entries
from gateway.audit.writer import Writer
from gateway.credentials.noted import RefusedCall
from gateway.exchange.arrival import Reception
from gateway.exchange.identify import Verify
from gateway.oauth.grant import Admitted, Grant, Presented, Rejected
from gateway.outbound.serve import Outbound as Front
from gateway.outbound.target import ServiceTarget
from tests.unit.audit.doubles import BRIEF, FaultyDisk
from tests.unit.contracts.sample import BACKENDS, TABLE
from tests.unit.exchange.judging import judged_by
from tests.unit.outbound.partner_api import PartnerApi, listening

MIDSUMMER_2026_US = 1_782_000_000_000_000
AGREEMENT = "agreements/swift-2026.yaml"
SERVICE = "services/rates.openapi.yaml"
NAMED = "\nservices:\n  - {service: rates, version: 1.0.0, operations: [quote, rate, cancel]}\n"
DOCUMENT = """\
openapi: 3.1.0
x-service: rates
info: {title: Rates, version: 1.0.0}
paths:
  /quotes:
    post:
      operationId: quote
      requestBody:
        required: true
        content: {application/json: {schema: {$ref: "#/components/schemas/Wanted"}}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Quote"}}}}
        "422": {description: no, content: {application/json: {schema: {type: object, required: [reason]}}}}
        "503": {description: busy, content: {application/json: {schema: {type: object}}}}
  /rates/{lane}:
    get:
      operationId: rate
      parameters:
        - {name: lane, in: path, required: true, schema: {type: string, maxLength: 20}}
        - {name: weight_kg, in: query, required: true, schema: {type: number, exclusiveMinimum: 0}}
      responses:
        "200": {description: ok, content: {application/json: {schema: {$ref: "#/components/schemas/Quote"}}}}
        "204": {description: none}
  /cancellations:
    post:
      operationId: cancel
      parameters:
        - {name: Idempotency-Key, in: header, required: true, schema: {type: string}}
      responses: {"204": {description: done}}
components:
  schemas:
    Wanted:
      type: object
      additionalProperties: false
      required: [lane]
      properties: {lane: {type: string, pattern: "^[a-z-]+$"}, weight_kg: {type: number, multipleOf: 0.01}}
    Quote:
      type: object
      required: [price]
      properties: {price: {type: string, pattern: "^[0-9]+[.][0-9]{2}$"}}
"""
GRANT = Grant(
    "dispatch-app",
    HUB,
    "http://gateway",
    frozenset({"out:swift:quote", "out:swift:rate", "out:swift:cancel"}),
    "jti",
    "kid",
    0,
    2**40,
)
PARTNERS = Grant("swift-app", "swift", "http://gateway", frozenset({"shipments:read"}), "jti", "kid", 0, 2**40)


def documents(document: str = DOCUMENT, named: str = NAMED, **more: str) -> dict[str, bytes]:
    """The small workspace with a service, by file name."""
    files = {**TABLE["workspace"], SERVICE: document, **more}
    files[AGREEMENT] = files[AGREEMENT].rstrip() + named
    return {name: text.encode() for name, text in files.items()}


def compiled(files: dict[str, bytes]) -> Plans | list[Finding]:
    """Plans, or what is wrong."""
    decoded, findings = decode_documents(files)
    return findings or compile_documents(decoded, BACKENDS)


@cache
def usual_plans() -> Plans:
    """Those of the document above."""
    plans = compiled(documents())
    assert isinstance(plans, Plans), plans
    return plans


class Told(Struct, frozen=True):
    """What a program of the hub's got."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Stage:
    """A gateway as far as a call of a partner can tell. `now_us` is its clock; `grant` who is calling, `verify` what
    decides on that."""

    def __init__(self, folder: Path, api: PartnerApi, target: ServiceTarget) -> None:
        self.plans, self.api, self.folder = usual_plans(), api, folder
        self.services = {"rates": target}
        self.grant: Grant | Rejected = GRANT
        self.verify: Verify = judged_by(lambda _header, _now_s: self.grant)
        self.refused: list[RefusedCall] = []
        self.now_us = MIDSUMMER_2026_US
        self.disk = FaultyDisk()
        writer = Writer.open(folder, "gw-test", disk=self.disk, options=BRIEF)
        assert isinstance(writer, Writer), writer
        self.writer = writer
        self.counted: list[Entry] = []
        self.front = Front(
            plans=lambda: self.plans,
            services=lambda: self.services,
            verify=self._judge,
            note=self.refused.append,
            writer=writer,
            counts=self,
            reception=Reception(lambda: self.now_us, lambda: 0, lambda _scope: ""),
        )

    async def _judge(self, shown: Presented, now_s: float) -> Admitted | Rejected:
        """By `verify` as it is now: tests put another in its place."""
        return await self.verify(shown, now_s)

    def add(self, exchange: Exchange) -> None:
        self.counted.append(exchange)

    def add_outbound(self, called: Outbound) -> None:
        self.counted.append(called)

    async def ask(self, method: str, target: str, body: Any = None, **headers: str) -> Told:
        """A request of the hub's program; a `body` that is no bytes goes as JSON."""
        content = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
        if body is not None:
            headers = {"content_type": "application/json", **headers}
        path, _, query = target.partition("?")
        pieces = [{"type": "http.request", "body": content, "more_body": False}]
        sent: list[Any] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return pieces.pop(0) if pieces else {"type": "http.disconnect"}

        scope = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.replace("_", "-").encode(), text.encode()) for name, text in headers.items()],
        }
        await self.front.serve(scope, receive, send)
        start, *bodies = sent
        named = {name.decode(): value.decode() for name, value in start["headers"]}
        return Told(start["status"], named, b"".join(part["body"] for part in bodies))

    async def quote(self, **headers: str) -> Told:
        """The usual call: a POST that is in order."""
        return await self.ask("POST", "/out/swift/quote", {"lane": "a-b", "weight_kg": 1.1}, **headers)

    async def rate(self) -> Told:
        """A GET that is in order."""
        return await self.ask("GET", "/out/swift/rate?lane=a-b&weight_kg=1.50")

    def entries(self) -> list[Entry]:
        """All that is on the log, but for the writer's own first record."""
        return [found.leaf.entry for found in read_entries(self.folder)][1:]

    def calls(self) -> list[Outbound]:
        """The calls on the log."""
        return [entry for entry in self.entries() if isinstance(entry, Outbound)]


@asynccontextmanager
async def staged(folder: Path, **settings: Any) -> AsyncIterator[Stage]:
    """A gateway and a partner; `settings` of the service."""
    async with listening() as api:
        at = f"http://127.0.0.1:{api.port}"
        if settings.get("auth") in ("client_secret_basic", "private_key_jwt"):
            settings["token_url"] = f"{at}/token"
        target = ServiceTarget(**{"url": at, "timeout_ms": 5_000, "attempts": 3, **settings})
        assert target.faults() == []
        stage = Stage(folder, api, target)
        try:
            yield stage
        finally:
            await stage.front.close()
            stage.writer.close()


async def together(*calls: Any) -> list[Told]:
    """Several at once."""
    return list(await asyncio.gather(*calls))
