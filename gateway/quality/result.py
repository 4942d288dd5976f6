"""What was measured, beside what the product promises: for each rule its counts and how it stands. Pure."""

from collections.abc import Iterable, Mapping
from fractions import Fraction

from msgspec import Struct

from contracts.plan import Plan
from contracts.quality import QualityRules, Rule
from gateway.sla.counts import Counts
from gateway.sla.result import Verdict
from gateway.sla.sampled import RuleCounts, Sampled
from policies.kinds.freshness import is_promised

_NOTHING = Sampled()
_UNCOUNTED = RuleCounts()


class RuleResult(Struct, frozen=True):
    """One quality rule. `must` is its threshold in ODCS's own words, "" where the product has the rule no longer.

    `checked` and `failed` count values, records or lists, as the rule does; `judged` the samples that could tell
    whether it was kept, `broken` those in which it was not. A share (`must` ends in %) is judged over all samples.
    """

    id: str
    must: str
    checked: int
    failed: int
    judged: int
    broken: int
    verdict: Verdict


class DataResult(Struct, frozen=True):
    """What samples of one product and direction showed; "out" is what the backend gave, "in" what the partner wrote.

    `drift` counts answers with values withheld at a declared path, `undeclared` fields that the product does not
    declare by where they were ("" for the record itself).
    """

    product: str
    direction: str
    samples: int
    records: int
    rules: tuple[RuleResult, ...]
    drift: Mapping[str, int]
    undeclared: Mapping[str, int]


def data_results(counts: Counts, plans: Iterable[Plan]) -> list[DataResult]:
    """Everything measured under one agreement, and the rules of its products that nothing has been measured of."""
    rules: dict[str, QualityRules] = {plan.resource: plan.quality for plan in plans}
    found = []
    for name in sorted({*counts.sampled, *(f"{product} out" for product, known in rules.items() if known.rules)}):
        product, _, direction = name.rpartition(" ")
        known = rules.get(product, QualityRules())
        found.append(_data_result(product, direction, counts.sampled.get(name, _NOTHING), known))
    return found


def _data_result(product: str, direction: str, sampled: Sampled, known: QualityRules) -> DataResult:
    rules = {rule.id: rule for rule in known.rules if direction == "out" or rule.id in sampled.rules}
    return DataResult(
        product=product,
        direction=direction,
        samples=sampled.samples,
        records=sampled.records,
        rules=tuple(
            _rule_result(name, rules.get(name), sampled.rules.get(name, _UNCOUNTED))
            for name in dict.fromkeys([*rules, *sorted(sampled.rules)])
            if not is_promised(name)
        ),
        drift=dict(sorted(sampled.drift.items())),
        undeclared=dict(sorted(sampled.undeclared.items())),
    )


def _rule_result(name: str, rule: Rule | None, counts: RuleCounts) -> RuleResult:
    return RuleResult(
        id=name,
        must=rule.threshold.words if rule is not None else "",
        checked=counts.checked,
        failed=counts.failed,
        judged=counts.judged,
        broken=counts.broken,
        verdict=_verdict(rule, counts),
    )


def _verdict(rule: Rule | None, counts: RuleCounts) -> Verdict:
    """How a rule stands on what was seen of it."""
    if rule is not None and rule.percent:
        if not counts.checked:
            return "unknown"
        return "met" if rule.threshold.holds(Fraction(100 * counts.failed, counts.checked)) else "missed"
    if rule is None or not counts.judged:
        return "unknown"
    return "missed" if counts.broken else "met"
