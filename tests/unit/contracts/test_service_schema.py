"""Values held against OpenAPI schemas: exact numbers, both versions of the standard, no fetching, no slowness."""

import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.json_strict import exact, read_json
from contracts.service_schema import Schema, Schemas


def schema(written: dict[str, Any], version: str = "3.1.0") -> Schema:
    made = Schemas({"openapi": version, "components": {"schemas": {"It": written}}}).at(("components", "schemas", "It"))
    assert isinstance(made, Schema), made
    return made


def codes(written: dict[str, Any], text: str, version: str = "3.1.0") -> list[str]:
    return [fault.code for fault in schema(written, version).faults(read_json(text.encode()))]


@pytest.mark.parametrize(
    ("written", "good", "bad", "code"),
    [
        ({"multipleOf": 0.01}, "19.99", "19.999", "multipleOf"),
        ({"multipleOf": 0.1}, "0.3", "0.35", "multipleOf"),
        ({"type": "integer"}, "1.0", "1.5", "type"),
        ({"type": "integer"}, "12345678901234567890", '"1"', "type"),
        ({"type": "integer"}, "1", "true", "type"),
        ({"type": "number"}, "1e2", "false", "type"),
        ({"maximum": 0.3}, "0.3", "0.30000000000000001", "maximum"),
        ({"enum": [1.1, "a"]}, "1.1", "1.10001", "enum"),
        ({"const": 1.5}, "1.50", "1.51", "const"),
        ({"type": ["string", "null"]}, "null", "1", "type"),
        ({"type": "object", "required": ["a"]}, '{"a":null}', "{}", "required"),
    ],
)
def test_numbers_are_judged_as_they_are_written(written: dict[str, Any], good: str, bad: str, code: str) -> None:
    assert codes(written, good) == []
    assert codes(written, bad) == [code]


@pytest.mark.parametrize(
    ("written", "good", "bad"),
    [
        ({"type": "string", "nullable": True}, ["null", '"a"'], "1"),
        ({"type": "string", "nullable": False}, ['"a"'], "null"),
        ({"type": "string", "nullable": True, "enum": ["a"]}, ["null", '"a"'], '"b"'),
        ({"type": "number", "minimum": 1, "exclusiveMinimum": True}, ["1.01"], "1"),
        ({"type": "number", "maximum": 1, "exclusiveMaximum": False}, ["1"], "1.01"),
        ({"type": "object", "properties": {"nullable": {"type": "integer"}}}, ['{"nullable":1}'], '{"nullable":"x"}'),
    ],
)
def test_documents_of_3_0_mean_what_that_version_says(written: dict[str, Any], good: list[str], bad: str) -> None:
    assert [codes(written, text, "3.0.3") for text in good] == [[]] * len(good)
    assert codes(written, bad, "3.0.3") != []


def test_a_value_that_nobody_can_judge_is_not_allowed() -> None:
    assert codes({"multipleOf": 0.01}, "1e100000") == ["schema"]
    assert codes({"pattern": "a"}, '"\\ud800"') == ["schema"]
    endless = Schemas({"openapi": "3.1.0", "a": {"allOf": [{"$ref": "#/a"}]}}).at(("a",))
    assert isinstance(endless, Schema)
    assert [fault.code for fault in endless.faults(1)] == ["schema"]


@pytest.mark.parametrize(
    "written",
    [
        {"$ref": "http://127.0.0.1:9/schema.json"},
        {"$ref": "other.json#/a"},
        {"$ref": "#/components/schemas/Nothing"},
        {"allOf": [{"properties": {"a": {"pattern": "(a)\\1"}}}]},
        {"patternProperties": {"^a": {}}},
        {"$dynamicRef": "#a"},
    ],
)
def test_what_would_have_to_be_fetched_or_could_be_slow_is_refused(written: dict[str, Any]) -> None:
    document = {"openapi": "3.1.0", "components": {"schemas": {"It": written}}}
    assert isinstance(Schemas(document).at(("components", "schemas", "It")), str)


def test_no_text_makes_a_pattern_slow() -> None:
    began_s = time.process_time()
    assert codes({"pattern": "^(a+)+$"}, '"' + "a" * 50_000 + 'b"') == ["pattern"]
    assert time.process_time() - began_s < 2


def test_no_fault_repeats_a_value_of_what_was_sent() -> None:
    written = {
        "type": "object",
        "additionalProperties": False,
        "properties": {"a": {"enum": ["x"]}, "b": {"pattern": "^x$"}, "c": {"maxLength": 1}, "d": {"type": "null"}},
    }
    value = dict.fromkeys("abcd", "hunter2") | {"hunter2": 1}
    faults = schema(written).faults(value)
    assert len(faults) == 5
    assert "hunter2" not in str(faults)


@settings(max_examples=40)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-10_000, max_value=10_000))
def test_a_number_fits_a_bound_exactly_if_it_does_so_as_a_decimal(number: Any) -> None:
    bound = 12.3401
    assert (codes({"maximum": bound}, str(number)) == []) == (number <= exact(bound))
