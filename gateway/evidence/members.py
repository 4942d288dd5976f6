"""Reads a zip file that may have been made to do harm: limits on everything, and nothing is unpacked by its name."""

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, cast

from gateway.evidence.bundle import Progress

MEMBERS_MAX: Final = 1_000_000
RATIO_MAX: Final = 200
"""Times the zip file's own size that all members may have together, and FREE_BYTES. JSON lines shrink to a tenth."""
FREE_BYTES: Final = 64 << 20
_CHUNK_BYTES = 1 << 20
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*(?:/[A-Za-z0-9_-][A-Za-z0-9._-]*)*")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
_ENCRYPTED = 0x1


class BundleError(Exception):
    """What is wrong with a bundle; the words are those of BundleFault (gateway/evidence/check.py)."""

    def __init__(self, kind: str, member: str, index: int, expected: object, found: object) -> None:
        super().__init__(f"{kind} in {member}")
        self.kind, self.member, self.index = kind, member, index
        self.expected, self.found = str(expected), str(found)


class Members:
    """The members of one zip file. Everything raises BundleError; close it after use."""

    def __init__(self, path: Path, progress: Progress | None = None) -> None:
        """Opens the file and looks at its directory alone."""
        try:
            self._zip = zipfile.ZipFile(path)
        except (OSError, zipfile.BadZipFile, ValueError, NotImplementedError, EOFError) as error:
            raise BundleError("unreadable", "", -1, "a zip file", type(error).__name__) from None
        try:
            infos = self._zip.infolist()
            self._infos = {info.filename: info for info in infos}
            self._refuse_odd(infos, path.stat().st_size)
        except BaseException:
            self._zip.close()
            raise
        self._progress = progress
        self._done, self._total = 0, 2 * sum(info.file_size for info in infos)

    def close(self) -> None:
        """Close the file."""
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return name in self._infos

    @property
    def names(self) -> set[str]:
        """Every member."""
        return set(self._infos)

    def size(self, name: str) -> int:
        """The size in bytes that the directory gives."""
        return self._infos[name].file_size

    def sha256(self, name: str) -> str:
        """The SHA-256 of a member, in hex."""
        digest = sha256()
        for chunk in self.chunks(name):
            digest.update(chunk)
        return digest.hexdigest()

    def read(self, name: str, bytes_max: int) -> bytes:
        """A small member whole."""
        info = self._infos.get(name)
        if info is None:
            raise BundleError("member", name, -1, "this member", "nothing")
        if info.file_size > bytes_max:
            raise BundleError("size", name, -1, f"at most {bytes_max} bytes", info.file_size)
        return b"".join(self.chunks(name))

    def chunks(self, name: str) -> Iterator[bytes]:
        """A member of any size, piece by piece."""
        with self._reading(name) as reader:
            while chunk := reader.read(_CHUNK_BYTES):
                self._step(len(chunk))
                yield chunk

    def lines(self, name: str, bytes_max: int) -> Iterator[bytes]:
        """The lines of a member, each with its newline and no longer than `bytes_max`."""
        with self._reading(name) as reader:
            number = 0
            while line := reader.readline(bytes_max):
                if not line.endswith(b"\n"):
                    raise BundleError("member", name, number, f"lines of at most {bytes_max} bytes", "another one")
                self._step(len(line))
                yield line
                number += 1

    @contextmanager
    def _reading(self, name: str) -> Iterator[io.BufferedReader]:
        """A member to read from; what is wrong with its bytes becomes a BundleError."""
        try:
            with io.BufferedReader(cast(Any, self._zip.open(name)), _CHUNK_BYTES) as reader:
                yield reader
        except (OSError, zipfile.BadZipFile, zlib.error, EOFError, ValueError, KeyError, NotImplementedError) as error:
            raise BundleError("unreadable", name, -1, "a whole member", type(error).__name__) from None

    def _step(self, read_bytes: int) -> None:
        self._done += read_bytes
        if self._progress is not None:
            self._progress(min(self._done, self._total), self._total)

    def _refuse_odd(self, infos: list[zipfile.ZipInfo], file_bytes: int) -> None:
        if len(infos) > MEMBERS_MAX:
            raise BundleError("size", "", -1, f"at most {MEMBERS_MAX} members", len(infos))
        if len(infos) != len(self._infos):
            raise BundleError("member", "", -1, "every name once", "a name twice")
        for info in infos:
            if not _NAME.fullmatch(info.filename) or info.orig_filename != info.filename:
                raise BundleError("member", "", -1, "plain relative names", "a name that is none")
            if info.flag_bits & _ENCRYPTED or info.compress_type not in _METHODS:
                raise BundleError("member", info.filename, -1, "stored or deflated, not encrypted", "another method")
        limit = RATIO_MAX * file_bytes + FREE_BYTES
        total = sum(info.file_size for info in infos)
        if total > limit:
            raise BundleError("size", "", -1, f"at most {limit} bytes unpacked", total)
