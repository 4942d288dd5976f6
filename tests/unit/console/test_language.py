"""Both languages say everything, and each person is answered in theirs."""

import re
from pathlib import Path

import pytest

from gateway.console.language import choose, load_catalogues
from policies.kinds import KINDS
from policies.reference import Language

CATALOGUES = load_catalogues()
FOLDERS = [Path(__file__).parents[3] / "gateway" / name for name in ("console", "portal")]


def test_both_languages_have_the_same_keys() -> None:
    assert CATALOGUES["zh"].names() == CATALOGUES["en"].names()


def test_a_message_takes_the_same_arguments_in_both_languages() -> None:
    class Collecting(dict[str, str]):
        def __missing__(self, key: str) -> str:
            self[key] = ""
            return ""

    for key in CATALOGUES["en"].names():
        asked: list[set[str]] = []
        for catalogue in CATALOGUES.values():
            arguments = Collecting()
            catalogue._messages[key].format_map(arguments)
            asked.append(set(arguments))
        assert asked[0] == asked[1], key


def test_chinese_messages_use_chinese_punctuation() -> None:
    for key in CATALOGUES["zh"].names():
        assert not re.search("[一-鿿][,:;(]", CATALOGUES["zh"]._messages[key]), key


def test_every_message_that_a_page_asks_for_exists() -> None:
    asked = {
        key
        for folder in FOLDERS
        for path in [*folder.rglob("*.html"), *folder.rglob("*.py")]
        for key in re.findall(r"\b(?:t|say)\((?:visitor\.language, )?['\"]([a-z_.]+)['\"][,)]", path.read_text())
    }
    assert len(asked) > 60
    assert asked <= CATALOGUES["en"].names()


def test_every_clause_kind_has_a_name() -> None:
    assert {f"kind.{kind}" for kind in KINDS} <= CATALOGUES["en"].names()


def test_a_kind_without_a_name_goes_by_its_own_word() -> None:
    assert CATALOGUES["zh"].kind("interplanetary") == "interplanetary"


@pytest.mark.parametrize(
    ("cookie", "account", "accept", "expected"),
    [
        ("zh", "en", "en", "zh"),
        (None, "zh", "en", "zh"),
        ("fr", "zh", "en", "zh"),
        (None, None, "zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        (None, None, "en-GB,en;q=0.9,zh;q=0.8", "en"),
        (None, None, "en;q=0.2, zh;q=0.7", "zh"),
        (None, None, "zh;q=0, en;q=0.1", "en"),
        (None, None, "zh;q=nonsense", "en"),
        (None, None, "fr", "en"),
        (None, None, None, "en"),
    ],
)
def test_what_was_switched_to_wins_then_the_account_then_the_browser(
    cookie: str | None, account: Language | None, accept: str | None, expected: str
) -> None:
    assert choose(cookie, account, accept) == expected
