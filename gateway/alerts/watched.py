"""What can be watched: clauses with an error budget, each with what it counts, and the rules that are about it."""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction

from msgspec import Struct

from contracts.budgets import allowed_share
from contracts.plan import Contract, Plans
from gateway.alerts.rules import KINDS, Alerts, Kind, Rule
from gateway.sla.lanes import meters_out
from policies.clause import Meter

DAY_S = 86_400


class Watched(Struct, frozen=True):
    """A clause of an agreement that is, or will be, in force. `budget` is the share of events that may be bad.

    `daily` is how many events are expected a day, None where nobody said.
    """

    contract: Contract
    kind: Kind
    meter: Meter
    budget: Fraction
    daily: int | None

    @property
    def clause(self) -> str:
        """Its number."""
        return self.meter.clause.id


def watched_clauses(plans: Plans, from_s: int, until_s: int | None = None) -> list[Watched]:
    """Clauses of agreements in force at any time between two moments (Unix seconds; `until_s` None: from then on)."""
    meters: dict[tuple[str, str], dict[str, Meter]] = {key: {} for key in plans.contracts}
    for contract, meter in _metered(plans):
        meters[contract.agreement, contract.version].setdefault(meter.clause.id, meter)
    found: list[Watched] = []
    for key, contract in sorted(plans.contracts.items()):
        begins = until_s is None or contract.effective_from_s < until_s
        if begins and contract.effective_until_s > from_s:
            found += _of_contract(contract, meters[key])
    return found


def _metered(plans: Plans) -> Iterator[tuple[Contract, Meter]]:
    """What is counted of calls: those that partners make, and those of the hub that partners answer."""
    for plan in plans.all_plans():
        for meter in plan.meters:
            if meter.side == "in":
                yield plan.contract, meter
    for calls in plans.calls.values():
        for call in calls:
            for meter in meters_out(call.contract, call.service, call.operation.name):
                yield call.contract, meter


def _of_contract(contract: Contract, meters: Mapping[str, Meter]) -> Iterator[Watched]:
    """What the agreement expects a day are calls of the partner; how often the hub calls, nobody said."""
    for promised in contract.promises:
        kind, meter = promised.clause.__struct_config__.tag, meters.get(promised.ref.id)
        if meter is not None and kind in KINDS:
            daily = contract.requests_per_day if meter.side == "in" else None
            yield Watched(contract, kind, meter, allowed_share(meter.target_percent), daily)


def rules_for(alerts: Alerts, watched: Watched) -> list[Rule]:
    """The rules about a clause, without those that can never raise anything."""
    about = (rule for rule in alerts.rules if rule.is_about(watched.contract.agreement, watched.clause, watched.kind))
    return [rule for rule in about if not why_never(rule, watched)]


def why_never(rule: Rule, watched: Watched) -> Iterable[tuple[str, str]]:
    """(field, why) for everything that keeps a rule from ever raising an alert about a clause; none: it can."""
    where = f"clause {watched.clause} of {watched.contract.agreement}"
    target = f"{where} promises {watched.meter.target_percent} %"
    found = []
    if rule.short > rule.long:
        found.append(("short", "the short window is longer than the long one, so it confirms nothing"))
    if watched.budget == 0 and rule.bad_events == 0:
        found.append(("factor", f"{target}: no rate can be burnt of no budget; let bad_events decide"))
    if watched.budget and rule.burning * watched.budget >= 1:
        share = float(watched.budget * 100)
        message = f"{target}: {rule.factor} times the {share:g} % that may be bad is not less than all calls"
        found.append(("factor", message))
    if watched.daily is not None:
        found += _too_few(rule, watched, where)
    return found


def _too_few(rule: Rule, watched: Watched, where: str) -> Iterator[tuple[str, str]]:
    expected = Fraction(watched.daily or 0) * rule.long_us / (DAY_S * 1_000_000)
    said = f"{where} expects {float(expected):,.6g} calls in the long window, of {watched.daily:,} a day"
    judged = watched.budget > 0 and expected >= rule.minimum_events
    if watched.budget and not judged and rule.bad_events == 0:
        yield "minimum_events", f"{said}, fewer than the {rule.minimum_events:,} from which on a rate is judged"
    elif expected < rule.bad_events:
        yield "bad_events", f"{said}, fewer than the {rule.bad_events:,} bad events that an alert takes"
