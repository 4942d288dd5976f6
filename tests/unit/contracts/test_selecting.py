"""What a caller may ask of a list: fields in clear only, in the words of the URL."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Compare, Envelope, Field, Order, Within
from contracts.mask import Mask, Masked
from contracts.selecting import VALUES_MAX, clear_fields, filter_of, keeps, masked_getter, narrow_to, order_of
from tests.unit.contracts.shipments import view
from tests.unit.contracts.test_mask import EVERYTHING, MASKED, RECORD

VIEW = view(EVERYTHING)
CLEAR = clear_fields(VIEW.record, (field for field, _ in VIEW.leaves))
MASK = Mask(VIEW.record, Envelope(None, None))


def masked_record(text: str = RECORD) -> Any:
    masked = MASK.page(f"[{text}]".encode())
    assert isinstance(masked, Masked)
    return masked.records[0]


def test_only_single_values_in_clear_can_be_asked_by() -> None:
    assert set(CLEAR) == {"id", "weight", "pieces", "insured", "eta"}


@pytest.mark.parametrize(
    ("name", "value", "operator", "wanted"),
    [
        ("id", "A1", "==", "A1"),
        ("id", "", "==", ""),
        ("id[ne]", "A1", "!=", "A1"),
        ("weight[gte]", "2.50", ">=", 2.5),
        ("weight[lt]", "-3", "<", -3),
        ("pieces[gt]", "7", ">", 7),
        ("pieces[lte]", "-9223372036854775807", "<=", -9223372036854775807),
        ("insured", "true", "==", True),
        ("insured[ne]", "false", "!=", False),
        ("eta[lt]", "2026-01-02", "<", "2026-01-02"),
    ],
)
def test_a_filter_is_a_comparison_with_a_value_of_the_fields_type(
    name: str, value: str, operator: str, wanted: Any
) -> None:
    found = filter_of(CLEAR, name, value)
    assert isinstance(found, Compare)
    assert (found.operator, found.value) == (operator, wanted)
    assert type(found.value) is type(wanted)
    assert found.field == CLEAR[name.partition("[")[0]]


def test_a_filter_can_name_several_values() -> None:
    assert filter_of(CLEAR, "id[in]", "A1,B2") == Within(CLEAR["id"], ("A1", "B2"))
    assert filter_of(CLEAR, "id[in]", ",".join(["x"] * VALUES_MAX)) is not None
    assert filter_of(CLEAR, "id[in]", ",".join(["x"] * (VALUES_MAX + 1))) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("carrier", "x"),  # declared, not granted
        ("customer.phone", "13812345678"),  # granted, not in clear
        ("customer.name", "张"),
        ("nodes.city", "上海"),  # of which a record has many
        ("tags", "a"),
        ("id[like]", "A%"),
        ("id[", "A"),
        ("id]", "A"),
        ("id[gt", "A"),
        ("[gt]", "A"),
        ("weight", "1e3"),
        ("weight", "NaN"),
        ("weight", "０"),
        ("weight", ""),
        ("pieces", "1.0"),
        ("pieces", "9" * 30),
        ("pieces[in]", "1,x"),
        ("insured", "yes"),
        ("insured[gt]", "true"),
        ("eta", "2026-13-01"),
        ("eta", "soon"),
        ("id", "a\nb"),
        ("id", "x" * 300),
    ],
)
def test_what_is_no_field_in_clear_or_no_value_of_its_type_is_no_filter(name: str, value: str) -> None:
    assert filter_of(CLEAR, name, value) is None


def test_an_order_is_a_list_of_fields_in_clear() -> None:
    assert order_of(CLEAR, "-weight,eta") == (Order(CLEAR["weight"], True), Order(CLEAR["eta"], False))
    for wrong in ("", "carrier", "customer.phone", "weight,weight", "--weight", "weight,-weight", "id,", "tags"):
        assert order_of(CLEAR, wrong) is None, wrong


@pytest.mark.parametrize(
    ("fields", "left"),
    [
        ("id", {"id": "A1"}),
        ("customer.name", {"customer": {"name": "张*"}}),
        ("customer", {"customer": {"name": "张*", "phone": "*******5678", "age": None}}),
        ("customer,customer.name", {"customer": {"name": "张*", "phone": "*******5678", "age": None}}),
        ("customer.name,customer", {"customer": {"name": "张*", "phone": "*******5678", "age": None}}),
        ("nodes.city,id", {"id": "A1", "nodes": [{"city": "上海"}, {"city": None}]}),
        ("tags,insured", {"insured": True, "tags": ["a", None]}),
    ],
)
def test_fields_leaves_what_was_asked_for_and_nothing_else(fields: str, left: Any) -> None:
    narrow = narrow_to(VIEW.record, fields.split(","))
    assert narrow is not None
    record = masked_record()
    narrow(record)
    assert json.loads(MASK.encode(record)) == left


@pytest.mark.parametrize(
    "fields", ["carrier", "customer.active", "id.x", "nodes.agent", "", "id,", "customer.", "note"]
)
def test_fields_that_are_not_granted_cannot_be_asked_for(fields: str) -> None:
    assert narrow_to(VIEW.record, fields.split(",")) is None


@given(st.lists(st.sampled_from([*EVERYTHING, "customer", "nodes"]), min_size=1, unique=True))
def test_narrowing_takes_away_and_never_adds_or_changes(fields: list[str]) -> None:
    narrow = narrow_to(VIEW.record, fields)
    assert narrow is not None
    record = masked_record()
    narrow(record)
    whole, left = json.loads(MASKED), json.loads(MASK.encode(record))

    def within(part: Any, of: Any, path: str) -> None:
        if isinstance(part, dict):
            for key, value in part.items():
                within(value, of[key], f"{path}.{key}" if path else key)
        elif isinstance(part, list):
            for value, other in zip(part, of, strict=True):
                within(value, other, path)
        else:
            assert part == of
            assert any(path == field or path.startswith(f"{field}.") for field in fields)

    within(left, whole, "")


def test_a_masked_record_is_held_against_a_filter_in_three_valued_logic() -> None:
    def fits(name: str, value: str, text: str = RECORD) -> bool:
        condition = filter_of(CLEAR, name, value)
        assert condition is not None
        return keeps(condition, VIEW.record)(masked_record(text))

    assert fits("weight[gte]", "1.1")
    assert not fits("weight[gt]", "1.1")
    assert fits("pieces", "5", '{"pieces":5}')
    assert not fits("pieces[ne]", "5", '{"pieces":null}')
    assert not fits("pieces[ne]", "5", "{}")
    assert not fits("weight[ne]", "5", '{"weight":"canary"}')
    assert fits("insured", "true")


def test_a_value_of_a_masked_record_is_read_by_its_path() -> None:
    record = masked_record()
    assert masked_getter(VIEW.record, ("weight",))(record) == 1.1
    assert masked_getter(VIEW.record, ("pieces",))(record) == 12345678901234567890
    assert masked_getter(VIEW.record, ("customer", "name"))(record) == "张*"
    assert masked_getter(VIEW.record, ("customer", "name"))(masked_record('{"customer":null}')) is None


def test_nothing_of_a_field_is_learnt_by_asking_for_it_where_it_is_masked() -> None:
    """Neither a filter nor an order can be made, for any text: a count of records would tell what the mask hides."""
    hidden: dict[str, Field] = {field.path[-1]: field for field, technique in VIEW.leaves if not technique.unchanged}
    assert set(hidden) == {"name", "phone", "age"}
    for field in hidden.values():
        name = ".".join(field.path)
        suffixes = ("", "[ne]", "[gt]", "[gte]", "[lt]", "[lte]", "[in]")
        assert [filter_of(CLEAR, name + suffix, "1") for suffix in suffixes] == [None] * len(suffixes)
        assert order_of(CLEAR, name) is None
