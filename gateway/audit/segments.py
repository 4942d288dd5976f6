"""The segment files of one writer: the open one, how much of it is durable, and the change to the next."""

import errno
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Final

from gateway.audit.disk import Disk
from gateway.audit.faults import FaultKind, LogFault, name_of
from gateway.audit.layout import segment_name
from gateway.audit.recovery import Recovered

_NO_SPACE: Final = frozenset({errno.ENOSPC, errno.EDQUOT})
_CANNOT: Final = frozenset({errno.EOPNOTSUPP, errno.ENOSYS})


class Segments:
    """Appends whole frames to files. Appending belongs to one thread; `sync` may be called from another one as well.

    After a failed fsync nothing is known of the pages that were to be written (the kernel may have dropped them and
    reports the error once), so it stops for good. After a failed write the file is cut back to its last whole frame.

    `full` True asks for the next segment: nothing may be appended until a `sync` has made it. `refusal` says why the
    last try to make it failed; None when it did not. `preallocated`: the open segment has its blocks already.
    """

    def __init__(self, folder: Path, descriptor: int, disk: Disk, segment_bytes: int) -> None:
        """Takes a folder that is locked through `descriptor`."""
        self._folder, self._descriptor = folder, descriptor
        self._disk, self._write = disk, disk.write
        self._segment_bytes = segment_bytes
        self.number = self.size = self.durable = 0
        self.full = self.preallocated = False
        self.refusal: LogFault | None = None
        self.stopped: LogFault | None = None
        self._file, self._path = -1, folder
        self._device = self._inode = 0
        self._made: tuple[int, int] | None = None
        # Held while a sync runs and while segments change, so that no descriptor is closed under a sync. Appending
        # does not take it.
        self._lock = Lock()

    def open(self, found: Recovered) -> LogFault | None:
        """Go on where a recovery ended: at the end of the last segment, or with the first."""
        number = found.segment or 1
        with self._lock:
            try:
                self._enter(number, self._disk.open_segment(self._path_of(number), create=not found.segment))
                self.size = found.size_bytes
                if found.torn_bytes:
                    self._disk.truncate(self._file, found.size_bytes)
                self.preallocated = self._preallocated(self._file)
            except OSError as error:
                return LogFault(_kind_of(error, "unusable"), f"{self._folder.name}: {name_of(error)}")
        return None

    def put(self, framed: bytes) -> LogFault | None:
        """Append one frame, whole or not at all."""
        try:
            taken = self._write(self._file, framed)
        except OSError as error:
            return self._undo(f"write: {name_of(error)}")
        if taken != len(framed):
            return self._undo(f"write: {taken} of {len(framed)} bytes taken")
        self.size += taken
        return None

    def sync(self, wait_s: float = -1) -> LogFault | None:
        """Make what is written durable, then see that the file is still where a reader will look for it.

        Of a `full` segment the next one is made then, and not before: recovery relies on that. `wait_s`: how long to
        wait for a sync that runs already.
        """
        if not self._lock.acquire(timeout=wait_s):
            return LogFault("stalled", "the disk does not answer")
        try:
            # First of all: once this is said nothing is appended, so that nothing can come behind the size below.
            full = self.full
            if self.stopped is not None or self._file < 0:
                return self.stopped
            size = self.size
            try:
                if size > self.durable:
                    self._disk.fdatasync(self._file)
                    self.durable = size
            except OSError as error:
                return self.stop(f"fdatasync: {name_of(error)}")
            fault = self.look(size)
            if fault is None and full:
                self.refusal = self._next()
                self.full = self.refusal is not None
            return fault
        finally:
            self._lock.release()

    def look(self, size_bytes: int, exact: bool = False) -> LogFault | None:
        """Is the file that we write still the file of that name, with our bytes in it (and, if `exact`, no others)?"""
        try:
            found = self._disk.identity(self._path)
        except OSError as error:
            return self.stop(f"stat: {name_of(error)}")
        if found is None:
            return self.stop(f"{self._path.name} was deleted")
        if (found.device, found.inode) != (self._device, self._inode):
            return self.stop(f"{self._path.name} was replaced")
        if found.size_bytes < size_bytes:
            return self.stop(f"{self._path.name} was cut short")
        if exact and found.size_bytes != size_bytes:
            return self.stop(f"{self._path.name} was written to by somebody else")
        return None

    def has_room(self, reserve_bytes: int) -> LogFault | None:
        """Whether the reserve of free space is still there."""
        try:
            free_bytes = self._disk.free_bytes(self._descriptor)
        except OSError as error:
            return self.stop(f"statvfs: {name_of(error)}")
        if free_bytes < reserve_bytes:
            # Nothing is noted, so the next append looks again: service resumes with the first free byte.
            return LogFault("disk-full", f"less than {reserve_bytes} bytes free")
        return None

    def stop(self, detail: str) -> LogFault:
        """Serve no more. The first reason is the one that counts."""
        if self.stopped is None:
            self.stopped = LogFault("stopped", detail)
        return self.stopped

    def close(self) -> None:
        """Make everything durable and give back what was allocated and not used."""
        if self._file >= 0:
            self.full = False
            self.sync()
            self._leave(self._file)
            self._file = -1
        if self._made is not None:
            self._disk.close(self._made[1])
            self._made = None
        if self._descriptor >= 0:
            self._disk.close(self._descriptor)
            self._descriptor = -1

    def _next(self) -> LogFault | None:
        """Close a full segment, which is durable, for good and open the next one."""
        number = self.number + 1
        try:
            if self._made is None or self._made[0] != number:
                self._made = (number, self._disk.open_segment(self._path_of(number), create=True))
            file = self._made[1]
            preallocated = self._preallocated(file)
        except FileExistsError:
            return self.stop(f"{segment_name(number)} exists already")
        except OSError as error:
            # Nothing has changed: the next append tries again, with the file that is there by now.
            return LogFault(_kind_of(error, "write-failed"), f"{segment_name(number)}: {name_of(error)}")
        self._made = None
        try:
            self._enter(number, file)
        except OSError as error:
            return self.stop(f"{segment_name(number)}: {name_of(error)}")
        self.preallocated = preallocated
        return None

    def _enter(self, number: int, file: int) -> None:
        """Write to segment `number` from now on. Raises OSError, with `file` closed and nothing else changed."""
        try:
            # Also for a segment that was there: its creator may have died before this call.
            self._disk.fsync(self._descriptor)
            identity = self._disk.identity_of(file)
        except OSError:
            self._disk.close(file)
            raise
        if self._file >= 0:
            self._leave(self._file)
        self._file, self._path = file, self._path_of(number)
        self._device, self._inode = identity.device, identity.inode
        self.size = self.durable = 0
        self.number = number

    def _leave(self, file: int) -> None:
        """Close a segment; what was allocated behind its end is freed."""
        if self.preallocated and self.stopped is None:
            # It costs space and nothing else when it cannot be freed. A file with foreign bytes is evidence.
            with suppress(OSError):
                if self._disk.identity_of(file).size_bytes == self.size:
                    self._disk.truncate(file, self.size)
        self._disk.close(file)

    def _preallocated(self, file: int) -> bool:
        """Give the segment its blocks; False where the system cannot. Raises OSError, for want of space above all."""
        try:
            self._disk.preallocate(file, self._segment_bytes)
        except OSError as error:
            if error.errno in _CANNOT:
                return False
            raise
        return True

    def _path_of(self, number: int) -> Path:
        return self._folder / segment_name(number)

    def _undo(self, detail: str) -> LogFault:
        """Cut off what a failed write may have left, so that the next record follows the last whole one."""
        try:
            self._disk.truncate(self._file, self.size)
        except OSError as error:
            return self.stop(f"{detail}, then truncate: {name_of(error)}")
        self.preallocated = False  # what lay behind was freed with it
        return LogFault("write-failed", detail)


def _kind_of(error: OSError, kind: FaultKind) -> FaultKind:
    """ "disk-full" when there is no space, else `kind`."""
    return "disk-full" if error.errno in _NO_SPACE else kind
