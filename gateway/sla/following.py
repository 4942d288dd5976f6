"""Counts what other workers record: the whole log at the start, then their segments as they grow.

So every worker knows the figures of all, about a second late. A record is counted one look after it was first seen on
stable storage: if its caller was told that it is not, because the disk hung, its writer has said so by then
(Undelivered), and it is counted nowhere.
"""

import asyncio
import os
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

import structlog
from msgspec import MsgspecError, Struct
from msgspec.json import Decoder

from gateway.audit.faults import CorruptLogError
from gateway.audit.frames import leaf_hash
from gateway.audit.layout import writers_in
from gateway.audit.leaf import Authority, Entry, Exchange, Intent, Opening, Outbound, Undelivered
from gateway.audit.reader import COUNTED, Counted, retracted_in
from gateway.sla.tail import Sync, Tail

INTERVAL_S: Final = 0.5
_SETTLING_S: Final = 0.4
"""How long a record is on stable storage before it is counted."""
_SLICE: Final = 256
"""Records counted in one turn of the event loop; calls get their turn in between."""

_log = structlog.get_logger(__name__)

Count: TypeAlias = Callable[[Iterable[Counted]], object]
"""Tally.replay."""
Hear: TypeAlias = Callable[[Entry], None]


class Writers(Struct, frozen=True):
    """`own` is this process's name in the log; `siblings` are those of the other workers of this gateway."""

    own: str
    siblings: frozenset[str] = frozenset()


class _Held(Struct, frozen=True):
    """A leaf, as far as it is needed."""

    entry: Entry


_DECODER: Decoder[_Held] = Decoder(_Held)

_Read: TypeAlias = tuple[bytes, Entry]


class _Other:
    """What is known of one writer: what is not counted yet, and the changes without an outcome."""

    def __init__(self, folder: Path, sync: Sync) -> None:
        self.name = folder.name
        self.tail = Tail(folder, sync)
        self.waiting: list[tuple[float, list[_Read]]] = []
        self.begun: dict[str, Intent] = {}


