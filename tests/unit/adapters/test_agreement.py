"""Two implementations as each other's oracle: SQLite's SQL and plain Python agree on every condition and every page."""

import asyncio
import json
import sqlite3
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.base import (
    Adapter,
    AllOf,
    Answer,
    AnyOf,
    Call,
    Compare,
    Condition,
    Constant,
    Fault,
    Field,
    Negation,
    Operator,
    Order,
    Query,
    Scalar,
    Within,
)
from adapters.memory import MemoryAdapter
from adapters.sql import SqlBackend
from tests.unit.adapters.calls import call, leaf

ID = leaf("id")
NUMBER_ID = leaf("number_id", "integer")
TEXT, NUMBER, TRUTH = leaf("text"), leaf("part.number", "number"), leaf("part.truth", "boolean")
FIELDS = (ID, NUMBER_ID, TEXT, NUMBER, TRUTH)
Ask: TypeAlias = Callable[[Adapter], Coroutine[Any, Any, Any]]
Agree: TypeAlias = Callable[[list[dict[str, Any]], Ask], None]
OPERATORS: tuple[Operator, ...] = ("==", "!=", "<", "<=", ">", ">=")

texts = st.text("aAbé'\"%_;\\ 运\U0001f69a", max_size=3)
numbers = st.one_of(st.integers(-3, 3), st.sampled_from([0.5, -0.5, 2.5, 1e300]), st.sampled_from([2**62, -(2**62)]))
scalars: st.SearchStrategy[Scalar] = st.one_of(texts, numbers, st.booleans(), st.just(2**70))
SIMILAR: dict[str, st.SearchStrategy[Any]] = {"text": texts, "number": numbers, "truth": st.booleans()}

# Anything may be found in a column: SQLite keeps values of any type wherever they are put.
records = st.fixed_dictionaries(
    {
        "text": st.one_of(st.none(), texts, numbers),
        "part": st.fixed_dictionaries(
            {"number": st.one_of(st.none(), numbers, texts), "truth": st.one_of(st.none(), st.booleans())}
        ),
    }
)


@st.composite
def comparisons(draw: st.DrawFn) -> Condition:
    field = draw(st.sampled_from([TEXT, NUMBER, TRUTH, ID]))
    value = draw(st.one_of(SIMILAR.get(field.path[-1], texts), scalars))
    return Compare(draw(st.sampled_from(OPERATORS)), field, value)


@st.composite
def memberships(draw: st.DrawFn) -> Condition:
    field = draw(st.sampled_from([TEXT, NUMBER, TRUTH]))
    return Within(field, tuple(draw(st.lists(st.one_of(SIMILAR[field.path[-1]], scalars), max_size=3))))


def combined(inner: st.SearchStrategy[Condition]) -> st.SearchStrategy[Condition]:
    several = st.lists(inner, max_size=3).map(tuple)
    return st.one_of(inner.map(Negation), several.map(AllOf), several.map(AnyOf))


orders = st.lists(
    st.builds(Order, st.sampled_from([TEXT, NUMBER, TRUTH, ID]), st.booleans()),
    max_size=3,
    unique_by=lambda each: each.field,
).map(tuple)
conditions = st.recursive(st.one_of(comparisons(), memberships(), st.booleans().map(Constant)), combined, max_leaves=6)


@pytest.fixture(scope="module")
def agreeing(tmp_path_factory: pytest.TempPathFactory) -> Agree:
    """Put records into both backends, ask both the same, and compare what they say."""
    file = tmp_path_factory.mktemp("agreement") / "x.db"
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("CREATE TABLE r (id TEXT, number_id INTEGER, text, part_number, part_truth)")

    def agree(found: list[dict[str, Any]], ask: Ask) -> None:
        connection.execute("DELETE FROM r")
        rows = [
            (record["id"], record["number_id"], record["text"], record["part"]["number"], record["part"]["truth"])
            for record in found
        ]
        connection.executemany("INSERT INTO r VALUES (?, ?, ?, ?, ?)", rows)

        async def both() -> None:
            sql = SqlBackend(url=f"sqlite:///{file}", pool_size=1).connect()
            said = await ask(sql)
            await sql.close()
            assert said == await ask(MemoryAdapter({"r": found}))

        asyncio.run(both())

    return agree


def numbered(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Records with keys, in an order that is not the keys'."""
    return [
        {"id": f"k{(7 * place) % 23}", "number_id": (11 * place) % 23 - 5, **record}
        for place, record in enumerate(found)
    ]


async def pages_of(adapter: Adapter, asked: Call, query: Query) -> list[Any]:
    """The records of every page; each adapter has tokens of its own."""
    pages: list[Any] = []
    while len(pages) < 10:
        outcome = await adapter.answer(asked, query)
        assert isinstance(outcome, Answer), outcome
        page = json.loads(outcome.body)
        pages.append(page["data"])
        if page["next"] is None:
            return pages
        query = replace(query, after=page["next"])
    raise AssertionError("the pages do not end")


queries = st.builds(Query, limit=st.integers(1, 9), where=st.none() | conditions, order=orders)


@given(found=st.lists(records, max_size=8), condition=st.none() | conditions, query=queries)
@settings(max_examples=100)
def test_both_sort_and_filter_alike_and_no_page_repeats_or_leaves_out_a_record(
    agreeing: Agree, found: list[dict[str, Any]], condition: Condition | None, query: Query
) -> None:
    asked = call("r", ID, *FIELDS, condition=condition)

    async def ask(adapter: Adapter) -> list[Any]:
        pages = await pages_of(adapter, asked, query)
        (whole,) = await pages_of(adapter, asked, replace(query, limit=99))
        assert [record for page in pages for record in page] == whole
        return pages

    agreeing(numbered(found), ask)


def said(outcome: Answer | Fault) -> Any:
    return (outcome.status, outcome.body and json.loads(outcome.body)) if isinstance(outcome, Answer) else outcome


@given(
    found=st.lists(records, max_size=8),
    condition=conditions,
    size=st.integers(1, 9),
    key=st.sampled_from([ID, NUMBER_ID]),
)
@settings(max_examples=150)
def test_both_give_the_same_pages_under_every_condition(
    agreeing: Agree, found: list[dict[str, Any]], condition: Condition, size: int, key: Field
) -> None:
    async def ask(adapter: Adapter) -> list[Any]:
        pages: list[Any] = []
        after = None
        asked = call("r", key, *FIELDS, condition=condition)
        while len(pages) < 10:
            outcome = await adapter.answer(asked, Query(limit=size, after=after))
            pages.append(said(outcome))
            assert isinstance(outcome, Answer), outcome
            after = json.loads(outcome.body)["next"]
            if after is None:
                return pages
        raise AssertionError("the pages do not end")

    agreeing(numbered(found), ask)


@given(
    found=st.lists(records, max_size=4),
    condition=conditions,
    text=st.one_of(st.sampled_from(["k0", "k7", "-5", "6", "6.0", "06", "' OR 1=1 --"]), texts, st.text(max_size=4)),
    key=st.sampled_from([ID, NUMBER_ID]),
)
@settings(max_examples=150)
def test_both_find_the_same_record_by_every_key(
    agreeing: Agree, found: list[dict[str, Any]], condition: Condition, text: str, key: Field
) -> None:
    async def ask(adapter: Adapter) -> Any:
        return said(await adapter.answer(call("r", key, *FIELDS, condition=condition), Query(key=text)))

    agreeing(numbered(found), ask)
