"""What may be granted: of a clause that counts, for a time that is to come, for a reason."""

from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from contracts.plan import Plans
from gateway.limits.grants import (
    REASON_CHARACTERS_MAX,
    Unfit,
    agreement_for,
    counted_clauses,
    reason_fault,
    until_of,
)
from tests.flows.limited import AGREEMENT, PARTNER, limited_workspace

NOW = datetime(2026, 11, 28, 8, 0, tzinfo=UTC)
NOW_S = int(NOW.timestamp())
ZONE = "Asia/Shanghai"


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Plans:
    return limited_workspace(tmp_path_factory.mktemp("grants")).plans


def refused(found: object) -> str:
    assert isinstance(found, Unfit), found
    return found.message


def test_every_clause_that_counts_is_found_with_its_agreement(plans: Plans) -> None:
    (contract,) = plans.contracts.values()
    assert counted_clauses(plans, contract) == ("4.1", "4.2", "4.3")
    for clause in ("4.1", "4.2", "4.3"):
        assert agreement_for(plans, PARTNER, clause, None, NOW_S) is contract
        assert agreement_for(plans, PARTNER, clause, AGREEMENT, NOW_S) is contract


@pytest.mark.parametrize(
    ("clause", "words"),
    [
        ("2.1", "clause 2.1 (purpose) counts nothing: change it in the agreement"),
        ("4.4", "of its clauses, those that do: 4.1, 4.2, 4.3"),
        ("9.1", "binds only by a measure: `clausegate findings lift` ends one"),
        ("7.7", "there is no clause 7.7; of the clauses that count, those that do: 4.1, 4.2, 4.3"),
    ],
)
def test_a_clause_that_counts_nothing_is_refused_with_what_to_do(plans: Plans, clause: str, words: str) -> None:
    assert words in refused(agreement_for(plans, PARTNER, clause, None, NOW_S))


def test_an_agreement_that_is_over_or_not_there_is_none(plans: Plans) -> None:
    after_s = int(datetime(2120, 1, 2, tzinfo=UTC).timestamp())
    assert "no agreement in force" in refused(agreement_for(plans, PARTNER, "4.1", None, after_s))
    assert "no agreement other" in refused(agreement_for(plans, PARTNER, "4.1", "other", NOW_S))


def test_a_clause_of_several_agreements_needs_to_be_told_which(plans: Plans) -> None:
    (contract,) = plans.contracts.values()
    second = replace(contract, agreement="swift-more")
    by_route = {
        (*route[:1], f"{route[1]}-more", route[2]): tuple(replace(plan, contract=second) for plan in several)
        for route, several in plans.by_route.items()
    }
    both = replace(
        plans,
        by_route={**plans.by_route, **by_route},
        contracts={**plans.contracts, ("swift-more", second.version): second},
    )
    assert "--agreement: swift-2026, swift-more" in refused(agreement_for(both, PARTNER, "4.2", None, NOW_S))
    assert agreement_for(both, PARTNER, "4.2", "swift-more", NOW_S) is second


@pytest.mark.parametrize(
    ("text", "ahead"),
    [
        ("PT2H", timedelta(hours=2)),
        ("P3D", timedelta(days=3)),
        ("2026-11-28T20:00:00+08:00", timedelta(hours=4)),
        ("2026-11-28T20:00", timedelta(hours=4)),
        ("2026-11-29", timedelta(hours=8)),
        ("P366D", timedelta(days=366)),
    ],
)
def test_a_time_is_one_in_the_zone_of_the_agreement_or_so_long_from_now(text: str, ahead: timedelta) -> None:
    assert until_of(text, NOW_S * 1_000_000, ZONE) == int((NOW + ahead).timestamp()) * 1_000_000


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PT0S", "ends in the future"),
        ("2026-11-28T15:59", "ends in the future"),
        ("P367D", "2027-11-30 is more than a year ahead"),
        ("P999999999D", "more than a year ahead"),
        ("9999-12-31", "more than a year ahead"),
        ("P2X", "no length of time: write PT2H"),
        ("P1M", "no length of time"),
        ("tomorrow", "no date or time"),
        ("", "no date or time"),
    ],
)
def test_a_time_that_is_none_or_too_far_is_refused(text: str, words: str) -> None:
    assert words in refused(until_of(text, NOW_S * 1_000_000, ZONE))


@pytest.mark.parametrize(
    "reason", ["", "  ", "x" * (REASON_CHARACTERS_MAX + 1), "two\nlines", "bell\a", "turn\u202eback"]
)
def test_a_reason_is_one_line_that_says_something(reason: str) -> None:
    assert reason_fault(reason) is not None


def test_a_reason_may_be_in_any_language() -> None:
    assert reason_fault("双十一大促，客户部已同意 — ok") is None
    assert reason_fault("x" * REASON_CHARACTERS_MAX) is None
