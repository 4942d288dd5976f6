"""The watcher: is told of every exchange, folds what it is told off the hot path, and reports what looks like scraping.

Three things keep it cheap and bounded: what it is told waits in a list of limited length, is folded in slices with a
turn of the event loop in between, and an object of an agreement is judged once a minute or every hundred exchanges.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import structlog
from msgspec import Struct

from contracts.plan import Plan, Plans
from contracts.product import READING
from gateway.audit.leaf import Entry, Exchange
from gateway.audit.sidecar import Subject
from gateway.exchange.outcome import Outcome
from gateway.scraping.course import Course
from gateway.scraping.declared import Declared
from gateway.scraping.detector import Detector, Evidence, Usual
from gateway.scraping.detectors import DETECTORS
from gateway.scraping.finding import Finding, finding_id
from gateway.scraping.seen import DAY_US, Seen, local

WAITING_MAX = 20_000
"""Exchanges that wait to be folded; beyond that they are not watched, and the log says how many."""
OBJECTS_MAX = 1_000
"""Objects of agreements that are watched at once; the one judged longest ago makes room."""
_AT_ONCE = 64
_TICK_S = 2.0
_JUDGE_US = 60_000_000
_JUDGE_EXCHANGES = 100
_REMEMBERED_US = 63 * DAY_US
"""Older entries of the log are of no use: nothing is remembered for longer."""
_GROWN_PERCENT = 125
"""A finding is reported again when what it says has grown by a quarter."""
_NOT_FOUND = 404
_REFUSED = 400

Handle: TypeAlias = Callable[[Subject], bytes]
Report: TypeAlias = Callable[[Finding], None]
_NOBODY: AbstractSet[Subject] = frozenset()

_log = structlog.get_logger(__name__)


class _Told(Struct, frozen=True, gc=False):
    """What the hot path leaves behind."""

    plan: Plan
    client: str
    time_us: int
    key: str
    looked_up: tuple[str, ...]
    people: AbstractSet[Subject]
    records: int
    status: int


class _Handles(dict[Subject, bytes]):
    """The handles of those who were met in one tick: who is read again and again is named once."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle

    def __missing__(self, person: Subject) -> bytes:
        handle = self[person] = self._handle(person)
        return handle


class _Reported:
    """The last finding of a detector: when it began, and how much it said."""

    __slots__ = ("began_us", "finding", "weight")

    def __init__(self, began_us: int, finding: Finding, weight: int) -> None:
        self.began_us, self.finding, self.weight = began_us, finding, weight


class _Watched:
    """One object of one agreement. `plan` is the one last told of, `touched` counts what was told since the last time
    that it was judged."""

    __slots__ = ("course", "judge_at_us", "plan", "reported", "states", "touched")

    def __init__(self, plan: Plan, detectors: Sequence[Detector[Any]]) -> None:
        self.plan, self.course = plan, Course()
        self.states: list[Any] = [detector.begin() for detector in detectors]
        self.reported: dict[str, _Reported] = {}
        self.touched = self.judge_at_us = 0


