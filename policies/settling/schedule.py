"""From a miss to an amount: what the schedule gives, then the caps, then the minimum, then rounding, once, at the end.

The minimum looks at what would be paid, so it comes after the caps: of a credit that a cap leaves 0.50 of, 0.50 is
compared. It comes before rounding, so that 1.004 exceeds 1.00. All numbers are exact until the last step.
"""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from fractions import Fraction
from math import ceil, floor
from zoneinfo import ZoneInfo

from msgspec import Struct

from policies.reference import Words
from policies.settling.credit import Band, Comparison, Credit
from policies.settling.facts import FactFault, Facts, Prior
from policies.settling.saying import decimal_of, lasting, plain, rounded_down, said, some

_YEAR_MONTHS = 12
_NO_CREDIT = said("本条款未约定抵扣。", "The clause credits nothing.")
_MICROSECOND = timedelta(microseconds=1)


class Raised(Struct, frozen=True):
    """What the schedule gives before caps: `percent` of the fee, plus `amount`; and how it came to that, in words."""

    percent: Fraction = Fraction(0)
    amount: Fraction = Fraction(0)
    steps: tuple[Words, ...] = ()


class Priced(Struct, frozen=True):
    """What is credited. `capped_by` names the cap that made it smaller, "" when none did; `claim_by` is the last day
    on which it can be claimed, None where nothing is credited or no time is set."""

    percent: Decimal
    credit: Decimal
    capped_by: str
    steps: tuple[Words, ...]
    claim_by: date | None = None


def by_bands(credit: Credit, figure: Fraction) -> Raised:
    """The worst band that a figure reaches, in percent, or in seconds where the bands are of durations."""
    reached = [band for band in credit.bands if beyond(band.comparison, figure, Fraction(band.threshold))]
    if not reached:
        return Raised(steps=(said("未触及任何抵扣档。", "That reaches no band of the schedule."),))
    band = reached[-1]
    where, gives = band.where(), band.gives()
    step = said(f"{where['zh']}，应抵扣 {gives['zh']}。", f"That is {where['en']}: {gives['en']} is credited.")
    return _worth(band, step)


