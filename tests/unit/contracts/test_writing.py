"""Bodies are read strictly: every mistake at once with its place, exact numbers, and only what the view opens."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Field
from contracts.body_faults import FAULTS_MAX
from contracts.writing import Writing, Written, compile_writing
from tests.unit.contracts.leads import ALL, LEAD, PARTNER, create, faults, one, prop, schema, update, written


def test_a_body_becomes_values_by_field_with_objects_as_their_leaves_and_arrays_and_maps_whole() -> None:
    body = b"""{"status": "new", "price": 1.10, "seats": 2.0, "customer": {"name": "Li", "phone": "+8613800"},
        "tags": ["a", "b"], "notes": {"x": 1}, "place": [30.5, 114]}"""
    read = create().read(body, PARTNER)
    assert isinstance(read, Written)
    assert read.values == (
        (Field(("status",), "status", "string"), "new"),
        (Field(("price",), "price", "number"), Decimal("1.10")),
        (Field(("seats",), "seats", "integer"), 2),
        (Field(("customer", "name"), "customer_name", "string"), "Li"),
        (Field(("customer", "phone"), "customer_phone", "string"), "+8613800"),
        (Field(("tags",), "tags", "array"), ["a", "b"]),
        (Field(("notes",), "notes", "map"), {"x": 1}),
        (Field(("place",), "place", "vector"), [Decimal("30.5"), 114]),
        (Field(("dealer",), "dealer", "string"), "SWIFT"),
    )
    assert str(dict(written(create(), body))["price"]) == "1.10"
    assert type(dict(written(create(), body))["seats"]) is int


def test_every_mistake_is_told_at_once_with_its_place() -> None:
    body = {
        "status": "sold",
        "price": -0.005,
        "seats": 256,
        "visit": "2025-12-31",
        "sent": "2026-01-01 10:00",
        "hour": "25:00:00",
        "hot": "yes",
        "customer": {"phone": "12", "mail": "nobody", "a/b~c": 1},
        "tags": ["a", "a", "long", None],
        "notes": {"x": "1", "long": 1},
        "place": [1],
        "dealer": "OTHER",
    }
    assert faults(create(), body) == [
        ("/status", "enum"),
        ("/price", "minimum"),
        ("/price", "multiple-of"),
        ("/seats", "maximum"),
        ("/visit", "minimum"),
        ("/sent", "format"),
        ("/hour", "format"),
        ("/hot", "type"),
        ("/customer/name", "required"),
        ("/customer/phone", "pattern"),
        ("/customer/mail", "format"),
        ("/customer/a~1b~0c", "additional"),
        ("/tags", "max-items"),
        ("/tags", "unique-items"),
        ("/tags/2", "max-length"),
        ("/tags/3", "null"),
        ("/notes/x", "type"),
        ("/notes/long", "max-length"),
        ("/place", "min-items"),
        ("/dealer", "additional"),
    ]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        (b"", ("", "json")),
        (b"{", ("", "json")),
        (b"\xef\xbb\xbf{}", ("", "json")),
        (b"\xff\xfe{\x00}\x00", ("", "encoding")),
        (b'{"hot":\xff}', ("", "encoding")),
        (b"[]", ("", "type")),
        (b"null", ("", "type")),
        (b'{"hot":true,}', ("", "json")),
        (b"{'hot':true}", ("", "json")),
        (b'{"hot":true} x', ("", "json")),
        (b'{"status":"a\nb"}', ("", "json")),
        (b'{"price":01}', ("", "json")),
        (b'{"price":NaN}', ("/price", "number")),
        (b'{"price":-Infinity}', ("/price", "number")),
        (b'{"price":1e309}', ("/price", "number")),
        (b'{"price":1e-999999999}', ("/price", "number")),
        (b'{"price":1e99999999999999999999999}', ("/price", "number")),
        (b'{"price":' + b"9" * 5000 + b"}", ("/price", "number")),
        (b'{"seats":9.5}', ("/seats", "type")),
        (b'{"seats":true}', ("/seats", "type")),
        (b'{"hot":true,"hot":true}', ("/hot", "duplicate")),
        (b'{"notes":{"x":1,"x":1}}', ("/notes/x", "duplicate")),
        (b'{"customer":{"name":"a","n\\u0061me":"a"}}', ("/customer/name", "duplicate")),
        (b'{"status":"\\ud800"}', ("/status", "character")),
        (b'{"customer":{"phone":"138\\u0000x"}}', ("/customer/phone", "character")),
        (b'{"tags":' + b"[" * 100_000, ("", "depth")),
        (b'{"tags":[' + b'"a",' * 5_000 + b'"b"]}', ("", "values")),
        (b"{}", ("", "min-properties")),
        (b'{"customer":{}}', ("/customer", "min-properties")),
        (b'{"customer":{"name":null}}', ("/customer/name", "null")),
        (b'{"customer":null}', ("/customer", "null")),
    ],
)
def test_what_is_not_strict_json_or_not_allowed_is_refused_where_it_stands(body: bytes, found: tuple[str, str]) -> None:
    assert faults(update(*ALL), body) == [found]


def test_no_value_of_a_body_is_quoted_in_any_language() -> None:
    body = {name: ["canary"] for name in ALL} | {"x" * 65 + "canary": "canary", "sp\u2028ace-canary": 1}
    body |= {"customer": {"name": "canary", "phone": "canary", "mail": "canary"}, "status": "canary"}
    body |= {"sent": "canary", "visit": "canary"}
    read = create().read(json.dumps(body).encode(), PARTNER)
    assert len(read) > 10  # type: ignore[arg-type]
    assert "canary" not in repr(read)


def test_more_mistakes_than_a_person_reads_are_cut_off() -> None:
    writing = one(prop("f", "array", items=prop("", "integer")))
    found = faults(writing, {"f": ["x"] * 4000})
    assert len(found) == FAULTS_MAX + 1
    assert found[-1] == ("", "more")


def test_an_update_changes_what_it_names_and_null_clears_what_is_not_required() -> None:
    writing = update("status", "customer.phone", "tags")
    assert written(writing, {"status": None}) == {"status": None}
    assert written(writing, {"customer": {"phone": None}, "tags": []}) == {"customer.phone": None, "tags": []}
    assert faults(writing, {"customer": {"name": "Li"}}) == [("/customer/name", "additional")]
    assert faults(writing, {"customer": None}) == [("/customer", "null")]


def test_null_clears_all_of_an_object_that_is_not_required_and_open_as_a_whole() -> None:
    inner = [prop("a"), prop("b", required=True)]
    writing = one(prop("f", "object", properties=inner))
    assert written(writing, {"f": None}) == {"f.a": None, "f.b": None}


def test_a_created_record_has_what_is_required_but_for_its_key() -> None:
    assert faults(create(), {}) == [("/customer", "required")]
    assert faults(create(("lead_id", *ALL)), {}) == [("/lead_id", "required"), ("/customer", "required")]
    assert written(create(), {"customer": {"name": "Li"}}) == {"customer.name": "Li", "dealer": "SWIFT"}


def test_an_object_with_an_assigned_value_is_there_and_needs_its_other_members() -> None:
    both = schema(
        prop("o", "object", properties=[prop("by", required=True), prop("name", required=True)]),
        prop("x"),
    )
    writing = compile_writing(both, "create", ("o.name", "x"), {"o.by": "partner.id"})
    assert isinstance(writing, Writing)
    assert faults(writing, {"x": ""}) == [("/o", "required")]
    assert written(writing, {"o": {"name": "n"}}) == {"o.name": "n", "o.by": "p-1"}


def test_an_object_that_needs_only_what_is_assigned_may_be_left_out() -> None:
    made = schema(prop("o", "object", required=True, properties=[prop("by", required=True), prop("note")]), prop("x"))
    writing = compile_writing(made, "create", ("o.note", "x"), {"o.by": "partner.role"})
    assert isinstance(writing, Writing)
    assert written(writing, {"x": ""}) == {"x": "", "o.by": "dealer"}


def test_literals_are_assigned_as_they_are() -> None:
    writing = create(("customer",), {"dealer": "D1", "hot": False, "seats": 4})
    assert written(writing, {"customer": {"name": "a"}}) == {
        "customer.name": "a",
        "dealer": "D1",
        "hot": False,
        "seats": 4,
    }


@pytest.mark.parametrize(
    ("action", "writable", "assigned", "found"),
    [
        ("update", ("nothing",), {}, {("unknown-field", "nothing")}),
        ("update", ("status.x",), {}, {("unknown-field", "status.x")}),
        ("update", ("",), {}, {("unknown-field", "")}),
        ("update", ("status", "status"), {}, {("unwritable-field", "status")}),
        ("update", ("customer", "customer.name"), {}, {("unwritable-field", "customer.name")}),
        ("update", ("customer.name", "customer"), {}, {("unwritable-field", "customer")}),
        ("update", ("tags.x",), {}, {("unwritable-field", "tags.x")}),
        ("update", ("notes.value",), {}, {("unwritable-field", "notes.value")}),
        ("update", ("lead_id",), {}, {("unwritable-field", "lead_id")}),
        ("update", (), {}, {("unwritable-field", "")}),
        ("create", ("customer",), {}, {("unwritable-field", "dealer")}),
        ("create", ("dealer",), {}, {("unwritable-field", "customer")}),
        ("create", ("dealer", "customer.phone"), {}, {("unwritable-field", "customer.name")}),
        ("create", ("dealer", "customer"), {"dealer": "x"}, {("unwritable-field", "dealer")}),
        ("create", ("customer",), {"dealer": 1}, {("bad-value", "dealer")}),
        ("create", ("customer",), {"dealer": "partner.phone"}, {("bad-value", "dealer")}),
        ("create", ("customer",), {"dealer": "x", "status": "sold"}, {("bad-value", "status")}),
        ("create", ("customer",), {"dealer": "x", "seats": True}, {("bad-value", "seats")}),
        ("create", ("customer",), {"dealer": "x", "seats": "partner.id"}, {("bad-value", "seats")}),
        ("create", ("customer",), {"dealer": "x", "tags": "a"}, {("unwritable-field", "tags")}),
        (
            "create",
            ("x", "customer"),
            {"y": 1},
            {("unknown-field", n) for n in "xy"} | {("unwritable-field", "dealer")},
        ),
    ],
)
def test_a_view_that_cannot_be_kept_is_refused(
    action: Any, writable: tuple[str, ...], assigned: dict[str, Any], found: set[tuple[str, str]]
) -> None:
    made = compile_writing(LEAD, action, writable, assigned)
    assert isinstance(made, list)
    assert {(fault.code, fault.field) for fault in made} == found


@given(st.binary(max_size=60) | st.text(max_size=60).map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_whatever_bytes_arrive_they_are_read_or_refused(body: bytes) -> None:
    read = update(*ALL).read(body, PARTNER)
    assert isinstance(read, Written) or read
