"""What people read: every form in both languages, nothing of it able to be more than text."""

import re
from datetime import timedelta
from html.parser import HTMLParser
from typing import get_args

import pytest
from msgspec.structs import replace

from gateway.statements.answers import Answer, Reason
from gateway.statements.document import Named, Statement
from gateway.statements.forms import Form, render
from gateway.statements.html import content_security_policy, to_html
from gateway.statements.markdown import to_markdown
from gateway.statements.page import lay_out
from gateway.statements.revise import first, following
from gateway.statements.words import LABELS, NAMES
from gateway.store.statements import KeptStatement
from policies.reference import LANGUAGES, Language
from tests.unit.statements.hub import LATER, OCTOBER, GivenFacts, computed, maintenance, outage, settled
from tests.unit.statements.keeping import kept_of

HOSTILE = "<script>alert(1)</script>|`*_[x](javascript:y)"


def revised() -> Statement:
    bad = {("5.1", "2026-10"): outage(3, 12)}
    left = {("5.1", "2026-10"): [maintenance("m-1", 3, 1, OCTOBER + timedelta(days=9))]}
    found = following(computed(settled(GivenFacts(bad, left))), first(computed(settled(GivenFacts(bad)))))
    assert isinstance(found, Statement)
    return found


def disputed(statement: Statement) -> KeptStatement:
    answer = Answer(sha256=statement.seal.sha256, reasons=(Reason("5.1", HOSTILE),))
    return kept_of(statement, "disputed", answer)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_page_says_all_that_a_statement_has_to_say(language: Language) -> None:
    statement = revised()
    text = to_markdown(lay_out(statement, language, disputed(statement)))
    said = [statement.id, statement.seal.sha256, "swift-2026.2026-10.r1", "20,000.00 CNY", "m-1", "gw-0 #7", "1,200"]
    for each in (*said, LABELS["retroactive"][language], LABELS["disputed"][language], "Asia/Shanghai"):
        assert each in text.replace("\\", ""), each


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_provisional_one_says_so_at_the_top(language: Language) -> None:
    page = lay_out(first(computed(settled(GivenFacts({}), now=OCTOBER + timedelta(days=3)))), language)
    assert page.banner == LABELS["provisional"][language].format(until="2026-10-04 00:00:00")
    assert to_markdown(page).index(page.banner) < 400


def test_a_replaced_one_names_what_replaced_it() -> None:
    statement = first(computed(settled(GivenFacts({}))))
    page = lay_out(statement, "en", kept_of(statement), "swift-2026.2026-10.r2")
    assert any("Replaced by swift-2026.2026-10.r2" in row.text for row in page.parties)


@pytest.mark.parametrize("form", ["md", "html", "pdf"])
def test_the_same_statement_gives_the_same_bytes(form: Form) -> None:
    page = lay_out(revised(), "zh")
    assert render(page, form, LATER) == render(page, form, LATER)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_pdf_is_one_with_its_fonts_in_it(language: Language) -> None:
    data = render(lay_out(revised(), language), "pdf", LATER)
    assert data.startswith(b"%PDF-")
    assert b"NotoSansCJKsc" in data
    assert len(data) < 1_000_000


class Seen(HTMLParser):
    """The tags of a page, and what would fetch or run something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.reaching: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.reaching += [name for name, _ in attrs if name in ("src", "href", "style") or name.startswith("on")]


def test_html_holds_nothing_that_reaches_out_or_runs_even_where_reasons_are_hostile() -> None:
    statement = revised()
    settlement = replace(statement.settlement, partner=Named("swift-logistics", {"zh": HOSTILE, "en": HOSTILE}))
    page = lay_out(replace(statement, settlement=settlement), "en", disputed(statement))
    seen = Seen(to_html(page))
    assert not {"script", "img", "link", "iframe", "object"} & set(seen.tags)
    assert seen.reaching == []
    assert seen.tags.count("html") == seen.tags.count("h1") == seen.tags.count("main") == 1
    assert "&lt;script&gt;" in to_html(page)


def test_markdown_takes_nothing_of_a_reason_for_its_own() -> None:
    text = to_markdown(lay_out(revised(), "en", disputed(revised())))
    assert "<script>" not in text
    line = next(line for line in text.splitlines() if "alert" in line)
    assert len(re.findall(r"(?<!\\)\|", line)) == 3


def test_the_policy_of_the_page_allows_its_own_style_by_its_hash_and_nothing_else() -> None:
    policy = content_security_policy()
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy
    assert to_html(lay_out(revised(), "en")).count("<style>") == 1


def test_every_label_is_said_in_both_languages_with_the_same_places() -> None:
    for name, words in (*LABELS.items(), *NAMES.items()):
        assert set(words) == {"zh", "en"}, name
        assert {*re.findall(r"{\w+}", words["zh"])} == {*re.findall(r"{\w+}", words["en"])}, name


def test_there_are_four_forms() -> None:
    assert get_args(Form) == ("json", "md", "html", "pdf")
