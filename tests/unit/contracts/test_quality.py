"""Quality rules: every rule of a product is either measured or named as one that is not, with the reason."""

from typing import Any

import pytest
import yaml

from contracts.quality import Rule, quality_findings
from contracts.threshold import Threshold, threshold_of
from tests.unit.quality.goods import GOODS, goods_plans, loaded, plan_of


def rules() -> dict[str, Rule]:
    return {rule.id: rule for rule in plan_of(goods_plans()).quality.rules}


def test_every_rule_that_can_be_measured_has_an_id_of_its_own() -> None:
    assert list(rules()) == [
        "rowCount",
        "kind,city duplicateValues",
        "id duplicateValues",
        "kind nullValues",
        "kind missingValues",
        "kind invalidValues",
        "weight invalidValues",
        "secret nullValues",
        "person.phone invalidValues",
        "nodes[].city nullValues",
        "labels.key invalidValues",
        "labels.value nullValues",
        "seen_at latency",
    ]
    assert quality_findings(loaded()) == []


def test_a_field_that_the_view_does_not_grant_is_known_to_be_perhaps_absent() -> None:
    assert [name for name, rule in rules().items() if not rule.is_read] == ["secret nullValues"]


def test_two_rules_of_one_metric_at_one_field_are_told_apart() -> None:
    twice = [{"metric": "nullValues", "mustBe": 0}, {"metric": "nullValues", "mustBeLessThan": 5}]
    plans = goods_plans({"schema": schema_with(twice)})
    found = [rule.id for rule in plan_of(plans).quality.rules if rule.id.startswith("city ")]
    assert found == ["city nullValues", "city nullValues 2"]


def test_a_promise_of_age_is_in_seconds() -> None:
    rule = rules()["seen_at latency"]
    assert (rule.metric, rule.age_s_max, rule.zone, rule.threshold.words) == ("latency", 4 * 3600, "UTC", "latency 4 h")


@pytest.mark.parametrize(
    ("entry", "kept", "broken"),
    [
        ({"mustBe": 3}, [3, 3.0], [2, 4]),
        ({"mustNotBe": 3}, [2, 4], [3]),
        ({"mustBeGreaterThan": 3}, [4, 3.5], [3, 0]),
        ({"mustBeGreaterOrEqualTo": 3}, [3, 4], [2]),
        ({"mustBeLessThan": 3}, [2, 0], [3, 4]),
        ({"mustBeLessOrEqualTo": 3}, [3, 0], [4]),
        ({"mustBeBetween": [2, 4]}, [2, 3, 4], [1, 5]),
        ({"mustNotBeBetween": [2, 4]}, [1, 5], [2, 3, 4]),
    ],
)
def test_each_operator_means_what_the_standard_says(
    entry: dict[str, Any], kept: list[float], broken: list[float]
) -> None:
    threshold = threshold_of(entry)
    assert isinstance(threshold, Threshold)
    assert [figure for figure in kept + broken if threshold.holds(figure)] == kept


@pytest.mark.parametrize(
    ("entry", "figure", "is_exceeded"),
    [
        ({"mustBe": 0}, 0, False),
        ({"mustBe": 0}, 1, True),
        ({"mustBe": 5}, 3, False),
        ({"mustBeLessThan": 3}, 3, True),
        ({"mustBeLessOrEqualTo": 3}, 3, False),
        ({"mustBeBetween": [2, 4]}, 1, False),
        ({"mustBeBetween": [2, 4]}, 5, True),
        ({"mustBeGreaterThan": 3}, 0, False),
        ({"mustNotBe": 3}, 3, False),
        ({"mustNotBeBetween": [2, 4]}, 3, False),
    ],
)
def test_a_part_of_the_data_shows_only_that_a_number_is_exceeded(
    entry: dict[str, Any], figure: int, is_exceeded: bool
) -> None:
    threshold = threshold_of(entry)
    assert isinstance(threshold, Threshold)
    assert threshold.is_exceeded(figure) is is_exceeded


