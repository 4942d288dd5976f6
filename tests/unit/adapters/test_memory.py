"""The memory kind: a real small backend, and a double that says what a test tells it to."""

import json
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest

from adapters.base import Answer, Change, Compare, Fault, Order, Query
from adapters.memory import MemoryAdapter, MemoryBackend
from tests.unit.adapters.calls import call, leaf

ID = leaf("id")
PHONE = leaf("customer.phone")
RECORDS = {
    "leads": [{"id": f"L-{number}", "customer": {"phone": f"{number}", "name": "canary"}} for number in (3, 1, 2)]
}


async def test_pages_come_in_the_order_of_keys_and_hold_what_is_granted() -> None:
    adapter = MemoryAdapter(RECORDS)
    first = await adapter.answer(call("leads", ID, ID, PHONE), Query(limit=2))
    assert isinstance(first, Answer)
    assert json.loads(first.body) == {
        "data": [{"id": "L-1", "customer": {"phone": "1"}}, {"id": "L-2", "customer": {"phone": "2"}}],
        "next": "L-2",
    }
    last = await adapter.answer(call("leads", ID, PHONE), Query(limit=2, after="L-2"))
    assert isinstance(last, Answer)
    assert json.loads(last.body) == {"data": [{"customer": {"phone": "3"}}], "next": None}


async def test_a_record_outside_the_condition_is_the_same_as_none() -> None:
    adapter = MemoryAdapter(RECORDS)
    own = call("leads", ID, ID, condition=Compare("==", PHONE, "1"))
    assert (await adapter.answer(own, Query(key="L-1"))) == Answer(200, "application/json", b'{"id":"L-1"}')
    for key in ("L-2", "nothing"):
        assert await adapter.answer(own, Query(key=key)) == Answer(404, "", b"")


async def test_absent_stays_absent_and_null_stays_null() -> None:
    adapter = MemoryAdapter({"x": [{"id": "1", "customer": {"phone": None}}, {"id": "2"}]})
    for key, body in (("1", b'{"id":"1","customer":{"phone":null}}'), ("2", b'{"id":"2"}')):
        assert await adapter.answer(call("x", ID, ID, PHONE), Query(key=key)) == Answer(200, "application/json", body)


async def test_what_json_cannot_say_an_unknown_resource_and_too_large_a_page_are_faults() -> None:
    adapter = MemoryAdapter({"x": [{"id": "1", "n": float("inf")}]})
    n = leaf("n", "number")
    for asked, kind in (
        (call("x", ID, n), "protocol"),
        (call("y", ID, n), "protocol"),
        (call("x", ID, ID, max_bytes=3), "too_large"),
    ):
        outcome = await adapter.answer(asked, Query(limit=5))
        assert isinstance(outcome, Fault)
        assert outcome.kind == kind


async def test_a_script_is_said_first_and_records_what_was_asked() -> None:
    hostile = Answer(200, "application/json", b'{"data": [')
    adapter = MemoryAdapter(RECORDS, script=[hostile, Fault("timeout", "slow")])
    asked, query = call("leads", ID, ID), Query(key="L-1")
    assert [await adapter.answer(asked, query) for _ in range(3)] == [
        hostile,
        Fault("timeout", "slow"),
        Answer(200, "application/json", b'{"id":"L-1"}'),
    ]
    assert adapter.asked == [(asked, query)] * 3


LEADS = call("leads", ID, ID, PHONE, condition=Compare("!=", PHONE, "2"))
NUMBERS = call("numbers", leaf("n", "integer"), leaf("n", "integer"), leaf("weight", "number"))


def body(outcome: Answer | Fault) -> Any:
    assert isinstance(outcome, Answer), outcome
    return json.loads(outcome.body)


def status(outcome: Answer | Fault) -> int | str:
    return outcome.status if isinstance(outcome, Answer) else outcome.kind


async def test_a_record_is_created_with_its_own_key_or_the_next_and_read_back_exactly() -> None:
    adapter = MemoryAdapter({"leads": [], "numbers": [{"n": 7}]}, writable=True)
    made = await adapter.change(LEADS, Change("create", values=((ID, "L-9"), (PHONE, "138"))))
    assert (status(made), body(made)) == (201, {"id": "L-9", "customer": {"phone": "138"}})
    assert body(await adapter.answer(LEADS, Query(key="L-9"))) == body(made)
    weight = Decimal("1.10")
    numbered = await adapter.change(NUMBERS, Change("create", values=((leaf("weight", "number"), weight),)))
    assert numbered == Answer(201, "application/json", b'{"n":8,"weight":1.10}')
    unnamed = body(await adapter.change(LEADS, Change("create", values=((PHONE, "139"),))))
    assert unnamed["id"]
    chosen = await adapter.change(NUMBERS, Change("create", key="20"))
    assert body(chosen) == {"n": 20}


async def test_an_update_changes_what_it_names_and_leaves_the_rest() -> None:
    records = deepcopy(RECORDS)
    adapter = MemoryAdapter(records, writable=True)
    changed = await adapter.change(LEADS, Change("update", "L-1", ((PHONE, None),)))
    assert status(changed) == 422  # without a phone nobody can say that it is the caller's
    changed = await adapter.change(LEADS, Change("update", "L-1", ((PHONE, "5"),)))
    assert (status(changed), body(changed)) == (200, {"id": "L-1", "customer": {"phone": "5"}})
    assert records["leads"][1] == {"id": "L-1", "customer": {"phone": "5", "name": "canary"}}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (Change("create", values=((ID, "L-1"), (PHONE, "9"))), 409),
        (Change("create", values=((ID, "L-2"), (PHONE, "9"))), 409),
        (Change("create", values=((ID, "L-9"), (PHONE, "2"))), 422),
        (Change("create", values=((ID, "L-9"), (PHONE, float("inf")))), 422),
        (Change("update", "L-2", ((PHONE, "9"),)), 404),
        (Change("update", "nothing", ((PHONE, "9"),)), 404),
        (Change("update", "L-1", ((PHONE, "2"),)), 422),
        (Change("update", "L-1", ((ID, "L-3"),)), 409),
        (Change("update", "L-1", ((ID, None),)), 422),
        (Change("delete", "L-2"), 404),
        (Change("delete", "nothing"), 404),
    ],
)
async def test_a_change_that_cannot_be_made_changes_nothing(change: Change, expected: int) -> None:
    records = deepcopy(RECORDS)
    adapter = MemoryAdapter(records, writable=True)
    assert status(await adapter.change(LEADS, change)) == expected
    assert records == RECORDS


