"""The table says what the records say, to whoever reads it; and a table made to do harm reaches nothing."""

from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import duckdb
import msgspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import fields

from gateway.audit.leaf import Entry, Leaf, Measured, Observation, Place
from gateway.evidence.tables import COLUMNS, TableError, read_parquet, row_of, write_parquet

PLACE = Place("gw-1", 1, 5, "0" * 64, 3)
_INTEGERS = st.integers(0, (1 << 62) - 1)
_OF_TYPE: dict[Any, st.SearchStrategy[Any]] = {
    str: st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    int: _INTEGERS,
    bool: st.booleans(),
}


def _of(field_name: str, kind: Any) -> st.SearchStrategy[Any]:
    """Any values of a field's type; times within what a calendar has, and lists of names and counts."""
    if field_name == "time_us":
        return st.integers(0, 4_000_000_000_000_000)
    if get_origin(kind) is Literal:
        return st.sampled_from(get_args(kind))
    return _OF_TYPE.get(kind, st.lists(st.tuples(_OF_TYPE[str], _INTEGERS), max_size=2).map(tuple))


def _values(kind: type[Any]) -> st.SearchStrategy[Any]:
    """An entry of this kind."""
    return st.builds(kind, **{each.name: _of(each.name, each.type) for each in fields(kind)})


LEAVES = st.builds(Leaf, st.sampled_from([1, 2]), st.just(PLACE), st.one_of(*map(_values, get_args(Entry))))


def table_of(folder: Path, rows: list[dict[str, Any]]) -> Path:
    source, table = folder / "rows.jsonl", folder / "table.parquet"
    source.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
    write_parquet(source, table)
    return table


def test_every_field_of_every_kind_of_record_has_its_column() -> None:
    for kind in (Place, *get_args(Entry)):
        for each in fields(kind):
            assert each.name in COLUMNS or each.name == "time_us", each.name
    assert list(COLUMNS)[:4] == ["index", "leaf_hash", "time", "type"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LEAVES, min_size=1, max_size=20))
def test_what_is_written_is_read_back_here_and_by_another_implementation(tmp_path: Path, leaves: list[Leaf]) -> None:
    rows = [row_of(index, f"{index:064x}", leaf) for index, leaf in enumerate(leaves)]
    table = table_of(tmp_path, rows)
    assert list(read_parquet(table)) == rows
    other = pq.read_table(table)
    assert other.column_names == list(COLUMNS)
    in_microseconds = other.set_column(2, "time", other.column("time").cast(pa.int64()))
    found = [{name: value for name, value in row.items() if value is not None} for row in in_microseconds.to_pylist()]
    assert found == rows


def test_types_are_those_that_other_tools_expect(tmp_path: Path) -> None:
    leaf = Leaf(
        2, PLACE, Observation(7, "swift", "a", "1", "c", "p", "out", 1, 2, (Measured("r", 1, 0, 1, 0),), (), ())
    )
    schema = pq.read_schema(table_of(tmp_path, [row_of(0, "0" * 64, leaf)]))
    assert schema.field("time").type == pa.timestamp("us", tz="UTC")
    assert schema.field("index").type == pa.int64()
    assert schema.field("partner").type == pa.string()
    assert schema.field("last").type == pa.bool_()
    assert pq.read_table(tmp_path / "table.parquet").column("measured").to_pylist() == ['[["r",1,0,1,0]]']


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    rows = [{"index": number, "type": "exchange", "time": number} for number in range(5000)]
    assert table_of(tmp_path / "a", rows).read_bytes() == table_of(tmp_path / "b", rows).read_bytes()


def test_a_folder_with_a_quotation_mark_is_a_folder_like_others(tmp_path: Path) -> None:
    folder = tmp_path / "o'clock"
    folder.mkdir()
    assert list(read_parquet(table_of(folder, [{"index": 1}]))) == [{"index": 1}]


def test_a_number_that_the_table_cannot_hold_is_a_fault_and_not_another_number(tmp_path: Path) -> None:
    with pytest.raises(TableError):
        table_of(tmp_path, [{"index": 1 << 64}])


def test_columns_that_are_none_of_ours_or_of_another_type_are_refused(tmp_path: Path) -> None:
    for column, value in (("index", "1"), ("index", 1.5), ("more", 1), ('x") FROM y; --', 1), ("Index", 1)):
        pq.write_table(pa.table({column: [value]}), tmp_path / "x.parquet")
        with pytest.raises(TableError):
            list(read_parquet(tmp_path / "x.parquet"))


def test_a_table_of_an_earlier_version_that_knew_fewer_columns_is_read(tmp_path: Path) -> None:
    pq.write_table(pa.table({"index": [1, 2], "partner": ["a", None]}), tmp_path / "x.parquet")
    assert list(read_parquet(tmp_path / "x.parquet")) == [{"index": 1, "partner": "a"}, {"index": 2}]


@pytest.mark.parametrize("data", [b"", b"PAR1", b"PAR1" + bytes(100) + b"PAR1", b"x" * 1000])
def test_bytes_that_are_no_table_are_a_fault_that_quotes_none_of_them(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "x.parquet"
    path.write_bytes(data)
    with pytest.raises(TableError, match=r"^\w*Exception$|^\w*Error$"):
        list(read_parquet(path))


def test_reading_reaches_no_other_file(tmp_path: Path) -> None:
    """What reading is protected by: the same connection settings refuse every other path."""
    table, other = table_of(tmp_path, [{"index": 1}]), tmp_path / "other.csv"
    other.write_text("secret\n1\n")
    connection = duckdb.connect(":memory:")
    connection.execute("SET allowed_paths = [$path]", {"path": str(table)})
    connection.execute("SET enable_external_access = false")
    assert connection.execute("SELECT count(*) FROM read_parquet($path)", {"path": str(table)}).fetchone() == (1,)
    with pytest.raises(duckdb.PermissionException):
        connection.execute("SELECT * FROM read_csv($path)", {"path": str(other)})
