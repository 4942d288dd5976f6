"""A finding is confirmed under a clause that the agreement in force has, and that is about what was found."""

from datetime import UTC, datetime

import pytest

from contracts.plan import Plans
from gateway.limits.adopting import kept_finding
from gateway.limits.confirming import anomaly_for, clauses_for
from gateway.limits.grants import Unfit
from tests.flows.limited import finding, limited_workspace

NOW_S = int(datetime(2026, 11, 28, tzinfo=UTC).timestamp())
WALK = kept_finding(finding(), NOW_S * 1_000_000)


@pytest.fixture(scope="module")
def plans(tmp_path_factory: pytest.TempPathFactory) -> Plans:
    return limited_workspace(tmp_path_factory.mktemp("confirming")).plans


def test_the_clause_comes_with_its_agreement(plans: Plans) -> None:
    found = anomaly_for(plans, WALK, "9.1", NOW_S)
    assert not isinstance(found, Unfit)
    contract, anomaly = found
    assert contract is plans.contracts["swift-2026", "1.2.0"]
    assert (anomaly.action, anomaly.calls, anomaly.lasts_s) == ("throttle", 1, 3600)


def test_clauses_are_offered_that_are_about_what_was_found(plans: Plans) -> None:
    people = kept_finding(finding(detector="distinct-subjects"), 0)
    assert clauses_for(plans, WALK, NOW_S) == ("9.1", "9.2")
    assert clauses_for(plans, people, NOW_S) == ("9.2",)
    assert clauses_for(plans, kept_finding(finding(detector="off-hours"), 0), NOW_S) == ()


@pytest.mark.parametrize(
    ("clause", "detector", "words"),
    [
        ("9.1", "off-hours", "clause 9.1 is about sequential-keys; this finding is one of off-hours"),
        ("4.1", "sequential-keys", "clause 4.1 of swift-2026 is of kind rate_limit"),
        ("8.8", "sequential-keys", "there is no 8.8; a finding is confirmed under"),
    ],
)
def test_another_clause_is_refused_with_those_that_there_are(
    plans: Plans, clause: str, detector: str, words: str
) -> None:
    found = anomaly_for(plans, kept_finding(finding(detector=detector), 0), clause, NOW_S)
    assert isinstance(found, Unfit)
    assert words in found.message
    assert "9.1, " in found.message or "about" in found.message


def test_nothing_is_imposed_under_an_agreement_that_is_over(plans: Plans) -> None:
    found = anomaly_for(plans, WALK, "9.1", int(datetime(2120, 1, 2, tzinfo=UTC).timestamp()))
    assert isinstance(found, Unfit)
    assert "is in force" in found.message
