"""Whether a file was replaced since it was read: by its time, size and place on the disk, without reading it again."""

import errno
import os
import ssl
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

Stamp: TypeAlias = tuple[int, int, int]
"""Modified in nanoseconds, size in bytes, inode."""


class Replaced:
    """Tells when files that are used together were replaced, once they have stood still from one look to the next: a
    certificate that came a moment before its key is no pair yet.

    Made before the files are read, so that nothing is missed. Waits for the disk.
    """

    def __init__(self, files: Iterable[str]) -> None:
        self._paths = tuple(Path(file) for file in files)
        self._known = self._seen = self._stamps()

    def look(self) -> bool:
        """Whether they are to be read anew. Said once of each state that they are in, whatever comes of it."""
        now = self._stamps()
        stood_still, self._seen = now == self._seen, now
        if not stood_still or now == self._known:
            return False
        self._known = now
        return True

    def _stamps(self) -> tuple[Stamp | None, ...]:
        return tuple(map(stamp_of, self._paths))


def stamp_of(path: Path) -> Stamp | None:
    """None for a file that is not there. Of a link, that of the file it leads to."""
    try:
        return _of(path.stat())
    except OSError:
        return None


def read_stamped(path: Path, bytes_max: int) -> tuple[Stamp, bytes]:
    """What is in a file, with the stamp that it had. Raises OSError, and ValueError for one that is larger."""
    with open(path, "rb", opener=_without_waiting) as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "it is no regular file")
        stamp, data = _of(found), file.read(bytes_max + 1)
    if len(data) > bytes_max:
        raise ValueError(f"is larger than {bytes_max // 2**20} MiB")
    return stamp, data


def reason_of(error: OSError) -> str:
    """Why a file cannot be used, without their names."""
    said = error.reason if isinstance(error, ssl.SSLError) else error.strerror
    return said or type(error).__name__


def _of(found: os.stat_result) -> Stamp:
    return found.st_mtime_ns, found.st_size, found.st_ino


def _without_waiting(path: str, flags: int) -> int:
    """A pipe would wait for whoever writes into it."""
    return os.open(path, flags | os.O_NONBLOCK)
