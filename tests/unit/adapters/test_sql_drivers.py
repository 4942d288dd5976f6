"""What only one of the databases has: SQLite's values of any type, PostgreSQL's own types; and either being down."""

import logging
import os
import sqlite3
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.base import Answer, Change, Compare, Fault, Negation, Order, Query
from adapters.sql import SqlAdapter, SqlBackend
from tests.unit.adapters.calls import call, leaf
from tests.unit.adapters.tables import Database, pages, said, threads_ended

ID = leaf("id")
VALUE = leaf("value", "number")


def sqlite_file(folder: Path, *statements: str) -> Path:
    file = folder / "x y%20'.db"
    connection = sqlite3.connect(file)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return file


def sqlite(file: Path, **options: Any) -> SqlAdapter:
    return SqlBackend(url=f"sqlite:///{quote(file.name)}", **options).within(file.parent).connect()


async def outcomes(adapter: SqlAdapter, *calls: Any) -> list[Any]:
    found = [await adapter.answer(asked, Query(limit=100)) for asked in calls]
    await adapter.close()
    await threads_ended()
    return found


async def test_a_text_in_a_column_of_numbers_is_unknown_to_a_condition_and_passed_on_as_it_is(tmp_path: Path) -> None:
    rows = "INSERT INTO t VALUES ('a', 7), ('b', 'heavy'), ('c', 0.1), ('d', NULL)"
    adapter = sqlite(sqlite_file(tmp_path, "CREATE TABLE t (id TEXT, value)", rows))
    more, less = Compare(">", VALUE, 5), Negation(Compare(">", VALUE, 5))
    everything, heavier, lighter = await outcomes(
        adapter, call("t", ID, VALUE), call("t", ID, ID, condition=more), call("t", ID, ID, condition=less)
    )
    assert everything.body == b'{"data":[{"value":7},{"value":"heavy"},{"value":0.1},{"value":null}],"next":null}'
    assert heavier.body == b'{"data":[{"id":"a"}],"next":null}'
    assert lighter.body == b'{"data":[{"id":"c"}],"next":null}'


async def test_a_column_that_ignores_case_does_not_make_a_condition_ignore_it(tmp_path: Path) -> None:
    adapter = sqlite(
        sqlite_file(
            tmp_path,
            "CREATE TABLE t (id TEXT, carrier TEXT COLLATE NOCASE)",
            "INSERT INTO t VALUES ('1', 'SWIFT'), ('2', 'swift')",
        )
    )
    own = Compare("==", leaf("carrier"), "SWIFT")
    assert [answer.body for answer in await outcomes(adapter, call("t", ID, ID, condition=own))] == [
        b'{"data":[{"id":"1"}],"next":null}'
    ]


async def test_an_infinite_number_is_no_json(tmp_path: Path) -> None:
    adapter = sqlite(sqlite_file(tmp_path, "CREATE TABLE t (id TEXT, value REAL)", "INSERT INTO t VALUES ('1', 9e999)"))
    assert await outcomes(adapter, call("t", ID, VALUE)) == [
        Fault("protocol", "field value holds a value that JSON cannot say")
    ]


async def test_text_that_is_no_utf_8_is_a_fault(tmp_path: Path) -> None:
    file = sqlite_file(tmp_path, "CREATE TABLE t (id TEXT)", "INSERT INTO t VALUES (CAST(x'ff41' AS TEXT))")
    assert await outcomes(sqlite(file), call("t", ID, ID)) == [Fault("protocol", "the database refused the statement")]


async def test_a_file_that_is_not_there_is_unreachable_and_is_not_created(tmp_path: Path) -> None:
    (fault,) = await outcomes(sqlite(tmp_path / "missing.db"), call("t", ID, ID))
    assert fault == Fault("unreachable", "the database cannot be reached")
    assert os.listdir(tmp_path) == []


async def test_a_file_that_is_no_database_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "x.db").write_text("canary" * 1000)
    (fault,) = await outcomes(sqlite(tmp_path / "x.db"), call("t", ID, ID))
    assert isinstance(fault, Fault)
    assert "canary" not in fault.detail


async def test_a_locked_file_is_reported_in_time(tmp_path: Path) -> None:
    file = sqlite_file(tmp_path, "CREATE TABLE t (id TEXT)")
    writer = sqlite3.connect(file, isolation_level=None)
    writer.execute("BEGIN EXCLUSIVE")
    (fault,) = await outcomes(sqlite(file, timeout_ms=200), call("t", ID, ID, timeout_ms=200))
    assert isinstance(fault, Fault)
    assert fault.kind in {"unreachable", "timeout"}
    writer.close()


