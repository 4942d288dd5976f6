"""The score: bounded, adding up, unknown without data, and never raised by a failure."""

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from contracts.plan import Plans
from gateway.audit.leaf import Exchange
from gateway.health.dimension import Observed
from gateway.health.dimensions import DIMENSIONS
from gateway.health.ecosystem import PartnerHealth, ecosystem
from gateway.health.score import Health, score
from gateway.sla.tally import Tally
from tests.unit.sla.hub import NOON_S, POLICY, exchange, plan_of, plans_of

PLANS = plans_of()
COUNTING_ONLY_CALLS = plans_of(policy=POLICY.replace("empty_slice: good", "empty_slice: ignore"))

clauses = st.lists(st.sampled_from(["5.1", "5.2", "5.3"]), max_size=3, unique=True).map(tuple)
observations = st.builds(
    Observed,
    good=st.integers(0, 5_000),
    faults=st.integers(0, 500),
    refusals=st.dictionaries(st.sampled_from(["2.1", "4.1"]), st.integers(1, 900), max_size=2),
    drifted=st.integers(0, 50),
    declared=st.one_of(st.none(), st.fractions(min_value=0, max_value=10_000)),
    met=clauses,
    missed=clauses,
)
calls = st.lists(
    st.tuples(
        st.integers(0, 8 * 86_400),
        st.sampled_from([(200, "", 0), (200, "", 3), (404, "", 0), (429, "4.1", 0), (502, "", 0)]),
        st.sampled_from([1_000, 2_000_000]),
    ),
    max_size=25,
)


def lost(health: Health) -> Decimal:
    return sum((part.lost for part in health.judgements if part.lost is not None), Decimal(0))


@given(observations)
def test_the_score_is_between_0_and_100_and_what_is_missing_is_explained_to_the_tenth(observed: Observed) -> None:
    health = score(DIMENSIONS, observed)
    assert (health.score is None) == all(part.lost is None for part in health.judgements)
    if health.score is not None:
        assert 0 <= health.score <= 100
        assert health.score + lost(health) == 100
        assert sum((part.points for part in health.judgements if part.points is not None), Decimal(0)) == 100


@given(observations)
def test_the_same_counts_give_the_same_score(observed: Observed) -> None:
    assert score(DIMENSIONS, observed) == score(DIMENSIONS, observed)


def test_nothing_observed_is_an_unknown_score() -> None:
    assert score(DIMENSIONS, Observed()).score is None


def test_only_a_flawless_record_shows_100() -> None:
    nearly = score(DIMENSIONS, Observed(good=10_000_000, faults=1, met=("5.1",)))
    assert nearly.score == Decimal("99.9")
    assert score(DIMENSIONS, Observed(good=10_000_000, met=("5.1",))).score == 100


def test_the_worked_example_of_the_page_holds() -> None:
    health = score(
        DIMENSIONS,
        Observed(
            good=1239,
            faults=41,
            refusals={"4.1": 12},
            declared=Fraction(7000),
            observed_s=7 * 86_400,
            met=("5.2",),
            missed=("5.1",),
        ),
    )
    assert {part.name: str(part.lost) for part in health.judgements} == {
        "activity": "16.5",
        "answers": "9.6",
        "compliance": "0.3",
        "drift": "0.0",
        "promises": "15.0",
    }
    assert health.score == Decimal("58.6")


def swift(plans: Plans, entries: list[Exchange]) -> PartnerHealth:
    return next(
        partner
        for partner in ecosystem(Tally(plans).replay(entries), plans, NOON_S)
        if partner.partner == "swift-logistics"
    )


@given(
    calls,
    st.integers(0, 8 * 86_400),
    st.sampled_from([(502, ""), (504, ""), (429, "4.1"), (403, "2.1")]),
    st.booleans(),
)
def test_one_more_failure_never_raises_the_score(
    before: list[tuple[int, tuple[int, str, int], int]], ago_s: int, failure: tuple[int, str], empty_is_good: bool
) -> None:
    plans = PLANS if empty_is_good else COUNTING_ONLY_CALLS
    plan = plan_of(plans)
    entries = [
        exchange(plan, NOON_S - back_s, status=status, clause=clause, withheld=withheld, latency_us=latency_us)
        for back_s, (status, clause, withheld), latency_us in before
    ]
    status, clause = failure
    healthy = swift(plans, entries).health.score
    failed = swift(plans, [*entries, exchange(plan, NOON_S - ago_s, status=status, clause=clause)]).health.score
    if healthy is not None:
        assert failed is not None
        assert failed <= healthy
