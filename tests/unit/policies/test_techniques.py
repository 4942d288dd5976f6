"""What each masking technique discloses, and that it discloses no more."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.view import read_technique
from policies.technique import Technique
from policies.techniques import TECHNIQUES


def technique(spec: Any) -> Technique:
    read = read_technique(spec)
    assert isinstance(read, Technique), read
    return read


BARE = {"keep_first": {"keep_first": 1}, "keep_last": {"keep_last": 1}, "generalise": {"generalise": "year"}}
"""The techniques that cannot do without a parameter."""


@pytest.mark.parametrize(
    ("spec", "value", "disclosed"),
    [
        ("clear", "张伟", "张伟"),
        ({"keep_first": 1}, "张伟", "张*"),
        ({"keep_first": 3}, "abc", "***"),
        ({"keep_last": 4}, "13812345678", "*******5678"),
        ({"keep_last": 4}, "5678", "****"),
        ({"keep_last": 4}, "", ""),
        ({"keep_last": {"count": 2, "mark": "·"}}, "abcd", "··cd"),
        ("redact", "secret", None),
        ({"redact": "hidden"}, "secret", "hidden"),
        ("suppress", "secret", None),
    ],
)
def test_a_value_is_disclosed_as_the_technique_says(spec: Any, value: str, disclosed: str | None) -> None:
    assert technique(spec).apply(value) == disclosed


@given(st.text(), st.integers(1, 64), st.sampled_from(["keep_first", "keep_last"]))
def test_at_most_the_kept_characters_of_a_value_survive(value: str, count: int, name: str) -> None:
    masked = technique({name: {"count": count, "mark": "\N{FULL BLOCK}"}}).apply(value)
    assert isinstance(masked, str)
    assert len(masked) == len(value)
    kept = [index for index, (was, is_) in enumerate(zip(value, masked, strict=True)) if was == is_ != "\N{FULL BLOCK}"]
    assert len(kept) <= (count if len(value) > count else 0)


@pytest.mark.parametrize("name", sorted(TECHNIQUES))
def test_each_technique_says_in_both_languages_what_it_does_and_documents_itself(name: str) -> None:
    kind = TECHNIQUES[name]
    words = technique(BARE.get(name, name)).words()
    assert words["zh"] != words["en"]
    assert kind.__doc__ is not None
    assert "Example" in kind.__doc__


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("keep_last", "missing required field `count`"),
        ({"keep_last": 0}, ">= 1"),
        ({"keep_last": "four"}, "Expected `int`"),
        ({"keep_last": {"count": 4, "colour": 1}}, "unknown field `colour`"),
        ({"clear": 1}, "takes no parameter"),
        ("blur", "there is no technique 'blur'; known are clear, "),
        (["clear"], "a technique is a name"),
        ({"clear": 1, "redact": 2}, "a technique is a name"),
        (None, "a technique is a name"),
    ],
)
def test_a_technique_that_cannot_be_read_is_told_why(spec: Any, said: str) -> None:
    read = read_technique(spec)
    assert isinstance(read, str)
    assert said in read