async def test_no_key_reaches_a_log_of_any_level(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    adapter = sqlite(sqlite_file(tmp_path, "CREATE TABLE t (id TEXT)", "INSERT INTO t VALUES ('canary-1')"))
    assert await adapter.answer(call("t", ID, ID), Query(key="canary-1")) == Answer(
        200, "application/json", b'{"id":"canary-1"}'
    )
    assert isinstance(await adapter.answer(call("t", ID, leaf("x")), Query(key="canary-1")), Fault)
    await adapter.close()
    assert "canary" not in caplog.text


async def test_a_table_of_a_schema_is_named_with_it(tmp_path: Path) -> None:
    file = sqlite_file(tmp_path, 'CREATE TABLE "a b" (id TEXT)', "INSERT INTO \"a b\" VALUES ('1')")
    (answer,) = await outcomes(sqlite(file), call("main.a b", ID, ID))
    assert answer.body == b'{"data":[{"id":"1"}],"next":null}'


TYPES = """
CREATE TABLE types (id uuid, kind mood, price numeric(30, 10), moment timestamptz, local timestamp, day date,
  hour time, tags text[], document jsonb, span interval, code char(4), small smallint, ratio float8)
"""
TYPED = """
INSERT INTO types VALUES ('11111111-1111-1111-1111-111111111111', 'good', 12345678901234567890.1000000000,
  '2026-01-01 08:00+08', '2026-01-01 08:00', '2026-01-01', '08:30', '{a,NULL,c}', '{"a": 1}', '1 day', 'ab', 7, 0.1)
"""


@pytest.fixture
async def typed(postgres: str) -> str:
    """A table of PostgreSQL's own types with one row."""
    engine = create_async_engine(postgres.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        for statement in ("DROP TABLE IF EXISTS types", "DROP TYPE IF EXISTS mood"):
            await connection.execute(sa.text(statement))
        for statement in ("CREATE TYPE mood AS ENUM ('good', 'bad')", TYPES, TYPED):
            await connection.exec_driver_sql(statement)
    await engine.dispose()
    return postgres


async def test_postgresqls_own_types_become_json(typed: str) -> None:
    fields = [
        leaf(name) for name in ("id", "kind", "price", "moment", "local", "day", "hour", "tags", "small", "ratio")
    ]
    (answer,) = await outcomes(SqlBackend(url=typed).connect(), call("public.types", ID, *fields))
    assert answer.body == (
        b'{"data":[{"id":"11111111-1111-1111-1111-111111111111","kind":"good","price":12345678901234567890.1000000000,'
        b'"moment":"2026-01-01T00:00:00Z","local":"2026-01-01T08:00:00","day":"2026-01-01","hour":"08:30:00",'
        b'"tags":["a",null,"c"],"small":7,"ratio":0.1}],"next":null}'
    )


async def test_an_interval_is_no_json(typed: str) -> None:
    (fault,) = await outcomes(SqlBackend(url=typed).connect(), call("types", ID, leaf("span")))
    assert fault == Fault("protocol", "field span holds a value that JSON cannot say")


async def test_a_uuid_is_found_by_its_text_and_what_is_none_is_the_key_of_no_record(typed: str) -> None:
    adapter = SqlBackend(url=typed).connect()
    asked = call("types", ID, leaf("small"))
    assert await adapter.answer(asked, Query(key="1" * 8 + "-1111-1111-1111-" + "1" * 12)) == Answer(
        200, "application/json", b'{"small":7}'
    )
    for key in ("x", "", "'; --", "1" * 400, "11111111-1111-1111-1111-111111111112"):
        assert await adapter.answer(asked, Query(key=key)) == Answer(404, "", b"")
    await adapter.close()


@pytest.mark.parametrize(
    ("condition", "count"),
    [
        (Compare("==", leaf("kind"), "good"), 1),
        (Compare("!=", leaf("kind"), "bad"), 1),
        (Compare("==", leaf("id"), "11111111-1111-1111-1111-111111111111"), 1),
        (Compare("==", leaf("moment", "timestamp"), "2026-01-01T00:00:00Z"), 1),
        (Compare("<", leaf("moment", "timestamp"), "2026-01-01T08:00:00.001+08:00"), 1),
        (Compare("==", leaf("local", "timestamp"), "2026-01-01T08:00:00"), 1),
        (Compare(">", leaf("day", "date"), "2025-12-31"), 1),
        (Compare("==", leaf("day", "date"), "no date"), 0),
        (Negation(Compare("==", leaf("day", "date"), "no date")), 0),
        (Compare("<=", leaf("hour", "time"), "08:30"), 1),
        (Compare("==", leaf("price", "number"), 1), 0),
        (Compare("==", leaf("ratio", "number"), 0.1), 1),
        (Compare("==", leaf("small", "integer"), 7), 1),
        (Compare("<", leaf("small", "integer"), 2**40), 1),
    ],
    ids=str,
)
async def test_conditions_compare_with_the_columns_own_type(typed: str, condition: Any, count: int) -> None:
    (answer,) = await outcomes(SqlBackend(url=typed).connect(), call("types", ID, ID, condition=condition))
    assert isinstance(answer, Answer), answer
    assert answer.body.count(b'"id"') == count


SORTED = """
CREATE TABLE sorted (id integer PRIMARY KEY, day date, moment timestamptz, local timestamp, hour time, price numeric,
  small real, code char(4), name citext);
INSERT INTO sorted SELECT n, day, moment, moment, hour, price, price, chr(65 + n), chr(65 + n) FROM (VALUES
  (1, date 'infinity', timestamptz 'infinity', time '23:59:59.999999', 0.1),
  (2, date '9999-12-31', timestamptz '9999-12-31 23:59:59.999999Z', time '23:59:59.999998', 0.10000000000000000001),
  (3, date '2026-01-01', timestamptz '2026-01-01 00:00:00.000001Z', time '00:00', 0.2),
  (4, date '2026-01-01', timestamptz '2026-01-01 00:00:00Z', time '00:00:00.000001', 12345678901234567890.5),
  (5, NULL, NULL, NULL, NULL), (6, NULL, NULL, NULL, NULL)) AS r (n, day, moment, hour, price)
"""


@pytest.mark.parametrize(
    ("name", "kind", "rising"),
    [
        ("day", "date", [3, 4, 2, 1, 5, 6]),
        ("moment", "timestamp", [4, 3, 2, 1, 5, 6]),
        ("local", "timestamp", [4, 3, 2, 1, 5, 6]),
        ("hour", "time", [3, 4, 2, 1, 5, 6]),
        ("price", "number", [1, 2, 3, 4, 5, 6]),
        ("small", "number", [1, 2, 3, 4, 5, 6]),
        ("code", "string", [1, 2, 3, 4, 5, 6]),
        ("name", "string", [1, 2, 3, 4, 5, 6]),
    ],
)
async def test_pages_sorted_by_any_type_end_between_values_that_are_close(
    postgres: str, name: str, kind: str, rising: list[int]
) -> None:
    found = Database(postgres)
    await found.write("DROP TABLE IF EXISTS sorted", "CREATE EXTENSION IF NOT EXISTS citext", *SORTED.split(";\n"))
    key = leaf("id", "integer")
    field = leaf(name, kind)
    falling = sorted(rising, key=lambda number: (number > 4 and kind != "string", -rising.index(number)))
    if kind != "string":
        falling[-2:] = [5, 6]  # records without a value come last, by their keys
    if name in {"day", "small"}:  # two of them are equal, and stay in the order of their keys
        equal = (3, 4) if name == "day" else (1, 2)
        place = falling.index(equal[1])
        falling[place : place + 2] = equal
    async with found.adapter() as adapter:
        for descending, expected in ((False, rising), (True, falling)):
            query = Query(limit=1, order=(Order(field, descending),))
            got = [record["id"] async for page in pages(adapter, call("sorted", key, key), query) for record in page]
            assert got == expected


async def test_keys_that_a_collation_takes_for_equal_are_all_in_the_pages(postgres: str) -> None:
    found = Database(postgres)
    await found.write("CREATE EXTENSION IF NOT EXISTS citext", "DROP TABLE IF EXISTS folded")
    await found.write("CREATE TABLE folded (id citext)", "INSERT INTO folded VALUES ('b'), ('A'), ('B'), ('a'), ('c')")
    async with found.adapter() as adapter:
        whole = [page async for page in pages(adapter, call("folded", ID, ID), Query(limit=1))]
        assert whole == [[{"id": name}] for name in "AaBbc"]
        by_characters = Query(limit=2, order=(Order(ID, True),))
        falling = [
            record["id"] async for page in pages(adapter, call("folded", ID, ID), by_characters) for record in page
        ]
        assert falling == ["c", "b", "a", "B", "A"]


async def test_a_row_filter_on_a_column_that_ignores_case_does_not_ignore_it(postgres: str) -> None:
    found = Database(postgres)
    await found.write("CREATE EXTENSION IF NOT EXISTS citext", "DROP TABLE IF EXISTS owned")
    await found.write("CREATE TABLE owned (id text, carrier citext)")
    await found.write("INSERT INTO owned VALUES ('1', 'SWIFT'), ('2', 'swift')")
    own = call("owned", ID, ID, condition=Compare("==", leaf("carrier"), "SWIFT"))
    async with found.adapter() as adapter:
        assert said(await adapter.answer(own, Query(limit=9))) == (200, {"data": [{"id": "1"}], "next": None})
        assert said(await adapter.change(own, Change("delete", "2"))) == (404, None)
    assert len(await found.read("SELECT * FROM owned")) == 2


async def test_a_database_that_is_down_or_unknown_is_unreachable_without_its_name(postgres: str) -> None:
    for url in ("postgresql://u:s3cret@127.0.0.1:1/d", postgres.replace("/postgres", "/missing")):
        (fault,) = await outcomes(SqlBackend(url=url).connect(), call("t", ID, ID))
        assert fault == Fault("unreachable", "the database cannot be reached")


async def test_a_session_that_the_server_ended_costs_no_call(postgres: str) -> None:
    adapter = SqlBackend(url=postgres, pool_size=1).connect()
    asked = call("pg_catalog.pg_class", leaf("relname"), leaf("relname"))
    assert isinstance(await adapter.answer(asked, Query(limit=1)), Answer)
    engine = create_async_engine(postgres.replace("postgresql:", "postgresql+asyncpg:"))
    async with engine.begin() as connection:
        ended = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'clausegate'"
        await connection.execute(sa.text(ended))
    await engine.dispose()
    assert isinstance(await adapter.answer(asked, Query(limit=1)), Answer)
    await adapter.close()
