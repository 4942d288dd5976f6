"""The memory kind: a real small backend, and a double that says what a test tells it to."""

import json

from adapters.base import Answer, Compare, Fault, Query
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


def test_a_backend_does_not_show_its_records() -> None:
    assert "canary" not in repr(MemoryBackend(records=RECORDS))
    assert "canary" not in repr(list(MemoryBackend(records=RECORDS).__rich_repr__()))
