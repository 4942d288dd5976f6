"""The sampler: takes few of the bodies that pass, measures them off the hot path, and writes down counts.

Three things keep it from being felt: at most one body of each plan in an interval, a bounded store of bodies that wait,
and a rest after each measurement that is many times as long as the measurement took.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeAlias

import structlog
from msgspec import Struct, structs

from adapters.base import Field
from contracts.plan import Plan
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Observation, Receipt
from gateway.quality.account import Account, Direction
from gateway.quality.measure import Found, Seen, measure, record_of, records_of
from gateway.quality.promised import measure_promised

SAMPLE_BYTES_MAX = 1024 * 1024
"""Larger bodies are not sampled: decoding one would hold up everything else for too long."""
WAITING_MAX = 64
WAITING_BYTES_MAX = 8 * 1024 * 1024
_INLINE_BYTES_MAX = 8 * 1024
"""Smaller bodies take less than the change to a thread would."""
_REST = 19
"""Rest this many times the time that a measurement took: measuring takes no more than one part in twenty."""
_TICK_S = 1.0
_CLOSE_S = 5.0
"""How long closing may take: counts of the last seconds are not worth more."""
_DRIFT_LINES = 60
"""Lines about drift in a minute, for each plan: a backend that drifts in every answer must not fill the disk."""
_MINUTE_NS = 60 * 10**9
_APPEND_AT_ONCE = 32
"""Observations appended in one turn of the event loop; others get their turn in between."""
_UNWRITTEN_MAX = 1_000
"""Observations kept for a log that cannot be written; beyond that the oldest are lost, and the log says so."""

_NEVER = ("too-large", "unencodable")
"""Faults of the observation and not of the log: trying again would not help."""

Append: TypeAlias = Callable[[Observation], Awaitable[Receipt | LogFault]]
Values: TypeAlias = tuple[tuple[Field, Any], ...]
_Key: TypeAlias = tuple[str, str, str, Direction]

_log = structlog.get_logger(__name__)


class _Sample(Struct, frozen=True, gc=False):
    """A body or a change as it passed."""

    plan: Plan
    body: bytes
    kept: list[bool] | None
    whole: bool
    values: Values | None
    now_us: int


class _Lines:
    """How many lines about drift a plan has had since `since_ns`, and how many were left unsaid."""

    __slots__ = ("said", "since_ns", "unsaid")

    def __init__(self, since_ns: int) -> None:
        self.since_ns, self.said, self.unsaid = since_ns, 0, 0


class Sampler:
    """Takes samples on the hot path, measures them in the background, appends what it saw every `flush_s` seconds.

    `append` writes an observation to the log; `observe` counts it once it is there. Made and used on one event loop.
    """

    def __init__(
        self,
        append: Append,
        observe: Callable[[Observation], None],
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        interval_ms: int = 1000,
        flush_s: int = 30,
    ) -> None:
        self._append, self._observe = append, observe
        self._monotonic_ns, self._now_us = monotonic_ns, now_us
        self._interval_ns, self._flush_ns = interval_ms * 1_000_000, flush_s * 10**9
        self._flush_at_ns = monotonic_ns() + self._flush_ns
        self._due_ns: dict[str, int] = {}
        self._lines: dict[str, _Lines] = {}
        self._waiting: list[_Sample] = []
        self._waiting_bytes = 0
        self._accounts: dict[_Key, Account] = {}
        self._unwritten: list[Observation] = []
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def start(self) -> None:
        """Measure and write in the background from now on."""
        self._task = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop; what has been seen is measured and written if that takes no more than some seconds."""
        self._closing.set()  # not cancelled: an observation that is being written is counted too
        try:
            async with asyncio.timeout(_CLOSE_S):
                if self._task is not None:
                    await self._task
                await self.measure_waiting()
                await self.flush()
        except TimeoutError:
            _log.warning("quality not written", observations=len(self._accounts) + len(self._unwritten), lost=0)

    def offer(self, plan: Plan, body: bytes, kept: list[bool] | None, complete: bool) -> None:
        """A body that a partner was answered from; `kept` says which of its records the partner may see, None: all.

        `complete` says that nothing was asked for but the whole list, and that it is all in this body.
        """
        now_ns = self._monotonic_ns()
        if now_ns < self._due_ns.get(plan.id, 0) or len(body) > SAMPLE_BYTES_MAX:
            return
        whole = complete and plan.operation == "list" and plan.rows is None
        self._take(_Sample(plan, body, kept, whole, None, self._now_us()), now_ns)

    def wrote(self, plan: Plan, values: Values) -> None:
        """What a partner had written, field by field."""
        now_ns = self._monotonic_ns()
        if now_ns >= self._due_ns.get(plan.id, 0):
            self._take(_Sample(plan, b"", None, False, values, self._now_us()), now_ns)

    def drifted(self, plan: Plan, paths: tuple[str, ...]) -> None:
        """Values were withheld from an answer, at these paths of the product: they had not the declared type."""
        fields = sorted(set(paths))
        account = self._account(plan, "out")
        for path in fields:
            account.drift[path] += 1
        now_ns = self._monotonic_ns()
        lines = self._lines.get(plan.id)
        if lines is None or now_ns - lines.since_ns >= _MINUTE_NS:
            unsaid = lines.unsaid if lines is not None else 0
            lines = self._lines[plan.id] = _Lines(now_ns)
            if unsaid:
                _log.warning("drift unsaid", product=plan.resource, backend=plan.backend, answers=unsaid)
        if lines.said >= _DRIFT_LINES:
            lines.unsaid += 1
            return
        lines.said += 1
        _log.warning("drift", product=plan.resource, backend=plan.backend, fields=fields)

    async def measure_waiting(self) -> None:
        """Measure the samples that wait, with a rest after each."""
        while self._waiting:
            sample = self._waiting.pop(0)
            self._waiting_bytes -= len(sample.body)
            begin = time.perf_counter()
            try:
                found = await _measured(sample)
                self._account(sample.plan, "out" if sample.values is None else "in").add(found)
            except Exception as error:  # whatever a body is: no measurement may end the task, nor quote the body
                _log.warning("sample not measured", product=sample.plan.resource, error=type(error).__name__)
            await self._pause(_REST * (time.perf_counter() - begin))

    async def flush(self) -> None:
        """Write down what was seen since the last time; what the log does not take is tried again the next time."""
        accounts, self._accounts = self._accounts, {}
        pending, self._unwritten = self._unwritten, []
        pending += [one for account in accounts.values() for one in account.observations(self._now_us())]
        self._forget()
        lost = 0
        for start in range(0, len(pending), _APPEND_AT_ONCE):
            batch = pending[start : start + _APPEND_AT_ONCE]
            receipts = await asyncio.gather(*map(self._append, batch))
            for observation, receipt in zip(batch, receipts, strict=True):
                if not isinstance(receipt, LogFault):
                    self._observe(observation)
                elif receipt.kind in _NEVER:
                    lost += 1
                else:
                    self._unwritten.append(observation)
        if self._unwritten or lost:
            over = max(0, len(self._unwritten) - _UNWRITTEN_MAX)
            del self._unwritten[:over]
            lost += over
            _log.warning("quality not written", observations=len(self._unwritten), lost=lost)

    async def _run(self) -> None:
        tick_s = min(_TICK_S, self._interval_ns / 1e9, self._flush_ns / 1e9)
        while not self._closing.is_set():
            await self._pause(tick_s)
            try:
                await self.measure_waiting()
                if self._monotonic_ns() >= self._flush_at_ns:
                    self._flush_at_ns = self._monotonic_ns() + self._flush_ns
                    await self.flush()
            except Exception as error:  # a defect of ours must not end the measuring, and never the serving
                _log.error("quality failed", error=type(error).__name__)

    async def _pause(self, seconds: float) -> None:
        """Wait, but not once the sampler is being closed."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    def _take(self, sample: _Sample, now_ns: int) -> None:
        if len(self._waiting) >= WAITING_MAX or self._waiting_bytes + len(sample.body) > WAITING_BYTES_MAX:
            return
        self._due_ns[sample.plan.id] = now_ns + self._interval_ns
        self._waiting.append(sample)
        self._waiting_bytes += len(sample.body)

    def _account(self, plan: Plan, direction: Direction) -> Account:
        contract = plan.contract
        key: _Key = (contract.agreement, contract.version, plan.resource, direction)
        account = self._accounts.get(key)
        if account is None:
            account = self._accounts[key] = Account(plan, direction)
        return account

    def _forget(self) -> None:
        """Let go of plans that have not been called for a while: after a reload they may be gone."""
        now_ns = self._monotonic_ns()
        self._due_ns = {plan: due_ns for plan, due_ns in self._due_ns.items() if due_ns > now_ns}
        self._lines = {
            plan: lines for plan, lines in self._lines.items() if lines.unsaid or now_ns - lines.since_ns < _MINUTE_NS
        }


async def _measured(sample: _Sample) -> Found:
    """Measure a sample, a large one in a thread."""
    if len(sample.body) > _INLINE_BYTES_MAX:
        return await asyncio.to_thread(_measure, sample)
    return _measure(sample)


def _measure(sample: _Sample) -> Found:
    plan, listed = sample.plan, sample.plan.operation == "list"
    if sample.values is not None:
        records: list[Any] = [record_of((field.path, value) for field, value in sample.values)]
    else:
        records = records_of(sample.body, plan.envelope.items, listed=listed, kept=sample.kept)
    seen = Seen(records, sample.whole, listed, sample.now_us, sample.values is not None)
    found = measure(plan.quality, seen)
    promised = measure_promised(plan, seen)
    return structs.replace(found, measured={**found.measured, **promised}) if promised else found
