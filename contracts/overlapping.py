"""Agreements of one partner must follow one another in time: a request, and a call of a partner, has one contract."""

from collections.abc import Iterable

from contracts.agreement import Agreement
from contracts.finding import Finding
from contracts.plan import Contract, ServicePlan
from contracts.workspace import Loaded


def overlapping_products(compiled: Iterable[tuple[Loaded[Agreement], Contract]]) -> list[Finding]:
    """Agreements of one partner for one product that are in force at the same time."""
    found = []
    routes: dict[tuple[str, str], list[tuple[Contract, Loaded[Agreement]]]] = {}
    for loaded, contract in compiled:
        for product in contract.products:
            routes.setdefault((contract.partner, product), []).append((contract, loaded))
    for (partner, product), contracts in routes.items():
        ordered = sorted(contracts, key=lambda pair: (pair[0].effective_from_s, pair[0].effective_until_s))
        # compared with the one that lasts longest so far: a long one may overlap several short ones
        longest, first = ordered[0]
        for later, second in ordered[1:]:
            if later.effective_from_s < longest.effective_until_s:
                message = (
                    f"{partner} already has {product} under {longest.agreement} {longest.version} "
                    f"({first.source.file}) until {first.value.effective.to}"
                )
                found.append(second.source.finding("overlapping-agreements", message, ("effective", "from")))
            if later.effective_until_s > longest.effective_until_s:
                longest, first = later, second
    return found


def overlapping_calls(compiled: Iterable[tuple[Loaded[Agreement], list[ServicePlan]]]) -> list[Finding]:
    """Agreements of one partner that let the hub call one operation, and are in force at the same time."""
    found: list[Finding] = []
    known: dict[tuple[str, str], list[Contract]] = {}
    for loaded, plans in compiled:
        for plan in plans:
            mine = plan.contract
            for other in known.setdefault((mine.partner, plan.operation.name), []):
                begins, ends = other.effective_from_s, other.effective_until_s
                if mine.effective_from_s < ends and begins < mine.effective_until_s:
                    message = (
                        f"the hub already calls {plan.operation.name} of {mine.partner} under {other.agreement} "
                        f"{other.version} at that time"
                    )
                    found.append(loaded.source.finding("overlapping-agreements", message, ("effective", "from")))
            known[mine.partner, plan.operation.name].append(mine)
    return found
