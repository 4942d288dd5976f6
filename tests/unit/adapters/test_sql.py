"""The sql kind, on SQLite and on PostgreSQL: the same answers from both wherever both can give them."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.base import AllOf, Answer, AnyOf, Compare, Condition, Constant, Fault, Negation, Query, Within
from adapters.sql import SqlAdapter, SqlBackend
from tests.unit.adapters.calls import call, leaf

ID = leaf("id", physical_name="Order ID")
NAME = leaf("customer.name", physical_name="select")
PHONE = leaf("customer.phone", physical_name='pho"ne; --')
WEIGHT = leaf("weight", "number", "weight")
COUNT = leaf("count", "integer", "count")
PAID = leaf("paid", "boolean", "paid")
DUE = leaf("due", "date", "due")
FIELDS = (ID, NAME, PHONE, WEIGHT, COUNT, PAID)

CREATE = """
CREATE TABLE "Order Details" (
  "Order ID" {text} PRIMARY KEY, "select" {text}, "pho""ne; --" {text}, weight {number}, count {integer},
  paid {boolean}, due {date}, secret {text}, number {integer}, "blob" {bytes})
"""
ROWS = [
    ("A-1", "王伟", "138", "1.5", 3, True, "2026-01-01", 10),
    ("A-2", None, "139", "2.5", None, False, "2026-02-01", 9),
    ("A-3", "O'Brien\"; --", None, None, 0, None, None, 100),
    ("a-4", "x", "140", "-7", -3, True, "2026-03-01", 1),
    (None, "no key", "1", "1", 1, True, None, None),
]
INJECTIONS = [
    "' OR '1'='1",
    "A-1'; DROP TABLE x; --",
    "A-1' --",
    '"',
    "%",
    "_",
    "A-1\x00",
    "\\",
    ":id",
    "?",
    "$1",
    "\ud800",
]


def create(dialect: str) -> str:
    words = {"text": "TEXT", "boolean": "BOOLEAN", "date": "DATE", "integer": "BIGINT"}
    sqlite = dialect == "sqlite"
    text = CREATE.format(**words, number="NUMERIC", bytes="BLOB" if sqlite else "BYTEA")
    return text if sqlite else text.replace("TEXT PRIMARY KEY", "TEXT UNIQUE")


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[tuple[SqlAdapter, str]]:
    """An adapter over the rows above, and the URL of the database for who may write."""
    if request.param == "sqlite":
        url, writing = f"sqlite:///{tmp_path}/x.db", f"sqlite+aiosqlite:///{tmp_path}/x.db"
    else:
        url = request.getfixturevalue("postgres")
        writing = url.replace("postgresql:", "postgresql+asyncpg:")
    insert = (
        'INSERT INTO "Order Details" ("Order ID", "select", "pho""ne; --", weight, count, paid, due, number) VALUES '
    )
    quoted = [", ".join(literal(value) for value in row) for row in ROWS]
    await write(writing, 'DROP TABLE IF EXISTS "Order Details"', create(request.param))
    await write(writing, insert + ", ".join(f"({row})" for row in quoted))
    adapter = SqlBackend(url=url, pool_size=1, timeout_ms=5000).connect()
    try:
        yield adapter, writing
    finally:
        await adapter.close()


def literal(value: object) -> str:
    if value is None:
        return "NULL"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else str(value)


async def write(url: str, *statements: str) -> None:
    engine = create_async_engine(make_url(url))
    async with engine.begin() as connection:
        for statement in statements:
            await connection.execute(sa.text(statement.replace(":", "\\:")))
    await engine.dispose()


async def page(adapter: SqlAdapter, asked: Any, query: Query) -> dict[str, Any]:
    outcome = await adapter.answer(asked, query)
    assert isinstance(outcome, Answer), outcome
    assert (outcome.status, outcome.content_type) == (200, "application/json")
    decoded: dict[str, Any] = json.loads(outcome.body)
    return decoded


async def keys(adapter: SqlAdapter, condition: Condition | None) -> list[str]:
    """The keys of the records that a condition lets through, whatever order a collation gives them."""
    found = await page(adapter, call("Order Details", ID, ID, condition=condition), Query(limit=100))
    return sorted(record["id"] for record in found["data"])


async def test_pages_follow_each_other_to_the_end_and_miss_no_record_with_a_key(database: Any) -> None:
    adapter, _ = database
    for size in (1, 2, 3, 4, 5):
        seen: list[str] = []
        after = None
        for _ in range(10):
            found = await page(adapter, call("Order Details", ID, ID), Query(limit=size, after=after))
            assert len(found["data"]) <= size
            seen += [record["id"] for record in found["data"]]
            after = found["next"]
            if after is None:
                break
        assert sorted(seen) == ["A-1", "A-2", "A-3", "a-4"]


async def test_a_record_has_the_granted_fields_in_their_places_with_the_exact_numbers(database: Any) -> None:
    adapter, _ = database
    outcome = await adapter.answer(call("Order Details", ID, *FIELDS), Query(key="A-1"))
    assert outcome == Answer(
        200,
        "application/json",
        '{"id":"A-1","customer":{"name":"王伟","phone":"138"},"weight":1.5,"count":3,"paid":true}'.encode(),
    )


async def test_a_key_that_is_not_granted_orders_and_pages_and_is_not_in_the_body(database: Any) -> None:
    adapter, _ = database
    found = await page(adapter, call("Order Details", ID, WEIGHT), Query(limit=1))
    assert list(found["data"][0]) == ["weight"]
    assert found["next"] is not None


async def test_only_granted_columns_are_selected(database: Any) -> None:
    adapter, writing = database
    await write(writing, """UPDATE "Order Details" SET secret = 'canary-1', blob = NULL""")
    outcome = await adapter.answer(call("Order Details", ID, *FIELDS), Query(limit=100))
    assert isinstance(outcome, Answer)
    assert b"canary" not in outcome.body


@pytest.mark.parametrize("text", INJECTIONS)
async def test_no_key_token_or_value_is_ever_read_as_sql(database: Any, text: str) -> None:
    adapter, _ = database
    asked = call("Order Details", ID, ID)
    assert await adapter.answer(asked, Query(key=text)) == Answer(404, "", b"")
    after = await adapter.answer(asked, Query(limit=100, after=text))
    assert isinstance(after, Answer) or after.kind == "protocol"
    if "\ud800" not in text:
        assert await keys(adapter, Compare("==", NAME, text)) == []
        assert await keys(adapter, Within(NAME, (text, "x"))) == ["a-4"]
    assert await keys(adapter, None) == ["A-1", "A-2", "A-3", "a-4"]


async def test_a_value_with_quotes_is_found_as_it_is(database: Any) -> None:
    adapter, _ = database
    assert await keys(adapter, Compare("==", NAME, "O'Brien\"; --")) == ["A-3"]


CONDITIONS: list[tuple[Condition, list[str]]] = [
    (Constant(True), ["A-1", "A-2", "A-3", "a-4"]),
    (Constant(False), []),
    (AllOf(()), ["A-1", "A-2", "A-3", "a-4"]),
    (AnyOf(()), []),
    (Compare("==", ID, "a-1"), []),
    (Compare("<", ID, "a"), ["A-1", "A-2", "A-3"]),
    (Compare("==", NAME, "王伟"), ["A-1"]),
    (Compare("!=", NAME, "王伟"), ["A-3", "a-4"]),
    (Negation(Compare("==", NAME, "王伟")), ["A-3", "a-4"]),
    (Negation(Within(NAME, ("王伟", "x"))), ["A-3"]),
    (Negation(Within(NAME, ())), ["A-1", "A-3", "a-4"]),
    (Within(COUNT, (3, -3, 17)), ["A-1", "a-4"]),
    (Compare(">", WEIGHT, 1.4), ["A-1", "A-2"]),
    (Compare("<=", WEIGHT, 0), ["a-4"]),
    (Compare("==", PAID, True), ["A-1", "a-4"]),
    (Compare("!=", PAID, True), ["A-2"]),
    (Negation(Compare("==", PAID, True)), ["A-2"]),
    (Compare(">=", DUE, "2026-02-01"), ["A-2", "a-4"]),
    (Compare("<", DUE, "2026-02-01"), ["A-1"]),
    (AllOf((Compare("==", PAID, True), Compare("<", COUNT, 0))), ["a-4"]),
    (AnyOf((Compare("==", PHONE, "139"), Compare("==", COUNT, 0))), ["A-2", "A-3"]),
    (Negation(AnyOf((Compare("==", PHONE, "139"), Compare("==", COUNT, 0)))), ["A-1", "a-4"]),
    (Compare("==", NAME, 5), []),
    (Negation(Compare("==", PAID, 1)), []),
    (Compare("<", COUNT, 2**70), []),
]


@pytest.mark.parametrize(("condition", "expected"), CONDITIONS, ids=str)
async def test_a_condition_lets_through_what_it_is_true_of(
    database: Any, condition: Condition, expected: list[str]
) -> None:
    adapter, _ = database
    if isinstance(condition, Compare) and condition.field is NAME and isinstance(condition.value, int):
        outcome = await adapter.answer(call("Order Details", ID, ID, condition=condition), Query(limit=9))
        if isinstance(outcome, Fault):  # PostgreSQL refuses to compare text with a number: nothing comes of it either
            assert outcome.kind == "protocol"
            return
    assert await keys(adapter, condition) == expected


async def test_an_integer_key_orders_as_a_number_and_has_one_spelling(database: Any) -> None:
    adapter, _ = database
    number = leaf("number", "integer", "number")
    asked = call("Order Details", number, number)
    found = await page(adapter, asked, Query(limit=3))
    assert (found["data"], found["next"]) == ([{"number": 1}, {"number": 9}, {"number": 10}], "10")
    assert await page(adapter, asked, Query(limit=3, after="10")) == {"data": [{"number": 100}], "next": None}
    assert await page(adapter, asked, Query(key="100")) == {"number": 100}
    for text in ["x", "", " 100", "100 ", "0100", "+100", "1e2", "100.0", "１００", "1_00", "9" * 30, "-0", "100; --"]:
        assert await adapter.answer(asked, Query(key=text)) == Answer(404, "", b"")


async def test_two_records_of_one_key_are_a_fault_and_never_lost_between_pages(database: Any) -> None:
    adapter, writing = database
    twice = leaf("count", "integer", "paid_count")
    await write(
        writing, 'ALTER TABLE "Order Details" ADD COLUMN paid_count BIGINT', 'UPDATE "Order Details" SET paid_count = 7'
    )
    for query in (Query(limit=2), Query(key="7")):
        outcome = await adapter.answer(call("Order Details", twice, twice), query)
        assert outcome == Fault("protocol", "two records have the same key")


async def test_bytes_are_no_json(database: Any) -> None:
    adapter, writing = database
    sqlite = writing.startswith("sqlite")
    await write(writing, f"""UPDATE "Order Details" SET blob = {"x'00ff'" if sqlite else "decode('00ff', 'hex')"}""")
    outcome = await adapter.answer(call("Order Details", ID, leaf("blob")), Query(limit=1))
    assert outcome == Fault("protocol", "field blob holds a value that JSON cannot say")


@pytest.mark.parametrize("column", ["missing", "Order ID ", "1", "'x'", "*"])
async def test_a_column_that_is_not_there_is_a_fault_and_never_a_text(database: Any, column: str) -> None:
    adapter, _ = database
    outcome = await adapter.answer(call("Order Details", ID, leaf("x", physical_name=column)), Query(limit=1))
    assert outcome == Fault("protocol", "the database refused the statement")


async def test_a_table_that_is_not_there_is_a_fault(database: Any) -> None:
    adapter, _ = database
    assert isinstance(await adapter.answer(call('x"; DROP TABLE y', ID, ID), Query(limit=1)), Fault)


async def test_the_size_of_an_answer_is_bounded(database: Any) -> None:
    adapter, _ = database
    outcome = await adapter.answer(call("Order Details", ID, ID, max_bytes=10), Query(limit=5))
    assert isinstance(outcome, Fault)
    assert outcome.kind == "too_large"


async def test_nothing_can_be_written_through_the_adapters_connections(database: Any) -> None:
    adapter, _ = database
    with pytest.raises(sa.exc.DBAPIError):
        async with adapter._engine._engine.connect() as connection:
            await connection.execute(sa.text('DELETE FROM "Order Details"'))
    assert await keys(adapter, None) == ["A-1", "A-2", "A-3", "a-4"]


SLOW = {
    "sqlite": """CREATE VIEW slow AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n
        WHERE i < 1000000000)
        SELECT '1' AS "Order ID", sum(i) AS total FROM n""",
    "postgresql": """CREATE VIEW slow AS SELECT '1'::text AS "Order ID", pg_sleep(60)::text AS total""",
}


async def test_a_statement_whose_time_is_up_is_a_timeout_and_frees_its_connection(database: Any) -> None:
    adapter, writing = database
    dialect = "sqlite" if writing.startswith("sqlite") else "postgresql"
    await write(writing, "DROP VIEW IF EXISTS slow", SLOW[dialect])
    loop = asyncio.get_running_loop()
    started = loop.time()
    outcome = await adapter.answer(call("slow", ID, leaf("total"), timeout_ms=150), Query(limit=1))
    assert isinstance(outcome, Fault)
    assert outcome.kind == "timeout"
    assert loop.time() - started < 3
    assert await keys(adapter, None) == ["A-1", "A-2", "A-3", "a-4"]  # the pool has one connection
    assert loop.time() - started < 4
    await write(writing, "DROP VIEW slow")


async def test_a_cancelled_call_frees_its_connection(database: Any) -> None:
    adapter, writing = database
    dialect = "sqlite" if writing.startswith("sqlite") else "postgresql"
    await write(writing, "DROP VIEW IF EXISTS slow", SLOW[dialect])
    asking = asyncio.create_task(adapter.answer(call("slow", ID, leaf("total"), timeout_ms=60_000), Query(limit=1)))
    await asyncio.sleep(0.1)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert await keys(adapter, None) == ["A-1", "A-2", "A-3", "a-4"]
    await write(writing, "DROP VIEW slow")


async def test_many_calls_at_once_share_the_pool(database: Any) -> None:
    adapter, _ = database
    asked = call("Order Details", ID, ID)
    outcomes = await asyncio.gather(*(adapter.answer(asked, Query(key=f"A-{n % 3 + 1}")) for n in range(30)))
    expected = [Answer(200, "application/json", f'{{"id":"A-{n % 3 + 1}"}}'.encode()) for n in range(30)]
    assert outcomes == expected
