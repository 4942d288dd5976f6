"""What was measured beside what was promised: each verdict follows from the counts."""

import pytest

from contracts.plan import Plans
from gateway.audit.leaf import Measured, Observation
from gateway.quality.result import data_results
from gateway.sla.counts import Counts
from gateway.sla.sampled import Sampled
from tests.unit.quality.goods import goods_plans, plan_of


@pytest.fixture(scope="module")
def plans() -> Plans:
    return goods_plans()


def counted(plans: Plans, *measured: Measured, direction: str = "out") -> Counts:
    contract = plan_of(plans).contract
    sampled = Sampled()
    sampled.observe(
        Observation(
            time_us=0,
            partner=contract.partner,
            agreement=contract.agreement,
            version=contract.version,
            contract=contract.hash,
            product="goods",
            direction="in" if direction == "in" else "out",
            samples=3,
            records=30,
            measured=measured,
            drift=(("weight", 2),),
            undeclared=(("person", 1), ("", 4)),
        )
    )
    return Counts(sampled={f"goods {direction}": sampled})


@pytest.mark.parametrize(
    ("measured", "verdict"),
    [
        (Measured("kind invalidValues", 9, 0, 2, 0), "met"),
        (Measured("kind invalidValues", 9, 1, 2, 1), "missed"),
        (Measured("kind invalidValues", 0, 0, 0, 0), "unknown"),
        (Measured("kind nullValues", 10, 2, 0, 0), "met"),
        (Measured("kind nullValues", 10, 3, 0, 0), "missed"),
        (Measured("kind nullValues", 0, 0, 0, 0), "unknown"),
        (Measured("a rule of before", 9, 1, 2, 1), "unknown"),
    ],
)
def test_a_rule_stands_as_its_counts_say(plans: Plans, measured: Measured, verdict: str) -> None:
    (data,) = data_results(counted(plans, measured), [plan_of(plans)])
    (rule,) = (rule for rule in data.rules if rule.id == measured.rule)
    assert (rule.checked, rule.failed, rule.judged, rule.broken) == (
        measured.checked,
        measured.failed,
        measured.judged,
        measured.broken,
    )
    assert rule.verdict == verdict


def test_rules_that_nothing_was_measured_of_are_shown_as_unknown(plans: Plans) -> None:
    (data,) = data_results(Counts(), [plan_of(plans)])
    assert (data.product, data.direction, data.samples) == ("goods", "out", 0)
    assert [rule.id for rule in data.rules] == [rule.id for rule in plan_of(plans).quality.rules]
    assert {rule.verdict for rule in data.rules} == {"unknown"}
    assert [rule.must for rule in data.rules][:4] == [
        "mustBeGreaterThan 1",
        "mustBe 0",
        "mustBe 0",
        "mustBeLessThan 30%",
    ]


def test_of_what_a_partner_wrote_only_what_was_measured_is_shown(plans: Plans) -> None:
    counts = counted(plans, Measured("kind invalidValues", 9, 0, 2, 0), direction="in")
    written, _ = data_results(counts, [plan_of(plans)])
    assert (written.direction, [rule.id for rule in written.rules]) == ("in", ["kind invalidValues"])


def test_drift_and_undeclared_fields_are_shown_by_place(plans: Plans) -> None:
    (data,) = data_results(counted(plans), [plan_of(plans)])
    assert (data.drift, data.undeclared) == ({"weight": 2}, {"": 4, "person": 1})
    assert (data.samples, data.records) == (3, 30)


def test_where_there_is_no_rule_and_no_sample_there_is_nothing_to_show(plans: Plans) -> None:
    assert data_results(Counts(), []) == []
