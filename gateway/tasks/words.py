"""What people may write into a task: titles, details, notes, the names of teams and of what a task is about."""

import re
from typing import Annotated, Final, Literal, TypeAlias
from unicodedata import category

from msgspec import Meta, Struct

from policies.reference import Words

TEAM: Final = r"^[a-z][a-z0-9-]{0,31}\Z"
REFERENCE: Final = r"^[A-Za-z0-9][A-Za-z0-9._/:-]{0,127}\Z"
TITLE_CHARACTERS_MAX: Final = 200
DETAILS_CHARACTERS_MAX: Final = 4_000
Title: TypeAlias = Annotated[str, Meta(min_length=1, max_length=TITLE_CHARACTERS_MAX)]
Details: TypeAlias = Annotated[str, Meta(max_length=DETAILS_CHARACTERS_MAX)]
TeamName: TypeAlias = Annotated[str, Meta(pattern=TEAM)]
Reference: TypeAlias = Annotated[str, Meta(pattern=REFERENCE)]
Field: TypeAlias = Literal["title", "details", "note"]
_UNTITLED: Final[Words] = {
    "zh": "任务须有标题，至少一种语言",
    "en": "a task has a title, in one language at least",
}
_TITLE_TOO_LONG: Final[Words] = {
    "zh": f"标题至多 {TITLE_CHARACTERS_MAX} 个字符",
    "en": f"a title has at most {TITLE_CHARACTERS_MAX} characters",
}
_TITLE_UNPRINTABLE: Final[Words] = {
    "zh": "标题为一行，不含控制字符",
    "en": "a title is one line without control characters",
}
_DETAILS_TOO_LONG: Final[Words] = {
    "zh": f"至多 {DETAILS_CHARACTERS_MAX:,} 个字符",
    "en": f"at most {DETAILS_CHARACTERS_MAX:,} characters",
}
_DETAILS_UNPRINTABLE: Final[Words] = {
    "zh": "除换行与制表符外，不得含控制字符",
    "en": "no control characters but line breaks and tabs",
}


class Titles(Struct, frozen=True, forbid_unknown_fields=True):
    """A title in one of the languages, or both."""

    zh: Title | None = None
    en: Title | None = None


def both(title: Title | Titles) -> tuple[str, str]:
    """A title in Chinese and in English; what was said once stands in both. ("", "") for none."""
    if isinstance(title, str):
        return title.strip(), title.strip()
    zh, en = (title.zh or "").strip(), (title.en or "").strip()
    return zh or en, en or zh


def title_fault(titles: tuple[str, str]) -> Words | None:
    """What is wrong with a title; None for nothing."""
    if not all(titles):
        return _UNTITLED
    if any(len(each) > TITLE_CHARACTERS_MAX for each in titles):
        return _TITLE_TOO_LONG
    if any(category(character)[0] == "C" for each in titles for character in each):
        return _TITLE_UNPRINTABLE
    return None


def details_fault(text: str) -> Words | None:
    """What is wrong with details or a note; None for nothing."""
    if len(text) > DETAILS_CHARACTERS_MAX:
        return _DETAILS_TOO_LONG
    if any(category(each) in {"Cc", "Cs"} and each not in "\n\t" for each in text):
        return _DETAILS_UNPRINTABLE
    return None


def is_team(name: str) -> bool:
    """Whether this may be the name of a team of the hub: it stands in records, so it is a closed word."""
    return re.match(TEAM, name) is not None


def is_reference(name: str) -> bool:
    """Whether this may be the id of what a task is about."""
    return re.match(REFERENCE, name) is not None
