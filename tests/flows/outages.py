"""A gateway that counts in a shared store, and partners whose clauses say differently what an outage of it means.

Their windows are a month and a year long: whatever a store forgets shows in the end.
"""

import asyncio
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
from msgspec import Struct

from gateway.authority import NewClient
from gateway.provision import provision
from gateway.workspace import Workspace, load_workspace
from tests.flows.hub import AGREEMENT, POLICY, Gateway, Hub, hub
from tests.flows.wire import Reply, Wire

TARGET = "/v1/shipments/S-1"
CLAUSES = "4.1 4.2"
"""What every call of every partner is held against: a rate over 30 days, and twice as much in a year."""
_QUOTA = """\
  - id: "4.2"
    kind: quota
    unit: calls
    period: year
    per: partner
    limit: 1000000
    on_outage: refuse
    text:
      zh: 每{period}按{per}计不超过 {limit} {unit}；计数中断时{on_outage}。
      en: At most {limit} {unit} per {period}, per {per}; in an outage calls are {on_outage}.
"""


class Terms(Struct, frozen=True):
    """How much a partner may call, and what happens while nobody can count it."""

    limit: int
    on_outage: str


class Answered(Struct, frozen=True):
    """An answer, and how long it took."""

    reply: Reply
    took_s: float

    @property
    def status(self) -> int:
        return self.reply.status

    @property
    def refusal(self) -> tuple[int, str, str, str]:
        """Status, code, clause, Retry-After."""
        clause = json.loads(self.reply.body)["clause"]["id"] if self.reply.code else ""
        return self.status, self.reply.code, clause, self.reply.headers.get("retry-after", "")


class Partner:
    """One partner's program; `answers` are all that it got."""

    def __init__(self, url: str, client: str, secret: str) -> None:
        self._url = url
        form = {"grant_type": "client_credentials", "resource": url}
        answer = httpx.post(f"{url}/oauth/token", data=form, auth=(client, secret), timeout=30)
        assert answer.status_code == 200, answer.text
        self._headers = [("authorization", f"Bearer {answer.json()['access_token']}")]
        self._idle: list[Wire] = []
        self.answers: list[Answered] = []

    @property
    def passed(self) -> int:
        return sum(answer.status == 200 for answer in self.answers)

    async def call(self) -> Answered:
        """One call, on a connection that nobody uses just now."""
        wire = self._idle.pop() if self._idle else await Wire.open(self._url)
        began_s = time.monotonic()
        reply = await wire.ask(TARGET, self._headers)
        answer = Answered(reply, time.monotonic() - began_s)
        self._idle.append(wire)
        self.answers.append(answer)
        return answer

    async def calls(self, count: int, at_once: int = 1) -> list[Answered]:
        """So many calls, so many of them at a time."""
        found: list[Answered] = []

        async def some() -> None:
            while len(found) + under_way < count:
                found.append(await one())

        under_way = 0

        async def one() -> Answered:
            nonlocal under_way
            under_way += 1
            try:
                return await self.call()
            finally:
                under_way -= 1

        await asyncio.gather(*(some() for _ in range(at_once)))
        return found

    async def until_it(self, status: int, within_s: float = 30) -> Answered:
        """Call until an answer has this status."""
        async with asyncio.timeout(within_s):
            while (answer := await self.call()).status != status:  # noqa: ASYNC110 - another process does it
                await asyncio.sleep(0.01)
            return answer

    def close(self) -> None:
        for wire in self._idle:
            wire.close()


class Counted:
    """A hub with its partners' secrets."""

    def __init__(self, made: Hub, secrets: Mapping[str, str]) -> None:
        self.hub, self._secrets = made, secrets

    def partners(self, gateway: Gateway) -> dict[str, Partner]:
        """Their programs, each with a token."""
        return {name: Partner(gateway.url, f"{name}-app", secret) for name, secret in self._secrets.items()}


@contextmanager
def counting_hub(folder: Path, backend_url: str, settings: str, terms: Mapping[str, Terms]) -> Iterator[Counted]:
    """A hub with these partners, in a new folder below `folder`."""
    with hub(folder, backend_url, settings=settings, ack="write") as made:
        policy = made.folder / POLICY
        policy.write_text(policy.read_text().replace("window: PT1M", "window: P30D") + _QUOTA)
        template = (made.folder / AGREEMENT).read_text()
        for name, each in terms.items():
            rate = f"{{limit: {each.limit}, burst: {each.limit}, on_outage: {each.on_outage}}}"
            quota = f"{{limit: {2 * each.limit}, on_outage: {each.on_outage}}}"
            text = template.replace("swift-2026", f"{name}-2026").replace("id: swift,", f"id: {name},")
            text = text.replace("{limit: 1000000, burst: 1000000}", f'{rate}, "4.2": {quota}')
            (made.folder / "agreements" / f"{name}-2026.yaml").write_text(text)
        loaded = load_workspace(made.folder, {})
        assert isinstance(loaded, Workspace), [finding.to_text() for finding in loaded]
        clients = [NewClient(f"{name}-app", name, "client_secret_basic") for name in terms]
        _, credentials = asyncio.run(provision(loaded, "counting", clients))
        secrets = {name: each.secret.reveal() for name, each in zip(terms, credentials, strict=True) if each.secret}
        yield Counted(made, secrets)
