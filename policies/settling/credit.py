"""The credit schedule of a promise: what a miss is worth, from when on, and at most how much."""

from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct

from policies.reference import Words
from policies.wording import duration, literal, percent

DecimalText = Annotated[str, Meta(pattern=r"^[0-9]{1,12}(\.[0-9]{1,6})?\Z")]
"""A decimal number as text, so that no binary fraction comes between the contract and the arithmetic."""
Percent: TypeAlias = Annotated[int, Meta(ge=1, le=100)] | DecimalText
"""A percentage as a whole number, or as decimal text."""
ClaimTime = Annotated[str, Meta(pattern=r"^P[1-9][0-9]{0,2}[MD]\Z")]
Comparison: TypeAlias = Literal["below", "at_or_below", "above", "at_or_above", "longer_than", "at_least"]
Base: TypeAlias = Literal["monthly_fee", "value"]
Rounding: TypeAlias = Literal["half_even", "half_up", "down"]

COMPARISONS: tuple[Comparison, ...] = ("below", "at_or_below", "above", "at_or_above", "longer_than", "at_least")
FALLING: frozenset[Comparison] = frozenset({"below", "at_or_below"})
"""Where less is worse."""
DURATIONS: frozenset[Comparison] = frozenset({"longer_than", "at_least"})
"""Whose thresholds are durations."""

_FEES: dict[Base, Words] = {
    "monthly_fee": {"zh": "月费", "en": "the monthly fee"},
    "value": {"zh": "相应价款", "en": "the value concerned"},
}
_ROUNDING: dict[Rounding, Words] = {
    "half_even": {"zh": "四舍六入五成双", "en": "half to even"},
    "half_up": {"zh": "四舍五入", "en": "half up"},
    "down": {"zh": "舍去尾数", "en": "down"},
}
_THAN: dict[Comparison, Words] = {
    "below": {"zh": "低于 {}", "en": "below {}"},
    "at_or_below": {"zh": "不高于 {}", "en": "at or below {}"},
    "above": {"zh": "高于 {}", "en": "above {}"},
    "at_or_above": {"zh": "不低于 {}", "en": "at or above {}"},
    "longer_than": {"zh": "超过 {}", "en": "longer than {}"},
    "at_least": {"zh": "达到 {}", "en": "at least {}"},
}
_DECIMALS_DEFAULT = 2


class Band(Struct, frozen=True, forbid_unknown_fields=True):
    """One step of a credit schedule: a figure beyond one threshold earns a percentage of the fee, or an amount.

    It names exactly one threshold, and exactly one of `percent` and `amount`.
    """

    below: DecimalText | None = None
    """The threshold in percent; exactly at it is not below it."""
    percent: Percent | None = None
    """What is credited beyond the threshold, in percent of the fee."""
    at_or_below: DecimalText | None = None
    """The threshold in percent; exactly at it is beyond it."""
    above: DecimalText | None = None
    """For figures where more is worse: the threshold in percent; exactly at it is not above it."""
    at_or_above: DecimalText | None = None
    """For figures where more is worse: the threshold in percent; exactly at it is beyond it."""
    longer_than: timedelta | None = None
    """For durations: the threshold, such as `PT4H`; exactly so long is not longer."""
    at_least: timedelta | None = None
    """For durations: the threshold, such as `PT4H`; exactly so long is beyond it."""
    amount: DecimalText | None = None
    """What is credited beyond the threshold, as an amount of money."""

    @property
    def comparison(self) -> Comparison:
        """Which threshold the band names; the first of them where `faults` finds several."""
        return next((name for name in COMPARISONS if getattr(self, name) is not None), "below")

    @property
    def threshold(self) -> Decimal:
        """The threshold in percent, or in seconds where it is a duration."""
        value = getattr(self, self.comparison)
        return seconds(value) if isinstance(value, timedelta) else Decimal(value or 0)

    @property
    def worth(self) -> Decimal:
        """What it credits, as a number in percent or in money."""
        return Decimal(str(self.percent if self.percent is not None else self.amount or 0))

    def where(self) -> Words:
        """Where it begins, such as “below 99.95%”."""
        value = getattr(self, self.comparison)
        said = duration(value) if isinstance(value, timedelta) else percent(str(value))
        return {language: text.format(said[language]) for language, text in _THAN[self.comparison].items()}

    def gives(self) -> Words:
        """What it credits, such as “10%”."""
        return percent(str(self.percent)) if self.percent is not None else literal(str(self.amount))

    def faults(self) -> list[str]:
        """What is wrong with it by itself."""
        named = [name for name in COMPARISONS if getattr(self, name) is not None]
        if len(named) != 1:
            return [f"a band names exactly one threshold, not {' and '.join(named) or 'none'}"]
        if (self.percent is None) == (self.amount is None):
            return ["a band names exactly one of percent and amount"]
        if self.percent is not None and self.worth > 100:
            return [f"{self.percent} is more than 100 percent"]
        if self.threshold > 100 and self.comparison not in DURATIONS:
            return [f"{self.comparison.replace('_', ' ')} {getattr(self, self.comparison)} is more than 100 percent"]
        return []


