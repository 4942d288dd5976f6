"""Regular expressions of documents: they say what RE2 says, and no text can make them slow."""

import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.pattern import Pattern

EXPRESSIONS = ["^1[0-9]{3}$", "ab", r"^\d+\.\d\"$", "^[张王]", "^(a|b)*c$", r"\\", "'"]


@given(st.sampled_from(EXPRESSIONS), st.lists(st.text(alphabet="1a b.c\"張张王\\'0", max_size=6), max_size=20))
def test_texts_fail_as_they_do_for_the_standard_library(expression: str, texts: list[str]) -> None:
    """These expressions mean the same in both dialects, but for `$`, which in RE2 is the very end."""
    oracle = re.compile(expression.replace("$", r"\Z"))
    assert Pattern(expression).failing(texts) == sum(oracle.search(text) is None for text in texts)


def test_more_texts_than_one_evaluation_takes_are_all_looked_at() -> None:
    assert Pattern("^a$").failing(["a", "b"] * 2_500) == 2_500


def test_a_text_made_to_be_slow_is_not() -> None:
    begin = time.perf_counter()
    assert Pattern("^(a+)+$").failing(["a" * 5_000 + "b"]) == 1
    assert time.perf_counter() - begin < 2, "backtracking would take longer than the universe"


@pytest.mark.parametrize("expression", ["(", "*", "(?<=a)b", r"(a)\1"])
def test_what_is_no_expression_here_is_refused(expression: str) -> None:
    with pytest.raises(ValueError, match="not a regular expression"):
        Pattern(expression)
