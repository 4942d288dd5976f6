"""Writes the log of a simulated quarter with the gateway's own writer, and keeps books that share no code with it.

Always the same records for the same world: chance is drawn from a seed.
"""

import errno
import hashlib
from array import array
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from typing import Final, NamedTuple

import rfc8785

from bench.quarter_world import MINUTE_S, Notice, Party, World
from contracts.plan import Contract, Plan
from gateway.audit.disk import LocalDisk
from gateway.audit.events import Event
from gateway.audit.leaf import Authority, Entry, Exchange, Pulse, Receipt, Undelivered
from gateway.audit.writer import Writer
from gateway.workspace import Workspace

MINUTE_US: Final = 60_000_000
WITHIN_US: Final = 500_000
"""The time that response_time promises; an answer in exactly this time is in time."""
_WRITERS: Final = ("gw-1-1", "gw-1-2")
_SEED: Final = 6
_CURVE: Final = (3, 2, 2, 2, 3, 5, 9, 14, 20, 24, 25, 24, 20, 22, 25, 25, 23, 20, 15, 11, 9, 7, 5, 4)
"""How busy the hours of a day are."""

Progress = Callable[[str, int, int], None]


class Book(NamedTuple):
    """One agreement, minute by minute: calls that count, those with a bad status, good ones that took too long."""

    total: "array[int]"
    bad: "array[int]"
    slow: "array[int]"


class _Road(NamedTuple):
    """The calls of one agreement: how many are expected in a minute of each hour, and what becomes of them."""

    party: Party
    plan: Plan
    active: int
    expected: tuple[float, ...]
    failing: "array[int]"
    slow: "array[int]"
    troubled: bytearray


class Books(NamedTuple):
    """`present[m]` is 1 where any record has a time in minute m. `documents` are the notices by their hash."""

    books: Mapping[str, Book]
    present: bytearray
    documents: Mapping[str, bytes]
    exchanges: int
    records: int