class Credit(Struct, frozen=True, forbid_unknown_fields=True):
    """What is owed when the promise is missed: bands, an amount for each miss or for each period of a delay; a minimum,
    caps, how it is rounded, and the time to claim it.

    In this order: what the schedule gives; the caps; the minimum; rounding, once, at the end.
    """

    of: Base = "monthly_fee"
    """What the percentages are of: the monthly fee, or the value of what was late (the fact `fee` either way)."""
    bands: Annotated[tuple[Band, ...], Meta(max_length=20)] = ()
    """Steps, from the mildest threshold to the worst; the last one that applies counts, alone."""
    per_started: timedelta | None = None
    """For delays and interruptions: a period such as `P14D`, for each of which `percent` or `amount` is credited."""
    started_unit: timedelta | None = None
    """A begun one of these counts whole, as its part of `per_started`; left out, a begun `per_started` counts whole;
    `PT0S`: nothing is rounded up."""
    per_points: DecimalText | None = None
    """For shares: for each begun so many percentage points beyond the promise `percent` or `amount` is credited."""
    percent: Percent | None = None
    """What is credited for each `per_started` or `per_points`, or, without them, for each breach, in percent of the
    fee."""
    amount: DecimalText | None = None
    """What is credited for each `per_started` or `per_points`, or, without them, for each breach, as an amount."""
    minimum_exclusive: DecimalText | None = None
    """An amount that has to be exceeded to be paid."""
    minimum: DecimalText | None = None
    """An amount that has to be reached to be paid."""
    cap_percent: Percent | None = None
    """The most that is credited for one window, in percent of the fee."""
    cap_amount: DecimalText | None = None
    """The most that is credited for one window, as an amount of money."""
    cap_12_months_percent: Percent | None = None
    """The most that is credited in a window and the eleven months before it, in percent of the fees of all of them."""
    cap_12_months_amount: DecimalText | None = None
    """The most that is credited in a window and the eleven months before it, as an amount of money."""
    claim_within: ClaimTime | None = None
    """How long after the end of the window the credit can be claimed, such as `P2M` or `P30D`."""
    decimals: Annotated[int, Meta(ge=0, le=4)] = _DECIMALS_DEFAULT
    """Decimal places of the currency: 2 for most, 0 for JPY and KRW, 3 for KWD."""
    rounding: Rounding = "half_even"
    """How the amount is rounded, once, at the end."""

    def words(self) -> dict[str, Words]:
        """The parameters of the schedule that are given, named `credit.…`."""
        spoken: dict[str, Words] = {"of": _FEES[self.of]}
        if self.bands:
            spoken["bands"] = _bands(self.bands)
        for name in ("per_started", "started_unit"):
            if (span := getattr(self, name)) is not None:
                spoken[name] = duration(span)
        for name in ("per_points", "percent", "cap_percent", "cap_12_months_percent"):
            if (share := getattr(self, name)) is not None:
                spoken[name] = percent(str(share))
        for name in ("amount", "minimum_exclusive", "minimum", "cap_amount", "cap_12_months_amount"):
            if (money := getattr(self, name)) is not None:
                spoken[name] = literal(money)
        if self.claim_within is not None:
            spoken["claim_within"] = _claim(self.claim_within)
        spoken |= {"decimals": literal(str(self.decimals)), "rounding": _ROUNDING[self.rounding]}
        return {f"credit.{name}": words for name, words in spoken.items()}

    def unsaid(self) -> frozenset[str]:
        """Parameters at a default that a sentence need not speak of."""
        silent = {
            "of": self.of == "monthly_fee" and not self.in_percent(),
            "decimals": self.decimals == _DECIMALS_DEFAULT,
            "rounding": self.rounding == "half_even",
        }
        return frozenset(f"credit.{name}" for name, at_default in silent.items() if at_default)

    def in_percent(self) -> bool:
        """Whether anything of it is a percentage of the fee."""
        shares = (self.percent, self.cap_percent, self.cap_12_months_percent)
        return any(share is not None for share in shares) or any(band.percent is not None for band in self.bands)

    def faults(self) -> list[tuple[str, str]]:
        """Values that contradict each other; bands must get worse while credits rise."""
        return [(f"credit.{name}", message) for name, message in (*self._band_faults(), *self._value_faults())]

    def _band_faults(self) -> list[tuple[str, str]]:
        for band in self.bands:
            if faults := band.faults():
                return [("bands", faults[0])]
        for earlier, later in zip(self.bands, self.bands[1:], strict=False):
            if fault := _out_of_order(earlier, later):
                return [("bands", fault)]
        return []

    def _value_faults(self) -> list[tuple[str, str]]:
        found = self._step_faults()
        if self.minimum is not None and self.minimum_exclusive is not None:
            found.append(("minimum", "give either minimum or minimum_exclusive, not both"))
        for name in ("percent", "cap_percent", "cap_12_months_percent", "per_points"):
            share = getattr(self, name)
            if share is not None and not 0 < Decimal(str(share)) <= 100:
                found.append((name, f"{share} is more than 0, at most 100"))
        return found

    def _step_faults(self) -> list[tuple[str, str]]:
        """What is wrong with how often something is credited, and how much each time."""
        each = [name for name in ("percent", "amount") if getattr(self, name) is not None]
        often = [name for name in ("bands", "per_started", "per_points") if getattr(self, name)]
        found = []
        if len(each) == 2:
            found.append(("amount", "give either percent or amount, not both"))
        if len(often) > 1:
            found.append((often[1], f"give either {' or '.join(often)}, not both"))
        if self.bands and each:
            found.append((each[0], "give either bands or what each breach is worth, not both"))
        if not self.bands and not each:
            found.append((often[0] if often else "bands", "nothing is credited: give bands, percent or amount"))
        if self.per_started is not None and self.per_started < timedelta(minutes=1):
            found.append(("per_started", "a period is at least PT1M"))
        if self.started_unit is not None:
            found += self._unit_faults(self.started_unit)
        return found

    def _unit_faults(self, unit: timedelta) -> list[tuple[str, str]]:
        if self.per_started is None:
            return [("started_unit", "there is no per_started that it could be part of")]
        if unit < timedelta(0) or unit > self.per_started or (unit and self.per_started % unit):
            return [("started_unit", "per_started is a whole number of units, or the unit is PT0S")]
        return []


