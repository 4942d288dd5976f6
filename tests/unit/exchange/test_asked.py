"""What can be asked of a list and of a record, and that nothing a mask hides can be asked for."""

import pytest

from adapters.base import AllOf, Compare, Field, Order, Query, Within
from gateway.exchange.asked import EXPORT_MAX, Asked, read_change, read_one, read_page
from gateway.exchange.cursor import Cursors
from gateway.exchange.outcome import Outcome
from gateway.exchange.serve import sought
from tests.unit.exchange.stage import Stage, arriving
from tests.unit.exchange.wares import SEEN, WARES, Database, plan_of, ware, wares

CURSORS = Cursors(bytes(32))
PIECES = Field(("pieces",), "pieces", "integer")
PRICE = Field(("price",), "price", "number")
CITY = Field(("address", "city"), "address_city", "string")
LIST, SORTED, GET = plan_of("list"), plan_of("list", Database()), plan_of("get")


def page(query: str, **headers: str) -> Asked | Outcome:
    return read_page(SORTED, CURSORS, arriving("GET", query, **headers))


def asked(query: str, **headers: str) -> Asked:
    found = page(query, **headers)
    assert isinstance(found, Asked), found
    return found


def code(found: Asked | Outcome) -> str:
    return found.code if isinstance(found, Outcome) else ""


def test_a_list_asks_for_a_page_when_nothing_is_said() -> None:
    plain = asked("")
    assert (plain.query, plain.media, plain.fields) == (Query(limit=50), "json", None)
    assert asked("limit=7").query.limit == 7


@pytest.mark.parametrize(
    ("accept", "query", "rows", "remaining"),
    [
        ("application/json", "limit=200", 200, 200),
        ("text/csv", "", 200, EXPORT_MAX),
        ("text/csv", "limit=7", 7, 7),
        ("application/x-ndjson", "limit=1000000", 200, 1_000_000),
    ],
)
def test_an_export_holds_as_many_records_as_it_is_asked_for_and_comes_in_pages(
    accept: str, query: str, rows: int, remaining: int
) -> None:
    found = asked(query, accept=accept)
    assert (found.query.limit, found.remaining) == (rows, remaining)


@pytest.mark.parametrize(
    ("query", "condition"),
    [
        ("pieces=3", Compare("==", PIECES, 3)),
        ("pieces[gte]=-3", Compare(">=", PIECES, -3)),
        ("price[lt]=2.5", Compare("<", PRICE, 2.5)),
        ("price=2.0", Compare("==", PRICE, 2)),
        ("address.city=Wuhan", Compare("==", CITY, "Wuhan")),
        ("address.city=%E6%AD%A6%E6%B1%89", Compare("==", CITY, "武汉")),
        ("address.city[ne]=a+b", Compare("!=", CITY, "a b")),
        ("address.city%5Bin%5D=Wuhan,Yichang", Within(CITY, ("Wuhan", "Yichang"))),
        ("pieces[in]=1,2", Within(PIECES, (1, 2))),
    ],
)
def test_a_filter_is_a_condition_on_a_field_in_clear(query: str, condition: object) -> None:
    assert asked(query).query.where == condition


def test_several_filters_all_hold_and_come_in_one_order() -> None:
    both = AllOf((Compare("==", CITY, "Wuhan"), Compare(">", PIECES, 1)))
    assert asked("pieces[gt]=1&address.city=Wuhan").query.where == both
    assert asked("address.city=Wuhan&pieces[gt]=1").place == asked("pieces[gt]=1&address.city=Wuhan").place


@pytest.mark.parametrize(
    "query",
    [
        "name=canary",  # masked
        "hidden=canary",  # not granted
        "owner=canary",  # not granted, and what decides about rows
        "nothing=1",
        "tags=a",
        "stops.town=Wuhan",
        "address=1",
        "pieces=1.5",
        "pieces=",
        "pieces=9223372036854775808",
        "pieces=%D9%A3",
        "price=1e400",
        "price=NaN",
        "active=yes",
        "active[gt]=true",
        "day=2026-02-30",
        "seen=tomorrow",
        "address.city[like]=W",
        "address.city[]=W",
        "address.city[gt=W",
        "address.city[gt]]=W",
        "address.city=a%00b",
        "address.city=" + "x" * 257,
        "pieces[in]=" + ",".join(["1"] * 51),
        "pieces[in]=1,x",
    ],
)
def test_what_is_masked_hidden_many_or_no_value_of_its_type_is_no_filter(query: str) -> None:
    assert code(page(query)) == "invalid-filter"


def test_a_list_is_sorted_by_fields_in_clear_if_its_backend_sorts() -> None:
    assert asked("sort=-price,address.city").query.order == (Order(PRICE, descending=True), Order(CITY))
    assert code(read_page(LIST, CURSORS, arriving("GET", "sort=price"))) == "invalid-sort"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        "-hidden",
        "owner",
        "tags",
        "price,price",
        "price,-price",
        "--price",
        "price,",
        "id,pieces,price,day,seen",
    ],
)
def test_a_list_is_not_sorted_by_anything_else(text: str) -> None:
    assert code(page(f"sort={text}")) == "invalid-sort"


