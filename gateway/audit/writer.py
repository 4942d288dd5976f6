"""Appends records to one writer's segments: chained, framed, written once, and durable when the caller waits for it."""

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from threading import get_ident
from typing import Literal

from msgspec import Struct

from gateway.audit.chain import Link
from gateway.audit.commit import CommitOptions, GroupCommit, Told
from gateway.audit.counters import block_of
from gateway.audit.disk import Disk, LocalDisk
from gateway.audit.faults import LogFault, name_of
from gateway.audit.frames import LEAF_BYTES_MAX, frame, leaf_hash
from gateway.audit.layout import WRITER_NAME_RULE, is_writer_name
from gateway.audit.leaf import LEAF_VERSION, Counters, Entry, Leaf, Opening, Place, Receipt, Undelivered, encode
from gateway.audit.promise import Promiser, TurnPromises
from gateway.audit.recovery import Recovered, recover
from gateway.audit.segments import Segments


class WriterOptions(Struct, frozen=True, kw_only=True):
    """Sizes and intervals.

    Before an append the file and the free space are looked at again once `probe_ms` have passed or
    `probe_writes` records were written since the last look; each sync looks at the file as well.
    """

    segment_bytes: int = 64 << 20
    reserve_bytes: int = 128 << 20  # two segments: room to stop in good order and to keep the state store alive
    flush_ms: int = 1000  # the longest that a record acknowledged by `write` waits for the disk
    flush_bytes: int = 4 << 20  # and the most of them, so that closing a full segment never takes long
    probe_ms: int = 100
    probe_writes: int = 256
    commit_timeout_ms: int = 5000  # the longest that a caller waits for the disk


class WriterState(Struct, frozen=True):
    """For status pages. `seq` and `last_hash` name the last record; `truncated_bytes` is what the start cut off.

    `stalled`: the disk has not answered for longer than the timeout, and appends are refused until it does.
    `preallocated`: the open segment has its blocks already. `undelivered` records were taken back since the start.
    """

    writer: str
    segment: int
    size_bytes: int
    unsynced_bytes: int
    epoch: int
    seq: int
    last_hash: str
    truncated_bytes: int
    stopped: LogFault | None
    stalled: bool = False
    preallocated: bool = False
    undelivered: int = 0


class Clocks(Struct, frozen=True):
    """`now_us` gives Unix microseconds, `monotonic_ns` nanoseconds that only grow."""

    now_us: Callable[[], int]
    monotonic_ns: Callable[[], int]


