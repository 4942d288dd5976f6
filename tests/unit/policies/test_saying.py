"""How explanations say figures: in good Chinese without gaps, in English with the number that belongs to the noun."""

from datetime import timedelta
from fractions import Fraction

import pytest

from policies.settling.saying import lasting, said, some, told


def test_no_space_is_left_between_two_chinese_characters() -> None:
    long = lasting(timedelta(days=1, minutes=30))
    steps = (said(f"短于 {long['zh']} 者不计。", "Shorter ones do not count."), said("计 2 期。", "2 periods count."))
    assert told(steps) == {
        "zh": "短于 1 天 30 分钟者不计。计 2 期。",
        "en": "Shorter ones do not count. 2 periods count.",
    }


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 breaches"), (1, "1 breach"), (2, "2 breaches"), (Fraction(1, 2), "0.5 breaches")],
)
def test_one_of_them_is_said_in_the_singular(count: int | Fraction, text: str) -> None:
    assert some(count, "breach", "breaches") == text


def test_an_s_is_enough_for_most_nouns() -> None:
    assert (some(1, "period"), some(3, "period")) == ("1 period", "3 periods")
