"""Publishes to a local folder: files appear whole or not at all, and `flush` makes all of them durable at once."""

import ctypes
import errno
import os
import stat
from collections.abc import Callable, Iterable
from pathlib import Path
from secrets import token_hex
from typing import TypeVar

_FOLDER_MODE = 0o750
_FILE_MODE = 0o640
_TRIES_MAX = 8
"""Another process may remove an emptied folder between our making it and using it, but hardly eight times."""

NamesT = TypeVar("NamesT", bound=Iterable[str])

SyncFileSystem = Callable[[int], None]
"""Takes a descriptor and returns when its file system is on stable storage. Raises OSError."""


def _system_sync() -> SyncFileSystem | None:
    """syncfs(2), None where the system has none."""
    try:
        call = ctypes.CDLL(None, use_errno=True).syncfs
    except (AttributeError, OSError):
        return None

    def sync(descriptor: int) -> None:
        if call(descriptor) != 0:
            raise OSError(ctypes.get_errno(), "syncfs failed")

    return sync


class LocalTarget:
    """Files below one folder, which is made when something is written first. Paths are relative, with slashes.

    A part of a path may not begin with a dot: names of files that are being written do, so none of them is ever
    served. Below the folder no symbolic link is followed. Safe for several threads and processes, as long as those
    that write a path write the same bytes.

    A file that holds the bytes already is left in its place: put there anew it would not be durable until the next
    flush, and somebody else may have published a checkpoint over it.
    """

    def __init__(self, folder: Path, sync: SyncFileSystem | None = _system_sync()) -> None:  # noqa: B008 - a constant
        """`sync` None: every file that was written is made durable on its own, with its folders."""
        self._folder = folder
        self._sync = sync
        self._unflushed: set[str] = set()

    def read(self, path: str) -> bytes | None:
        *folders, name = _parts(path)
        try:
            parent = self._enter(folders)
            try:
                descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=parent)
            finally:
                os.close(parent)
            with open(descriptor, "rb") as file:
                return file.read()
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None

    def write(self, path: str, data: bytes) -> None:
        *folders, name = _parts(path)
        for remaining in reversed(range(_TRIES_MAX)):
            parent = self._enter(folders, create=True)
            try:
                if not _holds(parent, name, data):
                    _replace(parent, name, data)
                break
            except FileNotFoundError:  # somebody took the folder away, empty as it was
                if not remaining:
                    raise
            finally:
                os.close(parent)
        self._unflushed.add(path)  # also what was there: whoever wrote it may have died before it was durable

    def remove(self, paths: Iterable[str]) -> None:
        by_folder: dict[str, set[str]] = {}
        for path in paths:
            folder, _, name = path.rpartition("/")
            by_folder.setdefault(folder, set()).add(name)
        checked = [(_parts(folder) if folder else [], _names(names)) for folder, names in by_folder.items()]
        for folders, names in checked:
            try:
                self._remove(folders, names)
            except (FileNotFoundError, NotADirectoryError):
                continue

    def flush(self) -> None:
        written, self._unflushed = self._unflushed, set()
        if not written:
            return
        try:
            if self._sync is not None:
                self._sync_all(self._sync)
            else:
                self._sync_each(written)
        except OSError:
            self._unflushed |= written
            raise

    def _sync_all(self, sync: SyncFileSystem) -> None:
        root = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            sync(root)
        finally:
            os.close(root)

    def _sync_each(self, written: set[str]) -> None:
        folders = {self._folder.parent, self._folder}
        for path in written:
            file = self._folder / path
            _fsync(file)
            folders.update(folder for folder in file.parents if folder.is_relative_to(self._folder))
        for folder in sorted(folders, key=lambda each: len(each.parts), reverse=True):
            _fsync(folder)

    def _enter(self, folders: Iterable[str], *, create: bool = False) -> int:
        """A descriptor of a folder below ours, reached without following a link."""
        if create:
            self._folder.mkdir(mode=_FOLDER_MODE, parents=True, exist_ok=True)
        flags = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
        current = os.open(self._folder, flags)
        for name in folders:
            try:
                below = _descend(current, name, flags | os.O_NOFOLLOW, create)
            finally:
                os.close(current)
            current = below
        return current

    def _remove(self, folders: list[str], names: set[str]) -> None:
        parent = self._enter(folders)
        try:
            # Of the partial tiles that there may have been, few ever were: asking once is cheaper than trying each.
            for name in names.intersection(os.listdir(parent)):
                try:
                    os.unlink(name, dir_fd=parent)
                except FileNotFoundError:
                    continue
        finally:
            os.close(parent)
        if folders and folders[-1].endswith(".p"):
            self._remove_empty(folders)

    def _remove_empty(self, folders: list[str]) -> None:
        """A folder of partial tiles is of no use any more once it is empty."""
        parent = self._enter(folders[:-1])
        try:
            os.rmdir(folders[-1], dir_fd=parent)
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOENT):
                raise
        finally:
            os.close(parent)


def _descend(parent: int, name: str, flags: int, create: bool) -> int:
    for remaining in reversed(range(_TRIES_MAX if create else 1)):
        try:
            return os.open(name, flags, dir_fd=parent)
        except FileNotFoundError:
            if not remaining:
                raise
        try:
            os.mkdir(name, _FOLDER_MODE, dir_fd=parent)
        except FileExistsError:
            continue
    raise FileNotFoundError(errno.ENOENT, "the folder is taken away again and again")


def _holds(parent: int, name: str, data: bytes) -> bool:
    """Whether there is a file of that name with these bytes."""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=parent)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.EACCES):
            return False
        raise
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size != len(data):
            return False
        with open(descriptor, "rb", buffering=0, closefd=False) as file:
            return file.read() == data
    finally:
        os.close(descriptor)


def _replace(parent: int, name: str, data: bytes) -> None:
    temporary = f".{name[:64]}.{token_hex(8)}"
    descriptor = os.open(
        temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, _FILE_MODE, dir_fd=parent
    )
    try:
        with open(descriptor, "wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                view = view[file.write(view) :]
        os.rename(temporary, name, src_dir_fd=parent, dst_dir_fd=parent)
    except BaseException:
        os.unlink(temporary, dir_fd=parent)
        raise


def _fsync(path: Path) -> None:
    """Make a file or folder durable; one that is gone again needs it no more."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _parts(path: str) -> list[str]:
    """The names in a path. Raises OSError for what is none of ours, so that no name leads anywhere else."""
    parts = path.split("/")
    _names(parts)
    return parts


def _names(parts: NamesT) -> NamesT:
    """The same names, if files of ours may have them. Raises OSError."""
    if any(not part or part[0] == "." or "\0" in part for part in parts):
        raise OSError(errno.EINVAL, "no path of a published file")
    return parts
