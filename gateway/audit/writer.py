"""Appends records to one writer's segments: chained, framed, written once, and durable when the caller waits for it."""

import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock, get_ident
from typing import Literal

from msgspec import Struct

from gateway.audit.chain import Link
from gateway.audit.commit import GroupCommit
from gateway.audit.disk import Disk, LocalDisk
from gateway.audit.faults import LogFault, name_of
from gateway.audit.frames import LEAF_BYTES_MAX, frame, leaf_hash
from gateway.audit.layout import is_writer_name, segment_name
from gateway.audit.leaf import Entry, Leaf, Opening, Place, Receipt, encode
from gateway.audit.recovery import recover


class WriterOptions(Struct, frozen=True, kw_only=True):
    """Sizes and intervals.

    Before an append the file and the free space are looked at again once `probe_ms` have passed or
    `probe_writes` records were written since the last look; each sync looks at the file as well.
    """

    segment_bytes: int = 64 << 20
    reserve_bytes: int = 128 << 20  # two segments: room to stop in good order and to keep the state store alive
    flush_ms: int = 1000  # the longest that a record acknowledged by `write` waits for the disk
    flush_bytes: int = 4 << 20  # and the most of them, so that closing a full segment never blocks for long
    probe_ms: int = 100
    probe_writes: int = 256


class WriterState(Struct, frozen=True):
    """For status pages. `seq` and `last_hash` name the last record; `truncated_bytes` is what the start cut off."""

    writer: str
    segment: int
    size_bytes: int
    unsynced_bytes: int
    epoch: int
    seq: int
    last_hash: str
    truncated_bytes: int
    stopped: LogFault | None


