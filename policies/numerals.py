"""JSON numbers as exact values, whatever their size: a few characters may write a number with a billion digits."""

import re
from decimal import MAX_EMAX, MIN_EMIN, ROUND_FLOOR, Context, Decimal, InvalidOperation, Overflow

DECIMAL = r"^-?(0|[1-9][0-9]{0,17})(\.[0-9]{1,12})?\Z"
"""A decimal number as documents write it, in text: at most 18 digits before and 12 after the point."""
MAGNITUDE_MAX = 40
"""Powers of ten beyond which a value is no measurement, and is not computed with."""
_LENGTH_MAX = 1_000
_NUMBER = re.compile(r"(-?)([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]{1,15}))?")
_EXACT = Context(prec=2_000, Emax=MAX_EMAX, Emin=MIN_EMIN, rounding=ROUND_FLOOR, traps=[InvalidOperation, Overflow])


def canonical_number(text: str) -> str | None:
    """The one text for all ways to write a number: 1, 1.0, 10e-1 and 1E+0 are `1`, and -0 is `0`.

    Plain digits up to 40 places on either side of the point, else digits and exponent. None for what is no number, and
    for one written with an exponent of more than 15 digits.
    """
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, whole, fraction, exponent = match[1], match[2], match[3] or "", int(match[4] or 0)
    digits = (whole + fraction).lstrip("0")
    if not digits:
        return "0"
    significant = digits.rstrip("0")
    power = exponent - len(fraction) + len(digits) - len(significant)
    if power >= 0 and len(significant) + power <= MAGNITUDE_MAX:
        return sign + significant + "0" * power
    if -MAGNITUDE_MAX <= power < 0:
        padded = significant.rjust(1 - power, "0")
        return f"{sign}{padded[:power]}.{padded[power:]}"
    return f"{sign}{significant}e{power}"


def is_whole(text: str) -> bool:
    """Whether it is a number without a fraction, however it is written: 1, 1.0 and 10e-1 are. Exact at any size."""
    canonical = canonical_number(text)
    return canonical is not None and "." not in canonical and "e-" not in canonical


def number_of(text: str) -> Decimal | None:
    """A JSON number, exactly. None for what is none, or is longer than 1,000 characters."""
    match = _NUMBER.fullmatch(text) if len(text) <= _LENGTH_MAX else None
    if match is None:
        return None
    value = Decimal(text)
    return value if value else Decimal(0)


def is_vast(value: Decimal) -> bool:
    """Whether arithmetic with it would need more digits than anybody should be made to hold."""
    return value.adjusted() > MAGNITUDE_MAX


def floor_steps(value: Decimal, step: Decimal) -> Decimal:
    """The greatest whole number of steps that is at most `value`. Exact; `value` is not vast and `step` is above 0."""
    steps = _EXACT.divide_int(value, step)
    return _EXACT.subtract(steps, Decimal(1)) if value < _EXACT.multiply(steps, step) else steps


def at_step(start: Decimal, steps: Decimal, step: Decimal) -> Decimal:
    """`start` and a number of steps, exactly."""
    return _EXACT.add(start, _EXACT.multiply(steps, step))


def plain(value: Decimal) -> str:
    """Without an exponent, and without a sign on zero."""
    return format(value if value else abs(value), "f")
