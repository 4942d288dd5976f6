"""Dimensions are documented as they are, and each says where its points went."""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from gateway.health.dimension import Observed, Score, Unknown
from gateway.health.dimensions import DIMENSIONS
from gateway.health.dimensions.activity import Activity
from gateway.health.dimensions.answers import GONE_AT_PERCENT as ANSWERS_GONE
from gateway.health.dimensions.answers import Answers
from gateway.health.dimensions.compliance import GONE_AT_PERCENT as COMPLIANCE_GONE
from gateway.health.dimensions.compliance import Compliance
from gateway.health.dimensions.drift import GONE_AT_PERCENT as DRIFT_GONE
from gateway.health.dimensions.promises import Promises

PAGE = (Path(__file__).parents[3] / "docs" / "health.md").read_text()
ROW = re.compile(r"^\| ([a-z]+) \| ([0-9]+) \| .* \| ([0-9]+) %[^|]*\|$", re.MULTILINE)


def test_the_page_lists_every_dimension_with_its_weight_and_where_it_ends() -> None:
    gone = {"answers": ANSWERS_GONE, "compliance": COMPLIANCE_GONE, "drift": DRIFT_GONE}
    documented = {name: (int(weight), int(end)) for name, weight, end in ROW.findall(PAGE)}
    assert documented == {one.name: (one.weight, gone.get(one.name, 100)) for one in DIMENSIONS}


def test_the_weights_add_up_to_a_hundred() -> None:
    assert sum(dimension.weight for dimension in DIMENSIONS) == 100


@pytest.mark.parametrize("dimension", DIMENSIONS, ids=lambda dimension: dimension.name)
def test_a_dimension_without_data_is_unknown_and_says_why(dimension: Answers) -> None:
    measure = dimension.measure(Observed())
    assert isinstance(measure, Unknown)
    assert set(measure.evidence) == {"zh", "en"}


def test_answers_name_the_failed_ones_out_of_all() -> None:
    measure = Answers().measure(Observed(good=1239, faults=41))
    assert isinstance(measure, Score)
    assert measure.share == 1 - Fraction(410, 1280)
    assert measure.evidence["en"] == "41 of 1,280 answers were 5xx"


def test_a_tenth_of_failed_answers_costs_all_points_and_more_costs_no_more() -> None:
    for faults in (10, 50):
        measure = Answers().measure(Observed(good=100 - faults, faults=faults))
        assert isinstance(measure, Score)
        assert measure.share == 0


def test_more_than_the_declared_volume_is_full_activity() -> None:
    measure = Activity().measure(Observed(good=50, declared=Fraction(20)))
    assert isinstance(measure, Score)
    assert measure.share == 1


def test_compliance_names_each_clause_most_refused_first() -> None:
    measure = Compliance().measure(Observed(good=100, refusals={"2.1": 1, "4.1": 24}))
    assert isinstance(measure, Score)
    assert measure.evidence["en"] == "25 of 125 calls were refused by a clause (4.1: 24, 2.1: 1)"


def test_promises_name_the_missed_clauses() -> None:
    measure = Promises().measure(Observed(met=("5.2",), missed=("5.1",)))
    assert isinstance(measure, Score)
    assert measure.share == Fraction(1, 2)
    assert "5.1" in measure.evidence["zh"]
