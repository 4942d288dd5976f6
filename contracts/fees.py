"""Percentages whose base no statement has: of a fee that the agreement does not name, of the value of what was late.

Whoever signed the first would be credited nothing, whatever fails; the second are computed with the monthly fee, since
what a delivery was worth is in no document. A statement computes on: what is signed is in force. So both are said where
documents are checked.
"""

from collections.abc import Iterable

from contracts.agreement import Agreement
from contracts.finding import Finding
from contracts.plan import Plans
from contracts.workspace import Loaded
from policies.settling.credit import Credit


def fee_findings(agreements: Iterable[Loaded[Agreement]], plans: Plans, from_s: int) -> list[Finding]:
    """Clauses that credit such percents, in agreements that end after `from_s` (Unix s).

    For `check`: they are errors there, and keep nothing from being served. Who pays nothing says so, by fees of "0.00".
    """
    found: list[Finding] = []
    for loaded in agreements:
        agreement = loaded.value
        contract = plans.contracts.get((agreement.agreement, agreement.version))
        if contract is None or contract.effective_until_s <= from_s:
            continue
        for promised in contract.promises:
            credit = getattr(promised.clause, "credit", None)  # not every promise has one
            problem = _problem(credit, agreement) if credit is not None and credit.in_percent() else None
            if problem is not None:
                code, message = problem
                found.append(loaded.source.finding(code, f"clause {promised.ref.id} {message}", ("policies",)))
    return found


def _problem(credit: Credit, agreement: Agreement) -> tuple[str, str] | None:
    if credit.of == "value":
        return "credit-of-value", (
            "credits percents of the value of what was late, which no statement knows: it computes with the monthly fee"
            f" of {agreement.agreement}; agree on `of: monthly_fee`, or on an `amount`"
        )
    if agreement.fees is None:
        return "credit-without-fee", (
            f"credits percents of the monthly fee, and {agreement.agreement} names no fee, so that nothing is ever"
            ' credited: add `fees: {monthly: "...", currency: ...}`'
        )
    return None
