"""Content codings (RFC 9110 section 8.4.1): whole bodies, and bodies that are sent piece by piece."""

import asyncio
import zlib
from typing import Protocol

import zstandard

from gateway.exchange.negotiate import Coding

COMPRESS_BYTES_MIN = 1024
"""Below a packet's worth of bytes, compressing costs more than it spares."""
_IN_THREAD_BYTES = 128 * 1024
"""From here on it takes milliseconds, which other exchanges need not wait for."""
_GZIP_LEVEL, _ZSTD_LEVEL = 5, 3
_GZIP_WINDOW = 31  # zlib's way of asking for a gzip header


class Piecewise(Protocol):
    """A stream of compressed pieces, each of which can be read as far as it goes."""

    def piece(self, data: bytes) -> bytes:
        """The next piece."""

    def end(self) -> bytes:
        """What closes the stream."""


async def compress(data: bytes, coding: Coding) -> bytes:
    """A whole body in a coding."""
    if len(data) < _IN_THREAD_BYTES:
        return _compress(data, coding)
    return await asyncio.to_thread(_compress, data, coding)


def _compress(data: bytes, coding: Coding) -> bytes:
    if coding == "zstd":
        return zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compress(data)
    return zlib.compress(data, _GZIP_LEVEL, _GZIP_WINDOW)


def piecewise(coding: Coding | None) -> Piecewise:
    """A stream in a coding, or as it is."""
    if coding is None:
        return _Plain()
    return _Zstd() if coding == "zstd" else _Gzip()


class _Plain:
    def piece(self, data: bytes) -> bytes:
        return data

    def end(self) -> bytes:
        return b""


class _Gzip:
    def __init__(self) -> None:
        self._stream = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP_WINDOW)

    def piece(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zlib.Z_SYNC_FLUSH)

    def end(self) -> bytes:
        return self._stream.flush()


class _Zstd:
    def __init__(self) -> None:
        self._stream = zstandard.ZstdCompressor(level=_ZSTD_LEVEL).compressobj()

    def piece(self, data: bytes) -> bytes:
        return self._stream.compress(data) + self._stream.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)

    def end(self) -> bytes:
        return self._stream.flush()