def by_delay(credit: Credit, late: timedelta) -> Raised:
    """What one delay or interruption costs: by bands of durations, by started periods, or once where neither is given.

    No delay costs nothing.
    """
    if late <= timedelta(0):
        return Raised()
    if credit.bands:
        return by_bands(credit, Fraction(late // _MICROSECOND, 1_000_000))
    if credit.per_started is None:
        return by_count(credit, 1)
    periods = started_periods(late, credit.per_started, credit.started_unit)
    long, each = lasting(late), lasting(credit.per_started)
    worth = _each(credit)
    step = said(
        f"延误 {long['zh']}，按每 {each['zh']} 计为 {plain(periods)} 期，每期 {worth}。",
        f"A delay of {long['en']} counts as {some(periods, 'period')} of {each['en']}, {worth} for each.",
    )
    return _times(credit, periods, step)


def by_points(credit: Credit, short: Fraction) -> Raised:
    """What it costs to be so many percentage points beyond the promise: each begun `per_points` counts whole."""
    if short <= 0 or credit.per_points is None:
        return Raised()
    steps = Fraction(ceil(short / Fraction(credit.per_points)))
    worth = _each(credit)
    step = said(
        f"偏离承诺 {plain(short)} 个百分点，按每 {credit.per_points} 个百分点计为 {plain(steps)} 档，每档 {worth}。",
        f"That is {some(short, 'percentage point')} off the promise, which begins {some(steps, 'step')} of "
        f"{credit.per_points} points, {worth} for each.",
    )
    return _times(credit, steps, step)


def by_count(credit: Credit, breaches: int) -> Raised:
    """What so many breaches cost, each the same."""
    if breaches <= 0:
        return Raised()
    worth = _each(credit)
    step = said(
        f"违约 {breaches} 次，每次 {worth}。",
        f"{some(breaches, 'breach', 'breaches')}, {worth} for each.",
    )
    return _times(credit, Fraction(breaches), step)


def together(parts: Iterable[Raised]) -> Raised:
    """Several of them, added up."""
    kept = tuple(parts)
    return Raised(
        sum((part.percent for part in kept), Fraction(0)),
        sum((part.amount for part in kept), Fraction(0)),
        tuple(step for part in kept for step in part.steps),
    )


def beyond(comparison: Comparison, figure: Fraction, threshold: Fraction) -> bool:
    """Whether a figure is beyond a threshold. Exactly at it is neither below nor above nor longer."""
    answers = {
        "below": figure < threshold,
        "at_or_below": figure <= threshold,
        "above": figure > threshold,
        "at_or_above": figure >= threshold,
        "longer_than": figure > threshold,
        "at_least": figure >= threshold,
    }
    return answers[comparison]


def started_periods(late: timedelta, period: timedelta, unit: timedelta | None) -> Fraction:
    """How many periods a delay is: a begun `unit` counts whole; None: a begun period does; zero: nothing does."""
    counted_in = period if unit is None else unit
    if not counted_in:
        return Fraction(late // _MICROSECOND, period // _MICROSECOND)
    return -(-late // counted_in) * Fraction(counted_in // _MICROSECOND, period // _MICROSECOND)


def price(credit: Credit | None, raised: Raised, facts: Facts) -> Priced | FactFault:
    """The amount that is credited for the window of `facts`. A fault when a fee is needed and not among the facts."""
    if credit is None:
        return Priced(Decimal(0), Decimal("0.00"), "", (_NO_CREDIT,))
    if credit.in_percent() and facts.fee is None:
        return FactFault("fee", "the clause credits a percentage of the fee, and the fee is not among the facts")
    fee = Fraction(facts.fee or 0)
    exact = raised.percent * fee / 100 + raised.amount
    steps = [*raised.steps]
    if not exact:
        steps.append(said("应抵扣金额为 0。", "Nothing is credited."))
        return Priced(decimal_of(raised.percent), _rounded(Fraction(0), credit), "", tuple(steps))
    if raised.percent:
        steps.append(_of_fee(raised, fee, exact, facts.currency))
    kept, capped_by = _capped(credit, exact, fee, facts, steps)
    kept = _above_minimum(credit, kept, steps)
    amount = _rounded(kept, credit)
    if kept and Fraction(amount) != kept:
        text = f"{amount:f}"
        steps.append(said(f"取 {credit.decimals} 位小数为 {text}。", f"Rounded to {credit.decimals} places: {text}."))
    claim = claim_by(credit, facts) if amount else None
    if claim is not None:
        steps.append(said(f"须于 {claim} 或之前提出。", f"It is to be claimed on or before {claim}."))
    return Priced(decimal_of(raised.percent), amount, capped_by, tuple(steps), claim)


def claim_by(credit: Credit, facts: Facts) -> date | None:
    """The last day, in the zone of the facts, on which a credit of their window can be claimed."""
    if credit.claim_within is None:
        return None
    end = facts.to.astimezone(ZoneInfo(facts.zone)).date()
    count = int(credit.claim_within[1:-1])
    if credit.claim_within[-1] == "D":
        return end + timedelta(days=count - 1)
    year, month = divmod(end.year * _YEAR_MONTHS + end.month - 1 + count, _YEAR_MONTHS)
    day = min(end.day, monthrange(year, month + 1)[1])
    return date(year, month + 1, day) - timedelta(days=1)


def _worth(band: Band, step: Words) -> Raised:
    if band.percent is not None:
        return Raised(percent=Fraction(band.worth), steps=(step,))
    return Raised(amount=Fraction(band.worth), steps=(step,))


def _each(credit: Credit) -> str:
    return f"{credit.percent}%" if credit.percent is not None else str(credit.amount or "0")


def _times(credit: Credit, count: Fraction, step: Words) -> Raised:
    if credit.percent is not None:
        return Raised(percent=count * Fraction(str(credit.percent)), steps=(step,))
    return Raised(amount=count * Fraction(credit.amount or "0"), steps=(step,))


def _of_fee(raised: Raised, fee: Fraction, exact: Fraction, currency: str) -> Words:
    share, base, amount = plain(raised.percent), plain(fee), plain(exact)
    plus = f" + {plain(raised.amount)}" if raised.amount else ""
    unit = f" {currency}" if currency else ""
    return said(
        f"费用 {base}{unit} 的 {share}%{plus} 为 {amount}{unit}。",
        f"{share}% of the fee of {base}{unit}{plus} is {amount}{unit}.",
    )


def _capped(credit: Credit, exact: Fraction, fee: Fraction, facts: Facts, steps: list[Words]) -> tuple[Fraction, str]:
    """The amount under every cap, and which one it was that made it smallest, "" for none."""
    kept, capped_by = exact, ""
    for name, limit, why in _caps(credit, fee, facts):
        if limit < kept:
            kept, capped_by = limit, name
            steps.append(why)
    return kept, capped_by


def _caps(credit: Credit, fee: Fraction, facts: Facts) -> list[tuple[str, Fraction, Words]]:
    found = []
    if credit.cap_percent is not None:
        limit = fee * Fraction(str(credit.cap_percent)) / 100
        share = f"{credit.cap_percent}%"
        words = (f"以费用的 {share} 即 {plain(limit)} 为限。", f"It is capped at {share} of the fee: {plain(limit)}.")
        found.append(("cap_percent", limit, said(*words)))
    if credit.cap_amount is not None:
        limit = Fraction(credit.cap_amount)
        found.append(("cap_amount", limit, said(f"以 {plain(limit)} 为限。", f"It is capped at {plain(limit)}.")))
    prior = months_before(facts)
    if credit.cap_12_months_percent is not None:
        share = f"{credit.cap_12_months_percent}%"
        fees = fee + sum((Fraction(month.fee) for month in prior), Fraction(0))
        total = fees * Fraction(str(credit.cap_12_months_percent)) / 100
        found.append(_rolling("cap_12_months_percent", total, prior, said(f"（{share}）", f" ({share})")))
    if credit.cap_12_months_amount is not None:
        total = Fraction(credit.cap_12_months_amount)
        found.append(_rolling("cap_12_months_amount", total, prior, said("", "")))
    return found


def _rolling(name: str, total: Fraction, prior: tuple[Prior, ...], share: Words) -> tuple[str, Fraction, Words]:
    """What twelve months leave, after what was credited in the eleven before."""
    credited = sum((Fraction(month.credit) for month in prior), Fraction(0))
    left = max(total - credited, Fraction(0))
    words = said(
        f"连续十二个月以 {plain(total)}{share['zh']}为限，前 {len(prior)} 个月已抵扣 {plain(credited)}，"
        f"尚余 {plain(left)}。",
        f"Twelve months are capped at {plain(total)}{share['en']}; {plain(credited)} was credited in the "
        f"{some(len(prior), 'month')} before, which leaves {plain(left)}.",
    )
    return name, left, words


def months_before(facts: Facts) -> tuple[Prior, ...]:
    """Those of the earlier months that are among the eleven before the window."""
    start = facts.from_.astimezone(ZoneInfo(facts.zone))
    window = start.year * _YEAR_MONTHS + start.month
    return tuple(month for month in facts.prior if 0 < window - month_number(month.month) < _YEAR_MONTHS)


def month_number(month: str) -> int:
    """Months since year 0 of text such as 2026-10, so that they can be subtracted."""
    return int(month[:4]) * _YEAR_MONTHS + int(month[5:])


def _above_minimum(credit: Credit, kept: Fraction, steps: list[Words]) -> Fraction:
    if credit.minimum_exclusive is not None and kept <= Fraction(credit.minimum_exclusive):
        least = credit.minimum_exclusive
        steps.append(
            said(
                f"{plain(kept)} 未超过 {least}，不予抵扣。",
                f"{plain(kept)} does not exceed {least}: nothing is paid.",
            )
        )
        return Fraction(0)
    if credit.minimum is not None and kept < Fraction(credit.minimum):
        least = credit.minimum
        steps.append(
            said(f"{plain(kept)} 不足 {least}，不予抵扣。", f"{plain(kept)} is less than {least}: nothing is paid.")
        )
        return Fraction(0)
    return kept


def _rounded(value: Fraction, credit: Credit) -> Decimal:
    scaled = value * 10**credit.decimals
    if credit.rounding == "half_even":
        whole = round(scaled)
    elif credit.rounding == "half_up":
        whole = floor(scaled + Fraction(1, 2))
    else:
        whole = floor(scaled)
    return Decimal(rounded_down(Fraction(whole, 10**credit.decimals), credit.decimals))
