"""Under which clause a finding may be confirmed: one of kind anomaly, in force now, that is about what was found."""

from contracts.plan import Contract, Plan, Plans
from gateway.limits.grants import Unfit
from gateway.store.findings import KeptFinding
from policies.clause import Anomaly


def anomaly_for(plans: Plans, finding: KeptFinding, clause: str, now_s: int) -> tuple[Contract, Anomaly] | Unfit:
    """The agreement in force with its clause, or why there is none that fits."""
    found = _plans_of(plans, finding, now_s)
    if not found:
        where = f"{finding.agreement} with {finding.resource}"
        return Unfit(f"no agreement {where} is in force: nothing can be imposed under it")
    there = {anomaly.clause.id: anomaly for plan in found for anomaly in plan.anomalies}
    if clause not in there:
        return Unfit(_no_such(found[0].contract, clause, sorted(there)))
    anomaly = there[clause]
    if finding.detector not in anomaly.findings:
        about = ", ".join(sorted(anomaly.findings))
        return Unfit(f"clause {clause} is about {about}; this finding is one of {finding.detector}")
    return found[0].contract, anomaly


def clauses_for(plans: Plans, finding: KeptFinding, now_s: int) -> tuple[str, ...]:
    """The clauses under which it may be confirmed now."""
    found = {
        anomaly.clause.id
        for plan in _plans_of(plans, finding, now_s)
        for anomaly in plan.anomalies
        if finding.detector in anomaly.findings
    }
    return tuple(sorted(found))


def _plans_of(plans: Plans, finding: KeptFinding, now_s: int) -> list[Plan]:
    return [
        plan
        for plan in plans.all_plans()
        if (plan.contract.agreement, plan.resource) == (finding.agreement, finding.resource)
        and plan.contract.effective_from_s <= now_s < plan.contract.effective_until_s
    ]


def _no_such(contract: Contract, clause: str, there: list[str]) -> str:
    kinds = {each.kind for each in contract.clauses if each.id == clause}
    said = f"clause {clause} of {contract.agreement} is of kind {kinds.pop()}" if kinds else f"there is no {clause}"
    those = f"those of kind anomaly: {', '.join(there)}" if there else "it has none of kind anomaly, agree on one first"
    return f"{said}; a finding is confirmed under a clause of kind anomaly of {contract.agreement}: {those}"
