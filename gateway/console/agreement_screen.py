"""The Agreement screen as values: each clause in both languages beside the live figure that it binds."""

from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from msgspec import Struct

from contracts.plan import Contract, Plan, Plans
from gateway.console.figures import Bar, Promise, bar, clock, day, promise
from gateway.console.language import Catalogue
from gateway.console.product_views import ProductView, product_views
from gateway.console.wiring import Usage
from gateway.exchange.admit import charges
from gateway.health.ecosystem import AgreementHealth, Term, agreement_health, term_of
from gateway.quality.result import DataResult, data_results
from gateway.sla.account import Account
from gateway.sla.counts import Counts
from gateway.sla.tally import Tally
from policies.clause import ClauseRef, Gate, Limit
from policies.wording import duration


class LimitUse(Struct, frozen=True):
    """How much of a limit is used now. `of` says whose calls; `used` None: counted per client, and none has called."""

    of: str
    limit: int
    window: str
    used: int | None
    bar: Bar | None


class ClauseFigure(Struct, frozen=True):
    """One clause on the screen. `refused` is its count in the window and of all time, None where it cannot refuse."""

    id: str
    kind: str
    zh: str
    en: str
    refused: tuple[int, int] | None
    limits: tuple[LimitUse, ...]
    purposes: tuple[str, ...]
    promise: Promise | None


class AgreementScreen(Struct, frozen=True):
    """The whole screen. `calls` are this agreement's exchanges in the window and of all time, `data` what samples of
    the window showed."""

    contract: Contract
    term: Term
    begins: str
    ends: str
    updated: str
    latest: str | None
    calls: tuple[int, int]
    clauses: tuple[ClauseFigure, ...]
    data: tuple[DataResult, ...]
    products: tuple[ProductView, ...]
    versions: tuple[Contract, ...]


def choose_contract(plans: Plans, agreement: str, version: str | None, now_s: int) -> Contract | None:
    """The version asked for; without one, the one in force, else the newest."""
    versions = versions_of(plans, agreement)
    if version is not None:
        return next((contract for contract in versions if contract.version == version), None)
    in_force = [contract for contract in versions if term_of(contract, now_s) == "in_force"]
    return (in_force or versions)[-1] if versions else None


def versions_of(plans: Plans, agreement: str) -> list[Contract]:
    """Every version of an agreement, oldest first."""
    found = [contract for contract in plans.contracts.values() if contract.agreement == agreement]
    return sorted(found, key=lambda contract: (contract.effective_from_s, contract.version))


def agreement_screen(
    contract: Contract, plans: Plans, tally: Tally, *, counters: Usage, now_s: int, t: Catalogue
) -> AgreementScreen:
    """Lay out one agreement version with its live figures."""
    key = (contract.agreement, contract.version)
    mine = [plan for plan in plans.all_plans() if (plan.contract.agreement, plan.contract.version) == key]
    account = tally.of(contract)
    total = account.total() if account is not None else Counts()
    health = agreement_health(tally, contract, mine, now_s)
    zone = ZoneInfo(contract.time_zone)
    latest_us = account.latest_us if account is not None else None
    figures = _Figures(mine, health, account, counters=counters, t=t)
    return AgreementScreen(
        contract=contract,
        term=health.term,
        begins=day(contract.effective_from_s, zone),
        ends=day(contract.effective_until_s, zone),
        updated=clock(now_s, zone),
        latest=None if latest_us is None else clock(latest_us // 1_000_000, zone),
        calls=(health.counts.requests, total.requests),
        clauses=tuple(
            figures.of(clause) for clause in (*contract.clauses, contract.effective_clause, contract.products_clause)
        ),
        data=tuple(data_results(health.counts, mine)),
        products=product_views(mine),
        versions=tuple(versions_of(plans, contract.agreement)),
    )


class _Figures:
    """Finds the live figure of a clause among all that was counted under its agreement."""

    def __init__(
        self, plans: Iterable[Plan], health: AgreementHealth, account: Account | None, *, counters: Usage, t: Catalogue
    ) -> None:
        plans = list(plans)
        # one counter may be behind several plans, and one clause behind several counters
        self._limits = {limit.key: (limit, plan) for plan in plans for limit in plan.limits}
        self._gates = {gate.clause.id: gate for plan in plans for gate in plan.gates}
        self._promises = {result.clause.id: promise(result, t) for result in health.meters}
        self._recent = health.counts.refusals
        self._total = account.total().refusals if account is not None else {}
        self._clients = sorted(account.clients) if account is not None else []
        self._counters, self._t = counters, t

    def of(self, clause: ClauseRef) -> ClauseFigure:
        """The clause with its figure."""
        limits = tuple(
            use
            for limit, plan in self._limits.values()
            if limit.clause.id == clause.id
            for use in _limit_uses(limit, plan, self._clients, self._counters, self._t)
        )
        gate: Gate | None = self._gates.get(clause.id)
        shown = self._promises.get(clause.id)
        refused = (self._recent.get(clause.id, 0), self._total.get(clause.id, 0))
        return ClauseFigure(
            id=clause.id,
            kind=clause.kind,
            zh=clause.text["zh"],
            en=clause.text["en"],
            refused=refused if shown is None or any(refused) else None,
            limits=limits,
            purposes=tuple(sorted(gate.purposes)) if gate else (),
            promise=shown,
        )


def _limit_uses(limit: Limit, plan: Plan, clients: Iterable[str], used_of: Usage, t: Catalogue) -> list[LimitUse]:
    """The counters behind one limit: one, or one for each client that has called."""
    window = duration(timedelta(microseconds=limit.window_ns // 1_000))[t.language]
    if limit.per == "client":
        counters = [(client, charges([limit], client)[0][0]) for client in clients]
        if not counters:
            return [LimitUse(t("limit.per_client"), limit.limit, window, None, None)]
    elif limit.per == "partner":
        counters = [(t("limit.per_partner"), limit.key)]
    else:
        counters = [(f"{plan.resource} · {plan.operation}", limit.key)]
    found = []
    for of, key in counters:
        used = used_of.used(key, limit)
        label = t("limit.bar", used=f"{used:,}", limit=f"{limit.limit:,}", window=window)
        found.append(LimitUse(of, limit.limit, window, used, bar(Fraction(used, limit.limit), label)))
    return found