class Writer:
    """One writer's end of the log. Append from one thread only, the event loop's.

    After a failed fsync nothing is known of the pages that were to be written (the kernel may have dropped them
    and reports the error once), so the writer stops for good. After a failed write the file is cut back to its
    last whole frame and the chain is as if the record had never been tried.
    """

    def __init__(
        self, folder: Path, descriptor: int, disk: Disk, monotonic_ns: Callable[[], int], options: WriterOptions
    ) -> None:
        """Takes a folder that is locked through `descriptor`. Not for callers: see `open`."""
        self._folder, self._folder_descriptor = folder, descriptor
        self._name = folder.name
        self._disk, self._write = disk, disk.write
        self._monotonic_ns, self._options = monotonic_ns, options
        self._segment_bytes = options.segment_bytes
        self._probe_ns = options.probe_ms * 1_000_000
        self._probe_at_ns = 0
        self._writes_to_probe = 0
        self._owner: int | None = None
        self._stopped: LogFault | None = None
        self._segment = self._size = self._durable = self._epoch = self._truncated = 0
        self._seq, self._hash = -1, ""
        self._file, self._path = -1, folder
        self._device = self._inode = 0
        # Held by the commit thread while it syncs and by the loop while it changes segments, so that no
        # descriptor is closed under a sync. Appending does not take it.
        self._file_lock = Lock()
        self._commit = GroupCommit(self._sync, options.flush_ms, self._name)

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
    ) -> "Writer | LogFault":
        """Lock `<log>/<writer>`, recover it, begin a new epoch with a durable Opening record.

        Faults: "unusable", "locked", "corrupt", and those of appending.
        """
        disk = disk or LocalDisk()
        if not is_writer_name(writer):
            return LogFault("unusable", "a writer's name is 1 to 64 of a-z, 0-9, dot, underscore and hyphen")
        folder = log / writer
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
        opened = cls(folder, descriptor, disk, monotonic_ns, options or WriterOptions())
        fault = opened._begin_epoch(now_us())
        if fault is not None:
            opened.close()
            return fault
        return opened

    @property
    def state(self) -> WriterState:
        """Where the log stands now."""
        return WriterState(
            writer=self._name,
            segment=self._segment,
            size_bytes=self._size,
            unsynced_bytes=self._size - self._durable,
            epoch=self._epoch,
            seq=self._seq,
            last_hash=self._hash,
            truncated_bytes=self._truncated,
            stopped=self._stopped,
        )

    async def append(self, entry: Entry, ack: Literal["sync", "write"]) -> Receipt | LogFault:
        """Append and acknowledge as the agreement says."""
        return await self.append_durable(entry) if ack == "sync" else self.append_written(entry)

    async def append_durable(self, entry: Entry) -> Receipt | LogFault:
        """Append, and return once the record survives a power failure."""
        receipt = self.append_written(entry)
        if isinstance(receipt, LogFault):
            return receipt
        return await self._commit.durable() or receipt

    def append_written(self, entry: Entry) -> Receipt | LogFault:
        """Append, and return once the operating system has the record: it survives the death of this process.

        Raises RuntimeError when called from a second thread, which could fork the chain.
        """
        if self._owner != get_ident():
            self._adopt()
        fault = self._stopped or self._look_if_due()
        if fault is not None:
            return fault
        epoch, seq = self._epoch, self._seq + 1
        try:
            leaf = encode(Leaf(1, Place(self._name, epoch, seq, self._hash), entry))
        except (TypeError, ValueError, OverflowError) as error:
            return LogFault("unencodable", type(error).__name__)
        if len(leaf) > LEAF_BYTES_MAX:
            return LogFault("too-large", f"a leaf of {len(leaf)} bytes")
        framed = frame(leaf)
        if self._size + len(framed) > self._segment_bytes and self._size > 0:
            fault = self._next_segment()
            if fault is not None:
                return fault
        try:
            taken = self._write(self._file, framed)
        except OSError as error:
            return self._undo(f"write: {name_of(error)}")
        if taken != len(framed):
            return self._undo(f"write: {taken} of {len(framed)} bytes taken")
        self._size += taken
        self._seq = seq
        self._hash = digest = leaf_hash(leaf)
        return Receipt(digest, self._name, epoch, seq)

    def close(self) -> None:
        """Make everything durable, release the lock. Later appends answer "stopped"."""
        self._commit.close()
        if self._file >= 0:
            self._sync()
            self._disk.close(self._file)
            self._file = -1
        if self._folder_descriptor >= 0:
            self._disk.close(self._folder_descriptor)
            self._folder_descriptor = -1
        self._stop("closed")

    def _begin_epoch(self, time_us: int) -> LogFault | None:
        found = recover(self._disk, self._folder)
        if isinstance(found, LogFault):
            return found
        last: Link = found.last
        self._truncated, self._epoch = found.torn_bytes, last.epoch + 1
        self._seq, self._hash = last.seq, last.leaf_hash
        with self._file_lock:
            try:
                if found.segment:
                    self._enter(found.segment, self._disk.open_segment(self._path_of(found.segment), create=False))
                    self._size = found.size_bytes
                    if found.torn_bytes:
                        self._disk.truncate(self._file, found.size_bytes)
                else:
                    self._enter(1, self._disk.open_segment(self._path_of(1), create=True))
            except OSError as error:
                return LogFault("unusable", f"{self._name}: {name_of(error)}")
        receipt = self.append_written(Opening(time_us, last.epoch, last.seq, last.leaf_hash, found.torn_bytes))
        # Whoever opens need not be whoever appends.
        self._owner = None
        return receipt if isinstance(receipt, LogFault) else self._sync()

    def _path_of(self, number: int) -> Path:
        return self._folder / segment_name(number)

    def _enter(self, number: int, file: int) -> None:
        """Write to segment `number` from now on. Raises OSError, with `file` closed and nothing else changed."""
        try:
            # Also for a segment that was there: its creator may have died before this call.
            self._disk.fsync(self._folder_descriptor)
            identity = self._disk.identity_of(file)
        except OSError:
            self._disk.close(file)
            raise
        if self._file >= 0:
            self._disk.close(self._file)
        self._file, self._path, self._segment = file, self._path_of(number), number
        self._device, self._inode = identity.device, identity.inode
        self._size = self._durable = 0

    def _next_segment(self) -> LogFault | None:
        """Close a full segment for good. It is durable before the next exists: recovery relies on that."""
        number = self._segment + 1
        with self._file_lock:
            try:
                self._disk.fdatasync(self._file)
                self._durable = self._size
            except OSError as error:
                return self._stop(f"fdatasync: {name_of(error)}")
            try:
                file = self._disk.open_segment(self._path_of(number), create=True)
            except FileExistsError:
                return self._stop(f"{segment_name(number)} exists already")
            except OSError as error:
                # Nothing has changed: the next append tries again.
                return LogFault("write-failed", f"{segment_name(number)}: {name_of(error)}")
            try:
                self._enter(number, file)
            except OSError as error:
                return self._stop(f"{segment_name(number)}: {name_of(error)}")
        return None

    def _sync(self) -> LogFault | None:
        """Make what is written durable, then see that the file is still where a reader will look for it."""
        with self._file_lock:
            if self._stopped is not None or self._file < 0:
                return self._stopped
            size = self._size
            try:
                if size > self._durable:
                    self._disk.fdatasync(self._file)
                    self._durable = size
                return self._look(size)
            except OSError as error:
                return self._stop(f"fdatasync: {name_of(error)}")

    def _adopt(self) -> None:
        if self._owner is not None:
            raise RuntimeError("a writer belongs to the thread that first appended to it")
        self._owner = get_ident()

    def _look_if_due(self) -> LogFault | None:
        self._writes_to_probe -= 1
        now_ns = self._monotonic_ns()
        if self._writes_to_probe > 0 and now_ns < self._probe_at_ns:
            return None
        fault = self._look(self._size, exact=True)
        if fault is not None:
            return fault
        try:
            free_bytes = self._disk.free_bytes(self._folder_descriptor)
        except OSError as error:
            return self._stop(f"statvfs: {name_of(error)}")
        if free_bytes < self._options.reserve_bytes:
            # Nothing is noted, so the next append looks again: service resumes with the first free byte.
            return LogFault("disk-full", f"less than {self._options.reserve_bytes} bytes free")
        if self._size - self._durable > self._options.flush_bytes:
            self._commit.nudge()
        self._writes_to_probe = self._options.probe_writes
        self._probe_at_ns = now_ns + self._probe_ns
        return None

    def _look(self, size_bytes: int, exact: bool = False) -> LogFault | None:
        """Is the file that we write still the file of that name, with our bytes in it (and, if `exact`, no others)?"""
        try:
            found = self._disk.identity(self._path)
        except OSError as error:
            return self._stop(f"stat: {name_of(error)}")
        if found is None:
            return self._stop(f"{self._path.name} was deleted")
        if (found.device, found.inode) != (self._device, self._inode):
            return self._stop(f"{self._path.name} was replaced")
        if found.size_bytes < size_bytes:
            return self._stop(f"{self._path.name} was cut short")
        if exact and found.size_bytes != size_bytes:
            return self._stop(f"{self._path.name} was written to by somebody else")
        return None

    def _undo(self, detail: str) -> LogFault:
        """Cut off what a failed write may have left, so that the next record follows the last whole one."""
        try:
            self._disk.truncate(self._file, self._size)
        except OSError as error:
            return self._stop(f"{detail}, then truncate: {name_of(error)}")
        return LogFault("write-failed", detail)

    def _stop(self, detail: str) -> LogFault:
        """Serve no more. The first reason is the one that counts."""
        if self._stopped is None:
            self._stopped = LogFault("stopped", detail)
        return self._stopped
