"""What a figure of data quality must be, as ODCS writes it (v3.1, data quality, operators)."""

import math
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from msgspec import Struct


class Threshold(Struct, frozen=True):
    """The numbers that a figure may be: from `least` to `most`, both included unless `excluded`; or all but these.

    `words` is ODCS's own operator with its value, such as `mustBeLessThan 5`.
    """

    words: str
    least: float = -math.inf
    most: float = math.inf
    excluded: bool = False
    outside: bool = False

    def holds(self, figure: float | Fraction) -> bool:
        """Whether the figure is as it must be."""
        within = self.least < figure < self.most if self.excluded else self.least <= figure <= self.most
        return within is not self.outside

    def is_exceeded(self, figure: float) -> bool:
        """Whether the figure is too high already, however much more is counted."""
        return not self.outside and not self.holds(figure) and figure >= self.most


_BOUNDS: Mapping[str, tuple[bool, bool, bool, bool]] = {
    # operator: bounded below, bounded above, bounds excluded, outside
    "mustBe": (True, True, False, False),
    "mustNotBe": (True, True, False, True),
    "mustBeGreaterThan": (True, False, True, False),
    "mustBeGreaterOrEqualTo": (True, False, False, False),
    "mustBeLessThan": (False, True, True, False),
    "mustBeLessOrEqualTo": (False, True, False, False),
    "mustBeBetween": (True, True, False, False),
    "mustNotBeBetween": (True, True, False, True),
}


def threshold_of(entry: Mapping[str, Any]) -> Threshold | str:
    """The threshold of an ODCS quality rule; or what is wrong with it."""
    unit = entry.get("unit", "rows")
    if unit not in ("rows", "percent"):
        return "its unit is neither rows nor percent"
    given = [name for name in _BOUNDS if name in entry]
    if len(given) != 1:
        return f"it needs exactly one of {', '.join(_BOUNDS)}"
    (name,) = given
    below, above, excluded, outside = _BOUNDS[name]
    value = entry[name]
    pair = value if name.endswith("Between") else [value, value]
    if not isinstance(pair, list) or len(pair) != 2 or not all(map(_is_number, pair)) or pair[0] > pair[1]:
        return f"{name} needs {'two numbers, the smaller first' if name.endswith('Between') else 'a number'}"
    words = f"{name} {pair[0]} {pair[1]}" if name.endswith("Between") else f"{name} {value}"
    return Threshold(
        words + ("%" if unit == "percent" else ""),
        pair[0] if below else -math.inf,
        pair[1] if above else math.inf,
        excluded,
        outside,
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
