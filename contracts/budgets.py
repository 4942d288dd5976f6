"""Targets against the volume that an agreement expects: a promise that one bad call breaks already proves nothing.

How fine a measure is follows from how many calls it is made of: of 300 calls in a month one is a third of a percent, so
that 99.9 percent is either all of them or missed. Whoever reads such a figure learns nothing of the service.
"""

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Final

from contracts.agreement import Agreement
from contracts.finding import Finding
from contracts.plan import Contract, Plans
from contracts.workspace import Loaded
from policies.clause import Meter

MONTH_DAYS: Final = 31
"""The longest month: what cannot be proved in it cannot be proved in any."""
_DAY_S: Final = 86_400


def allowed_share(target_percent: str) -> Fraction:
    """The share of calls that may be bad under a promise (decimal text, percent): 99.9 allows 1/1000."""
    return 1 - Fraction(target_percent) / 100


def smallest_step(meter: Meter, calls: int, window_days: int = MONTH_DAYS) -> Fraction:
    """By how much one bad call lowers what is measured in a window with so many calls, from 0 to 1.

    Calls counted one by one: by 1 of all. The mean of slices: by 1 of all calls as well where each slice has some;
    where most have none and count as good, by one slice of all.
    """
    slices = window_days * _DAY_S // meter.slice_s
    if meter.basis == "slices" and meter.empty_slice == "good":
        return Fraction(1, max(calls, slices))
    return Fraction(1, max(calls, 1))


def unprovable(meter: Meter, requests_per_day: int, window_days: int = MONTH_DAYS) -> str:
    """Why a target can never be proved by the volume that is expected; "" where it can.

    A promise of 100 percent is broken by one bad call whatever the volume, and says so: that is no fault of the volume.
    """
    allowed = allowed_share(meter.target_percent)
    calls = requests_per_day * window_days
    step = smallest_step(meter, calls, window_days)
    if allowed == 0 or step <= allowed:
        return ""
    needed = -(-1 // allowed)
    return (
        f"clause {meter.clause.id} promises {meter.target_percent} %, and of the {calls:,} calls expected in a month"
        f" ({requests_per_day:,} a day) one bad one already breaks it: it takes {needed:,} calls to tell"
    )


def budget_findings(agreements: Iterable[Loaded[Agreement]], plans: Plans, from_s: int) -> list[Finding]:
    """Targets that the expected volume can never prove, in agreements that end after `from_s` (Unix seconds).

    For `check`: they are errors there, and keep nothing from being served, because what is signed is in force until the
    parties agree on something else.
    """
    meters = _meters(plans)
    found: list[Finding] = []
    for loaded in agreements:
        agreement, key = loaded.value, (loaded.value.agreement, loaded.value.version)
        contract = plans.contracts.get(key)
        if agreement.volume is None or contract is None or contract.effective_until_s <= from_s:
            continue
        daily, at = agreement.volume.requests_per_day, ("volume", "requests_per_day")
        for meter in meters.get(key, {}).values():
            reasons = (unprovable(meter, daily), _unjudged(contract, meter, daily))
            found += [loaded.source.finding("target-unprovable", why, at) for why in reasons if why]
    return found


def _unjudged(contract: Contract, meter: Meter, requests_per_day: int) -> str:
    """A clause that judges no window with so few calls is judged in none."""
    promised = next((each.clause for each in contract.promises if each.ref.id == meter.clause.id), None)
    named = promised.parameters() if promised is not None else {}
    fewest, calls = named.get("requests_min") or 0, requests_per_day * MONTH_DAYS
    if calls >= fewest:
        return ""
    return f"clause {meter.clause.id} judges no month with fewer than {fewest:,} calls, and {calls:,} are expected"


def _meters(plans: Plans) -> Mapping[tuple[str, str], Mapping[str, Meter]]:
    """What each agreement measures of calls, by clause."""
    found: dict[tuple[str, str], dict[str, Meter]] = {}
    for plan in plans.all_plans():
        for meter in plan.meters:
            if getattr(meter, "side", "in") == "in":
                found.setdefault((plan.contract.agreement, plan.contract.version), {}).setdefault(
                    meter.clause.id, meter
                )
    return found
