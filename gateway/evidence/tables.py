"""Records as a flat table in Parquet: one typed column for each field that any kind of record has."""

from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args, get_origin

import msgspec
from msgspec.structs import asdict, fields

from gateway.audit.leaf import Entry, Leaf, Place

if TYPE_CHECKING:  # a large library, which who verifies something else need not load
    from duckdb import DuckDBPyConnection

_ROWS = 4096
_SQL_TYPES: Final = {int: "BIGINT", str: "VARCHAR", bool: "BOOLEAN"}
_FIRST = (("index", "BIGINT"), ("leaf_hash", "VARCHAR"), ("time", "TIMESTAMP WITH TIME ZONE"), ("type", "VARCHAR"))
_CONFIG: Final[Mapping[str, str | bool | int]] = {
    "threads": 1,
    "memory_limit": "512MB",
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}
_TIME_FROM_US = 'make_timestamp("time")::TIMESTAMPTZ AS "time"'
_TIME_TO_US = 'epoch_us("time")'


class TableError(Exception):
    """The table cannot be written or read; the text holds no value of a record."""


def _columns() -> dict[str, str]:
    """Name -> SQL type. A list is kept as JSON text; `time_us` becomes `time`."""
    found = dict(_FIRST)
    found["v"] = "BIGINT"
    for kind in (Place, *get_args(Entry)):
        for each in fields(kind):
            found.setdefault(each.name, _SQL_TYPES.get(each.type, "VARCHAR"))
    del found["time_us"]
    return found


COLUMNS: Final = _columns()
"""The table's columns in order, with their SQL types."""
_LISTS = {kind: tuple(each.name for each in fields(kind) if get_origin(each.type) is tuple) for kind in get_args(Entry)}


def row_of(index: int, leaf_hash: str, leaf: Leaf) -> dict[str, Any]:
    """A record's row, only what is not null; `time` in Unix microseconds."""
    entry = leaf.entry
    row: dict[str, Any] = {"index": index, "leaf_hash": leaf_hash, "type": entry.__struct_config__.tag, "v": leaf.v}
    row |= asdict(leaf.at)
    row |= asdict(entry)
    row["time"] = row.pop("time_us")
    for name in _LISTS[type(entry)]:
        row[name] = msgspec.json.encode(row[name]).decode()
    return row


def write_parquet(rows: Path, parquet: Path) -> None:
    """Make a Parquet file of JSON lines as `row_of` gives them, in their order. Raises TableError."""
    # A parameter cannot say where COPY goes, nor which columns there are.
    columns = ", ".join(f"'{name}': '{_written_as(name)}'" for name in COLUMNS)
    chosen = ", ".join(_TIME_FROM_US if name == "time" else f'"{name}"' for name in COLUMNS)
    source = f"SELECT {chosen} FROM read_json($rows, format = 'newline_delimited', columns = {{{columns}}})"  # noqa: S608
    target = str(parquet).replace("'", "''")
    with _connected() as connection, _told():
        connection.execute(f"COPY ({source}) TO '{target}' (FORMAT parquet, COMPRESSION zstd)", {"rows": str(rows)})


def read_parquet(parquet: Path) -> Generator[dict[str, Any], None, None]:
    """The rows of a Parquet file as `row_of` gives them. Raises TableError, also for columns that are none of ours.

    A column that is not there is null throughout: earlier versions knew fewer. The file may be hostile: no other can
    be reached from it.
    """
    path = str(parquet)
    with _connected() as connection, _told():
        connection.execute("SET allowed_paths = [$path]", {"path": path})
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        described = connection.execute("DESCRIBE SELECT * FROM read_parquet($path)", {"path": path}).fetchall()
        if any(COLUMNS.get(str(name)) != kind for name, kind, *_ in described):
            raise TableError("columns or types that are not those of this table")
        names = [str(name) for name, *_ in described]
        chosen = ", ".join(_TIME_TO_US if name == "time" else f'"{name}"' for name in names)
        connection.execute(f"SELECT {chosen} FROM read_parquet($path)", {"path": path})  # noqa: S608 - names of ours
        while batch := connection.fetchmany(_ROWS):
            for values in batch:
                yield {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _written_as(name: str) -> str:
    return "BIGINT" if name == "time" else COLUMNS[name]


@contextmanager
def _connected() -> Iterator["DuckDBPyConnection"]:
    """A database of nothing, whose results do not depend on the machine."""
    import duckdb

    connection = duckdb.connect(":memory:", config=dict(_CONFIG))
    try:
        connection.execute("SET TimeZone = 'UTC'")
        yield connection
    finally:
        connection.close()


@contextmanager
def _told() -> Iterator[None]:
    """The library's errors quote what they read: their kind alone is passed on."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        raise TableError(type(error).__name__) from None
