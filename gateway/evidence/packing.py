"""Writes a zip file whose bytes depend on its members alone: no times, one order, one way of compressing."""

import zipfile
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from typing import Final

from gateway.evidence.bundle import FileEntry

_EPOCH: Final = (1980, 1, 1, 0, 0, 0)
_LEVEL = 6
_UNIX = 3
_MODE = 0o100644 << 16
_CHUNK_BYTES = 1 << 20


class Packing:
    """A zip file that is being written, with the sizes and hashes of what is in it. Everything may raise OSError."""

    def __init__(self, path: Path) -> None:
        self._zip = zipfile.ZipFile(path, "x", allowZip64=True)
        self.files: list[FileEntry] = []

    def add(self, name: str, data: bytes, *, compress: bool = True) -> None:
        """A member from memory. Hashes are not compressed: nothing makes them smaller."""
        self.stream(name, (data,), compress=compress)

    def add_file(self, name: str, path: Path, *, compress: bool = True) -> None:
        """A member from a file."""
        with path.open("rb") as file:
            self.stream(name, iter(lambda: file.read(_CHUNK_BYTES), b""), compress=compress)

    def stream(self, name: str, parts: Iterable[bytes], *, compress: bool = True) -> None:
        """A member piece by piece, of any size. One at a time."""
        info = zipfile.ZipInfo(name, _EPOCH)
        info.create_system, info.external_attr = _UNIX, _MODE
        info.compress_type = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
        info._compresslevel = _LEVEL  # type: ignore[attr-defined]
        digest, size = sha256(), 0
        with self._zip.open(info, "w", force_zip64=True) as member:
            for part in parts:
                member.write(part)
                digest.update(part)
                size += len(part)
        self.files.append(FileEntry(name, size, digest.hexdigest()))

    def close(self) -> None:
        """Write the directory of the zip file."""
        self._zip.close()
