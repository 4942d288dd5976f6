"""How many values a field can have: a bound that is never too small, and None where nothing can be proved."""

import re
from itertools import product
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from policies.domain import domain_size
from policies.pattern import pattern_size


@pytest.mark.parametrize(
    ("logical_type", "options", "expected"),
    [
        ("boolean", {}, 2),
        ("date", {}, 40_000),
        ("time", {}, 86_400),
        ("timestamp", {}, None),
        ("integer", {}, None),
        ("integer", {"minimum": 1, "maximum": 10}, 10),
        ("integer", {"minimum": 0.5, "maximum": 2.5}, 2),
        ("integer", {"minimum": 0, "maximum": 100, "multipleOf": 5}, 21),
        ("integer", {"minimum": 1, "maximum": 10, "exclusiveMaximum": True}, 10),
        ("integer", {"exclusiveMinimum": 0, "exclusiveMaximum": 10}, 11),
        ("integer", {"minimum": 1}, None),
        ("integer", {"minimum": 5, "maximum": 1}, 0),
        ("integer", {"minimum": 0, "maximum": 10**18}, None),
        ("integer", {"format": "i8"}, 256),
        ("integer", {"minimum": "1", "maximum": float("inf")}, None),
        ("number", {"minimum": 0, "maximum": 1}, None),
        ("number", {"minimum": 0, "maximum": 1, "multipleOf": 0.1}, 11),
        ("number", {"minimum": 0, "maximum": 1, "multipleOf": 0}, None),
        ("string", {}, None),
        ("string", {"maxLength": 1}, 96),
        ("string", {"maxLength": 2}, 9_121),
        ("string", {"maxLength": 3}, None),
        ("string", {"maxLength": True}, None),
        ("string", {"pattern": "^[0-9]{4}$"}, 10_000),
        ("string", {"pattern": 4}, None),
        ("object", {"maxLength": 1}, None),
    ],
)
def test_the_options_of_a_type_bound_it(logical_type: str, options: dict[str, Any], expected: int | None) -> None:
    assert domain_size(logical_type, options, None, None) == expected


def test_the_smallest_of_all_bounds_counts() -> None:
    quality: list[Any] = [
        {"metric": "nullValues"},
        "text",
        {"metric": "invalidValues", "arguments": {"validValues": ["a", "b", "b"]}},
        {"rule": "invalidValues", "arguments": None},
    ]
    assert domain_size("string", None, ["a", "b", "c"], quality) == 2
    assert domain_size("string", None, ["a"], quality) == 1
    assert domain_size("string", {"pattern": "^[01]$"}, ["a", "b", "c"], None) == 2
    assert domain_size("string", None, [1, 1.0, "1", True], None) == 4
    assert domain_size("string", None, None, [{"metric": "invalidValues", "arguments": {"pattern": r"^\d$"}}]) == 10


@pytest.mark.parametrize(
    ("pattern", "length_max", "expected"),
    [
        (r"^\d{3}$", None, 1_000),
        (r"^\d{2,3}$", None, 1_100),
        ("^[A-C][0-9]?$", None, 33),
        ("^(?:CN|US|DE)-[0-9]$", None, 30),
        ("^[a-z]+$", 2, 702),
        ("^[a-z]*$", 1, 27),
        ("^[a-z]{2,}$", 3, 26**2 + 26**3),
        (r"^\.$", None, 1),
        ("^[.$-]$", None, 3),
        ("^$", None, 1),
        ("^[a-z]+$", None, None),
        ("[0-9]{4}", None, None),
        ("^[0-9]{4}", None, None),
        (r"^[0-9]{4}\$", None, None),
        ("^a|b$", None, None),
        ("^.$", None, None),
        (r"^\w$", None, None),
        (r"^\S$", None, None),
        ("^[^a]$", None, None),
        (r"^[ -\~]$", None, None),
        (r"^[\w]$", None, None),
        ("^(?=a)b$", None, None),
        (r"^(a)\1$", None, None),
        ("^[0-9]{30}$", None, None),
        ("^(a$", None, None),
        ("^a)$", None, None),
        ("^[a$", None, None),
        ("^a{$", None, None),
        ("^a{1}{2}$", None, None),
        ("^" + "(" * 5_000 + "$", None, None),
        ("^((((a{0,200}){0,200}){0,200}){0,200}){0,200}$", None, None),
    ],
)
def test_a_simple_pattern_is_counted_and_any_other_bounds_nothing(
    pattern: str, length_max: int | None, expected: int | None
) -> None:
    assert pattern_size(pattern, length_max, 10**18) == expected


PARTS = st.sampled_from(
    ["a", "[ab]", "[a-c]", "(a|bc)", "(?:b|)", "c?", "[ab]{2}", "[ac]{0,2}", "(a|b|c){1,2}", "b{1,}"]
)


@given(st.lists(PARTS, max_size=3).map(lambda parts: f"^{''.join(parts)}$"))
def test_the_bound_is_never_below_what_the_regular_expression_matches(pattern: str) -> None:
    bound = pattern_size(pattern, 5, 10**18)
    assume(bound is not None)
    texts = ("".join(letters) for length in range(6) for letters in product("abc", repeat=length))
    assert sum(re.fullmatch(pattern, text) is not None for text in texts) <= (bound or 0)
