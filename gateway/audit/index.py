"""The index of the log: its records as rows of a SQLite file, made from the segments alone and made anew at will.

It proves nothing and holds nothing that the log does not hold; whoever doubts it throws it away. Indexing goes on
where it ended; where the log is no longer what was indexed, it begins anew.
"""

import os
import sqlite3
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, get_args

from msgspec import Struct

from gateway.audit.faults import CorruptLogError
from gateway.audit.frames import HEADER_BYTES, frame_at, frames, leaf_hash, tail_after
from gateway.audit.layout import segment_number, segments_in, writers_in
from gateway.audit.leaf import Entry, Leaf, decode

SCHEMA_VERSION = 2


class Row(Struct, frozen=True):
    """One record, as far as it is indexed; `leaf_hash` in hex. Names are those of the leaf's fields."""

    writer: str
    epoch: int
    seq: int
    leaf_hash: str
    time_us: int
    type: str
    partner: str
    client: str
    agreement: str
    version: str
    contract: str
    product: str
    operation: str
    method: str
    status: int
    code: str
    clause: str
    latency_us: int
    bytes: int
    records: int
    subjects: int
    withheld: int
    request_id: str
    event: str
    subject: str
    detail: str
    observed: str
    uncounted: str


COLUMNS = tuple(name for name in Row.__struct_fields__ if name not in ("writer", "epoch", "seq", "leaf_hash"))
"""What is taken over from an entry, by the names of its fields; empty or 0 where a kind of entry has none."""
_NUMBERS = frozenset(name for name in COLUMNS if Row.__annotations__[name] is int)
_BATCH = 10_000
_SCHEMA = f"""
CREATE TABLE records (
    writer TEXT NOT NULL, epoch INTEGER NOT NULL, seq INTEGER NOT NULL, leaf_hash BLOB NOT NULL,
    {", ".join(f"{name} {'INTEGER' if name in _NUMBERS else 'TEXT'} NOT NULL" for name in COLUMNS)},
    UNIQUE (writer, seq)
);
CREATE TABLE positions (
    writer TEXT PRIMARY KEY, segment INTEGER NOT NULL, offset INTEGER NOT NULL,
    last_offset INTEGER NOT NULL, last_hash BLOB NOT NULL
) WITHOUT ROWID;
"""
_BY = f"""
CREATE INDEX by_time ON records (time_us);
CREATE INDEX by_partner ON records (partner, time_us);
CREATE INDEX by_clause ON records (clause, time_us) WHERE clause <> '';
CREATE INDEX by_passed ON records (time_us) WHERE observed <> '' OR uncounted <> '';
CREATE INDEX by_request ON records (request_id) WHERE request_id <> '';
PRAGMA user_version = {SCHEMA_VERSION};
"""

Progress = Callable[[int, int], None]
"""(bytes read, bytes to read)."""


class Position(Struct, frozen=True):
    """Up to where a writer is indexed: behind the frame that starts at `last_offset` and holds `last_hash`."""

    segment: int
    offset: int
    last_offset: int
    last_hash: bytes


class Indexed(Struct, frozen=True):
    """What indexing came to. `added` counts records; `anew`: nothing of an earlier index was used."""

    records: int
    added: int
    anew: bool


def refresh(log: Path, file: Path, progress: Progress | None = None, *, anew: bool = False) -> Indexed:
    """Bring the index up to date, or make it anew. Raises CorruptLogError, OSError, sqlite3.Error.

    A new index takes the old one's place when it is complete, so that nobody ever reads half of one.
    """
    positions = None if anew else _positions(file)
    if positions is None or not all(_is_still_there(log, writer, at) for writer, at in positions.items()):
        return _rebuild(log, file, progress)
    with _opened(file) as connection:
        before = _count(connection)
        _add(log, connection, positions, progress)
        records = _count(connection)
    return Indexed(records, records - before, anew=False)