def schema_with(quality: list[Any], *, at_object: bool = False) -> list[Any]:
    schema: list[Any] = yaml.safe_load(GOODS)["schema"]
    place = schema[0] if at_object else schema[0]["properties"][3]
    place["quality"] = quality
    return schema


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"type": "sql", "query": "SELECT 1", "mustBe": 1}, "only rules of type library are"),
        ({"type": "text", "description": "Looks right."}, "only rules of type library are"),
        ({"type": "custom", "engine": "soda", "implementation": "x"}, "only rules of type library are"),
        ({"metric": "average", "mustBe": 1}, "its metric is none of nullValues"),
        ({"metric": ["nullValues"], "mustBe": 1}, "its metric is none of nullValues"),
        ({"type": "library", "mustBe": 1}, "its metric is none of nullValues"),
        ("nullValues", "it is no mapping"),
        ({"metric": "nullValues"}, "it needs exactly one of mustBe"),
        ({"metric": "nullValues", "mustBe": 0, "mustBeLessThan": 1}, "it needs exactly one of mustBe"),
        ({"metric": "nullValues", "mustBe": "none"}, "mustBe needs a number"),
        ({"metric": "nullValues", "mustBe": True}, "mustBe needs a number"),
        ({"metric": "nullValues", "mustBeBetween": [5, 1]}, "mustBeBetween needs two numbers"),
        ({"metric": "nullValues", "mustBe": 0, "unit": "bytes"}, "its unit is neither rows nor percent"),
        ({"metric": "rowCount", "mustBe": 1}, "rowCount is a rule of the whole object"),
        ({"metric": "missingValues", "mustBe": 0}, "missingValues needs `arguments`"),
        ({"metric": "missingValues", "arguments": {"missingValues": [[1]]}, "mustBe": 0}, "missingValues needs"),
        ({"metric": "invalidValues", "arguments": [1], "mustBe": 0}, "invalidValues needs `arguments`"),
        ({"metric": "invalidValues", "arguments": {"pattern": "(?<=a)b"}, "mustBe": 0}, "its pattern is no regular"),
    ],
)
def test_a_rule_that_is_not_measured_is_named_with_its_reason(entry: Any, reason: str) -> None:
    (finding,) = quality_findings(loaded({"schema": schema_with([entry])}))
    assert (finding.code, finding.severity) == ("quality-unmeasured", "warning")
    assert finding.path == "schema[0].properties[3].quality[0]"
    assert finding.message.startswith(f"this rule is not measured: {reason}")


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ({"metric": "rowCount", "mustBe": 1, "unit": "percent"}, "rowCount counts rows"),
        ({"metric": "nullValues", "mustBe": 0}, "nullValues is a rule of a field"),
        ({"metric": "duplicateValues", "mustBe": 0}, "duplicateValues of an object needs"),
        ({"metric": "duplicateValues", "arguments": {"properties": ["nope"]}, "mustBe": 0}, "`properties` names"),
        (
            {"metric": "duplicateValues", "arguments": {"properties": ["nodes[].city"]}, "mustBe": 0},
            "`properties` names",
        ),
    ],
)
def test_a_rule_of_the_object_that_is_not_measured_is_named(entry: Any, reason: str) -> None:
    (finding,) = quality_findings(loaded({"schema": schema_with([entry], at_object=True)}))
    assert finding.path == "schema[0].quality[0]"
    assert finding.message.startswith(f"this rule is not measured: {reason}")


def test_a_rule_of_version_3_0_is_measured_too() -> None:
    schema = schema_with([{"type": "library", "rule": "duplicateCount", "mustBe": 0, "unit": "rows"}])
    assert quality_findings(loaded({"schema": schema})) == []


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (
            {"property": "latency", "value": 4, "unit": "furlong", "element": "good.seen_at"},
            "it needs a number and one",
        ),
        ({"property": "freshness", "value": "soon", "unit": "h", "element": "seen_at"}, "it needs a number and one"),
        ({"property": "freshness", "value": 4, "unit": "h", "element": "good.kind"}, "kind is neither a date nor"),
        (
            {"property": "freshness", "value": 4, "unit": "h", "element": "good.nodes.city"},
            "nodes[].city is neither a date nor",
        ),
        ({"property": "freshness", "value": 4, "unit": "h", "element": "good.nope"}, "its `element` names no field"),
        ({"property": "freshness", "value": 4, "unit": "h"}, "its `element` names no field"),
    ],
)
def test_a_promise_of_age_that_is_not_measured_is_named(entry: Any, reason: str) -> None:
    (finding,) = quality_findings(
        loaded({"slaProperties": [{"property": "retention", "value": 3, "unit": "y"}, entry]})
    )
    assert finding.path == "slaProperties[1]"
    assert finding.message.startswith(f"this rule is not measured: {reason}")
