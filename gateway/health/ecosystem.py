"""ecosystem: one value per partner with everything that screens and reports show. Pure: counts, plans and a time in."""

from collections.abc import Iterable
from fractions import Fraction
from typing import Literal, TypeAlias

from msgspec import Struct

from contracts.plan import Contract, Plan, Plans
from gateway.health.dimension import Observed
from gateway.health.dimensions import DIMENSIONS
from gateway.health.score import Health, score
from gateway.sla.account import Account
from gateway.sla.counts import Counts, added
from gateway.sla.result import MeterResult, meters_of, results
from gateway.sla.tally import Tally
from policies.reference import Words

WINDOW_DAYS = 7
"""Local days looked at, today included."""
_DAY_S = 86_400

Term: TypeAlias = Literal["in_force", "not_yet", "ended"]


class AgreementHealth(Struct, frozen=True):
    """One agreement version: whether it is in force, what was counted in the window, and its SLA clauses this month.

    `declared` is the number of calls that the agreement expects in `observed_s` seconds, None if it declares none.
    """

    contract: Contract
    term: Term
    counts: Counts
    meters: tuple[MeterResult, ...]
    declared: Fraction | None
    observed_s: int


class PartnerHealth(Struct, frozen=True):
    """One partner. `agreements` are those in force, or the last one if none is; `counts` and `declared` their sums."""

    partner: str
    name: Words
    role: str
    agreements: tuple[AgreementHealth, ...]
    counts: Counts
    declared: Fraction | None
    requests_per_day: int | None
    observed_s: int
    health: Health

    @property
    def meters(self) -> tuple[MeterResult, ...]:
        """The SLA clauses of all its agreements."""
        return tuple(meter for agreement in self.agreements for meter in agreement.meters)

    @property
    def clauses_met(self) -> tuple[int, int]:
        """How many SLA clauses are met, and how many there are."""
        return sum(meter.verdict == "met" for meter in self.meters), len(self.meters)

    @property
    def good_share(self) -> Fraction | None:
        """Good answers out of those that can be judged."""
        return Fraction(self.counts.good, self.counts.judged) if self.counts.judged else None


def ecosystem(tally: Tally, plans: Plans, now_s: int) -> list[PartnerHealth]:
    """Every partner by id, at `now_s` (Unix seconds)."""
    meters: dict[tuple[str, str], list[Plan]] = {}
    for plan in plans.all_plans():
        meters.setdefault((plan.contract.agreement, plan.contract.version), []).append(plan)
    contracts: dict[str, list[Contract]] = {}
    for contract in plans.contracts.values():
        contracts.setdefault(contract.partner, []).append(contract)
    found = []
    for partner in sorted(contracts):
        chosen = _relevant(contracts[partner], now_s)
        found.append(
            _partner(
                [
                    agreement_health(tally, contract, meters.get((contract.agreement, contract.version), []), now_s)
                    for contract in chosen
                ]
            )
        )
    return found


def agreement_health(tally: Tally, contract: Contract, plans: Iterable[Plan], now_s: int) -> AgreementHealth:
    """One agreement version with its plans."""
    account = tally.of(contract)
    results_now = results(account, contract, meters_of(plan.meters for plan in plans), now_s)
    counts, observed_s = _window(account, contract, now_s)
    declared = None
    if contract.requests_per_day is not None and account is not None and account.first_us is not None:
        declared = Fraction(contract.requests_per_day * observed_s, _DAY_S)
    return AgreementHealth(contract, term_of(contract, now_s), counts, tuple(results_now), declared, observed_s)


def term_of(contract: Contract, now_s: int) -> Term:
    """Whether an agreement is in force."""
    if now_s < contract.effective_from_s:
        return "not_yet"
    return "in_force" if now_s < contract.effective_until_s else "ended"


def _relevant(contracts: list[Contract], now_s: int) -> list[Contract]:
    ordered = sorted(contracts, key=lambda contract: (contract.effective_from_s, contract.agreement, contract.version))
    in_force = [contract for contract in ordered if term_of(contract, now_s) == "in_force"]
    return in_force or ordered[-1:]


def _window(account: Account | None, contract: Contract, now_s: int) -> tuple[Counts, int]:
    """Counts of the last days, and how many seconds of them have been observed: since the first exchange at most."""
    if account is None or account.first_us is None:
        return Counts(), 0
    today = account.local_day(now_s * 1_000_000).ordinal
    first = today - WINDOW_DAYS + 1
    begin_s = max(account.day_at(first).from_us // 1_000_000, contract.effective_from_s, account.first_us // 1_000_000)
    end_s = min(now_s, contract.effective_until_s)
    return account.counts(first, today), max(0, end_s - begin_s)


def _partner(agreements: list[AgreementHealth]) -> PartnerHealth:
    latest = agreements[-1].contract
    counts = added(agreement.counts for agreement in agreements)
    declared = [agreement.declared for agreement in agreements if agreement.declared is not None]
    per_day = [per_day for one in agreements if (per_day := one.contract.requests_per_day) is not None]
    meters = [meter for agreement in agreements for meter in agreement.meters]
    observed = Observed(
        good=counts.good,
        faults=counts.faults,
        refusals=counts.refusals,
        drifted=counts.drifted,
        declared=sum(declared, Fraction(0)) if declared else None,
        observed_s=max(agreement.observed_s for agreement in agreements),
        met=tuple(meter.clause.id for meter in meters if meter.verdict == "met"),
        missed=tuple(meter.clause.id for meter in meters if meter.verdict == "missed"),
    )
    return PartnerHealth(
        partner=latest.partner,
        name=latest.partner_name,
        role=latest.role,
        agreements=tuple(agreements),
        counts=counts,
        declared=observed.declared,
        requests_per_day=sum(per_day) if per_day else None,
        observed_s=observed.observed_s,
        health=score(DIMENSIONS, observed),
    )