async def test_a_record_that_is_too_large_to_be_shown_is_not_made() -> None:
    records: dict[str, list[dict[str, Any]]] = {"leads": []}
    small = call("leads", ID, ID, max_bytes=10)
    outcome = await MemoryAdapter(records, writable=True).change(small, Change("create", values=((ID, "x" * 20),)))
    assert (status(outcome), records) == ("too_large", {"leads": []})


async def test_a_deleted_record_is_gone() -> None:
    adapter = MemoryAdapter(deepcopy(RECORDS), writable=True)
    assert await adapter.change(LEADS, Change("delete", "L-1")) == Answer(204, "", b"")
    assert status(await adapter.answer(LEADS, Query(key="L-1"))) == 404


async def test_what_is_not_writable_or_not_there_takes_no_change_and_each_connection_has_records_of_its_own() -> None:
    settings = MemoryBackend(records=RECORDS)
    assert (settings.writes(), MemoryBackend(writable=True).writes()) == (False, True)
    assert status(await settings.connect().change(LEADS, Change("delete", "L-1"))) == "protocol"
    writable = MemoryBackend(records=RECORDS, writable=True)
    one, other = writable.connect(), writable.connect()
    assert status(await one.change(call("nothing", ID, ID), Change("delete", "L-1"))) == "protocol"
    assert status(await one.change(LEADS, Change("delete", "L-1"))) == 204
    assert status(await other.answer(LEADS, Query(key="L-1"))) == 200


async def test_two_records_of_one_key_are_never_changed() -> None:
    records = {"leads": [{"id": "L-1", "customer": {"phone": "1"}}] * 2}
    outcome = await MemoryAdapter(records, writable=True).change(LEADS, Change("delete", "L-1"))
    assert (status(outcome), len(records["leads"])) == ("protocol", 2)


async def test_a_page_begins_where_the_last_one_ended_whatever_has_come_and_gone_meanwhile() -> None:
    weight = leaf("weight", "number")
    records = [{"n": n, "weight": Decimal(n % 3) / 10} for n in range(6)] + [{"n": 6, "weight": None}, {"n": 7}]
    adapter = MemoryAdapter({"numbers": records})
    query = Query(limit=3, order=(Order(weight, descending=True),))
    first = body(await adapter.answer(NUMBERS, query))
    assert [record["n"] for record in first["data"]] == [2, 5, 1]
    records.append({"n": 8, "weight": Decimal("0.9")})  # before the place: nobody sees it now
    records.append({"n": 9, "weight": Decimal("0.05")})
    del records[2]
    following = Query(limit=99, after=first["next"], order=query.order)
    rest = body(await adapter.answer(NUMBERS, following))
    assert [record["n"] for record in rest["data"]] == [4, 9, 0, 3, 6, 7]


@pytest.mark.parametrize(
    "token", ["", "x", "[]", '["1"]', "[true, 1]", '["a","1"]', '[["x"],"1"]', '[1,"x"]', '[1,2,"3"]', "\ud800"]
)
async def test_a_token_of_another_order_is_no_place(token: str) -> None:
    adapter = MemoryAdapter({"numbers": [{"n": 1, "weight": 2}]})
    query = Query(limit=1, after=token, order=(Order(leaf("weight", "number")),))
    assert status(await adapter.answer(NUMBERS, query)) == "protocol"


async def test_arrays_and_maps_hold_what_is_granted_in_them() -> None:
    record = {
        "id": "1",
        "stops": [{"city": "Wuhan", "driver": "canary"}, None, "canary"],
        "tags": ["a", "b"],
        "by_day": {"mon": {"count": 1, "note": "canary"}, "tue": None},
        "prices": {"CNY": 5},
    }
    fields = ("stops.city", "tags", "by_day.key", "by_day.value.count", "prices.key", "prices.value")
    adapter = MemoryAdapter({"x": [record]})
    assert body(await adapter.answer(call("x", ID, *map(leaf, fields)), Query(key="1"))) == {
        "stops": [{"city": "Wuhan"}, None, None],
        "tags": ["a", "b"],
        "by_day": {"mon": {"count": 1}, "tue": None},
        "prices": {"CNY": 5},
    }


def test_a_backend_does_not_show_its_records() -> None:
    assert "canary" not in repr(MemoryBackend(records=RECORDS))
    assert "canary" not in repr(list(MemoryBackend(records=RECORDS).__rich_repr__()))


@pytest.mark.parametrize("stored", [0.1, Decimal("0.1"), Decimal("0.10")])
async def test_a_tenth_is_found_however_it_came_to_be_held(stored: Any) -> None:
    weight = leaf("weight", "number")
    adapter = MemoryAdapter({"numbers": [{"n": 1, "weight": stored}]})
    for where in (Compare("==", weight, 0.1), Compare("<=", weight, 0.1), Compare(">=", weight, 0.1)):
        assert len(body(await adapter.answer(NUMBERS, Query(limit=5, where=where)))["data"]) == 1
