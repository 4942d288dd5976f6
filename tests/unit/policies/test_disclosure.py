"""The disclosure clause: it reads as a sentence, names techniques that exist, and says what it binds."""

from typing import Any

import msgspec
import pytest

from policies.clause import Binding, Clause, Disclosure
from policies.kinds.disclosure import DisclosureRule
from policies.library import render, text_faults
from policies.reference import LANGUAGES, ClauseRef

RULE = {
    "id": "6.2",
    "kind": "disclosure",
    "classifications": ["personal-sensitive", "jrt-4"],
    "allowed": ["redact", "keep_last", "suppress"],
    "except_roles": ["hub"],
    "legal_basis": "required",
    "text": {
        "zh": "{classifications}仅可提供：{allowed}；{except_roles}除外；视图{legal_basis}合法性基础。",
        "en": "{classifications}: {allowed}; except {except_roles}; a view {legal_basis} its legal basis.",
    },
}


def rule(**changes: Any) -> Clause:
    return msgspec.convert(RULE | changes, DisclosureRule)


def test_it_reads_as_a_sentence_in_both_languages() -> None:
    assert render(rule()) == {
        "zh": "敏感个人信息、4 级金融数据（JR/T 0197）仅可提供：置空或以标记代替、仅保留后若干字符、不予提供；hub除外；"
        "视图应当写明合法性基础。",
        "en": "sensitive personal information, financial data of level 4 (JR/T 0197): emptied or replaced by a mark, "
        "with only their last characters, not disclosed; except hub; a view names its legal basis.",
    }


def test_a_classification_of_the_hubs_own_reads_as_it_is_written() -> None:
    assert render(rule(classifications=["export-controlled"]))["en"].startswith("export-controlled: ")


@pytest.mark.parametrize("name", ["classifications", "allowed", "except_roles", "legal_basis"])
def test_a_sentence_that_leaves_out_what_binds_is_incomplete(name: str) -> None:
    assert text_faults(rule()) == []
    text = {language: RULE["text"][language].replace(f"{{{name}}}", "…") for language in LANGUAGES}  # type: ignore[index]
    assert [fault.code for fault in text_faults(rule(text=text))] == ["text-without-parameter"] * 2


@pytest.mark.parametrize("name", ["except_roles", "legal_basis"])
def test_what_is_not_given_is_not_in_the_sentence(name: str) -> None:
    values = {key: value for key, value in RULE.items() if key != name}
    clause = msgspec.convert(values, DisclosureRule)
    assert [fault.code for fault in text_faults(clause)] == ["unknown-placeholder"] * 2


def test_it_says_what_it_binds() -> None:
    ref = ClauseRef("swift-2026", "1.0.0", "6.2", "disclosure", {"zh": "", "en": ""})
    assert rule().effect(Binding(ref, "swift", "shipments", "list", ("delivery",), "Asia/Shanghai")) == Disclosure(
        clause=ref,
        classifications=frozenset({"personal-sensitive", "jrt-4"}),
        techniques=frozenset({"redact", "keep_last", "suppress"}),
        except_roles=frozenset({"hub"}),
        needs_legal_basis=True,
    )


def test_a_technique_that_does_not_exist_is_found() -> None:
    assert rule().faults() == []
    ((parameter, message),) = rule(allowed=["redact", "blur", "smudge"]).faults()
    assert parameter == "allowed"
    assert "no technique blur, smudge" in message


@pytest.mark.parametrize(
    "changes",
    [
        {"allowed": []},
        {"classifications": []},
        {"classifications": ["two words"]},
        {"except_roles": [""]},
        {"legal_basis": "optional"},
    ],
    ids=str,
)
def test_what_can_mean_nothing_is_no_clause(changes: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        rule(**changes)
