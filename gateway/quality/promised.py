"""What clauses of an agreement promise of the data, measured on the same samples as a product's quality rules."""

from collections.abc import Mapping
from datetime import timedelta

from contracts.plan import Plan
from contracts.quality import Every, Rule, Way
from contracts.threshold import Threshold
from gateway.quality.measure import Seen, stale, values_at
from policies.kinds.freshness import Freshness, rule_id


def measure_promised(plan: Plan, seen: Seen) -> Mapping[str, tuple[int, int, int, int]]:
    """(checked, failed, judged, broken) of every clause of kind freshness that is about such a sample, by rule id.

    Checked are times that can be read, failed those that lie too far back.
    """
    found = {}
    for promised in plan.contract.promises:
        clause = promised.clause
        if isinstance(clause, Freshness) and clause.product == plan.resource and seen.written == _is_pushed(clause):
            counts = _measured(clause, plan, seen)
            if counts is not None:
                found[rule_id(promised.ref.id)] = counts
    return found


def _is_pushed(clause: Freshness) -> bool:
    """What the partner promises is about what it writes."""
    return clause.owed_by == "partner"


def _measured(clause: Freshness, plan: Plan, seen: Seen) -> tuple[int, int, int, int] | None:
    """None where the sample says nothing: the newest of a single record that was asked for is just that record."""
    if clause.of == "newest" and not seen.listed and not seen.written:
        return None
    rule = _rule(clause, plan.contract.time_zone)
    checked, failed = stale(
        rule, [value for one in seen.records for value in values_at(one, rule.ways[0])], seen.now_us
    )
    if not checked:
        return None
    if clause.of == "oldest":
        return checked, failed, 1, int(failed > 0)
    # A part of the records can show that some are young; that none is, only all of them.
    all_stale = failed == checked
    is_judged = seen.whole or seen.written or not all_stale
    return checked, failed, int(is_judged), int(is_judged and all_stale)


def _rule(clause: Freshness, zone: str) -> Rule:
    """The clause as a rule of a product; a time without an offset is meant in the agreement's time zone."""
    age_s = clause.max_age / timedelta(seconds=1)
    return Rule(clause.id, "freshness", (_way(clause.field),), False, Threshold(""), age_s_max=age_s, zone=zone)


def _way(field: str) -> Way:
    way: list[str | Every] = []
    for name in field.split("."):
        way.append(name.removesuffix("[]"))
        if name.endswith("[]"):
            way.append(Every.ITEM)
    return tuple(way)
