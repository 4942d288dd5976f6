"""Whom records are about, as far as the sidecar still says: by handles, which tell nobody who they are."""

from collections.abc import Iterator
from pathlib import Path

from gateway.audit.sidecar_file import HANDLE_BYTES, KeyFrame, all_files, read_frames

_NOBODY = bytes(HANDLE_BYTES)
_CLOCK_S = 3600
"""By so much the clock may have been set back since a file was last written."""


def handles_of(sidecar: Path, wanted: set[bytes], since_s: float = 0) -> Iterator[tuple[bytes, tuple[bytes, ...]]]:
    """(commitment, handles) of each of these commitments that the sidecar at `sidecar` knows, at most once.

    A handle stands once for every key, so that there are as many as the record counted people with a name, but for
    those who were erased: they have none. Files that were not written since `since_s` (Unix seconds) are not read, nor
    any once all are found. Reads one file at a time, the latest first. Raises OSError.
    """
    left = set(wanted)
    for path in reversed(all_files(sidecar)):
        if not left:
            return
        if path.stat().st_mtime < since_s - _CLOCK_S:
            continue
        handles: dict[int, bytes] = {}
        for frame in read_frames(path.read_bytes()):
            if isinstance(frame, KeyFrame):
                handles[frame.id] = frame.handle
            elif frame.commitment in left:
                left.discard(frame.commitment)
                own = (handles.get(number, _NOBODY) for number in frame.ids)
                yield frame.commitment, tuple(handle for handle in own if handle != _NOBODY)
