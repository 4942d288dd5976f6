"""The mask: what was not granted does not come through, whatever the backend sends."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Envelope
from contracts.mask import Mask, Masked, NotMaskable
from tests.unit.contracts.shipments import SCHEMA, mask

EVERYTHING = {
    "id": "clear",
    "weight": "clear",
    "pieces": "clear",
    "insured": "clear",
    "eta": "clear",
    "customer.name": {"keep_first": 1},
    "customer.phone": {"keep_last": 4},
    "customer.age": "redact",
    "nodes.city": "clear",
    "nodes.km": "clear",
    "tags": "clear",
    "readings": "clear",
}
RECORD = (
    '{"id":"A1","carrier":"canary-carrier","weight":1.10,"pieces":12345678901234567890,"insured":true,"eta":"2026-01-02",'
    '"note":"canary-note","customer":{"name":"张伟","phone":"13812345678","age":42,"active":true,"x":"canary-x"},'
    '"nodes":[{"city":"上海","km":0.50,"agent":"canary-agent"},{"city":null,"km":null}],"tags":["a",null],"readings":[1,2.50],'
    '"blob":{"z":"canary-z"},"extra":["canary-extra"]}'
)
MASKED = (
    '{"id":"A1","weight":1.10,"pieces":12345678901234567890,"insured":true,"eta":"2026-01-02",'
    '"customer":{"name":"张*","phone":"*******5678","age":null},'
    '"nodes":[{"city":"上海","km":0.50},{"city":null,"km":null}],"tags":["a",null],"readings":[1,2.50]}'
)


def page(compiled: Mask, *records: str, following: str = "null") -> Masked | NotMaskable:
    return compiled.page(f'{{"data":[{",".join(records)}],"next":{following}}}'.encode())


def served(compiled: Mask, masked: Masked | NotMaskable) -> str:
    assert isinstance(masked, Masked), masked
    return compiled.encode([record for record in masked.records if record is not None]).decode()


def test_a_record_comes_out_with_its_granted_fields_masked_and_its_numbers_as_they_were_written() -> None:
    compiled = mask(EVERYTHING)
    assert served(compiled, page(compiled, RECORD)) == f"[{MASKED}]"
    single = compiled.record(RECORD.encode())
    assert isinstance(single, Masked)
    assert compiled.encode(single.records[0]).decode() == MASKED


def test_absent_stays_absent_null_stays_null_and_order_is_kept() -> None:
    compiled = mask(EVERYTHING)
    records = ['{"id":"1"}', '{"id":null,"customer":null,"nodes":null,"weight":null}', '{"nodes":[],"tags":[]}', "{}"]
    masked = page(compiled, *records)
    expected = ['{"id":"1"}', '{"id":null,"weight":null,"customer":null,"nodes":null}', '{"nodes":[],"tags":[]}', "{}"]
    assert served(compiled, masked) == f"[{','.join(expected)}]"
    assert isinstance(masked, Masked)
    assert masked.drift == ()
    assert served(compiled, page(compiled)) == "[]"


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("id", '{"canary-1":1}'),
        ("id", '["canary-1"]'),
        ("id", "7"),
        ("weight", '{"canary-1":1}'),
        ("weight", '["canary-1"]'),
        ("weight", '"canary-1"'),
        ("weight", "true"),
        ("pieces", "1.5"),
        ("pieces", "15e-1"),
        ("pieces", '"7"'),
        ("insured", '"canary-1"'),
        ("eta", '{"canary-1":1}'),
        ("customer", '["canary-1"]'),
        ("customer", '"canary-1"'),
        ("nodes", '{"city":"canary-1"}'),
        ("nodes", '"canary-1"'),
        ("tags", '"canary-1"'),
    ],
)
def test_a_value_of_another_type_than_declared_is_withheld_and_counted_and_the_rest_served(
    field: str, value: str
) -> None:
    compiled = mask(EVERYTHING)
    drifted = json.loads(RECORD) | {field: "PLACE"}
    body = json.dumps(drifted, ensure_ascii=False).replace('"PLACE"', value)
    masked = page(compiled, RECORD, body)
    assert isinstance(masked, Masked)
    assert masked.drift == (field,)
    text = served(compiled, masked)
    assert "canary-1" not in text
    assert text.startswith(f"[{MASKED},")
    assert field not in json.loads(text)[1]


def test_drift_inside_arrays_and_objects_withholds_only_that_value() -> None:
    compiled = mask(EVERYTHING)
    record = (
        '{"id":"A","nodes":[{"city":["canary-1"],"km":1.0},"canary-2",{"city":"b","km":"canary-3"}],'
        '"customer":{"name":{"canary-4":1},"phone":"13812345678"},"tags":["a",{"canary-5":1}],"readings":[1,"canary-6"]}'
    )
    masked = page(compiled, record)
    assert isinstance(masked, Masked)
    assert sorted(masked.drift) == ["customer.name", "nodes[]", "nodes[].city", "nodes[].km", "readings[]", "tags[]"]
    expected = (
        '[{"id":"A","customer":{"phone":"*******5678"},"nodes":[{"km":1.0},{"city":"b"}],"tags":["a"],"readings":[1]}]'
    )
    assert served(compiled, masked) == expected


@pytest.mark.parametrize("record", ["7", '"canary-1"', '["canary-1"]', "null"])
def test_a_record_that_is_no_object_is_left_out_with_its_position_known(record: str) -> None:
    compiled = mask({"id": "clear"})
    masked = page(compiled, '{"id":"1"}', record, '{"id":"2"}')
    assert isinstance(masked, Masked)
    assert [found is None for found in masked.records] == [False, True, False]
    assert served(compiled, masked) == '[{"id":"1"},{"id":"2"}]'


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>canary</html>",
        b'{"data":[{"id":"canary-1"}',
        b'{"data":[{"id":"canary-1"}]} trailing',
        b'{"data":{"id":"canary-1"}}',
        b'{"items":[{"id":"canary-1"}]}',
        b'[{"id":"canary-1"}]',
        b'{"data":[{"id":"\xff\xfe"}]}',
        b'{"data":[{"id":"a","note":"\xff"}]}',
        b'{"data":[{"id":NaN}]}',
        b'{"data":[{"id":"a","note":01}]}',
        b'{"data":[{"id":"a","note":"\\ud800"}]}',
        b'{"data":[{"id":"a","note":' + b"[" * 100_000 + b"]" * 100_000 + b"}]}",
        b'{"data":' + b'{"data":' * 100_000 + b"1" + b"}" * 100_001,
        b'{"data":[{"id":"a"}],"next":{"canary-1":1}}',
    ],
    ids=lambda body: repr(body[:30]),
)
def test_a_body_that_is_no_page_is_let_through_in_no_part(body: bytes) -> None:
    compiled = mask({"id": "clear"})
    refused = compiled.page(body)
    assert isinstance(refused, NotMaskable)
    assert "canary" not in refused.reason
    assert isinstance(compiled.record(b"[" + body), NotMaskable)


def test_a_text_of_a_million_characters_is_one_value_like_any_other() -> None:
    compiled = mask({"id": "clear", "customer.phone": {"keep_last": 4}})
    long = "x" * 1_000_000
    masked = page(compiled, f'{{"id":"{long}","customer":{{"phone":"{long}"}},"note":"{long}"}}')
    assert served(compiled, masked) == f'[{{"id":"{long}","customer":{{"phone":"{"*" * 999_996}xxxx"}}}}]'


def test_a_key_given_twice_counts_once_and_nothing_of_the_other_is_served() -> None:
    compiled = mask({"id": "clear"})
    text = served(compiled, page(compiled, '{"id":"first","id":"second"}'))
    assert text in {'[{"id":"first"}]', '[{"id":"second"}]'}


def test_the_next_token_is_read_from_the_backends_envelope() -> None:
    compiled = mask({"id": "clear"}, Envelope("rows", "after"))
    masked = compiled.page(b'{"rows":[{"id":"1"}],"after":17}')
    assert isinstance(masked, Masked)
    assert masked.next == "17"
    bare = mask({"id": "clear"}, Envelope(None, None)).page(b'[{"id":"1"}]')
    assert isinstance(bare, Masked)
    assert bare.next is None


def test_suppress_takes_a_field_back_from_an_object_that_is_granted() -> None:
    compiled = mask({"customer": "clear", "customer.phone": "suppress"})
    assert served(compiled, page(compiled, RECORD)) == '[{"customer":{"name":"张伟","age":42,"active":true}}]'


# --- any view, any body: an oracle on plain values says what may come out ------------------------------------------

PATHS = [
    "id", "carrier", "weight", "pieces", "insured", "eta", "note", "customer", "customer.name", "customer.phone",
    "customer.age", "nodes", "nodes.city", "nodes.km", "nodes.agent", "tags", "readings",
]  # fmt: skip
KEYS = [prop.name for prop in SCHEMA.properties] + ["name", "phone", "city", "km", "agent", "extra"]
canaries = st.integers(0, 10_000).map(lambda number: f"canary-{number}")
scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.decimals(allow_nan=False, allow_infinity=False, places=3), canaries
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=12,
)
records = st.one_of(st.dictionaries(st.sampled_from(KEYS), values, max_size=10), values)


def numbers_as_text(value: Any) -> str:
    """JSON with every number in its exact text."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, list):
        return f"[{','.join(map(numbers_as_text, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{numbers_as_text(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value)