class _Idle(LocalDisk):
    """Nothing of a benchmark has to outlive a power failure."""

    def fdatasync(self, descriptor: int) -> None:
        pass

    def preallocate(self, descriptor: int, size_bytes: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not asked for")


def write(log: Path, workspace: Workspace, made: World, progress: Progress = lambda *_: None) -> Books:
    """Write the log of all that happens in a world."""
    return _Writing(log, workspace, made).run(progress)


class _Writing:
    def __init__(self, log: Path, workspace: Workspace, made: World) -> None:
        self._log, self._made = log, made
        self._begins_us = int(made.begins.timestamp()) * 1_000_000
        self._now_us = self._begins_us
        self._random = Random(_SEED)  # noqa: S311 - the same every time, on purpose
        plans = {plan.contract.agreement: plan for plan in workspace.plans.all_plans()}
        self._roads = [_road(made, party, plans[party.name]) for party in made.parties]
        self._returns = frozenset(end // MINUTE_S for begin, end in made.down if begin // MINUTE_S < end // MINUTE_S)
        self._books = {
            party.name: Book(*(array("I", bytes(4 * made.minutes)) for _ in range(3))) for party in made.parties
        }
        self._present = bytearray(made.minutes)
        self._documents = {hashlib.sha256(data).hexdigest(): data for data in map(self._document, made.notices)}
        self._writers: list[Writer] = []
        self._records = self._exchanges = 0

    def run(self, progress: Progress) -> Books:
        made, said = self._made, self._said()
        latest = next(said, None)
        self._open()
        for minute in range(made.minutes):
            self._now_us = self._begins_us + minute * MINUTE_US
            if minute in self._returns:
                self._open()  # who comes back begins a new epoch
            while latest is not None and latest.time_us < self._now_us + MINUTE_US:
                self._append(0, latest)
                latest = next(said, None)
            self._pulse(minute)
            for road in self._roads:
                self._calls(minute, road)
            if not minute % 1440:
                progress("writing the log", minute, made.minutes)
        progress("writing the log", made.minutes, made.minutes)
        for writer in self._writers:
            writer.close()
        return Books(self._books, self._present, self._documents, self._exchanges, self._records)

    def _open(self) -> None:
        """Begin, or begin anew after a time in which nobody was there."""
        for writer in self._writers:
            writer.close()
        self._writers = []
        for name in _WRITERS:
            opened = Writer.open(self._log, name, disk=_Idle(), now_us=self._opening_us)
            assert isinstance(opened, Writer), opened
            self._writers.append(opened)
            self._note(self._opening_us())

    def _opening_us(self) -> int:
        """The first moment at which the hub is there again."""
        ends = [self._begins_us + end * 1_000_000 for _, end in self._made.down]
        return max([self._now_us, *(end for end in ends if self._now_us <= end < self._now_us + MINUTE_US)])

    def _pulse(self, minute: int) -> None:
        """At the beginning of each minute, or as soon as the hub is there again."""
        second = minute * MINUTE_S
        for begin, end in self._made.down:
            if begin <= second < end:
                second = end
        if second < (minute + 1) * MINUTE_S:
            self._append(minute & 1, Pulse(self._begins_us + second * 1_000_000))

    def _calls(self, minute: int, road: "_Road") -> None:
        chance, begins_us = self._random.random, self._begins_us
        count = int(road.expected[(minute // 60 + 8) % 24] + chance())
        if minute <= road.active:
            return
        party, plan, book, troubled = road.party, road.plan, self._books[road.party.name], road.troubled[minute]
        failing, slow = road.failing[minute], road.slow[minute]
        for _ in range(count):
            second = minute * MINUTE_S + chance() * MINUTE_S
            if troubled and self._gone(party, second):
                continue
            status, code, latency_us = self._outcome(failing, slow)
            entry = _exchange(plan, begins_us + int(second * 1_000_000), status, code, latency_us)
            receipt = self._append(self._exchanges & 1, entry)
            self._exchanges += 1
            if troubled and any(begin <= second < end for begin, end in self._made.stalls):
                self._take_back(entry, receipt)
            elif status < 400 or status >= 500:
                book.total[minute] += 1
                book.bad[minute] += status >= 500
                book.slow[minute] += status < 500 and latency_us > WITHIN_US

    def _outcome(self, failing: int, slow: int) -> tuple[int, str, int]:
        """A status, its problem code, and how long it took, in microseconds."""
        chance = self._random.random
        drawn = chance() * 1000
        if drawn < failing:
            return (504, "backend-timeout", 10_000_000) if drawn < failing / 2 else (502, "backend-error", 80_000)
        if drawn > 992:
            return (404, "record-not-found", 9_000)
        if drawn > 991:
            return (200, "", WITHIN_US)
        if chance() * 1000 < slow:
            return (200, "", WITHIN_US + 1 + int(chance() * 900_000))
        return (200, "", 15_000 + int(chance() * 300_000))

    def _gone(self, party: Party, second: float) -> bool:
        made = self._made
        return any(begin <= second < end for begin, end in made.down) or any(
            name == party.name and begin <= second < end for name, begin, end in made.suspended
        )

    def _take_back(self, entry: Exchange, receipt: Receipt) -> None:
        named = (entry.request_id, entry.partner, entry.agreement, entry.version)
        writer = int(receipt.writer == _WRITERS[1])
        self._append(writer, Undelivered(entry.time_us + 5_000_000, *named, receipt.leaf_hash, "exchange"))

    def _append(self, writer: int, entry: Entry) -> Receipt:
        receipt = self._writers[writer].append_written(entry)
        assert isinstance(receipt, Receipt), receipt
        self._note(entry.time_us)
        self._records += 1
        return receipt

    def _note(self, time_us: int) -> None:
        minute = (time_us - self._begins_us) // MINUTE_US
        if minute < len(self._present):
            self._present[minute] = 1

    def _said(self) -> Iterator[Authority]:
        """What was activated, announced, suspended and reported, in order of time."""
        contracts = {road.party.name: road.plan.contract for road in self._roads}
        found = [*self._activations(contracts), *self._announcements(contracts)]
        for number, (name, begin, end) in enumerate(self._made.suspended):
            subject = f"s-{number} {name} hub"
            found.append(self._authority(begin, "suspension-begun", subject, contracts[name]))
            found.append(self._authority(end, "suspension-ended", subject, contracts[name]))
        for reported in self._made.reported:
            for event, second in reported.steps:
                subject = f"{reported.name} {reported.agreement} 6.2 major hub"
                found.append(self._authority(second, event, subject, contracts[reported.agreement]))  # type: ignore[arg-type]
        return iter(sorted(found, key=lambda entry: entry.time_us))

    def _activations(self, contracts: Mapping[str, Contract]) -> Iterator[Authority]:
        for road in self._roads:
            contract = contracts[road.party.name]
            subject = f"{contract.agreement} {contract.version}"
            yield self._authority(road.active * MINUTE_S + 30, "agreement-activated", subject, contract)

    def _announcements(self, contracts: Mapping[str, Contract]) -> Iterator[Authority]:
        for notice in self._made.notices:
            digest = hashlib.sha256(self._document(notice)).hexdigest()
            time_us = self._begins_us + notice.announced_min * MINUTE_US
            for contract in contracts.values():
                subject = f"{notice.name} {notice.kind}"
                yield Authority(time_us, "notice-published", subject, digest, contract.partner)

    def _authority(self, second: int, event: Event, subject: str, contract: Contract) -> Authority:
        return Authority(self._begins_us + second * 1_000_000, event, subject, contract.hash, contract.partner)

    def _document(self, notice: Notice) -> bytes:
        def wall(minute: int) -> str:
            moment: datetime = self._made.begins + timedelta(minutes=minute)
            return moment.strftime("%Y-%m-%dT%H:%M")

        said: dict[str, object] = {"notice": notice.name, "kind": notice.kind, "time_zone": "UTC"}
        said |= {"words": {"zh": "维护", "en": "works"}, "from": wall(notice.from_min)}
        if notice.kind == "maintenance":
            said["duration"] = f"PT{notice.until_min - notice.from_min}M"
        else:
            said["to"] = wall(notice.until_min)
        return rfc8785.dumps(said)  # type: ignore[arg-type]


def _road(made: World, party: Party, plan: Plan) -> _Road:
    active = made.local_midnight_min(party.zone, made.months[0]) + party.activated_min
    a_minute = made.exchanges * party.share / made.minutes * 24 / sum(_CURVE)
    road = _Road(
        party,
        plan,
        active,
        tuple(a_minute * busy for busy in _CURVE),
        failing=array("H", bytes(2 * made.minutes)),
        slow=array("H", bytes(2 * made.minutes)),
        troubled=bytearray(made.minutes),
    )
    for each in made.bad:
        for minute in range(each.from_min, each.until_min) if each.agreement in ("", party.name) else ():
            road.failing[minute] = max(road.failing[minute], each.failing)
            road.slow[minute] = max(road.slow[minute], each.slow)
    away = [(begin, end) for name, begin, end in made.suspended if name == party.name]
    for begin, end in (*made.down, *made.stalls, *away):
        for minute in range(begin // MINUTE_S, end // MINUTE_S + 1):
            road.troubled[minute] = 1
    return road


def _exchange(plan: Plan, time_us: int, status: int, code: str, latency_us: int) -> Exchange:
    contract = plan.contract
    return Exchange(
        time_us,
        f"{time_us:032x}",
        contract.partner,
        "app",
        contract.agreement,
        contract.version,
        contract.hash,
        plan.id,
        plan.product,
        plan.operation,
        plan.route,
        "GET",
        status,
        code,
        "",
        latency_us,
        11_234,
        10 if status < 400 else 0,
        7 if status < 400 else 0,
        0,
        plan.mask_id,
    )