@pytest.mark.parametrize("text", ["", "hidden", "owner", "id,", "address.zip", "address.city.x", "id.x", "*", "f0"])
def test_fields_are_those_of_the_view(text: str) -> None:
    assert code(page(f"fields={text}")) == "invalid-fields"
    assert code(read_one(GET, arriving("GET", f"fields={text}"), "W-1")) == "invalid-fields"


@pytest.mark.parametrize(
    ("fields", "seen"),
    [
        ("id", {"id": "W-1"}),
        ("address.city,price", {"price": 1.5, "address": {"city": "Wuhan"}}),
        ("address,address.city", {"address": SEEN["address"]}),
        ("address.city,address", {"address": SEEN["address"]}),
        ("name", {"name": "张*"}),
        ("tags,stops.note", {"tags": ["a", "b"], "stops": [{"note": "**34"}]}),
    ],
)
async def test_fewer_fields_are_the_same_values(
    tmp_path_factory: pytest.TempPathFactory, fields: str, seen: object
) -> None:
    stage = Stage(tmp_path_factory.mktemp("log"), wares())
    stage.grant = WARES
    stage.adapter.json(ware())
    assert (await stage.get(f"/v1/wares/W-1?fields={fields}")).json() == seen
    stage.adapter.json({"data": [ware(), ware(stops=None, address=None)]})
    assert (await stage.get(f"/v1/wares?fields={fields}")).json()["data"][0] == seen


def test_a_cursor_belongs_to_a_filter_and_an_order_and_to_no_limit_or_choice_of_fields() -> None:
    here = asked("pieces=3&sort=-price")
    cursor = CURSORS.seal("place", here.place)
    assert asked(f"sort=-price&pieces=3&limit=9&fields=id&cursor={cursor}").query.after == "place"
    for other in ("", "&pieces=4&sort=-price", "&pieces=3", "&pieces=3&sort=price", "&pieces[gte]=3&sort=-price"):
        assert code(page(f"cursor={cursor}{other}")) == "invalid-cursor"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("access_token=x", "token-in-query"),
        ("limit=1&access_token=x", "token-in-query"),
        ("limit=1&limit=1", "invalid-parameter"),
        ("limit=%ff", "invalid-parameter"),
        ("&".join(f"a{number}=1" for number in range(40)), "invalid-parameter"),
        ("limit=201", "invalid-limit"),
        ("limit=0", "invalid-limit"),
        ("limit", "invalid-limit"),
        ("cursor=x", "invalid-cursor"),
    ],
)
def test_what_cannot_be_read_is_said_by_its_code(query: str, expected: str) -> None:
    assert code(page(query)) == expected


def test_what_cannot_be_had_is_not_acceptable() -> None:
    assert code(page("", accept="text/html")) == "not-acceptable"
    assert code(read_one(GET, arriving(accept="text/csv"), "W-1")) == "not-acceptable"


def test_a_record_takes_fields_and_nothing_else_and_a_change_nothing_at_all() -> None:
    for query in ("limit=1", "id=W-1", "sort=id", "fields=id&limit=1", "fields=id&fields=id"):
        assert code(read_one(GET, arriving("GET", query), "W-1")) == "invalid-parameter"
        assert code(read_change(arriving("PATCH", query), "W-1")) == "invalid-parameter"
    assert code(read_one(GET, arriving("GET", "access_token=x"), "W-1")) == "token-in-query"
    assert code(read_change(arriving("PATCH", "access_token=x"), "W-1")) == "token-in-query"
    assert code(read_change(arriving("DELETE"), "..")) == "record-not-found"
    assert code(read_change(arriving("POST"), None)) == ""


async def test_a_filter_that_the_backend_does_not_know_is_applied_here_and_what_is_unknown_is_left_out(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    stage = Stage(tmp_path_factory.mktemp("log"), wares())
    stage.grant = WARES
    rows = [ware("W-1", pieces=1), ware("W-2", pieces=5), ware("W-3", pieces=None), ware("W-4", pieces="5")]
    stage.adapter.json({"data": [*rows, ware("W-5", pieces=5, owner="OTHER")], "next": "W-5"})
    reply = await stage.get("/v1/wares?pieces[gte]=2&limit=5")
    assert [record["id"] for record in reply.json()["data"]] == ["W-2"]
    assert reply.json()["next"] is not None
    assert stage.records()[0].records == 1


@pytest.mark.parametrize(
    ("query", "looked_for"),
    [
        ("", ""),
        ("pieces=3", ""),
        ("id=W-1", ("W-1",)),
        ("id=W-1&pieces=3&fields=price", ("W-1",)),
        ("id[in]=W-1,W-2", ("W-1", "W-2")),
        ("id[ne]=W-1", ""),
    ],
)
def test_a_filter_by_the_key_looks_records_up_as_asking_for_each_does(
    query: str, looked_for: str | tuple[str, ...]
) -> None:
    assert sought(SORTED, asked(query)) == looked_for
