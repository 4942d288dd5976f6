"""Given facts, what a statement says is owed: month by month, both ways, with the evidence."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.plan import Contract, Promised
from gateway.statements.document import ClauseResult, Settlement, Total, WindowResult, canonical
from gateway.statements.period import read_period
from gateway.statements.settle import Asked, faults_of, settle
from gateway.statements.source import Window
from policies.settling.facts import Facts, Slice
from tests.unit.statements.hub import (
    FEES,
    LATER,
    OCTOBER,
    GivenFacts,
    amount,
    maintenance,
    outage,
    settled,
    versions,
)

NOVEMBER = datetime(2026, 10, 31, 16, tzinfo=UTC)
SHARED = (("1.0.0", "2026-01-01", "2026-10-11"), ("1.1.0", "2026-10-11", "2028-01-01"))


def clause(settlement: Settlement, name: str, version: str = "1.0.0") -> ClauseResult:
    (found,) = (each for each in settlement.clauses if (each.clause, each.version) == (name, version))
    return found


def month(settlement: Settlement, name: str, number: int = 0) -> WindowResult:
    return clause(settlement, name).windows[number]


@pytest.mark.parametrize(
    ("hub", "partner", "totals", "net"),
    [
        (0, 0, ("0.00", "0.00"), []),
        (12, 0, ("2000.00", "0.00"), [("hub", "2000.00")]),
        (0, 100, ("0.00", "5000.00"), [("partner", "5000.00")]),
        (12, 100, ("2000.00", "5000.00"), [("partner", "3000.00")]),
        (12, 12, ("2000.00", "2000.00"), []),
    ],
)
def test_what_both_sides_owe_is_added_up_and_set_off(
    hub: int, partner: int, totals: tuple[str, str], net: list[tuple[str, str]]
) -> None:
    found = settled(GivenFacts({("5.1", "2026-10"): outage(3, hub), ("6.1", "2026-10"): outage(5, partner)}))
    assert found.totals == (Total("hub", totals[0], "CNY"), Total("partner", totals[1], "CNY"))
    assert [(one.owed_by, one.amount) for one in found.net] == net


def test_a_window_says_what_was_counted_what_is_credited_and_until_when_it_can_be_claimed() -> None:
    window = month(settled(GivenFacts({("5.1", "2026-10"): outage(3, 12)})), "5.1")
    assert (window.month, window.verdict, window.percent, window.credit) == ("2026-10", "missed", "10", "2000.00")
    assert (window.fee, window.claim_until, window.measured) == ("20000.00", "2026-12-31", "99.865591")
    assert window.causes == {"backend": 2, "hub": 1, "partner": 0}
    assert window.figures
    assert set(window.explanation) == {"zh", "en"}


def test_what_is_met_cannot_be_claimed() -> None:
    window = month(settled(GivenFacts({})), "5.1")
    assert (window.verdict, window.credit, window.claim_until) == ("met", "0.00", "")


def test_a_quarter_settles_each_month_and_a_rolling_cap_looks_at_those_before() -> None:
    """Twelve months are capped at 15 % of their fees: January to October pay 30,000, of which September took 20,000."""
    bad = {
        ("5.1", "2026-09"): outage(1, 600, datetime(2026, 8, 31, 16, tzinfo=UTC)),
        ("5.1", "2026-10"): outage(3, 600),
    }
    found = settled(GivenFacts(bad), "2026-Q4")
    windows = clause(found, "5.1").windows
    assert [window.month for window in windows] == ["2026-10", "2026-11", "2026-12"]
    assert (windows[0].prior_credit, windows[0].credit, windows[0].capped_by) == (
        "20000.00",
        "10000.00",
        "cap_12_months_percent",
    )
    assert windows[1].prior_credit == "30000.00"


def test_a_span_left_out_shows_its_notice_its_record_and_what_it_changes() -> None:
    announced = OCTOBER - timedelta(days=3)
    left = {("5.1", "2026-10"): [maintenance("m-1", 3, 1, announced)]}
    window = month(settled(GivenFacts({("5.1", "2026-10"): outage(3, 12)}, left)), "5.1")
    (exclusion,) = window.exclusions
    assert (window.credit, exclusion.without_credit, exclusion.without_measured) == ("0.00", "2000.00", "99.865591")
    assert (exclusion.notice, exclusion.announced, exclusion.retroactive) == ("m-1", "2026-09-28T00:00:00+08:00", False)
    assert (exclusion.leaf, exclusion.writer, exclusion.seq, exclusion.counts) == ("c" * 64, "gw-0", 7, True)


def test_a_span_announced_afterwards_says_so() -> None:
    left = {("5.1", "2026-10"): [maintenance("m-1", 3, 1, OCTOBER + timedelta(days=20))]}
    (exclusion,) = month(settled(GivenFacts({}, left)), "5.1").exclusions
    assert exclusion.retroactive


def test_a_span_that_came_too_late_is_shown_and_changes_nothing() -> None:
    left = {("5.1", "2026-10"): [maintenance("m-1", 3, 1, OCTOBER, counts=False)]}
    window = month(settled(GivenFacts({("5.1", "2026-10"): outage(3, 12)}, left)), "5.1")
    assert window.credit == "2000.00"
    assert [(each.counts, each.without_credit) for each in window.exclusions] == [(False, "2000.00")]


def test_a_period_that_has_not_ended_is_provisional_and_has_no_months_to_come() -> None:
    now = NOVEMBER + timedelta(days=9)
    found = settled(GivenFacts({}), "2026-Q4", now)
    assert (found.provisional, found.settled_until) == (True, "2026-11-10T00:00:00+08:00")
    assert [(one.month, one.provisional) for one in clause(found, "5.1").windows] == [
        ("2026-10", False),
        ("2026-11", True),
    ]


def test_it_is_final_from_the_moment_it_ends() -> None:
    assert not settled(GivenFacts({}), now=NOVEMBER).provisional
    assert settled(GivenFacts({}), now=NOVEMBER - timedelta(microseconds=1)).provisional


def test_two_versions_that_share_a_month_share_its_fee_by_the_days() -> None:
    found = settled(GivenFacts({}), contracts=versions(FEES, SHARED))
    fees = {each.version: each.windows[0].fee for each in found.clauses if each.clause == "5.1"}
    assert fees == {"1.0.0": "6451.61", "1.1.0": "13548.39"}
    assert [version.split()[0] for version in found.versions] == ["1.0.0", "1.1.0"]


def test_without_fees_percentages_stand_and_amounts_are_nothing() -> None:
    found = settled(GivenFacts({("5.1", "2026-10"): outage(3, 12)}), contracts=versions(""))
    window = month(found, "5.1")
    assert (window.percent, window.credit, window.fee, window.verdict) == ("10", "0.00", "", "missed")


def test_there_is_nothing_to_settle_before_the_agreement_and_before_the_period() -> None:
    for name, now in (("2025-12", LATER), ("2027-10", LATER)):
        period = read_period(name)
        assert period is not None
        assert settle(Asked(versions(), period, now), GivenFacts({})) is None


class Nowhere(GivenFacts):
    """A log on which the agreement never came into force."""

    def facts(self, *_: object) -> Facts | None:
        return None


def test_an_agreement_that_never_came_into_force_on_the_log_owes_nothing() -> None:
    period = read_period("2026-10")
    assert period is not None
    assert settle(Asked(versions(), period, LATER), Nowhere({})) is None


class Nonsense(GivenFacts):
    """Counts more good answers than there were."""

    def facts(self, contract: Contract, promised: Promised, window: Window, without: frozenset[str]) -> Facts | None:
        found = Slice(window.from_.astimezone(UTC), 1, 2)
        return Facts(from_=window.from_, to=window.to, zone=contract.time_zone, slices=(found,))


def test_a_nonsensical_fact_is_named_and_credits_nothing() -> None:
    found = settled(Nonsense({}))
    window = month(found, "5.1")
    assert window.fault is not None
    assert (window.verdict, window.credit) == ("unknown", "0.00")
    assert faults_of(found)[0].startswith("clause 5.1, 2026-10: slices[0]")


@settings(max_examples=25, deadline=None)
@given(
    st.dictionaries(
        st.tuples(st.sampled_from(["5.1", "6.1"]), st.sampled_from(["2026-10", "2026-11", "2026-12"])),
        st.integers(0, 40),
        max_size=6,
    )
)
def test_totals_are_the_sum_of_the_months_and_the_same_facts_give_the_same_bytes(
    bad: dict[tuple[str, str], int],
) -> None:
    begins = {"2026-10": OCTOBER, "2026-11": NOVEMBER, "2026-12": datetime(2026, 11, 30, 16, tzinfo=UTC)}
    facts = {key: outage(2, number, begins[key[1]]) for key, number in bad.items()}
    found = settled(GivenFacts(facts), "2026-Q4")
    by_side = {total.owed_by: Decimal(total.amount) for total in found.totals}
    assert by_side == {"hub": amount(found, "5.1"), "partner": amount(found, "6.1")}
    assert canonical(found) == canonical(settled(GivenFacts(dict(reversed(facts.items()))), "2026-Q4"))


def test_two_versions_that_share_a_month_share_what_twelve_months_leave() -> None:
    """One clause of the agreement is credited no more than its cap, whichever version it stands in."""
    bad = {("5.1", name): outage(3, 500, begins) for name, begins in (("2026-10", OCTOBER), ("2026-11", NOVEMBER))}
    shown = settled(GivenFacts(bad), "2026-Q4", contracts=versions(FEES, SHARED))
    credited = [
        (each.version, window.month, window.credit, window.prior_credit)
        for each in shown.clauses
        if each.clause == "5.1"
        for window in each.windows
        if window.month < "2026-12"
    ]
    # 15 % of eleven months' fees of 20,000.
    assert [each[:2] for each in credited] == [("1.0.0", "2026-10"), ("1.1.0", "2026-10"), ("1.1.0", "2026-11")]
    assert sum(Decimal(credit) for _, _, credit, _ in credited) == Decimal("33000.00")
    assert credited[1][3] == credited[0][2], "the newer version knows what the older one was credited in the month"
    alone = settled(GivenFacts(bad), "2026-11", contracts=versions(FEES, SHARED))
    (november,) = clause(alone, "5.1", "1.1.0").windows
    assert (november.credit, november.prior_credit) == credited[2][2:], "computed alone it is the same"
