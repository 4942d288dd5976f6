"""Measuring: every figure is what counting by hand gives, and a sample says no more than it can know."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.quality import QualityRules
from gateway.quality.measure import Found, Seen, measure, record_of, records_of
from tests.unit.quality.goods import goods_plans, plan_of

NOW = datetime(2026, 11, 23, 4, tzinfo=UTC)
RULES: QualityRules = plan_of(goods_plans()).quality

nothing = st.none()
RECORDS = st.lists(
    st.fixed_dictionaries(
        {"id": st.sampled_from(["1", "2", "3", "4"])},
        optional={
            "kind": st.sampled_from(["a", "b", "c", "d", "", "n/a", None]),
            "city": st.sampled_from(["x", "y", None]),
            "weight": st.sampled_from([1, 1.0, 2.5, 3, True, None]),
            "person": st.one_of(
                nothing, st.fixed_dictionaries({}, optional={"phone": st.sampled_from(["1234", "9", None])})
            ),
            "nodes": st.one_of(
                nothing,
                st.lists(st.fixed_dictionaries({}, optional={"city": st.sampled_from(["x", None])}), max_size=3),
            ),
            "labels": st.one_of(nothing, st.dictionaries(st.sampled_from("xyz"), st.sampled_from(["v", None]))),
        },
    ),
    max_size=8,
)


def measured(records: list[Any], *, whole: bool = True, listed: bool = True, written: bool = False) -> Found:
    """Through JSON and back, as bodies come."""
    body = json.dumps({"data": records}).encode()
    read = records_of(body, "data", listed=True, kept=None)
    return measure(RULES, Seen(read, whole, listed, int(NOW.timestamp() * 1_000_000), written))


def by_hand(records: list[Any]) -> dict[str, tuple[int, int]]:
    """(checked, failed) of each rule, counted as plainly as can be."""
    kinds = [record.get("kind") for record in records]
    weights = [record.get("weight") for record in records]
    phones = [(record.get("person") or {}).get("phone") for record in records]
    cities = [node.get("city") for record in records for node in record.get("nodes") or []]
    labels = [item for record in records for item in (record.get("labels") or {}).items()]
    ids = [record["id"] for record in records]
    pairs = [(record.get("kind"), record.get("city")) for record in records]
    full = [pair for pair in pairs if None not in pair]
    return {
        "rowCount": (len(records), 0),
        "id duplicateValues": (len(ids), sum(one in ids[:place] for place, one in enumerate(ids))),
        "kind,city duplicateValues": (len(pairs), sum(one in full[:place] for place, one in enumerate(full))),
        "kind nullValues": (len(kinds), kinds.count(None)),
        "kind missingValues": (len(kinds), kinds.count("") + kinds.count("n/a")),
        "kind invalidValues": (len(kinds), sum(kind not in ("a", "b", "c", None) for kind in kinds)),
        "weight invalidValues": (len(weights), sum(one is True or one not in (1, 2.5, None) for one in weights)),
        "person.phone invalidValues": (
            len(phones),
            sum(re.fullmatch("1[0-9]{3}", phone) is None for phone in phones if phone is not None),
        ),
        "nodes[].city nullValues": (len(cities), cities.count(None)),
        "labels.key invalidValues": (len(labels), sum(key not in "xy" for key, _ in labels)),
        "labels.value nullValues": (len(labels), sum(value is None for _, value in labels)),
        "seen_at latency": (0, 0),
    }


@given(RECORDS)
def test_each_figure_is_what_counting_by_hand_gives(records: list[Any]) -> None:
    found = {rule: (checked, failed) for rule, (checked, failed, _, _) in measured(records).measured.items()}
    assert found == by_hand(records)


@given(RECORDS)
def test_a_whole_list_is_judged_by_its_figures(records: list[Any]) -> None:
    hand = by_hand(records)
    for rule in RULES.rules:
        if rule.percent or rule.id not in hand:
            continue
        checked, failed = hand[rule.id]
        figure = checked if rule.id == "rowCount" else failed
        judged = rule.id == "rowCount" or checked > 0
        expected = (1, int(not rule.threshold.holds(figure))) if judged else (0, 0)
        assert measured(records).measured[rule.id][2:] == expected, rule.id


def test_a_share_is_not_judged_in_one_sample() -> None:
    assert measured([{"id": "1"}]).measured["kind nullValues"] == (1, 1, 0, 0)


def test_a_page_of_many_shows_a_broken_rule_and_never_a_row_count() -> None:
    found = measured([{"id": "1", "kind": "d"}, {"id": "1", "kind": "a"}], whole=False).measured
    assert "rowCount" not in found
    assert found["kind invalidValues"] == (2, 1, 1, 1)
    assert found["id duplicateValues"] == (2, 1, 1, 1)
    assert found["kind missingValues"] == (2, 0, 1, 0)


@pytest.mark.parametrize(("missing", "broken"), [(1, 0), (2, 1)])
def test_a_page_breaks_a_rule_only_beyond_its_bound(missing: int, broken: int) -> None:
    records = [{"id": str(number), "kind": "n/a" if number < missing else "a"} for number in range(5)]
    assert measured(records, whole=False).measured["kind missingValues"] == (5, missing, 1, broken)


def test_one_record_asked_for_by_its_key_says_nothing_of_the_others() -> None:
    record = {"id": "1", "seen_at": "2020-01-01T00:00:00Z"}
    found = measured([record], listed=False).measured
    assert not {"rowCount", "id duplicateValues", "kind,city duplicateValues", "seen_at latency"} & found.keys()
    assert found["kind nullValues"] == (1, 1, 0, 0)


@pytest.mark.parametrize(
    ("ages_h", "whole", "counts"),
    [
        ([1, 9], True, (2, 1, 1, 0)),
        ([5, 9], True, (2, 2, 1, 1)),
        ([5, 9], False, (2, 2, 0, 0)),
        ([1, 9], False, (2, 1, 1, 0)),
        ([4], True, (1, 0, 1, 0)),
        ([-0.05], True, (1, 0, 1, 0)),  # the backend's clock is ahead
        ([-3], True, (0, 0, 0, 0)),  # planned
        ([-3, 9], True, (1, 1, 1, 1)),
        ([], True, (0, 0, 0, 0)),
    ],
)
def test_data_are_fresh_if_their_newest_record_is_and_stale_only_if_all_are_seen(
    ages_h: list[float], whole: bool, counts: tuple[int, ...]
) -> None:
    records = [{"id": str(age), "seen_at": (NOW - timedelta(hours=age)).isoformat()} for age in ages_h]
    assert measured(records, whole=whole).measured["seen_at latency"] == counts


@pytest.mark.parametrize(
    ("text", "counts"),
    [
        ("2026-11-23T00:00:01Z", (1, 0)),
        ("2026-11-22T23:59:59Z", (1, 1)),
        ("2026-11-23T08:00:01+08:00", (1, 0)),
        ("2026-11-23T07:59:59+08:00", (1, 1)),
        ("2026-11-23T00:00:01", (1, 0)),
        ("2026-11-23", (1, 0)),
        ("2026-11-22", (1, 0)),
        ("2026-11-21", (1, 1)),
        ("9999-12-31", (0, 0)),
        ("soon", (0, 0)),
        (7, (0, 0)),
        ({"canary": 1}, (0, 0)),
    ],
)
def test_times_are_read_as_rfc_3339_and_anything_else_is_none(text: Any, counts: tuple[int, int]) -> None:
    assert measured([{"id": "1", "seen_at": text}]).measured["seen_at latency"][:2] == counts


def test_a_field_that_was_not_asked_for_is_measured_only_where_it_is() -> None:
    assert "secret nullValues" not in measured([{"id": "1"}]).measured
    found = measured([{"id": "1", "secret": None}, {"id": "2"}]).measured
    assert found["secret nullValues"] == (2, 2, 1, 1)


def test_a_number_equals_a_number_however_written_and_no_truth() -> None:
    records = [{"id": one, "weight": weight} for one, weight in (("1", 2.50), ("2", 1.0), ("3", True), ("4", "1"))]
    assert measured(records).measured["weight invalidValues"][:2] == (4, 2)


def test_numbers_that_differ_in_their_last_digit_are_no_duplicates() -> None:
    plan = plan_of(goods_plans())
    body = b'{"data":[{"id":1.00000000000000000001},{"id":1.00000000000000000002},{"id":1.00000000000000000001}]}'
    seen = Seen(records_of(body, "data", listed=True, kept=None), True, True, 0)
    assert measure(plan.quality, seen).measured["id duplicateValues"][:2] == (3, 1)


def test_only_the_records_that_the_partner_may_see_are_looked_at() -> None:
    body = b'[{"id":"1"},{"id":"2"},"canary",{"id":"3"}]'
    assert records_of(body, None, listed=True, kept=[True, False, True, True]) == [{"id": "1"}, {"id": "3"}]
    assert records_of(b'{"id":"1"}', "data", listed=False, kept=None) == [{"id": "1"}]


def test_undeclared_fields_are_counted_by_where_they_are_and_not_named() -> None:
    record = {
        "id": "1",
        "canary": 1,
        "canary2": {"canary3": 2},
        "person": {"phone": "1", "canary": 3},
        "nodes": [{"canary": 4}, {"city": "x", "canary": 5, "canary6": 6}, "canary"],
        "labels": {"canary": "a free key is declared"},
        "owner": {"canary": "a single value that is none is drift"},
    }
    assert measured([record, {"id": "2"}]).undeclared == {"": 2, "person": 1, "nodes[]": 3}


def test_a_shape_that_drifted_has_no_values() -> None:
    shapes: list[Any] = ["canary", 7, ["canary"], {"canary": 1}]
    for shape in shapes:
        found = measured([{"id": "1", "person": shape, "nodes": shape, "labels": shape}]).measured
        assert found["person.phone invalidValues"][1] == 0
        assert found["nodes[].city nullValues"][1] == 0


def test_of_what_a_partner_writes_only_what_it_wrote_is_measured() -> None:
    record = record_of([(("kind",), "d"), (("person", "phone"), "12"), (("nodes",), [{"city": None}])])
    found = measure(RULES, Seen([record], False, False, 0, written=True))
    assert {rule: counts[:2] for rule, counts in found.measured.items()} == {
        "kind nullValues": (1, 0),
        "kind missingValues": (1, 0),
        "kind invalidValues": (1, 1),
        "person.phone invalidValues": (1, 1),
        "nodes[].city nullValues": (1, 1),
    }
    assert found.undeclared == {}
