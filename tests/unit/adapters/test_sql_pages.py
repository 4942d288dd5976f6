"""Pages of both databases against plain Python: any rows, filters and orders, with rows that come and go in between."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import (
    AllOf,
    Answer,
    AnyOf,
    Compare,
    Condition,
    Constant,
    Fault,
    Field,
    Negation,
    Operator,
    Order,
    Query,
    Within,
)
from adapters.sql import SqlAdapter, SqlBackend
from adapters.sql_order import TOKEN_BYTES_MAX
from tests.unit.adapters.calls import call, leaf
from tests.unit.adapters.tables import KINDS, Database, database, pages

ID, NUMBER = leaf("id"), leaf("number", "integer")
KEYS = (ID, NUMBER)
COLUMNS = {
    "text": leaf("text"),
    "price": leaf("price", "number"),
    "ratio": leaf("ratio", "number"),
    "day": leaf("day", "date"),
    "moment": leaf("moment", "timestamp"),
    "truth": leaf("truth", "boolean"),
}
FIELDS = (*KEYS, *COLUMNS.values())
OPERATORS: tuple[Operator, ...] = ("==", "!=", "<", "<=", ">", ">=")
TABLE = """CREATE TABLE paged (id {text} NOT NULL UNIQUE, number BIGINT NOT NULL UNIQUE, text {text},
  price NUMERIC(20, 4), ratio DOUBLE PRECISION, day DATE, moment {moment}, truth BOOLEAN)"""
TYPES = {
    # in both the columns with text ignore case, unless they are told otherwise
    "sqlite": {"text": "TEXT COLLATE NOCASE", "moment": "TEXT"},
    "postgresql": {"text": "CITEXT", "moment": "TIMESTAMPTZ"},
}

texts = st.one_of(st.sampled_from(["", "a", "A", "b", "B"]), st.text("aAbB_%' \\é运\U0001f69a", max_size=3))
whole = st.integers(-3, 3)
ratios = st.one_of(whole.map(float), st.sampled_from([0.1, -0.5, 1e300, 5e-324, 2.0**53, 0.1 + 0.2]))
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "id": texts,
    "number": st.one_of(whole, st.sampled_from([2**62, -(2**62), 2**53 + 1])),
    "text": texts,
    "price": st.one_of(whole, st.sampled_from([0.1, 0.3, 12345678.9012])),
    "ratio": ratios,
    "day": st.sampled_from(["2026-01-01", "2026-02-28", "9999-12-31", "0001-01-01"]),
    "moment": st.sampled_from(["2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z", "2025-12-31T23:59:59Z"]),
    "truth": st.booleans(),
}
rest = st.fixed_dictionaries({name: st.one_of(st.none(), VALUES[name]) for name in COLUMNS})
keys = st.tuples(VALUES["id"], st.integers(-20, 20))


@st.composite
def leaves(draw: st.DrawFn) -> Condition:
    field = draw(st.sampled_from(FIELDS))
    values = VALUES[field.path[0]]
    if draw(st.booleans()):
        return Compare(draw(st.sampled_from(OPERATORS)), field, draw(values))
    return Within(field, tuple(draw(st.lists(values, max_size=3))))


def combined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(inner.map(Negation), several.map(AllOf), several.map(AnyOf))


conditions = st.recursive(st.one_of(leaves(), st.booleans().map(Constant)), combined, max_leaves=5)
orders = st.lists(
    st.builds(Order, st.sampled_from(FIELDS), st.booleans()), max_size=3, unique_by=lambda each: each.field
)


@st.composite
def tables(draw: st.DrawFn) -> list[dict[str, Any]]:
    names = draw(st.lists(keys, max_size=14, unique_by=(lambda key: key[0].casefold(), lambda key: key[1])))
    return [{"id": name, "number": number, **draw(rest)} for name, number in names]


class Stage:
    """A table in one database and an adapter over it, in an event loop that lasts as long as both."""

    def __init__(self, found: Database, runner: asyncio.Runner) -> None:
        self.kind, self._found, self._runner = found.kind, found, runner
        if found.kind == "postgresql":
            runner.run(found.write("CREATE EXTENSION IF NOT EXISTS citext"))
        runner.run(found.write("DROP TABLE IF EXISTS paged", TABLE.format(**TYPES[found.kind])))
        self.adapter: SqlAdapter = SqlBackend(url=found.url, pool_size=1).connect()

    def run(self, work: Any) -> Any:
        return self._runner.run(work)

    async def fill(self, rows: list[dict[str, Any]], *, delete: str = "DELETE FROM paged WHERE true") -> None:
        table = sa.table("paged", *(sa.column(field.path[0]) for field in FIELDS))
        async with self._found.connection() as connection:
            await connection.exec_driver_sql(delete)
            for row in rows:
                values = {name: self._literal(name, value) for name, value in row.items() if value is not None}
                await connection.execute(sa.insert(table).values(values))

    def _literal(self, name: str, value: Any) -> Any:
        if self.kind == "postgresql" and name in {"day", "moment"}:
            return sa.cast(sa.literal(value, sa.Text()), sa.Date() if name == "day" else sa.DateTime(timezone=True))
        if self.kind == "postgresql" and name == "price":
            return sa.literal(Decimal(str(value)), sa.Numeric())
        return value


@pytest.fixture(scope="module", params=KINDS)
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with asyncio.Runner() as runner:
        made = Stage(database(request, tmp_path_factory.mktemp("paged")), runner)
        yield made
        made.run(made.adapter.close())


# The oracle: three-valued logic by the truth values 0 (false), 1 (unknown) and 2 (true).


def truth(condition: Condition, row: dict[str, Any]) -> int:
    match condition:
        case Constant(value):
            return 2 if value else 0
        case Negation(inner):
            return 2 - truth(inner, row)
        case AllOf(conditions):
            return min((truth(each, row) for each in conditions), default=2)
        case AnyOf(conditions):
            return max((truth(each, row) for each in conditions), default=0)
        case Within(field, values):
            found = row[field.path[0]]
            return 1 if found is None else 2 * (found in values)
        case Compare(operator, field, value):
            found = row[field.path[0]]
            if found is None:
                return 1
            less, equal = bool(found < value), bool(found == value)
            return (
                2
                * {
                    "==": equal,
                    "!=": not equal,
                    "<": less,
                    "<=": less or equal,
                    ">": not less and not equal,
                    ">=": not less,
                }[operator]
            )


def in_order(rows: list[dict[str, Any]], order: tuple[Order, ...], key: Field) -> list[dict[str, Any]]:
    found = sorted(rows, key=lambda row: row[key.path[0]])
    for each in reversed(order):
        name = each.field.path[0]
        present = sorted((row for row in found if row[name] is not None), key=lambda row: row[name], reverse=False)
        if each.descending:  # equal ones stay in the order in which they were
            groups = [list(group) for _, group in itertools.groupby(present, key=lambda row: row[name])]
            present = [row for group in reversed(groups) for row in group]
        found = present + [row for row in found if row[name] is None]
    return found


def expected(
    rows: list[dict[str, Any]], asked: tuple[Condition, Condition], order: tuple[Order, ...], key: Field
) -> list[dict[str, Any]]:
    return in_order([row for row in rows if all(truth(each, row) == 2 for each in asked)], order, key)


@given(
    rows=tables(),
    own=conditions,
    where=conditions,
    order=orders.map(tuple),
    size=st.integers(1, 15),
    key=st.sampled_from(KEYS),
)
def test_the_pages_together_are_the_records_that_fit_in_their_order(
    stage: Stage,
    *,
    rows: list[dict[str, Any]],
    own: Condition,
    where: Condition,
    order: tuple[Order, ...],
    size: int,
    key: Field,
) -> None:
    async def read() -> list[Any]:
        await stage.fill(rows)
        asked = call("paged", key, *FIELDS, condition=own)
        query = Query(limit=size, where=where, order=order)
        return [record async for page in pages(stage.adapter, asked, query) for record in page]

    found = stage.run(read())
    wanted = expected(rows, (own, where), order, key)
    if stage.kind == "postgresql" and key is ID and not order:  # in the order of the key's index
        found, wanted = in_order(found, (), ID), in_order(wanted, (), ID)
    assert found == wanted


@given(
    rows=tables(),
    come=tables(),
    go=st.sets(st.integers(0, 13)),
    order=orders.map(tuple),
    size=st.integers(1, 4),
    key=st.sampled_from(KEYS),
)
def test_rows_that_come_and_go_between_pages_move_no_other(
    stage: Stage,
    *,
    rows: list[dict[str, Any]],
    come: list[dict[str, Any]],
    go: set[int],
    order: tuple[Order, ...],
    size: int,
    key: Field,
) -> None:
    there = {(name.casefold(), number) for name, number in ((row["id"], row["number"]) for row in rows)}
    names, numbers = {name for name, _ in there}, {number for _, number in there}
    coming = [row for row in come if row["id"].casefold() not in names and row["number"] not in numbers]
    going = [row["number"] for place, row in enumerate(rows) if place in go]

    async def read() -> list[Any]:
        await stage.fill(rows)
        found = []
        async for page in pages(stage.adapter, call("paged", key, *FIELDS), Query(limit=size, order=order)):
            found += page
            gone = f"DELETE FROM paged WHERE number = {going.pop()}" if going else "DELETE FROM paged WHERE false"
            await stage.fill([coming.pop()] if coming else [], delete=gone)
        return found

    staying = [row for place, row in enumerate(rows) if place not in go]
    found = stage.run(read())
    assert len({record["number"] for record in found}) == len(found)
    assert [row for row in in_order(staying, (), ID) if row not in found] == []
    if order or stage.kind == "sqlite" or key is NUMBER:
        assert found == in_order(found, order, key)


TOKENS = [
    '["a","b"]',
    "[null]",
    "[]",
    "{}",
    "[1,2]",
    "[[" * 600,
    '["a"',
    '[["decimal","1e999999999"],"a"]',
    "[1e400,1]",
]
INJECTED = ["' OR '1'='1", "x'; DROP TABLE paged; --", "\0", "\ud800", '["\'; DROP TABLE paged; --","\\u0000"]']


@given(
    token=st.one_of(st.sampled_from(TOKENS + INJECTED), st.text(max_size=20)),
    order=orders.map(tuple),
    key=st.sampled_from(KEYS),
)
def test_a_token_that_no_page_gave_is_a_fault_or_a_place_and_nothing_else(
    stage: Stage, token: str, order: tuple[Order, ...], key: Field
) -> None:
    async def ask() -> tuple[Answer | Fault, Answer | Fault]:
        await stage.fill([{"id": "a", "number": 1}])
        odd = await stage.adapter.answer(call("paged", key, ID), Query(limit=5, after=token, order=order))
        return odd, await stage.adapter.answer(call("paged", key, ID), Query(limit=5))

    odd, after = stage.run(ask())
    if isinstance(odd, Fault):
        assert odd.kind == "protocol"
    else:
        assert json.loads(odd.body)["data"] in ([], [{"id": "a"}])
    assert isinstance(after, Answer)
    assert json.loads(after.body) == {"data": [{"id": "a"}], "next": None}


def test_a_place_too_long_for_a_token_is_a_fault_and_no_shorter_place(stage: Stage) -> None:
    order = (Order(COLUMNS["text"]),)

    async def ask(length: int) -> Answer | Fault:
        await stage.fill([{"id": name, "number": number, "text": "x" * length} for number, name in enumerate("ab")])
        return await stage.adapter.answer(call("paged", ID, ID), Query(limit=1, order=order))

    longest = TOKEN_BYTES_MAX - len('["","a"]')
    fits = stage.run(ask(longest))
    assert isinstance(fits, Answer)
    assert len(json.loads(fits.body)["next"]) == TOKEN_BYTES_MAX
    assert stage.run(ask(longest + 1)) == Fault("protocol", "the place of the next page is too long")