class Watcher:
    """Watches the traffic of one gateway process. `handle` names people without saying who they are; `report` takes
    findings away: it is called again with the same id when a finding has grown.

    Made and used on one event loop.
    """

    def __init__(
        self,
        handle: Handle,
        report: Report,
        *,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        detectors: Sequence[Detector[Any]] = DETECTORS,
    ) -> None:
        self._handle, self._report, self._now_us, self._detectors = handle, report, now_us, detectors
        self._waiting: list[_Told] = []
        self._unwatched = 0
        self._failed: Counter[tuple[str, str]] = Counter()
        self._watched: dict[tuple[str, str], _Watched] = {}
        self._declared = Declared()
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def start(self) -> None:
        """Fold and judge in the background from now on."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop. What waits is folded and judged."""
        self._closing.set()
        if self._task is not None:
            await self._task
        self.tick(self._now_us())

    def saw(self, plan: Plan, client: str, time_us: int, key: str | tuple[str, ...], outcome: Outcome) -> None:
        """An exchange was recorded. On the hot path: nothing is looked at. `key` is what a `get` asked for, or the
        position (`Query.after`) that a page of a `list` follows, "" for neither; a tuple of keys is what a `list` was
        filtered by."""
        if len(self._waiting) >= WAITING_MAX:
            self._unwatched += 1
            return
        people = _NOBODY if outcome.disclosed is None else outcome.disclosed.people
        single, looked_up = (key, ()) if isinstance(key, str) else ("", key)
        told = _Told(plan, client, time_us, single, looked_up, people, outcome.records, outcome.status)
        self._waiting.append(told)

    def tick(self, now_us: int) -> None:
        """Fold what waits and judge what is due, all at once."""
        waiting, self._waiting = self._waiting, []
        self._fold(waiting, _Handles(self._handle))
        for watched in self._due(now_us):
            self._judge(watched, now_us)
        self._say()

    def replay(self, entries: Iterable[Entry], plans: Plans) -> None:
        """Learn from the audit log what normal use was: hours, calls, records, what was not found. Oldest first.

        Who was read and which keys were asked for is not on the log: that begins anew with each start. Entries of plans
        that are gone are left out.
        """
        by_id = {plan.id: plan for plan in plans.all_plans()}
        handles = _Handles(self._handle)  # nobody is named
        since_us = self._now_us() - _REMEMBERED_US
        for entry in entries:
            plan = by_id.get(entry.plan) if isinstance(entry, Exchange) and entry.time_us >= since_us else None
            if plan is None or not isinstance(entry, Exchange):
                continue
            told = _Told(plan, entry.client, entry.time_us, "", (), _NOBODY, entry.records, entry.status)
            if self._counts(told):
                watched, seen = self._seen(told, handles)
                for detector, state in zip(self._detectors, watched.states, strict=True):
                    detector.recall(state, seen, entry.subjects)

    async def _run(self) -> None:
        while not self._closing.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), _TICK_S)
            waiting, self._waiting = self._waiting, []
            handles = _Handles(self._handle)
            for begin in range(0, len(waiting), _AT_ONCE):
                self._fold(waiting[begin : begin + _AT_ONCE], handles)
                await asyncio.sleep(0)
            now_us = self._now_us()
            for watched in self._due(now_us):
                self._judge(watched, now_us)
                await asyncio.sleep(0)
            self._say()

    def _fold(self, waiting: Iterable[_Told], handles: _Handles) -> None:
        for told in waiting:
            if not self._counts(told):
                continue
            watched, seen = self._seen(told, handles)
            watched.touched += 1
            for detector, state in zip(self._detectors, watched.states, strict=True):
                try:
                    detector.fold(state, seen)
                except Exception as error:  # a defect of ours must not end the watching; the exchange is not quoted
                    self._failed[detector.name, type(error).__name__] += 1

    def _say(self) -> None:
        """What went wrong since the last time, a line for each kind."""
        if self._unwatched:
            _log.warning("exchanges not watched", exchanges=self._unwatched)
            self._unwatched = 0
        for (detector, error), times in self._failed.items():
            _log.error("detector failed", detector=detector, error=error, times=times)
        self._failed.clear()

    def _counts(self, told: _Told) -> bool:
        """Whether an exchange tells anything: a read that was answered, or not found, and that nobody declared."""
        plan = told.plan
        if plan.operation not in READING or (told.status >= _REFUSED and told.status != _NOT_FOUND):
            return False
        covered = told.status < _REFUSED and self._declared.covers(
            plan.contract.agreement, plan.bulks, told.time_us, told.records
        )
        return not covered

    def _seen(self, told: _Told, handles: _Handles) -> tuple[_Watched, Seen]:
        plan, contract = told.plan, told.plan.contract
        place = (contract.agreement, plan.resource)
        watched = self._watched.get(place)
        if watched is None:
            if len(self._watched) >= OBJECTS_MAX:
                del self._watched[next(iter(self._watched))]
            watched = self._watched[place] = _Watched(plan, self._detectors)
        watched.plan = plan
        at = local(told.time_us, _zone(contract.time_zone))
        watched.course.add(at, told.records)
        people = frozenset(map(handles.__getitem__, told.people)) if told.people else frozenset()
        seen = Seen(
            time_us=told.time_us,
            at=at,
            operation=plan.operation,
            client=told.client,
            key=told.key,
            people=people,
            records=told.records,
            status=told.status,
            looked_up=told.looked_up,
        )
        return watched, seen

    def _due(self, now_us: int) -> list[_Watched]:
        """What has enough new to say, or something and was not judged for a minute; it moves to the end of the line."""
        due = []
        for place, watched in list(self._watched.items()):
            if watched.touched >= _JUDGE_EXCHANGES or (watched.touched and now_us >= watched.judge_at_us):
                watched.touched, watched.judge_at_us = 0, now_us + _JUDGE_US
                del self._watched[place]
                self._watched[place] = watched
                due.append(watched)
        return due

    def _judge(self, watched: _Watched, now_us: int) -> None:
        contract = watched.plan.contract
        usual = Usual(watched.course, contract.requests_per_day, now_us, local(now_us, _zone(contract.time_zone)))
        for detector, state in zip(self._detectors, watched.states, strict=True):
            try:
                evidence = detector.judge(state, usual)
                if evidence is not None:
                    self._found(watched, detector.name, evidence, usual)
            except Exception as error:  # as above
                self._failed[detector.name, type(error).__name__] += 1

    def _found(self, watched: _Watched, detector: str, evidence: Evidence, usual: Usual) -> None:
        """Report, once in a day, and again when it has grown."""
        contract, now_us = watched.plan.contract, usual.now_us
        last = watched.reported.get(detector)
        if last is not None and now_us >= last.began_us + DAY_US:
            last = None
        if last is not None and not _grown(last, evidence):
            return
        began_us = now_us if last is None else last.began_us
        day = usual.at.date.isoformat()
        finding = Finding(
            id=finding_id(contract.agreement, watched.plan.resource, detector, day)
            if last is None
            else last.finding.id,
            detector=detector,
            agreement=contract.agreement,
            version=contract.version,
            partner=contract.partner,
            resource=watched.plan.resource,
            from_us=began_us - DAY_US if last is None else last.finding.from_us,
            until_us=now_us,
            evidence=evidence.figures,
            severity=evidence.severity,
            recommended=evidence.recommended,
            text=evidence.text,
        )
        watched.reported[detector] = _Reported(began_us, finding, evidence.weight)
        self._report(finding)


def _grown(last: _Reported, evidence: Evidence) -> bool:
    louder = last.finding.severity == "notice" and evidence.severity == "warning"
    return louder or evidence.weight * 100 >= last.weight * _GROWN_PERCENT


def _zone(name: str) -> ZoneInfo:
    return ZoneInfo(name)
