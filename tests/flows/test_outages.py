"""A whole gateway whose shared counters are killed, paused, emptied, cut off and replaced while it serves: each clause
does what it says, every transition is on the log, nobody waits, and no limit is exceeded because a store forgot."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from statistics import median

import pytest

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as, read_exchanges
from tests.flows.backend import Backend, backend
from tests.flows.demo import clausegate
from tests.flows.hub import Hub
from tests.flows.outages import CLAUSES, Answered, Partner, Terms, counting_hub
from tests.flows.valkey import Valkey, Wire

pytestmark = pytest.mark.slow

BOUND_S = 1.0
"""No answer takes longer. A decision has 0.05 s; a machine that runs tests keeps any process waiting at times."""
LIMIT, SHARE, LEASED, HELD = 200, 6, 400, 20
AT_ONCE = 8
PATIENCE_S = 60
AWAY, BACK, REBUILT = "counter-unreachable", "counter-reachable", "counter-rebuilt"
FORGETS = {"kill", "flush", "replace"}
AWAYS = {"kill", "pause", "cut"}
"""Faults that last until they are ended, so that an outage is noticed for certain."""


@pytest.fixture(scope="module")
def source() -> Iterator[Backend]:
    with backend() as running:
        yield running


class Stage:
    """A gateway that serves, what it counts in, and the wire between them if there is one."""

    def __init__(self, server: Valkey, wire: Wire | None, hub: Hub, partners: dict[str, Partner]) -> None:
        self.server, self.wire, self.hub, self.partners = server, wire, hub, partners
        self.seen = 0

    async def begin(self, fault: str) -> None:
        """The server that is killed has old data when it is back, the one that replaces it none."""
        server = self.server
        if fault == "kill":
            await asyncio.to_thread(server.kill)
        elif fault == "pause":
            server.pause()
        elif fault == "flush":
            await asyncio.to_thread(server.command, "FLUSHALL")
        elif fault == "replace":
            (server.folder / "dump.rdb").unlink(missing_ok=True)
            await asyncio.to_thread(server.replace)
        elif self.wire is not None:
            self.wire.cut()

    async def end(self, fault: str) -> None:
        if fault == "kill":
            await asyncio.to_thread(self.server.start)
        elif fault == "pause":
            self.server.resume()
        elif self.wire is not None:
            self.wire.mend()

    def new_events(self) -> list[str]:
        """Transitions on the log, in order, but for those that were `seen`."""
        return transitions(self.hub)[self.seen :]

    def uncounted(self, answer: Answered) -> str:
        """What its record says."""
        return self.hub.exchange(answer.reply.receipt).uncounted

    async def said(self, *arguments: object) -> str:
        """What a command prints, which must end well. In a thread: the wire has to go on."""
        ended = await asyncio.to_thread(clausegate, *arguments)
        assert ended.returncode == 0, ended.stdout + ended.stderr
        return ended.stdout


@asynccontextmanager
async def serving(
    folder: Path, source: Backend, terms: dict[str, Terms], *, wired: bool = False, settings: str = ""
) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        server = await asyncio.to_thread(stack.enter_context, Valkey())
        wire, url = None, server.tcp_url
        if wired:
            wire = Wire(server.port)
            url = await wire.open()
            stack.push_async_callback(wire.close)
        settings = f'redis_url = "{url}"\nwriter = "gw-1"\n{settings}'
        counted = await asyncio.to_thread(stack.enter_context, counting_hub(folder, source.url, settings, terms))
        gateway = await asyncio.to_thread(stack.enter_context, counted.hub.serving())
        partners = await asyncio.to_thread(counted.partners, gateway)
        for partner in partners.values():
            stack.callback(partner.close)
        yield Stage(server, wire, counted.hub, partners)


def transitions(hub: Hub, writer: str = "gw-1") -> list[str]:
    entries = read_as(hub.log, Authority)
    return [entry.event for entry in entries if entry.event.startswith("counter-") and entry.subject == writer]


def is_back(stage: Stage) -> bool:
    """Whether the log says no more that the counters are away."""
    return AWAY not in stage.new_events()[-1:]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.02)


def each_once(events: list[str], fault: str) -> None:
    """An outage has one beginning and one end, a loss is said once, and not before the counters are back.

    A machine that is busy for 50 ms makes outages of its own; those have both ends, too.
    """
    outages = [event for event in events if event != REBUILT]
    assert outages == [AWAY, BACK] * (len(outages) // 2), fault
    assert len(outages) >= 2 * (fault in AWAYS), fault
    assert events.count(REBUILT) == (fault in FORGETS), fault
    if fault == "kill":
        assert events.index(REBUILT) > events.index(BACK), fault


async def meanwhile(stage: Stage, fault: str) -> None:
    """What each clause does while nobody can count."""
    refuse, allow, local = (stage.partners[name] for name in ("refuse", "allow", f"local-{fault}"))
    await refuse.until_it(503)
    refused, passed = await refuse.calls(10), await allow.calls(10)
    assert median(answer.took_s for answer in (*refused, *passed)) < BOUND_S / 4, "nobody asks any more"
    for answer in refused:
        assert answer.refusal == (503, "limiter-unavailable", "4.1", "1")
    for answer in passed:
        assert answer.status == 200
        assert stage.uncounted(answer) == CLAUSES
    left = SHARE - local.passed
    found = await local.calls(left + 3)
    assert [answer.status for answer in found] == [200] * left + [429] * 3
    assert {stage.uncounted(answer) for answer in found[:left]} == {CLAUSES}
    status, code, clause, retry = found[-1].refusal
    assert (status, code, clause) == (429, "rate-limited", "4.1")
    assert int(retry) > 1


async def suffered(stage: Stage, fault: str) -> None:
    """A fault begins while calls are under way, lasts, ends, and is over without a restart."""
    refuse, allow, local = (stage.partners[name] for name in ("refuse", "allow", f"local-{fault}"))
    assert {answer.status for answer in await local.calls(2)} == {200}
    if fault == "kill":
        await asyncio.to_thread(stage.server.command, "SAVE")
    for _ in range(3):
        await refuse.until_it(200)
    calls = asyncio.gather(refuse.calls(2 * AT_ONCE, AT_ONCE), allow.calls(10 * AT_ONCE, AT_ONCE))
    await stage.begin(fault)
    found, passed = await calls
    assert {answer.status for answer in found} <= {200, 503}, fault
    assert {answer.status for answer in passed} == {200}, fault
    if fault in AWAYS:
        await meanwhile(stage, fault)
        if fault == "kill":
            await away_in_status(stage)
    await stage.end(fault)
    await refuse.until_it(200)
    if fault in AWAYS:
        assert (await local.call()).refusal[:2] == (429, "rate-limited"), "what passed during the outage is counted"
    wanted = {event for event, is_due in ((BACK, fault in AWAYS), (REBUILT, fault in FORGETS)) if is_due}
    await until(lambda: wanted <= set(stage.new_events()) and is_back(stage))
    async with asyncio.timeout(PATIENCE_S):
        while stage.uncounted(await allow.call()):  # noqa: ASYNC110 - as in until
            await asyncio.sleep(0.02)
    each_once(stage.new_events(), fault)
    stage.seen += len(stage.new_events())


async def away_in_status(stage: Stage) -> None:
    await until(lambda: AWAY in transitions(stage.hub))
    text = await stage.said("status", stage.hub.folder, "--lang", "en")
    assert "gw-1: the shared counters cannot be reached since" in " ".join(text.split())


@pytest.mark.parametrize(
    ("faults", "wired"), [(("kill", "pause", "flush", "replace"), False), (("cut",), True)], ids=["server", "wire"]
)
async def test_whatever_happens_to_the_store_clauses_hold_it_is_recorded_and_it_is_over_by_itself(
    tmp_path: Path, source: Backend, faults: tuple[str, ...], wired: bool
) -> None:
    terms = {"refuse": Terms(LIMIT, "refuse"), "allow": Terms(1_000_000, "allow")}
    terms |= {f"local-{fault}": Terms(SHARE, "local") for fault in faults}
    async with serving(tmp_path, source, terms, wired=wired) as stage:
        refuse, allow = stage.partners["refuse"], stage.partners["allow"]
        slowest_s: dict[str, float] = {}
        for fault in faults:
            before = {partner: len(partner.answers) for partner in stage.partners.values()}
            await suffered(stage, fault)
            slowest_s[fault] = max(
                answer.took_s for partner, seen in before.items() for answer in partner.answers[seen:]
            )
        assert all(took_s < BOUND_S for took_s in slowest_s.values()), slowest_s
        lost = AT_ONCE * (len(faults) + transitions(stage.hub).count(AWAY))
        assert await used_up(refuse, LIMIT) >= LIMIT - lost, "what is counted when an answer gets lost"
        await told(stage, allow, len(set(faults) & AWAYS))


async def used_up(refuse: Partner, limit: int) -> int:
    """Call until a clause refuses; how many calls have passed in all, which must not be more than it says."""
    async with asyncio.timeout(PATIENCE_S):
        while (last := (await refuse.calls(AT_ONCE, AT_ONCE))[-1]).status != 429:
            assert last.status in {200, 503}
    assert last.refusal[:3] == (429, "rate-limited", "4.1")
    assert refuse.passed <= limit
    return refuse.passed


async def told(stage: Stage, allow: Partner, outages: int) -> None:
    """What an operator sees when all is over."""
    folder = stage.hub.folder
    said, lines, _ = await asyncio.gather(
        stage.said("status", folder, "--format", "json"),
        stage.said("log", folder, "--event", AWAY, "--format", "json"),
        stage.said("verify", folder),
    )
    status = json.loads(said)
    (counters,) = status["counters"]
    assert counters["reachable"] is True
    assert counters["outages"] == transitions(stage.hub).count(AWAY) >= outages
    assert counters["rebuilt"] == transitions(stage.hub).count(REBUILT)
    (row,) = [row for row in status["rows"] if row["agreement"] == "allow-2026"]
    records = [entry for entry in read_exchanges(stage.hub.log) if entry.partner == "allow"]
    assert len(records) == len(allow.answers)
    listed = [entry.uncounted for entry in records]
    assert row["uncounted"] == {clause: sum(clause in each.split() for each in listed) for clause in CLAUSES.split()}
    assert listed.count(CLAUSES) >= 10 * outages
    assert json.loads(lines)["total"] == counters["outages"]


async def test_leased_permits_are_of_use_during_an_outage_and_never_admit_more(tmp_path: Path, source: Backend) -> None:
    """The lease outlasts the test: what a worker holds when the store goes away is of use until the end."""
    terms = {"refuse": Terms(LEASED, "refuse")}
    async with serving(tmp_path, source, terms, settings='limits = "leased"\nlease_ms = 60000\n') as stage:
        refuse = stage.partners["refuse"]
        await until_held(stage, refuse)
        for fault, rebuilt in (("kill", 1), ("flush", 2), ("pause", 2)):
            await stage.begin(fault)
            if fault == "kill":
                assert {answer.status for answer in await refuse.calls(HELD)} == {200}, "permits are in hand"
            if fault in AWAYS:
                await refuse.until_it(503)
            await stage.end(fault)
            await refuse.until_it(200)
            await until(partial(is_rebuilt, stage, rebuilt))
        lost = AT_ONCE * (3 + stage.new_events().count(AWAY))
        assert await used_up(refuse, LEASED) >= LEASED - LEASED // 8 - lost
        assert max(answer.took_s for answer in refuse.answers) < BOUND_S
        await until(lambda: is_back(stage))
        assert stage.new_events().count(REBUILT) == 2
        each_once([event for event in stage.new_events() if event != REBUILT], "pause")


def is_rebuilt(stage: Stage, times: int) -> bool:
    return stage.new_events().count(REBUILT) == times and is_back(stage)


def is_not_away(stage: Stage, name: str) -> bool:
    return AWAY not in transitions(stage.hub, name)[-1:]


async def until_held(stage: Stage, partner: Partner) -> None:
    """Call until the store has charged for permits that are not used yet."""
    key = "clausegate:{refuse-2026}:r:refuse-2026/4.1"
    async with asyncio.timeout(PATIENCE_S):
        charged = 0
        while charged < partner.passed + HELD:
            await partner.until_it(200)
            charged = int(str(await asyncio.to_thread(stage.server.raw, "HGET", key, "sum")))


async def test_two_gateways_never_admit_more_than_one_limit_together(tmp_path: Path, source: Backend) -> None:
    """Two workspaces of one agreement that count in one store."""
    async with AsyncExitStack() as stack:
        server = await asyncio.to_thread(stack.enter_context, Valkey())
        nodes = [await node(stack, tmp_path / name, source, server, f'writer = "{name}"') for name in ("gw-1", "gw-2")]
        await never_more_together(nodes)
        for stage, name in zip(nodes, ("gw-1", "gw-2"), strict=True):
            await until(partial(is_not_away, stage, name))
            each_once([event for event in transitions(stage.hub, name) if event != REBUILT], "")


@pytest.mark.long
async def test_workers_of_one_gateway_never_admit_more_than_one_limit_together(tmp_path: Path, source: Backend) -> None:
    """As two gateways; and also when they lease."""
    for limits in ("exact", "leased"):
        async with AsyncExitStack() as stack:
            server = await asyncio.to_thread(stack.enter_context, Valkey())
            settings = f'workers = 2\nlimits = "{limits}"'
            await never_more_together([await node(stack, tmp_path / limits, source, server, settings)])


async def node(stack: AsyncExitStack, folder: Path, source: Backend, server: Valkey, settings: str) -> Stage:
    """A gateway that counts in this store."""
    settings = f'redis_url = "{server.tcp_url}"\n{settings}\n'
    made = counting_hub(folder, source.url, settings, {"refuse": Terms(LIMIT, "refuse")})
    counted = await asyncio.to_thread(stack.enter_context, made)
    gateway = await asyncio.to_thread(stack.enter_context, counted.hub.serving())
    partners = await asyncio.to_thread(counted.partners, gateway)
    stack.callback(partners["refuse"].close)
    return Stage(server, None, counted.hub, partners)


async def never_more_together(stages: list[Stage]) -> None:
    """The store is emptied and killed while calls are under way everywhere; then what is left is used up."""
    nodes = [stage.partners["refuse"] for stage in stages]
    for fault in ("flush", "kill"):
        if fault == "kill":
            await asyncio.to_thread(stages[0].server.command, "SAVE")
        calls = asyncio.gather(*(each.calls(LIMIT // 4 // len(nodes), AT_ONCE // 2) for each in nodes))
        await stages[0].begin(fault)
        await calls
        await stages[0].end(fault)
        for each in nodes:
            await each.until_it(200)
    await asyncio.gather(*(used_up(each, LIMIT) for each in nodes))
    lost = sum(answer.status == 503 for each in nodes for answer in each.answers)
    assert LIMIT - lost - LIMIT // 8 <= sum(each.passed for each in nodes) <= LIMIT
    assert max(answer.took_s for each in nodes for answer in each.answers) < BOUND_S
