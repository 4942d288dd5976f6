"""The examples of a document: masked as the data are, of the form that the schema says, and never a keyed token."""

import csv
import io
import json
import re

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from adapters.base import Envelope
from contracts.granted import Branch, Keyed, Leaf, Many
from contracts.mask import Mask, Masked
from contracts.openapi_examples import csv_example, record_example
from contracts.openapi_values import value_of
from contracts.product import MapDefinition, Property, SchemaObject
from gateway.exchange.lines import lines_of
from policies.technique import Target, Technique
from policies.techniques.clear import Clear
from policies.techniques.keep_last import KeepLast
from policies.techniques.pseudonym import Pseudonym
from policies.techniques.redact import Redact


def leaf(path: str, logical_type: str, technique: Technique) -> Leaf:
    return Leaf(Target(path, logical_type), technique)


SCHEMA = SchemaObject(
    name="thing",
    properties=(
        Property(name="id", logicalType="string", examples=["T-1"]),
        Property(name="weight", logicalType="number", examples=["heavy", 12.5]),
        Property(name="status", logicalType="string", enum=[{"value": "new", "label": "新"}]),
        Property(name="count", logicalType="integer"),
        Property(name="phone", logicalType="string", examples=["13812345678"]),
        Property(name="secret", logicalType="string", examples=["do not tell"]),
        Property(name="person", logicalType="string", examples=["p-77"]),
        Property(
            name="nodes",
            logicalType="array",
            items=Property(
                logicalType="object",
                properties=(Property(name="city", logicalType="string", examples=["Wuhan"]),),
            ),
        ),
        Property(
            name="by_city",
            logicalType="map",
            map=MapDefinition(
                Property(logicalType="string", examples=["Wuhan"]), Property(logicalType="integer", examples=[3])
            ),
        ),
    ),
)
VIEW = Branch(
    {
        "id": leaf("id", "string", Clear()),
        "weight": leaf("weight", "number", Clear()),
        "status": leaf("status", "string", Clear()),
        "count": leaf("count", "integer", Clear()),
        "phone": leaf("phone", "string", KeepLast(4)),
        "secret": leaf("secret", "string", Redact("***")),
        "person": leaf("person", "string", Pseudonym()),
        "nodes": Many(Branch({"city": leaf("nodes.city", "string", Clear())})),
        "by_city": Keyed(leaf("by_city.key", "string", Clear()), leaf("by_city.value", "integer", Clear())),
    }
)


def test_an_example_is_the_products_own_as_the_view_discloses_it() -> None:
    example = record_example(VIEW, SCHEMA)
    token = example.pop("person")
    assert re.fullmatch(r"p1\.1{30}", token)
    assert example == {
        "id": "T-1",
        "weight": 12.5,  # what is no number is no example of one
        "status": "new",
        "count": 1,
        "phone": "*******5678",
        "secret": "***",
        "nodes": [{"city": "Wuhan"}],
        "by_city": {"Wuhan": 3},
    }


def test_what_the_view_does_not_grant_is_in_no_example() -> None:
    assert record_example(Branch({"id": VIEW.fields["id"]}), SCHEMA) == {"id": "T-1"}


def test_the_table_is_the_one_that_the_gateway_would_send() -> None:
    view = Branch({name: node for name, node in VIEW.fields.items() if name != "person"})
    raw = {"id": "T-1", "weight": 12.5, "status": "new", "count": 1, "phone": "13812345678", "secret": "do not tell",
           "nodes": [{"city": "Wuhan"}], "by_city": {"Wuhan": 3}}  # fmt: skip
    masked = Mask(view, Envelope()).page(json.dumps({"data": [raw], "next": None}).encode())
    assert isinstance(masked, Masked)
    header, lines = lines_of("csv", view, None)
    assert csv_example(view, record_example(view, SCHEMA)).encode() == header + lines(masked.records)


def test_a_table_has_a_column_for_each_granted_field_even_without_a_value() -> None:
    view = Branch({"a": leaf("a", "string", Clear()), "b": Branch({"c": leaf("b.c", "number", Redact())})})
    rows = list(csv.reader(io.StringIO(csv_example(view, {"a": "x"}))))
    assert rows == [["a", "b.c"], ["x", ""]]


@pytest.mark.parametrize(
    "pattern", [r"^p1\.[A-Za-z0-9_-]{30}$", r"^1[3-9][0-9]{9}$", r"^HT[0-9]{2,3}[A-Z]$", r"^\d{4}-\w+$", r"^[^a-z1]$"]
)
def test_a_simple_pattern_has_a_value_that_fits_it(pattern: str) -> None:
    made = value_of({"type": "string", "pattern": pattern})
    assert isinstance(made, str)
    assert re.search(pattern, made)


@pytest.mark.parametrize("pattern", ["^(?:x|y)z$", "^(?=a)b$", "a{2", "[a"])
def test_where_no_value_can_be_made_none_is_shown(pattern: str) -> None:
    assert value_of({"type": "string", "pattern": pattern}) is UNSET
    assert value_of({"type": "object", "properties": {"a": {"pattern": pattern}}, "required": ["a"]}) is UNSET
    assert value_of({"type": "object", "properties": {"a": {"pattern": pattern}}}) == {}


bounds = st.integers(-20, 20)
numbers = st.fixed_dictionaries(
    {"type": st.sampled_from(["integer", "number"])},
    optional={
        "minimum": bounds,
        "maximum": bounds,
        "exclusiveMinimum": bounds,
        "exclusiveMaximum": bounds,
        "multipleOf": st.integers(1, 7),
    },
)
texts = st.fixed_dictionaries(
    {"type": st.just("string")},
    optional={"minLength": st.integers(0, 9), "maxLength": st.integers(0, 9), "format": st.sampled_from(["date", "x"])},
)
schemas = st.recursive(
    numbers | texts | st.just({"type": ["null", "string"]}) | st.just({"enum": [None, 3]}) | st.just({"const": "c"}),
    lambda inner: (
        st.builds(lambda item, least: {"type": "array", "items": item, "minItems": least}, inner, st.integers(0, 3))
        | st.builds(
            lambda members, needed: {"type": "object", "properties": members, "required": [*members][:needed]},
            st.dictionaries(st.sampled_from("abc"), inner),
            st.integers(0, 3),
        )
    ),
    max_leaves=5,
)


@given(schemas)
def test_a_value_that_is_made_fits_its_schema(schema: dict[str, object]) -> None:
    """The library jsonschema is the outside judge."""
    made = value_of(schema)
    if made is not UNSET:
        jsonschema.validate(made, schema, cls=jsonschema.Draft202012Validator)
