"""One row of the table of problems: status, and words in both languages."""

from msgspec import Struct

from policies.reference import Words


class Problem(Struct, frozen=True):
    """One code: its HTTP status, its title in both languages, and what the caller can do about it."""

    status: int
    title: Words
    advice: Words


def problem(status: int, en: str, zh: str, advice_en: str, advice_zh: str) -> Problem:
    """A row, title before advice, English before Chinese."""
    return Problem(status, {"zh": zh, "en": en}, {"zh": advice_zh, "en": advice_en})