class Writer:
    """One writer's end of the log. Append from one thread only, the event loop's.

    A record whose caller was told "stalled" stands, and before anything else is written an Undelivered takes it back.
    `on_undelivered` hears of each of these, so that live figures can tell of them as a replay does.
    """

    def __init__(
        self,
        segments: Segments,
        name: str,
        *,
        clocks: Clocks,
        options: WriterOptions,
        promiser: Promiser | None,
        on_undelivered: Callable[[Undelivered], None],
    ) -> None:
        """Takes segments that are not open yet. Not for callers: see `open`."""
        self._segments, self._name = segments, name
        self._now_us, self._monotonic_ns = clocks.now_us, clocks.monotonic_ns
        self._options = options
        self._segment_bytes = options.segment_bytes
        self._probe_ns = options.probe_ms * 1_000_000
        self._probe_at_ns = 0
        self._writes_to_probe = 0
        self._owner: int | None = None
        self._epoch = self._truncated = self._undelivered = 0
        self._seq, self._hash = -1, ""
        self._counts: dict[str, int] = {}
        self._number = self._head = 0  # the segment that is written to, and where its own counters end in it
        self._block: list[Counters] = []
        self._owed: list[Told] = []
        self._on_undelivered = on_undelivered
        self._turn = None if promiser is None else TurnPromises(promiser)
        self._commit = GroupCommit(
            segments.sync,
            name,
            CommitOptions(
                flush_ms=options.flush_ms, timeout_ms=options.commit_timeout_ms, monotonic_ns=clocks.monotonic_ns
            ),
            self,
            None if promiser is None else promiser.promise,
        )

    @classmethod
    def open(
        cls,
        log: Path,
        writer: str,
        *,
        disk: Disk | None = None,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        options: WriterOptions | None = None,
        promise: Promiser | None = None,
        on_undelivered: Callable[[Undelivered], None] = lambda _: None,
    ) -> "Writer | LogFault":
        """Lock `<log>/<writer>`, recover it, begin a new epoch with a durable Opening record.

        With `promise` every receipt that is waited for is a Promised. Faults: "unusable", "locked", "corrupt", and
        those of appending.
        """
        disk, options = disk or LocalDisk(), options or WriterOptions()
        if not is_writer_name(writer):
            return LogFault("unusable", f"a writer's name is {WRITER_NAME_RULE}")
        folder = log / writer
        descriptor = _locked(disk, folder)
        if isinstance(descriptor, LogFault):
            return descriptor
        segments = Segments(folder, descriptor, disk, options.segment_bytes)
        opened = cls(
            segments,
            writer,
            clocks=Clocks(now_us, monotonic_ns),
            options=options,
            promiser=promise,
            on_undelivered=on_undelivered,
        )
        found = recover(disk, folder)
        fault = found if isinstance(found, LogFault) else segments.open(found) or opened._begin_epoch(found)
        if fault is not None:
            opened.close()
            return fault
        return opened

    @property
    def state(self) -> WriterState:
        """Where the log stands now."""
        segments = self._segments
        return WriterState(
            writer=self._name,
            segment=segments.number,
            size_bytes=segments.size,
            unsynced_bytes=segments.size - segments.durable,
            epoch=self._epoch,
            seq=self._seq,
            last_hash=self._hash,
            truncated_bytes=self._truncated,
            stopped=segments.stopped,
            stalled=self._commit.is_stalled(self._monotonic_ns()),
            preallocated=segments.preallocated,
            undelivered=self._undelivered,
        )

    async def append(self, entry: Entry, ack: Literal["sync", "write"]) -> Receipt | LogFault:
        """Append and acknowledge as the agreement says, with a promise where this writer makes them."""
        if ack == "sync":
            return await self.append_durable(entry)
        receipt = self._append(entry) or await self._written(entry)
        if isinstance(receipt, LogFault) or self._turn is None:
            return receipt
        return await self._turn.promised(receipt)

    async def append_durable(self, entry: Entry) -> Receipt | LogFault:
        """Append, and return once the record survives a power failure."""
        receipt = self._append(entry) or await self._written(entry)
        if isinstance(receipt, LogFault):
            return receipt
        return await self._commit.durable(receipt, entry)

    def append_written(self, entry: Entry) -> Receipt | LogFault:
        """Append, and return once the operating system has the record: it survives the death of this process.

        The receipt is not promised. When a segment is full this waits for the disk, which `append` does without holding
        anybody up. Raises RuntimeError when called from a second thread, which could fork the chain.
        """
        segments = self._segments
        while (receipt := self._append(entry)) is None:
            fault = segments.sync(self._options.commit_timeout_ms / 1000) or (
                segments.refusal if segments.full else None
            )
            if fault is not None:
                return fault
        return receipt

    def close(self) -> None:
        """Make everything durable, release the lock. Later appends answer "stopped"."""
        self._commit.close()
        self._settle()
        self._segments.close()
        self._segments.stop("closed")

    def stalled(self, told: Sequence[Told]) -> None:
        """For the group commit: these are to be taken back as soon as the disk answers."""
        self._owed += told

    def synced(self) -> None:
        """For the group commit: the disk answers."""
        if self._owed:
            self._settle()
            self._commit.nudge()

    def _begin_epoch(self, found: Recovered) -> LogFault | None:
        last: Link = found.last
        self._truncated, self._epoch = found.torn_bytes, last.epoch + 1
        self._seq, self._hash = last.seq, last.leaf_hash
        self._counts = dict(found.counts)
        # An epoch begins in the segment where the one before it ended, also when that is full: the counters of the next
        # segment are records of an epoch that has begun.
        self._number, self._head = self._segments.number, found.size_bytes
        opening = Opening(self._now_us(), last.epoch, last.seq, last.leaf_hash, found.torn_bytes)
        receipt = self.append_written(opening)
        self._head = 0
        # Whoever opens need not be whoever appends.
        self._owner = None
        return receipt if isinstance(receipt, LogFault) else self._segments.sync()

    async def _written(self, entry: Entry) -> Receipt | LogFault:
        """Append, after the next segment was made in place of this one, which is full."""
        receipt = None
        while receipt is None:
            fault = await self._commit.synced() or (self._segments.refusal if self._segments.full else None)
            receipt = fault or self._append(entry)
        return receipt

    def _append(self, entry: Entry) -> Receipt | LogFault | None:
        """Write the record, and before it what is due; None: the segment is full, a sync makes the next one."""
        if self._owner != get_ident():
            self._adopt()
        segments = self._segments
        if segments.stopped is not None:
            return segments.stopped
        now_ns = self._monotonic_ns()
        if self._commit.is_stalled(now_ns):
            return LogFault("stalled", "the disk does not answer")
        if segments.full:
            return None
        fault = self._look_if_due(now_ns)
        if fault is not None:
            return fault
        if self._number != segments.number:
            self._block = block_of(self._counts, self._now_us())
            self._number, self._head = segments.number, 0
        if self._block or self._owed:
            fault = self._settle()
            if fault is not None or segments.full:
                return fault
        return self._put(entry)

    def _put(self, entry: Entry) -> Receipt | LogFault | None:
        """The record as the next of the chain; None when the segment has no room for it."""
        # As counters.partner_of, without the call.
        name, epoch, seq, partner = self._name, self._epoch, self._seq + 1, getattr(entry, "partner", "")
        number = self._counts.get(partner, 0)
        try:
            leaf = encode(Leaf(LEAF_VERSION, Place(name, epoch, seq, self._hash, number), entry))
        except (TypeError, ValueError, OverflowError) as error:
            return LogFault("unencodable", type(error).__name__)
        if len(leaf) > LEAF_BYTES_MAX:
            return LogFault("too-large", f"a leaf of {len(leaf)} bytes")
        framed = frame(leaf)
        segments = self._segments
        size = segments.size
        if size + len(framed) > self._segment_bytes and size > self._head:
            segments.full = True
            return None
        fault = segments.put(framed)
        if fault is not None:
            return fault
        self._seq = seq
        self._hash = digest = leaf_hash(leaf)
        self._counts[partner] = number + 1
        return Receipt(digest, name, epoch, seq)

    def _settle(self) -> LogFault | None:
        """Write what comes before anything else: the counters of a new segment, and what is to be taken back."""
        while self._block:
            receipt = self._put(self._block[0])
            if isinstance(receipt, LogFault):
                return receipt
            self._head = self._segments.size
            del self._block[0]
        while self._owed:
            entry = self._taking_back(*self._owed[0])
            receipt = self._put(entry)
            if not isinstance(receipt, Receipt):
                return receipt
            del self._owed[0]
            self._undelivered += 1
            self._on_undelivered(entry)
        return None

    def _taking_back(self, receipt: Receipt, entry: Entry) -> Undelivered:
        words = {name: getattr(entry, name, "") for name in ("request_id", "partner", "agreement", "version")}
        return Undelivered(self._now_us(), **words, leaf=receipt.leaf_hash, retracted=str(entry.__struct_config__.tag))

    def _adopt(self) -> None:
        if self._owner is not None:
            raise RuntimeError("a writer belongs to the thread that first appended to it")
        self._owner = get_ident()

    def _look_if_due(self, now_ns: int) -> LogFault | None:
        self._writes_to_probe -= 1
        if self._writes_to_probe > 0 and now_ns < self._probe_at_ns:
            return None
        segments = self._segments
        fault = segments.look(segments.size, exact=True) or segments.has_room(self._options.reserve_bytes)
        if fault is not None:
            return fault
        if segments.size - segments.durable > self._options.flush_bytes:
            self._commit.nudge()
        self._writes_to_probe = self._options.probe_writes
        self._probe_at_ns = now_ns + self._probe_ns
        return None


def _locked(disk: Disk, folder: Path) -> int | LogFault:
    """The descriptor through which a writer's folder is locked."""
    writer = folder.name
    try:
        disk.create_folder(folder)
        descriptor = disk.open_folder(folder)
    except OSError as error:
        return LogFault("unusable", f"{writer}: {name_of(error)}")
    try:
        locked = disk.lock(descriptor)
    except OSError as error:
        disk.close(descriptor)
        return LogFault("unusable", f"{writer}: lock: {name_of(error)}")
    if not locked:
        disk.close(descriptor)
        return LogFault("locked", f"{writer}: another process writes this log")
    return descriptor
