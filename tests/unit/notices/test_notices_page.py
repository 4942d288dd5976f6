"""docs/notices.md: its notices can be published, its headers are what a gateway says, its clauses and sums are true."""

import re

import msgspec
import pytest
import yaml

from contracts.notice import Deprecation, decode_notice
from contracts.workspace import Loaded
from gateway.notices.in_force import headers_of
from policies.kinds import KINDS
from policies.settling.facts import Facts
from policies.settling.promise import Promise
from policies.settling.settled import Settled
from tests.conftest import ROOT

PAGE = (ROOT / "docs" / "notices.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
NOTICES = [block for block in BLOCKS if block.startswith("notice:")]
CLAUSES = {clause["kind"]: clause for block in BLOCKS if "owed_by" in (clause := yaml.safe_load(block))}


@pytest.mark.parametrize("text", NOTICES, ids=[text.splitlines()[0] for text in NOTICES])
def test_a_notice_of_the_page_is_one(text: str) -> None:
    assert isinstance(decode_notice(text.encode(), "page.yaml"), Loaded)


def test_there_is_one_of_each_kind() -> None:
    assert sorted(yaml.safe_load(text)["kind"] for text in NOTICES) == [
        "change",
        "deprecation",
        "force_majeure",
        "maintenance",
    ]


def test_the_headers_are_those_of_the_deprecation() -> None:
    (text,) = (text for text in NOTICES if "kind: deprecation" in text)
    found = decode_notice(text.encode(), "page.yaml")
    assert isinstance(found, Loaded)
    assert isinstance(found.value, Deprecation)
    for name, value in headers_of(found.value):
        assert f"\n{name.decode().capitalize()}: {value.decode()}\n" in PAGE


def test_the_example_of_an_interruption_is_what_its_clause_makes_of_it() -> None:
    clause = msgspec.convert({"id": "6.1", "text": {}, **CLAUSES["interruption"]}, KINDS["interruption"])
    assert isinstance(clause, Promise)
    assert clause.faults() == []
    interruptions = [
        {"from": "2026-11-08T00:00:00Z", "to": "2026-11-08T08:00:00Z", "announced": "2026-11-01T00:00:00Z"},
        {"from": "2026-11-20T10:00:00Z", "to": "2026-11-21T10:30:00Z"},
    ]
    window = {"from": "2026-11-01T00:00:00Z", "to": "2026-12-01T00:00:00Z", "fee": "1000"}
    settled = clause.settle(msgspec.convert(window | {"interruptions": interruptions}, Facts))
    assert isinstance(settled, Settled)
    assert f"{settled.credit:f}" == "100.00"
    assert PAGE.count("= 100.00") == 2


def test_the_clause_about_notices_is_one() -> None:
    clause = msgspec.convert({"id": "6.2", "text": {}, **CLAUSES["notice"]}, KINDS["notice"])
    assert clause.faults() == []
