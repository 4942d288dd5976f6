"""Segments as a writer leaves them, made record by record; and the doubles that the sequencer's tests share."""

from collections.abc import Iterable, Sequence
from hashlib import sha256
from pathlib import Path

from msgspec import structs

from gateway.audit.frames import frame, leaf_hash
from gateway.audit.layout import segment_name
from gateway.audit.leaf import Authority, Entry, Leaf, Opening, Place, encode
from gateway.store.hidden import Hidden
from gateway.store.log_state import LogState
from gateway.tlog.checkpoint import parse_checkpoint
from gateway.tlog.keys import LogKeys
from gateway.tlog.tiles import TilePath, tiles_of

KEYS = LogKeys("gateway.example/log", Hidden(b"c" * 32), Hidden(b"r" * 32))


class SegmentLog:
    """One writer's part of a log. `leaves` are the bytes of its records, with the partner of each."""

    def __init__(self, log: Path, writer: str, version: int = 2) -> None:
        self.folder = log / writer
        self.folder.mkdir(parents=True)
        self.writer, self.version = writer, version
        self.leaves: list[tuple[str, bytes]] = []
        self._number, self._epoch, self._seq, self._previous = 1, 0, -1, "0" * 64
        self._counts: dict[str, int] = {}
        self.open_epoch()

    @property
    def path(self) -> Path:
        """The segment that is written to."""
        return self.folder / segment_name(self._number)

    def open_epoch(self) -> None:
        """As a writer does that starts."""
        last = (self._epoch, self._seq, self._previous)
        self._epoch += 1
        self.append("", Opening(1, *last, 0))

    def add(self, partner: str, count: int = 1) -> None:
        """So many records of a partner."""
        for _ in range(count):
            self.append(partner, Authority(1_000_000 + len(self.leaves), "client-added", "some-client", "", partner))

    def append(self, partner: str, entry: Entry) -> None:
        with self.path.open("ab") as file:
            file.write(self.next_frame(partner, entry))

    def next_frame(self, partner: str, entry: Entry) -> bytes:
        """The frame of the next record, which counts as written."""
        self._seq += 1
        number = self._counts.get(partner, 0)
        self._counts[partner] = number + 1
        place = Place(self.writer, self._epoch, self._seq, self._previous, number if self.version > 1 else -1)
        raw = encode(Leaf(self.version, place, entry))
        self._previous = leaf_hash(raw)
        self.leaves.append((partner, raw))
        return frame(raw)

    def forget(self) -> None:
        """The next record names another one before it than there is."""
        self._previous = "f" * 64

    def rotate(self) -> None:
        """The next record begins another segment."""
        self._number += 1
        self.path.touch()


class MemoryStates:
    """LogStates without a database."""

    def __init__(self) -> None:
        self.state = LogState()
        self.missing: dict[str, int] = {}

    async def load(self) -> LogState:
        return self.state

    async def swap(self, before: LogState, after: LogState) -> LogState | None:
        if before.generation != self.state.generation:
            return None
        self.state = structs.replace(after, generation=before.generation + 1, fault="")
        return self.state

    async def is_current(self, generation: int) -> bool:
        return self.state.generation == generation

    async def note_missing(self, tree: str, missing: int) -> None:
        self.missing[tree] = missing

    async def note_fault(self, generation: int, fault: str) -> None:
        if generation == self.state.generation:
            self.state = structs.replace(self.state, fault=fault)


class MemoryTarget:
    """Files in a dict. Remembers every checkpoint, and whether a tile ever got other bytes.

    A checkpoint whose own tiles would not survive a power failure is refused. A file that holds the bytes already is
    left as it is, and as durable as it is: see LocalTarget.
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.checkpoints: list[tuple[str, bytes]] = []
        self.rewritten: list[str] = []
        self._unflushed: set[str] = set()

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def write(self, path: str, data: bytes) -> None:
        if path.endswith("/checkpoint"):
            self._check_durable(path.removesuffix("/checkpoint"), data)
            self.checkpoints.append((path, data))
        elif not path.endswith("/anchors/latest"):
            if self.files.get(path) != data:
                self._unflushed.add(path)
            if self.files.get(path, data) != data:
                self.rewritten.append(path)
        self.files[path] = data

    def remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            self.files.pop(path, None)

    def flush(self) -> None:
        self._unflushed.clear()

    def _check_durable(self, tree: str, note: bytes) -> None:
        checkpoint = parse_checkpoint(note)
        assert checkpoint is not None
        for tile in tiles_of(checkpoint.checkpoint.size):
            whole = TilePath(tile.level, tile.index).text()  # may have replaced the partial one meanwhile
            paths = [path for path in (f"{tree}/{tile.text()}", f"{tree}/{whole}") if path in self.files]
            assert paths, f"{tree}/{tile.text()} is not there under a checkpoint"
            assert any(path not in self._unflushed for path in paths), f"{paths} not durable under a checkpoint"


class Roots:
    """RFC 6962 section 2.1, word for word; what was hashed once is remembered."""

    def __init__(self, entries: Sequence[bytes]) -> None:
        self._entries = entries
        self._known: dict[tuple[int, int], bytes] = {}

    def root(self, size: int) -> bytes:
        """Of the first `size` entries."""
        return self._of(0, size) if size else sha256(b"").digest()

    def _of(self, start: int, end: int) -> bytes:
        if (start, end) not in self._known:
            self._known[start, end] = self._hash(start, end)
        return self._known[start, end]

    def _hash(self, start: int, end: int) -> bytes:
        if end - start == 1:
            return sha256(b"\x00" + self._entries[start]).digest()
        width = 1
        while width * 2 < end - start:
            width *= 2
        return sha256(b"\x01" + self._of(start, start + width) + self._of(start + width, end)).digest()


def root_of(entries: Sequence[bytes]) -> bytes:
    """The root over all of them."""
    return Roots(entries).root(len(entries))
