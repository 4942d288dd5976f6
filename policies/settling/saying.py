"""Figures and moments as an explanation says them, exactly as far as they go, in both languages."""

import re
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

from policies.reference import Words

_PLACES = 6
_GAP = re.compile(r"(?<=[\u4e00-\u9fff]) (?=[\u4e00-\u9fff])")
"""A space between two Chinese characters: behind a figure with its unit, where the sentence has one for digits."""


def said(zh: str, en: str) -> Words:
    """One step in both languages."""
    return {"zh": zh, "en": en}


def told(steps: Iterable[Words]) -> Words:
    """Steps in their order, as one text."""
    kept = tuple(steps)
    return {"zh": _GAP.sub("", "".join(step["zh"] for step in kept)), "en": " ".join(step["en"] for step in kept)}


def some(count: int | Fraction, one: str, several: str = "") -> str:
    """An English count: 1 call, 2 calls; of which there are `several` where an s is not enough."""
    return f"{plain(count)} {one if count == 1 else several or one + 's'}"


def rounded_down(value: Fraction, places: int = _PLACES) -> str:
    """A non-negative number as decimal text, rounded down."""
    return _scaled(value.numerator * 10**places // value.denominator, places)


def rounded_up(value: Fraction, places: int = _PLACES) -> str:
    """A non-negative number as decimal text, rounded up."""
    return _scaled(-(-value.numerator * 10**places // value.denominator), places)


def plain(value: Fraction | Decimal | int) -> str:
    """A non-negative number without needless zeros; an ellipsis where it does not end after six places."""
    exact = Fraction(value)
    text = rounded_down(exact)
    kept = text.rstrip("0").rstrip(".") if "." in text else text
    return kept if Fraction(text) == exact else f"{text}…"


def decimal_of(value: Fraction) -> Decimal:
    """The number as a Decimal without needless zeros, to six places, half to even."""
    scaled = round(value * 10**_PLACES)
    return Decimal(_scaled(scaled, _PLACES).rstrip("0").rstrip("."))


def moment(value: datetime, zone: ZoneInfo) -> str:
    """A moment as clocks of a zone show it, with seconds only where there are any."""
    local = value.astimezone(zone)
    clock = f"{local:%Y-%m-%d %H:%M}" + (f":{local:%S}" if local.second else "")
    offset = f"{local:%z}"
    return f"{clock} {offset[:3]}:{offset[3:5]}" if local.utcoffset() else f"{clock} UTC"


def lasting(span: timedelta) -> Words:
    """A length of time in days, hours, minutes and seconds: 1 day 2 hours."""
    microseconds = span // timedelta(microseconds=1)
    whole, part = divmod(microseconds, 1_000_000)
    parts_zh, parts_en = [], []
    for size, zh, en in ((86_400, "天", "day"), (3_600, "小时", "hour"), (60, "分钟", "minute")):
        count, whole = divmod(whole, size)
        if count:
            parts_zh.append(f"{count} {zh}")
            parts_en.append(f"{count} {en}" + ("" if count == 1 else "s"))
    if whole or part or not parts_en:
        count_text = plain(Fraction(whole * 1_000_000 + part, 1_000_000))
        parts_zh.append(f"{count_text} 秒")
        parts_en.append(f"{count_text} second" + ("" if count_text == "1" else "s"))
    return said(" ".join(parts_zh), " ".join(parts_en))


def _scaled(scaled: int, places: int) -> str:
    """As decimal text, whatever the precision of the context: digits are moved and not computed with."""
    if not places:
        return str(scaled)
    digits = str(scaled).rjust(places + 1, "0")
    return f"{digits[:-places]}.{digits[-places:]}"
