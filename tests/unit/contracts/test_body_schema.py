"""An outside oracle: jsonschema reads the published schema, and says of any body what the gateway says of it."""

import json
from decimal import Decimal
from typing import Any

import jsonschema
from hypothesis import event, given
from hypothesis import strategies as st

from contracts.writing import Writing, Written, compile_writing
from tests.unit.contracts.leads import PARTNER, create, prop, schema

_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=4)
_SMALL = st.integers(0, 3)


def options(**keywords: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    return st.fixed_dictionaries({}, optional=keywords)


_NUMBERS = options(
    minimum=st.integers(-3, 1),
    exclusiveMaximum=st.integers(2, 5),
    multipleOf=st.sampled_from([1, 2, 0.5, 0.1]),
)
_LEAVES = st.one_of(
    st.builds(
        lambda given, enum: prop("", options=given, enum=enum),
        options(minLength=_SMALL, maxLength=_SMALL, pattern=st.sampled_from(["^a", "b$", "[0-9]", "^.?.?$"])),
        st.none() | st.just(None),
    ),
    st.builds(lambda values: prop("", enum=values), st.lists(st.sampled_from("ab12"), min_size=1, unique=True)),
    st.builds(lambda given: prop("", "number", options=given), _NUMBERS),
    st.builds(lambda given: prop("", "integer", options=given), _NUMBERS),
    st.just(prop("", "boolean")),
    st.builds(lambda size: prop("", "vector", options={"dimensions": size}), st.integers(1, 3)),
)


def _named(properties: list[dict[str, Any]], required: list[bool]) -> list[dict[str, Any]]:
    return [inner | {"name": "abcd"[n], "required": required[n]} for n, inner in enumerate(properties)]


def _containers(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    flags = st.lists(st.booleans(), min_size=3, max_size=3)
    return st.one_of(
        st.builds(
            lambda item, given: prop("", "array", items=item, options=given),
            inner,
            options(minItems=_SMALL, maxItems=_SMALL, uniqueItems=st.booleans()),
        ),
        st.builds(
            lambda value, given: prop(
                "", "map", map={"key": prop("", options={"maxLength": 1}), "value": value}, options=given
            ),
            inner,
            options(minProperties=_SMALL, maxProperties=_SMALL),
        ),
        st.builds(
            lambda items, required: prop("", "object", properties=_named(items, required)),
            st.lists(inner, min_size=1, max_size=3),
            flags,
        ),
    )


_FIELDS = st.recursive(_LEAVES, _containers, max_leaves=6)
_SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-4, 6),
    st.sampled_from(["a", "b", "1", "ab", "2"]),
    _TEXT,
    st.decimals(-4, 6, places=2).map(float),
)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["a", "b", "c", "zz"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@st.composite
def _fitting(draw: st.DrawFn, declared: dict[str, Any]) -> Any:
    """A value that is nearly what is declared: of its shape, most of the time within its limits."""
    kind = declared["logicalType"]
    if draw(st.integers(0, 11)) == 0:
        return draw(_VALUES)
    if kind == "array":
        return draw(st.lists(_fitting(declared["items"]), max_size=3))
    if kind == "map":
        return draw(
            st.dictionaries(st.sampled_from(["", "a", "b", "é", "zz"]), _fitting(declared["map"]["value"]), max_size=3)
        )
    if kind == "object":
        given = {inner["name"]: draw(_fitting(inner)) for inner in declared["properties"] if draw(st.integers(0, 5))}
        return given | ({"zz": 1} if draw(st.integers(0, 11)) == 0 else {})
    if kind == "vector":
        size = declared["logicalTypeOptions"]["dimensions"]
        return draw(st.lists(st.integers(0, 9), min_size=size, max_size=size))
    if kind in {"number", "integer"}:
        return draw(st.integers(-4, 6) | st.sampled_from([0.5, 1.0, 2.5, 0.3, 0.25]))
    return draw(st.booleans() if kind == "boolean" else st.sampled_from(["a", "b", "1", "ab", "2", ""]))


def _checker() -> Any:
    """JSON Schema with exact numbers: 1.0 is an integer."""
    base = jsonschema.Draft202012Validator
    types = base.TYPE_CHECKER.redefine(
        "integer",
        lambda _, value: (
            not isinstance(value, bool)
            and (isinstance(value, int) or (isinstance(value, Decimal) and value == value.to_integral_value()))
        ),
    )
    return jsonschema.validators.extend(base, type_checker=types)


_CHECKER = _checker()


@given(st.data(), st.sampled_from(["create", "update"]))
def test_the_published_schema_and_the_reader_agree(data: st.DataObject, action: Any) -> None:
    fields = data.draw(st.lists(_FIELDS, min_size=1, max_size=3))
    properties = _named(fields, data.draw(st.lists(st.booleans(), min_size=3, max_size=3)))
    made = compile_writing(schema(*properties), action, tuple(inner["name"] for inner in properties), {})
    assert isinstance(made, Writing), made
    body = json.dumps(data.draw(_fitting(prop("", "object", properties=properties))))
    published = json.loads(json.dumps(made.json_schema), parse_float=Decimal)
    _CHECKER.check_schema(made.json_schema)
    agrees = _CHECKER(published).is_valid(json.loads(body, parse_float=Decimal))
    read = made.read(body.encode(), PARTNER)
    event(f"{action} accepted: {agrees}")
    assert isinstance(read, Written) == agrees, read


def test_the_schema_says_every_constraint_of_the_product() -> None:
    published = create(("status", "price", "seats", "visit", "customer", "tags", "notes", "place")).json_schema
    fields = published["properties"]
    assert (published["additionalProperties"], published["required"]) == (False, ["customer"])
    assert fields["status"] == {"type": ["string", "null"], "enum": ["new", "lost", None]}
    assert fields["price"] == {"type": ["number", "null"], "minimum": 0, "multipleOf": 0.01}
    assert fields["seats"] == {"type": ["integer", "null"], "exclusiveMinimum": 0, "minimum": 0, "maximum": 255}
    assert fields["visit"] == {
        "type": ["string", "null"],
        "format": "date",
        "pattern": "^(?:[0-9]{4})-(?:[0-9]{2})-(?:[0-9]{2})$",
        "formatMinimum": "2026-01-01",
    }
    assert fields["customer"]["required"] == ["name"]
    assert fields["customer"]["properties"]["name"] == {"type": "string", "minLength": 1, "maxLength": 4}
    assert fields["tags"]["uniqueItems"] is True
    assert fields["notes"]["propertyNames"] == {"type": "string", "maxLength": 2}
    assert (fields["place"]["minItems"], fields["place"]["maxItems"]) == (2, 2)
