"""signed_requests: what has to be signed, how it reads, and which way a change of it counts."""

from typing import Any

import pytest

from policies.clause import Clause, Signing
from policies.kinds.signed_requests import ALGORITHMS, PARTS
from tests.unit.policies.clauses import SIGNED, binding, clause


def effect(operation: str, **changes: Any) -> Signing | None:
    found = clause(SIGNED, **changes).effect(binding("2.3", operation=operation))
    assert found is None or isinstance(found, Signing)
    return found


def test_it_binds_the_operations_that_it_names_and_no_other() -> None:
    assert [operation for operation in ("list", "get", "create", "update", "delete") if effect(operation)] == [
        "create",
        "update",
    ]


def test_its_effect_is_what_it_says() -> None:
    found = effect("update", max_age="PT2M", covers=["@method", "@target-uri", "content-digest", "date"])
    assert found is not None
    assert (found.components[-1], found.max_age_s, found.algorithms) == ("date", 120, frozenset(ALGORITHMS))
    assert found.clause.id == "2.3"


def test_without_a_word_the_usual_components_and_every_algorithm_are_meant() -> None:
    found = effect("create")
    assert found is not None
    assert found.components == PARTS
    assert clause(SIGNED).unsaid() == {"covers", "algorithms", "enforce"}
    assert clause(SIGNED, algorithms=["ed25519"], enforce="observe").unsaid() == {"covers"}
    assert (found.enforce, clause(SIGNED).words()["enforce"]["en"]) == ("refuse", "refused")


def test_one_that_only_watches_says_so() -> None:
    found = effect("create", enforce="observe")
    assert found is not None
    assert found.enforce == "observe"
    assert clause(SIGNED, enforce="observe").words()["enforce"] == {
        "zh": "仅予记录，不予拒绝",
        "en": "recorded and not refused",
    }


@pytest.mark.parametrize("part", ["@method", "@target-uri", "content-digest"])
def test_what_makes_a_signature_good_for_other_requests_is_a_fault(part: str) -> None:
    faults = clause(SIGNED, covers=[each for each in PARTS if each != part]).faults()
    assert [name for name, _ in faults] == ["covers"]
    assert part in faults[0][1]


@pytest.mark.parametrize(("max_age", "sound"), [("PT9S", 0), ("PT10S", 1), ("PT10M", 1), ("PT601S", 0)])
def test_a_signature_is_good_for_ten_seconds_to_ten_minutes(max_age: str, sound: int) -> None:
    assert len(clause(SIGNED, max_age=max_age).faults()) == 1 - sound


@pytest.mark.parametrize(
    "changes",
    [
        {"operations": []},
        {"operations": ["get"]},
        {"covers": []},
        {"covers": ["@query-param"]},
        {"covers": ["@status"]},
        {"covers": ["Date"]},
        {"algorithms": []},
        {"algorithms": ["hmac-sha256"]},
        {"algorithms": ["rsa-v1_5-sha256"]},
    ],
)
def test_what_cannot_be_signed_for_us_is_no_value(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"Invalid|Expected"):
        clause(SIGNED, **changes)


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("operations", ["create"], ["create", "update"]),
        ("covers", list(PARTS), [*PARTS, "date"]),
        ("algorithms", ["ed25519", "rsa-pss-sha512"], ["ed25519"]),
        ("max_age", "PT2M", "PT1M"),
        ("enforce", "observe", "refuse"),
    ],
)
def test_more_to_sign_and_less_time_for_it_tighten(name: str, old: Any, new: Any) -> None:
    before, after = clause(SIGNED, **{name: old}), clause(SIGNED, **{name: new})
    assert before.judged(after, name) == {"tightens"}
    assert after.judged(before, name) == {"loosens"}


def test_it_reads_in_both_languages() -> None:
    words = clause(SIGNED).words()
    assert words["operations"] == {
        "zh": "新增（create）、更改（update）",
        "en": "creating a record (create), changing a record (update)",
    }
    assert words["max_age"]["zh"] == "1 分钟"
    assert isinstance(clause(SIGNED), Clause)
    assert clause(SIGNED).presence() == {"tightens"}
