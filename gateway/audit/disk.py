"""The port for what the audit log asks of the operating system, so that a failing disk is an ordinary double."""

import ctypes
import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from msgspec import Struct


class Identity(Struct, frozen=True):
    """Which file it is, and how many bytes it holds."""

    device: int
    inode: int
    size_bytes: int


class Disk(Protocol):
    """Descriptors are those of the operating system. Every method raises OSError when the call fails."""

    def create_folder(self, path: Path) -> None:
        """Make the folder and its missing parents; each is durable on return."""

    def open_folder(self, path: Path) -> int:
        """A descriptor of a folder, for `lock`, `fsync` and `free_bytes`."""

    def lock(self, descriptor: int) -> bool:
        """Take the exclusive lock, which lasts as long as the descriptor; False: somebody else has it."""

    def segment_names(self, path: Path) -> list[str]:
        """The names in a folder that end in `.seg`, sorted."""

    def read(self, path: Path) -> bytes:
        """A whole file, from the device rather than from memory where the system allows it."""

    def open_segment(self, path: Path, create: bool) -> int:
        """A descriptor that appends; with `create` the file must not exist, without it it must."""

    @property
    def write(self) -> Callable[[int, bytes], int]:
        """Append bytes; returns how many were taken, which may be fewer."""

    def fdatasync(self, descriptor: int) -> None:
        """Return when the bytes, and the size, are on stable storage."""

    def fsync(self, descriptor: int) -> None:
        """The same with all metadata: for folders."""

    def preallocate(self, descriptor: int, size_bytes: int) -> None:
        """Give the file the blocks of its first `size_bytes` without changing its size.

        OSError ENOSPC or EDQUOT: there is no room; EOPNOTSUPP or ENOSYS: this system cannot.
        """

    def truncate(self, descriptor: int, size_bytes: int) -> None:
        """Cut the file to `size_bytes`, and free the blocks behind."""

    def identity(self, path: Path) -> Identity | None:
        """The file that has this name now; None if no file has."""

    def identity_of(self, descriptor: int) -> Identity:
        """The file behind a descriptor, whatever its name became."""

    def free_bytes(self, descriptor: int) -> int:
        """What this process may still write to the file system."""

    def close(self, descriptor: int) -> None:
        """Give the descriptor back."""


_FALLOC_FL_KEEP_SIZE = 1
_LIBC = ctypes.CDLL(None, use_errno=True)


class LocalDisk:
    """A local POSIX file system. Network file systems are no place for the log: their fsync and locks promise less."""

    # A builtin, not a method: the hot path calls it once per record.
    write = staticmethod(os.write)

    def create_folder(self, path: Path) -> None:
        if path.is_dir():
            return
        self.create_folder(path.parent)
        path.mkdir(mode=0o750, exist_ok=True)
        parent = self.open_folder(path.parent)
        try:
            os.fsync(parent)
        finally:
            os.close(parent)

    def open_folder(self, path: Path) -> int:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def lock(self, descriptor: int) -> bool:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def segment_names(self, path: Path) -> list[str]:
        return sorted(name for name in os.listdir(path) if name.endswith(".seg"))

    def read(self, path: Path) -> bytes:
        with path.open("rb") as file:
            # After a failed fsync the kernel may keep pages in memory that never reached the device, and call
            # them clean. Forgetting clean pages first makes recovery see what is really there.
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            return file.read()

    def open_segment(self, path: Path, create: bool) -> int:
        creation = os.O_CREAT | os.O_EXCL if create else 0
        # O_APPEND: after a truncation the next byte goes where the file ends, without a seek that could fail.
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW | creation, 0o640)

    def fdatasync(self, descriptor: int) -> None:
        os.fdatasync(descriptor)

    def fsync(self, descriptor: int) -> None:
        os.fsync(descriptor)

    def preallocate(self, descriptor: int, size_bytes: int) -> None:
        # Not os.posix_fallocate: it makes the file longer, and would write zeros where the file system cannot do it.
        call = getattr(_LIBC, "fallocate", None)
        if call is None:
            raise OSError(errno.ENOSYS, "no fallocate")
        if call(descriptor, _FALLOC_FL_KEEP_SIZE, ctypes.c_int64(0), ctypes.c_int64(size_bytes)) != 0:
            raise OSError(ctypes.get_errno(), "fallocate")

    def truncate(self, descriptor: int, size_bytes: int) -> None:
        os.ftruncate(descriptor, size_bytes)

    def identity(self, path: Path) -> Identity | None:
        try:
            status = os.stat(path, follow_symlinks=False)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return Identity(status.st_dev, status.st_ino, status.st_size)

    def identity_of(self, descriptor: int) -> Identity:
        status = os.fstat(descriptor)
        return Identity(status.st_dev, status.st_ino, status.st_size)

    def free_bytes(self, descriptor: int) -> int:
        status = os.fstatvfs(descriptor)
        return status.f_bavail * status.f_frsize

    def close(self, descriptor: int) -> None:
        os.close(descriptor)
