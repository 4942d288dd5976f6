"""Reads a writer's segments on: each time the whole records that have come since, once they are on stable storage."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, TypeAlias

from gateway.audit.faults import CorruptLogError
from gateway.audit.frames import HEADER_BYTES, frames, tail_after
from gateway.audit.layout import segment_name, segments_in

READ_BYTES: Final = 64 * 1024 * 1024
"""So much is read at once; more than a frame, so that a whole one is always among it."""

Sync: TypeAlias = Callable[[int], None]
"""Makes the bytes behind a descriptor durable, such as os.fdatasync. Raises OSError."""


class Tail:
    """One writer's records in order, each once. Checks frames, not the chain: that is verify's work, and the trees'."""

    def __init__(self, folder: Path, sync: Sync = os.fdatasync) -> None:
        self._folder, self._sync = folder, sync
        self._segment = self._offset = 0

    def read(self) -> Iterator[list[bytes]]:
        """The leaves that have come since, in pieces. Raises CorruptLogError and OSError."""
        while True:
            # Listed before the bytes are read: nothing is added to a segment once there is a later one.
            later = [number for number, _ in segments_in(self._folder) if number > self._segment]
            found = self._read_on(final=bool(later)) if self._segment else []
            if found:
                yield found
            elif not later:
                return
            else:
                self._segment, self._offset = later[0], 0

    def _read_on(self, *, final: bool) -> list[bytes]:
        """What this segment holds behind the last record; `final`: nothing is added to it any more."""
        name = segment_name(self._segment)
        descriptor = os.open(self._folder / name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            size = os.fstat(descriptor).st_size
            if size < self._offset:
                raise CorruptLogError(f"{self._folder.name}/{name}", size)
            if size == self._offset:
                return []
            self._sync(descriptor)
            data = os.pread(descriptor, min(size - self._offset, READ_BYTES), self._offset)
        finally:
            os.close(descriptor)
        found, end = [], 0
        for offset, leaf in frames(data):
            found.append(leaf)
            end = offset + HEADER_BYTES + len(leaf)
        if not found and (final or tail_after(data, 0) == "corrupt"):
            raise CorruptLogError(f"{self._folder.name}/{name}", self._offset)
        self._offset += end
        return found