class Following:
    """Feeds `count` with every record that figures come from, each once; `hear` is told of every record.

    First `replay`, in any one thread; from then on, on the event loop, `start` and `catch_up`. What this process itself
    records after the replay is not followed: whoever records it counts it.
    """

    def __init__(
        self,
        log: Path,
        count: Count,
        writers: Writers,
        *,
        hear: Hear = lambda _: None,
        monotonic_s: Callable[[], float] = time.monotonic,
        undecided_us: int = 0,
        sync: Sync = os.fdatasync,
    ) -> None:
        """`undecided_us`: records of siblings that are younger at the replay may still be taken back."""
        self._log, self._count, self._writers, self._hear = log, count, writers, hear
        self._monotonic_s, self._undecided_us, self._sync = monotonic_s, undecided_us, sync
        self._others: dict[str, _Other] = {}
        self._lost: set[str] = set()
        self._looking = asyncio.Lock()
        self._task: asyncio.Task[None] | None = None

    def replay(self, now_us: int | None = None) -> None:
        """Count all that the log holds. Blocking. Raises CorruptLogError and OSError."""
        settled_us = (time.time_ns() // 1000 if now_us is None else now_us) - self._undecided_us
        retracted = retracted_in(self._log)
        for folder in writers_in(self._log):
            other = _Other(folder, self._sync)
            lives = folder.name in self._writers.siblings
            for leaves in other.tail.read():
                found = _decoded(folder.name, leaves)
                if retracted:
                    found = [read for read in found if leaf_hash(read[0]) not in retracted]
                young = _first_young(found, settled_us) if lives else len(found)
                settled = 0 if other.waiting else young
                self._put(self._counted(other, found[:settled]))
                if settled < len(found):
                    self._hear_authority(found[settled:])
                    other.waiting.append((self._monotonic_s(), found[settled:]))
            if not lives:  # nobody is there who could say what became of them
                self._put(_given_up(other))
            if folder.name != self._writers.own:
                self._others[folder.name] = other

    def start(self, interval_s: float = INTERVAL_S) -> None:
        """Follow in the background from now on."""
        self._task = asyncio.create_task(self._run(interval_s))

    async def close(self) -> None:
        """Follow no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def catch_up(self) -> None:
        """Look at once: `hear` knows afterwards of every Authority that was recorded before this call."""
        async with self._looking:
            for other, found in await asyncio.to_thread(self._look):
                await self._take(other, found)

    async def _run(self, interval_s: float) -> None:
        while True:
            await asyncio.sleep(interval_s)
            try:
                await self.catch_up()
            except Exception as error:  # a defect of ours must not end the following, nor the serving
                _log.error("the other workers' records cannot be followed", error=type(error).__name__)

    def _look(self) -> list[tuple[_Other, list[_Read]]]:
        """What every other writer has added. Blocking; what cannot be read is said once, and not followed further."""
        looked = []
        for folder in writers_in(self._log):
            if folder.name == self._writers.own or folder.name in self._lost:
                continue
            other = self._others.get(folder.name) or self._others.setdefault(folder.name, _Other(folder, self._sync))
            found: list[_Read] = []
            try:
                for leaves in other.tail.read():
                    found += _decoded(folder.name, leaves)
            except (CorruptLogError, OSError) as error:
                self._lost.add(folder.name)
                _log.error("the figures lack a worker's records from now on", writer=folder.name, reason=str(error))
            looked.append((other, found))
        return looked

    async def _take(self, other: _Other, found: list[_Read]) -> None:
        """Count what has waited long enough, have what was found wait."""
        self._hear_authority(found)
        self._retract(other, found)
        now_s = self._monotonic_s()
        # A writer that begins anew owes nothing to anybody: what it wrote before is decided.
        decided = _after_opening(found)
        if decided:
            due = [read for _, waited in other.waiting for read in waited] + found[:decided]
            other.waiting = []
        else:
            due = []
        if found[decided:]:
            other.waiting.append((now_s, found[decided:]))
        while other.waiting and now_s - other.waiting[0][0] >= _SETTLING_S:
            due += other.waiting.pop(0)[1]
        for start in range(0, len(due), _SLICE):
            self._put(self._counted(other, due[start : start + _SLICE]), authority=False)
            await asyncio.sleep(0)

    def _hear_authority(self, found: Sequence[_Read]) -> None:
        """What changes authority is in force at once, and nothing is counted from it."""
        for _, entry in found:
            if isinstance(entry, Authority):
                self._hear(entry)

    def _retract(self, other: _Other, found: list[_Read]) -> None:
        """Leave out what is taken back."""
        retracted = {entry.leaf for _, entry in found if isinstance(entry, Undelivered)}
        if not retracted:
            return
        batches = [found, *(waited for _, waited in other.waiting)]
        for batch in batches:
            kept = []
            for read in batch:
                digest = leaf_hash(read[0])
                if digest in retracted:
                    retracted.discard(digest)
                else:
                    kept.append(read)
            batch[:] = kept
        if retracted:
            _log.warning("counted although taken back, until the next start", writer=other.name, records=len(retracted))

    def _counted(self, other: _Other, found: Sequence[_Read]) -> Iterator[Entry]:
        """The entries, and where an epoch begins those changes before it whose outcome nobody will record."""
        for _, entry in found:
            if isinstance(entry, Intent):
                other.begun[entry.request_id] = entry
                continue
            if isinstance(entry, Exchange | Outbound) or (
                isinstance(entry, Undelivered) and entry.retracted in ("exchange", "outbound")
            ):
                other.begun.pop(entry.request_id, None)
            elif isinstance(entry, Opening):
                yield from _given_up(other)
            yield entry

    def _put(self, entries: Iterable[Entry], *, authority: bool = True) -> None:
        counted: list[Any] = []
        for entry in entries:
            if isinstance(entry, COUNTED):
                counted.append(entry)
            if authority or not isinstance(entry, Authority):
                self._hear(entry)
        self._count(counted)


def siblings(writer: str, workers: int) -> frozenset[str]:
    """The names of all workers but this one: `writer` is `<name>-<number>`, or anything where there is but one."""
    if workers == 1:
        return frozenset()
    name = writer.rpartition("-")[0]
    return frozenset(f"{name}-{number}" for number in range(1, workers + 1)) - {writer}


def _given_up(other: _Other) -> list[Intent]:
    given_up, other.begun = list(other.begun.values()), {}
    return given_up


def _decoded(writer: str, leaves: Iterable[bytes]) -> list[_Read]:
    """Raises CorruptLogError for what is no record."""
    decode, found = _DECODER.decode, []
    for leaf in leaves:
        try:
            found.append((leaf, decode(leaf).entry))
        except (MsgspecError, UnicodeDecodeError, RecursionError):
            raise CorruptLogError(writer, 0) from None
    return found


def _first_young(found: Sequence[_Read], settled_us: int) -> int:
    """Where records later than `settled_us` begin."""
    return next((at for at, (_, entry) in enumerate(found) if entry.time_us > settled_us), len(found))


def _after_opening(found: Sequence[_Read]) -> int:
    """Where the last epoch begun among these goes on; 0 when none is begun."""
    return next((at + 1 for at in reversed(range(len(found))) if isinstance(found[at][1], Opening)), 0)