def _rebuild(log: Path, file: Path, progress: Progress | None) -> Indexed:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    os.close(os.open(fresh, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        with _opened(fresh) as connection:
            # Whatever is lost with this file is made again: no reason to wait for the disk.
            connection.executescript(f"PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; {_SCHEMA}")
            _add(log, connection, {}, progress)
            connection.commit()
            connection.executescript(_BY)
            records = _count(connection)
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    return Indexed(records, records, anew=True)


class _opened:  # noqa: N801 - reads as a function
    """A connection that is closed at the end, whose transaction is committed when nothing went wrong."""

    def __init__(self, file: Path) -> None:
        self._connection = sqlite3.connect(file, timeout=30)

    def __enter__(self) -> sqlite3.Connection:
        return self._connection

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None:
            self._connection.commit()
        self._connection.close()


def _positions(file: Path) -> dict[str, Position] | None:
    """Where an index of this version ends; None when there is none that can be gone on with."""
    if not file.is_file():
        return None
    try:
        with _opened(file) as connection:
            if connection.execute("PRAGMA user_version").fetchone() != (SCHEMA_VERSION,):
                return None
            rows = connection.execute("SELECT writer, segment, offset, last_offset, last_hash FROM positions")
            return {str(writer): Position(*rest) for writer, *rest in rows}
    except sqlite3.DatabaseError:
        return None


def _is_still_there(log: Path, writer: str, at: Position) -> bool:
    """Whether the record that was indexed last still lies where it lay."""
    for number, path in segments_in(log / writer) if (log / writer).is_dir() else []:
        if number == at.segment:
            with path.open("rb") as segment:
                segment.seek(at.last_offset)
                found = frame_at(segment.read(at.offset - at.last_offset), 0)
            return found is not None and leaf_hash(found) == at.last_hash.hex()
    return False


def _add(log: Path, connection: sqlite3.Connection, known: dict[str, Position], progress: Progress | None) -> None:
    todo = [
        (folder.name, number, path, known[folder.name].offset if at_start else 0)
        for folder in (writers_in(log) if log.is_dir() else [])
        for number, path in segments_in(folder)
        for at_start in [folder.name in known and number == known[folder.name].segment]
        if folder.name not in known or number >= known[folder.name].segment
    ]
    total = sum(path.stat().st_size - offset for _, _, path, offset in todo)
    newest = {writer: number for writer, number, _, _ in todo}
    marks = ", ".join("?" * (4 + len(COLUMNS)))
    done = 0
    for writer, number, path, offset in todo:
        rows, position = _rows(path, number, offset, last=number == newest[writer])
        for start in range(0, len(rows), _BATCH):
            rows_now = rows[start : start + _BATCH]
            connection.executemany(f"INSERT INTO records VALUES ({marks})", rows_now)  # noqa: S608 - question marks
        if position is not None:
            connection.execute(
                "INSERT OR REPLACE INTO positions VALUES (?, ?, ?, ?, ?)",
                (writer, position.segment, position.offset, position.last_offset, position.last_hash),
            )
        done += path.stat().st_size - offset
        if progress is not None:
            progress(min(done, total), total)


def _rows(path: Path, number: int, offset: int, *, last: bool) -> tuple[list[tuple[object, ...]], Position | None]:
    """The records of a segment from `offset` on, and where they end. A torn tail of the last one is not there yet."""
    data, end, position = path.read_bytes(), offset, None
    name = f"{path.parent.name}/{path.name}"
    rows: list[tuple[object, ...]] = []
    for start, raw in frames(data, offset):
        leaf = decode(raw)
        if leaf is None:
            raise CorruptLogError(name, start)
        digest = bytes.fromhex(leaf_hash(raw))
        rows.append(_row(leaf, digest))
        end = start + HEADER_BYTES + len(raw)
        position = Position(number, end, start, digest)
    tail = tail_after(data, end)
    if tail == "corrupt" or (tail == "torn" and not last):
        raise CorruptLogError(name, end)
    assert segment_number(path.name) == number  # noqa: S101 - segments_in says so
    return rows, position


def _row(leaf: Leaf, digest: bytes) -> tuple[object, ...]:
    at, entry = leaf.at, leaf.entry
    return (at.writer, at.epoch, at.seq, digest, *_READERS[type(entry)](entry))


def _reader(kind: type[Any]) -> Callable[[Any], Iterable[object]]:
    """The values of COLUMNS from an entry of this kind, by one call: a log has millions of them."""
    fields = set(kind.__struct_fields__)
    nothing: dict[str, object] = {name: 0 if name in _NUMBERS else "" for name in COLUMNS}
    places = [(place, name) for place, name in enumerate(COLUMNS) if name in fields and name != "type"]
    blank = [*nothing.values()]
    blank[COLUMNS.index("type")] = str(kind.__struct_config__.tag)

    def read(entry: Any) -> list[object]:
        row = blank.copy()
        for place, name in places:
            row[place] = getattr(entry, name)
        return row

    return read


_READERS = {kind: _reader(kind) for kind in get_args(Entry)}


def _count(connection: sqlite3.Connection) -> int:
    (count,) = connection.execute("SELECT count(*) FROM records").fetchone()
    return int(count)
