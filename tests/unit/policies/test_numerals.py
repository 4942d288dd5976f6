"""Numbers by value: one text for all ways to write one, and nothing to pay for vast ones."""

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.numerals import canonical_number, is_whole, number_of, plain

NUMBERS = st.from_regex(r"-?(0|[1-9][0-9]{0,45})(\.[0-9]{1,45})?([eE][+-]?[0-9]{1,2})?", fullmatch=True)


@given(NUMBERS)
def test_the_canonical_text_is_the_same_number_and_its_own_canonical_text(text: str) -> None:
    canonical = canonical_number(text)
    assert canonical is not None
    assert Fraction(canonical) == Fraction(text)
    assert canonical_number(canonical) == canonical


@given(NUMBERS, NUMBERS)
def test_numbers_have_one_text_if_and_only_if_they_are_equal(one: str, other: str) -> None:
    assert (canonical_number(one) == canonical_number(other)) == (Fraction(one) == Fraction(other))


@given(NUMBERS)
def test_a_number_is_whole_when_its_fraction_is_nothing(text: str) -> None:
    assert is_whole(text) == (Fraction(text).denominator == 1)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("1e999999999", True),
        ("1e-999999999", False),
        (f"1.{'0' * 60}1", False),
        ("1e9999999999999999", False),
        ("x", False),
    ],
)
def test_whether_a_vast_number_is_whole_is_said_at_once(text: str, whole: bool) -> None:
    assert is_whole(text) == whole


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("0", "0"),
        ("-0.00e7", "0"),
        ("1.0", "1"),
        ("1e39", "1" + "0" * 39),
        ("1e40", "1e40"),
        ("-12.50", "-12.5"),
        ("5e-3", "0.005"),
        ("1e-41", "1e-41"),
        ("1e999999999", "1e999999999"),
        ("12345678901234567890", "12345678901234567890"),
        ("1e9999999999999999", None),
        ("", None),
        ("NaN", None),
        ("Infinity", None),
        ("1_000", None),
        (" 1", None),
        ("١", None),
    ],
)
def test_short_numbers_are_plain_and_what_is_no_number_is_none(text: str, canonical: str | None) -> None:
    assert canonical_number(text) == canonical


def test_a_number_is_read_exactly_or_not_at_all() -> None:
    assert number_of("12345678901234567890.12345678901234567890") == Decimal(
        "12345678901234567890.12345678901234567890"
    )
    assert number_of("9" * 1_001) is None
    assert number_of("NaN") is None
    assert plain(Decimal("-0.0")) == "0.0"