def allowed(value: Any, properties: Any, granted: set[str], prefix: str = "", inherited: bool = False) -> Any:
    """What may come out of an object, computed the slow way on plain values. Absent: no key."""
    out = {}
    for declared in properties:
        path = prefix + declared.name
        if isinstance(value, dict) and declared.name in value:
            kept = allowed_value(value[declared.name], declared, granted, path, inherited or path in granted)
            if kept is not NOTHING:
                out[declared.name] = kept
    return out


NOTHING = object()
IS_OF_TYPE: dict[str, Any] = {
    "string": lambda value: isinstance(value, str),
    "date": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | Decimal) and not isinstance(value, bool),
    "integer": lambda value: isinstance(value, int | Decimal) and not isinstance(value, bool) and value % 1 == 0,
    "boolean": lambda value: isinstance(value, bool),
}


def allowed_value(value: Any, declared: Any, granted: set[str], path: str, inherited: bool) -> Any:
    kind = declared.logicalType
    below = any(name.startswith(path + ".") for name in granted)
    if kind == "object":
        if not declared.properties or not (inherited or below):
            return NOTHING
        if value is None:
            return None
        return (
            allowed(value, declared.properties, granted, path + ".", inherited) if isinstance(value, dict) else NOTHING
        )
    if kind == "array":
        if not (inherited or below):
            return NOTHING
        if not isinstance(value, list):
            return None if value is None else NOTHING
        items = [allowed_value(item, declared.items, granted, path, inherited) for item in value]
        return [item for item in items if item is not NOTHING]
    if not inherited:
        return NOTHING
    return value if value is None or IS_OF_TYPE[kind](value) else NOTHING


