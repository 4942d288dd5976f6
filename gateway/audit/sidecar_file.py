"""How salts and subject keys lie in the sidecar: `<sidecar>/<writer>/<8-digit number>.side`, two kinds of frames.

```
key     0x01 | id u32 | handle 16 | key 16 | crc u32                              41 bytes
record  0x02 | count u32 | commitment 32 | salt 16 | id u32 x count | crc u32     57 bytes and 4 for each subject
```

Integers are big-endian; `crc` is CRC-32C of the frame before it. Ids count from 0 in each file, and a key's frame
stands before the first record's that names its id. Erasing overwrites a key and its crc with zeros, then its handle:
a frame whose key or handle is zeros is whole, whatever its crc. The first frame that is not ends the file: the remains
of a write that never finished, behind which nothing was ever appended.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from struct import Struct as Layout
from typing import Final, TypeAlias

from msgspec import Struct

from gateway.audit.frames import crc32c

KEY_BYTES: Final = 16
SALT_BYTES: Final = 16
HANDLE_BYTES: Final = 16
COMMITMENT_BYTES: Final = 32
CRC_BYTES: Final = 4
NO_KEY: Final = bytes(KEY_BYTES)
"""What stands where a key was."""

_KEY, _RECORD = 1, 2
_CRC = Layout(">I")
_KEY_LAYOUT = Layout(f">BI{HANDLE_BYTES}s{KEY_BYTES}sI")
_RECORD_LAYOUT = Layout(f">BI{COMMITMENT_BYTES}s{SALT_BYTES}s")
_NAME = re.compile(r"(\d{8})\.side")


class KeyFrame(Struct, frozen=True, gc=False):
    """A subject's key, under the subject's handle; NO_KEY once it is destroyed."""

    id: int
    handle: bytes
    key: bytes


class RecordFrame(Struct, frozen=True, gc=False):
    """What opens a record's commitment: its salt, and the ids of the keys of those whom it is about, ascending."""

    commitment: bytes
    salt: bytes
    ids: tuple[int, ...]


Frame: TypeAlias = KeyFrame | RecordFrame


def key_frame(number: int, handle: bytes, key: bytes) -> bytes:
    """A key as it is appended."""
    body = _KEY_LAYOUT.pack(_KEY, number, handle, key, 0)[: -_CRC.size]
    return body + _CRC.pack(crc32c(body))


def record_frame(commitment: bytes, salt: bytes, count: int, ids: bytes) -> bytes:
    """A record as it is appended; `ids` are `count` big-endian u32."""
    body = _RECORD_LAYOUT.pack(_RECORD, count, commitment, salt) + ids
    return body + _CRC.pack(crc32c(body))


def read_frames(data: bytes) -> Iterator[Frame]:
    """Every whole frame from the beginning of a file on."""
    offset = 0
    while offset < len(data):
        found = _key_at(data, offset) if data[offset] == _KEY else _record_at(data, offset)
        if found is None:
            return
        yield found
        offset += _KEY_LAYOUT.size if isinstance(found, KeyFrame) else _record_bytes(len(found.ids))


def _record_bytes(count: int) -> int:
    return _RECORD_LAYOUT.size + 4 * count + _CRC.size


def _key_at(data: bytes, offset: int) -> KeyFrame | None:
    if offset + _KEY_LAYOUT.size > len(data):
        return None
    _, number, handle, key, crc = _KEY_LAYOUT.unpack_from(data, offset)
    destroyed = NO_KEY in (handle, key)
    if not destroyed and crc != crc32c(data[offset : offset + _KEY_LAYOUT.size - _CRC.size]):
        return None
    return KeyFrame(number, handle, NO_KEY if destroyed else key)


def _record_at(data: bytes, offset: int) -> RecordFrame | None:
    if data[offset] != _RECORD or offset + _record_bytes(0) > len(data):
        return None
    _, count, commitment, salt = _RECORD_LAYOUT.unpack_from(data, offset)
    end = offset + _record_bytes(count) - _CRC.size
    if end + _CRC.size > len(data) or _CRC.unpack_from(data, end)[0] != crc32c(data[offset:end]):
        return None
    ids = Layout(f">{count}I").unpack_from(data, offset + _RECORD_LAYOUT.size)
    return RecordFrame(commitment, salt, ids)


def file_name(number: int) -> str:
    """1 -> 00000001.side"""
    return f"{number:08d}.side"


def files_in(writer: Path) -> list[tuple[int, Path]]:
    """(number, path) of a writer's files in order; none where there is no such folder."""
    found = ((_NAME.fullmatch(path.name), path) for path in writer.glob("*.side"))
    return sorted((int(match[1]), path) for match, path in found if match)


def all_files(sidecar: Path) -> list[Path]:
    """The files of all writers; none where there is no such folder."""
    writers = sorted(path for path in sidecar.glob("*") if path.is_dir())
    return [path for writer in writers for _, path in files_in(writer)]
