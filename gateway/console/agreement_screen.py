"""The Agreement screen as values: each clause in both languages beside the live figure that it binds."""

from collections.abc import Iterable, Iterator, Mapping
from zoneinfo import ZoneInfo

from msgspec import Struct

from contracts.plan import Contract, Plan, Plans
from gateway.console.figures import Promise, clock, day, promise
from gateway.console.language import Catalogue
from gateway.console.limit_uses import Counted, LimitsOf, LimitUse, counted, limit_use
from gateway.console.product_views import ProductView, product_views
from gateway.health.ecosystem import AgreementHealth, Term, agreement_health, term_of
from gateway.quality.result import DataResult, data_results
from gateway.sla.account import Account
from gateway.sla.counts import Counts
from gateway.sla.tally import Tally
from policies.gate import Gate
from policies.kinds.purpose import PurposeGate
from policies.limit import Standing
from policies.reference import ClauseRef


class ClauseFigure(Struct, frozen=True):
    """One clause on the screen. `counts` are how often it refused, would have refused, was not counted and cut answers
    short, each in the window and of all time, by the word of its message; of what is 0 only refusals are said, and not
    those of a clause that cannot refuse. `watches`: it refuses nobody, and only counts what it would have refused.
    """

    id: str
    kind: str
    zh: str
    en: str
    watches: bool
    counts: tuple[tuple[str, int, int], ...]
    limits: tuple[LimitUse, ...]
    purposes: tuple[str, ...]
    promise: Promise | None


class AgreementScreen(Struct, frozen=True):
    """The whole screen.

    `calls` are this agreement's exchanges in the window and of all time, `data` what samples of the window showed.
    `counters_known` False: the limiter could not be asked how limits stand.
    """

    contract: Contract
    term: Term
    begins: str
    ends: str
    updated: str
    latest: str | None
    calls: tuple[int, int]
    counters_known: bool
    clauses: tuple[ClauseFigure, ...]
    data: tuple[DataResult, ...]
    products: tuple[ProductView, ...]
    versions: tuple[Contract, ...]


def choose_contract(plans: Plans, agreement: str, version: str | None, now_s: int) -> Contract | None:
    """The version asked for; without one, the one in force, else the newest."""
    versions = plans.versions_of(agreement)
    if version is not None:
        return next((contract for contract in versions if contract.version == version), None)
    in_force = [contract for contract in versions if term_of(contract, now_s) == "in_force"]
    return (in_force or versions)[-1] if versions else None


class Counters(Struct, frozen=True):
    """The counters of an agreement version, and how they stand by key; `standings` None: they could not be asked."""

    counted: tuple[Counted, ...]
    standings: Mapping[str, Standing] | None


def agreement_counters(
    contract: Contract, plans: Plans, tally: Tally, limits_of: LimitsOf, time_us: int
) -> tuple[Counted, ...]:
    """The counters that the screen shows."""
    account = tally.of(contract)
    clients = account.clients if account is not None else ()
    return tuple(counted(plans_of(plans, contract), limits_of, clients, time_us))


def agreement_screen(
    contract: Contract, plans: Plans, tally: Tally, *, counters: Counters, now_s: int, t: Catalogue
) -> AgreementScreen:
    """Lay out one agreement version with its live figures."""
    mine = plans_of(plans, contract)
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
        counters_known=counters.standings is not None,
        clauses=tuple(
            figures.of(clause) for clause in (*contract.clauses, contract.effective_clause, contract.products_clause)
        ),
        data=tuple(data_results(health.counts, mine)),
        products=product_views(mine),
        versions=plans.versions_of(contract.agreement),
    )


def plans_of(plans: Plans, contract: Contract) -> list[Plan]:
    """The plans of one agreement version."""
    key = (contract.agreement, contract.version)
    return [plan for plan in plans.all_plans() if (plan.contract.agreement, plan.contract.version) == key]


_COUNTS = ("refusals", "observed", "uncounted", "cuts")
"""What gateway/sla/counts.py keeps by clause; each has a message of its name."""


class _Figures:
    """Finds the live figure of a clause among all that was counted under its agreement."""

    def __init__(
        self,
        plans: Iterable[Plan],
        health: AgreementHealth,
        account: Account | None,
        *,
        counters: Counters,
        t: Catalogue,
    ) -> None:
        plans = list(plans)
        self._gates = {gate.clause.id: gate for plan in plans for gate in plan.gates}
        self._promises = {result.clause.id: promise(result, t) for result in health.meters}
        self._recent = health.counts
        self._total = account.total() if account is not None else Counts()
        self._counted, self._standings, self._t = counters.counted, counters.standings or {}, t

    def of(self, clause: ClauseRef) -> ClauseFigure:
        """The clause with its figure."""
        gate: Gate | None = self._gates.get(clause.id)
        mine = [one for one in self._counted if one.limit.clause.id == clause.id]
        binding = [*(one.limit.enforce for one in mine), *([gate.enforce] if gate is not None else [])]
        shown = self._promises.get(clause.id)
        watches = bool(binding) and all(enforce == "observe" for enforce in binding)
        return ClauseFigure(
            id=clause.id,
            kind=clause.kind,
            zh=clause.text["zh"],
            en=clause.text["en"],
            watches=watches,
            counts=tuple(self._counts(clause.id, "observed" if watches else "" if shown else "refusals")),
            limits=tuple(limit_use(one, self._standings, self._t) for one in mine),
            purposes=tuple(sorted(gate.purposes)) if isinstance(gate, PurposeGate) else (),
            promise=shown,
        )

    def _counts(self, clause: str, always: str) -> Iterator[tuple[str, int, int]]:
        """(name, in the window, of all time); those that are 0 are left out, but for the one that is `always` said."""
        for name in _COUNTS:
            recent, total = (getattr(counts, name).get(clause, 0) for counts in (self._recent, self._total))
            if recent or total or name == always:
                yield name, recent, total