@settings(max_examples=500, deadline=None)
@given(st.sets(st.sampled_from(PATHS), min_size=1), st.lists(records, max_size=4))
def test_for_any_view_and_any_body_exactly_the_granted_values_of_the_declared_types_come_out(
    granted: set[str], body: list[Any]
) -> None:
    compiled = mask(dict.fromkeys(sorted(granted), "clear"))
    masked = page(compiled, *map(numbers_as_text, body))
    expected = [allowed(record, SCHEMA.properties, granted) for record in body if isinstance(record, dict)]
    assert json.loads(served(compiled, masked), parse_float=Decimal) == expected


@pytest.mark.parametrize(
    "number",
    ["1.0", "10e-1", "1e3", "-0.0", "-7", "0", "9" * 5000, "1234567890" * 3, "1e999999999", "1E+99999999"],
)
def test_a_whole_number_is_whole_however_it_is_written_and_keeps_its_text(number: str) -> None:
    compiled = mask({"pieces": "clear", "weight": "clear"})
    record = f'{{"weight":{number},"pieces":{number}}}'
    assert served(compiled, page(compiled, record)) == f"[{record}]"


@pytest.mark.parametrize("number", ["1.5", "15e-1", "1e-999999999", f"1.{'0' * 35}1", f"0.{'0' * 400}1", "1e-1"])
def test_a_number_with_a_fraction_is_no_whole_one_however_small_the_fraction(number: str) -> None:
    compiled = mask({"id": "clear", "pieces": "clear"})
    masked = page(compiled, f'{{"id":"A","pieces":{number}}}')
    assert served(compiled, masked) == '[{"id":"A"}]'


def test_minus_zero_keeps_its_sign_as_a_number_and_is_zero_as_a_whole_one() -> None:
    compiled = mask({"pieces": "clear", "weight": "clear"})
    assert served(compiled, page(compiled, '{"weight":-0,"pieces":-0}')) == '[{"weight":-0,"pieces":0}]'


@settings(max_examples=300, deadline=None)
@given(st.lists(st.integers(), min_size=1, max_size=5))
def test_whole_numbers_of_any_size_keep_their_text(numbers: list[int]) -> None:
    compiled = mask({"pieces": "clear"})
    body = [f'{{"pieces":{number}}}' for number in numbers]
    assert served(compiled, page(compiled, *body)) == f"[{','.join(body)}]"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.decimals(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_numbers_keep_their_exact_text(numbers: list[Decimal]) -> None:
    compiled = mask({"weight": "clear"})
    texts = [format(number, "f") if number.adjusted() < 50 else "1e400" for number in numbers]
    body = [f'{{"weight":{text}}}' for text in texts]
    assert served(compiled, page(compiled, *body)) == f"[{','.join(body)}]"