def credit_parameters(credit: Credit | None) -> dict[str, Any]:
    """The parameters of a schedule one by one, named `credit.…` as in texts, and whether there is one."""
    steps = {name: getattr(credit, name) for name in Credit.__struct_fields__} if credit is not None else {}
    return {"credit": credit is not None, **{f"credit.{name}": value for name, value in steps.items()}}


def seconds(span: timedelta) -> Decimal:
    """A duration in seconds, exactly."""
    return Decimal(span // timedelta(microseconds=1)).scaleb(-6)


def _out_of_order(earlier: Band, later: Band) -> str:
    this, next_ = (band.where()["en"] for band in (earlier, later))
    if (earlier.percent is None) != (later.percent is None):
        return "all bands credit a percentage, or all an amount"
    falling = earlier.comparison in FALLING
    if falling != (later.comparison in FALLING) or (earlier.comparison in DURATIONS) != (later.comparison in DURATIONS):
        return f"band {next_} and band {this} look at different things"
    worse = later.threshold < earlier.threshold if falling else later.threshold > earlier.threshold
    if worse and later.worth > earlier.worth:
        return ""
    return f"band {next_} must be {'lower' if falling else 'higher'} and credit more than {this}"


def _bands(bands: tuple[Band, ...]) -> Words:
    return {
        "zh": "；".join(f"{band.where()['zh']} 时 {band.gives()['zh']}" for band in bands),
        "en": "; ".join(f"{band.gives()['en']} when {band.where()['en']}" for band in bands),
    }


def _claim(within: str) -> Words:
    count, unit = within[1:-1], within[-1]
    zh, en = ("个月", "month") if unit == "M" else ("天", "day")
    return {"zh": f"{count} {zh}", "en": f"{count} {en}" + ("" if count == "1" else "s")}
