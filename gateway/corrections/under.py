"""Under which agreement and clause a data error is reported: the partner's own, in force, about the product."""

from collections.abc import Iterable, Mapping
from typing import Final

from msgspec import Struct

from contracts.plan import Contract, Plan, Plans
from contracts.product import Operation
from gateway.store.corrections import KeptCorrection
from policies.kinds.correction import Correction as CorrectionClause
from policies.promise import OwedBy
from policies.reference import Words

_READING: Final[tuple[Operation, ...]] = ("get", "list")


class NoClause(Struct, frozen=True):
    """Why no clause fits: which parameter is wrong, and what there is."""

    parameter: str
    words: Words


_NONE: Final[Mapping[OwedBy, Words]] = {
    "hub": {
        "zh": "协议中没有由甲方更正该数据产品错误的条款",
        "en": "no clause of the agreement has the hub correct errors in this product's data",
    },
    "partner": {
        "zh": "协议中没有由乙方更正该数据产品错误的条款",
        "en": "no clause of the agreement has the partner correct errors in this product's data",
    },
}
_ANOTHER: Final[Words] = {
    "zh": "该条款并非关于此数据产品的错误",
    "en": "this is no clause about errors in the data of this product",
}


def contract_for(plans: Plans, partner: str, product: str, now_s: int) -> Contract | None:
    """The agreement in force that is about a product, whatever the partner may do with it."""
    for contract in in_force(plans, partner, now_s):
        if any(product in (plan.resource, plan.product) for plan in _plans_of(plans, contract)):
            return contract
    return None


def in_force(plans: Plans, partner: str, now_s: int) -> tuple[Contract, ...]:
    """The partner's agreements that are in force."""
    return tuple(each for each in plans.of_partner(partner) if each.effective_from_s <= now_s < each.effective_until_s)


def reading_plan(plans: Plans, contract: Contract, product: str) -> Plan | None:
    """The plan by which the partner reads records of a product; None where it may not read them."""
    for operation in _READING:
        for plan in plans.by_route.get((contract.partner, product, operation), ()):
            if (plan.contract.agreement, plan.contract.version) == (contract.agreement, contract.version):
                return plan
    return None


def resources_of(plans: Plans, contract: Contract) -> tuple[str, ...]:
    """The products of an agreement, and their objects, as a report names them."""
    return tuple(sorted({plan.resource for plan in _plans_of(plans, contract)}))


def _plans_of(plans: Plans, contract: Contract) -> Iterable[Plan]:
    named = (contract.agreement, contract.version)
    return (plan for plan in plans.all_plans() if (plan.contract.agreement, plan.contract.version) == named)


def clause_for(
    contract: Contract, product: str, owed_by: OwedBy, severity: str, clause_id: str = ""
) -> CorrectionClause | NoClause:
    """The clause that a report is made under; `clause_id` chooses where there are several."""
    about = clauses_for(contract, product, owed_by)
    if not about:
        return NoClause("product", _NONE[owed_by])
    if clause_id:
        about = tuple(each for each in about if each.id == clause_id)
        if not about:
            return NoClause("clause", _ANOTHER)
    fitting = tuple(each for each in about if severity in each.severities)
    if not fitting:
        known = ", ".join(sorted({name for each in about for name in each.severities}))
        return NoClause(
            "severity", {"zh": f"条款中的级别为：{known}", "en": f"the clause knows these severities: {known}"}
        )
    if len(fitting) > 1:
        these = ", ".join(each.id for each in fitting)
        return NoClause(
            "clause",
            {"zh": f"有多项相关条款，请写明一项：{these}", "en": f"several clauses are about it, name one: {these}"},
        )
    return fitting[0]


def clauses_for(contract: Contract, product: str, owed_by: OwedBy) -> tuple[CorrectionClause, ...]:
    """The clauses of an agreement about errors in the data of a product that one side owes corrections of."""
    name = product.split("/", maxsplit=1)[0]
    return tuple(
        promised.clause
        for promised in contract.promises
        if isinstance(promised.clause, CorrectionClause)
        and promised.clause.owed_by == owed_by
        and (not promised.clause.products or name in promised.clause.products or product in promised.clause.products)
    )


def contract_of(plans: Plans, correction: KeptCorrection) -> Contract | None:
    """The agreement that it was reported under; None when the workspace has that version no more."""
    return plans.contracts.get((correction.agreement, correction.version))


def clause_of(plans: Plans, correction: KeptCorrection) -> CorrectionClause | None:
    """The clause that it was reported under; None when the workspace has it no more."""
    contract = contract_of(plans, correction)
    for promised in contract.promises if contract is not None else ():
        if promised.ref.id == correction.clause and isinstance(promised.clause, CorrectionClause):
            return promised.clause
    return None
