"""How many values a field can have, from what the product declares: few are told apart by how often each occurs."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from policies.pattern import pattern_size

LARGE = 10**18
"""A bound at or above this bounds nothing that anybody could list or guess: it counts as none."""
_LIFE_DAYS = 40_000
"""Dates in data about people lie within some 110 years, a life time: an estimate, on the cautious side."""
_PRINTABLE = 95
"""What short texts (one or two characters: codes, not prose) are made of: printable ASCII. An estimate as well."""
_INTEGER_FORMATS = {"i8": 2**8, "u8": 2**8, "i16": 2**16, "u16": 2**16, "i32": 2**32, "u32": 2**32}


def domain_size(
    logical_type: str, options: Mapping[str, Any] | None, enum: list[Any] | None, quality: list[Any] | None
) -> int | None:
    """An upper bound on the number of values, the smallest of those that follow from `enum`, from the rule
    invalidValues among `quality`, and from `logicalTypeOptions`. None when nothing bounds it.
    """
    options = options or {}
    bounds = [_by_type(logical_type, options), _distinct(enum)]
    for rule in quality or ():
        if isinstance(rule, Mapping) and "invalidValues" in (rule.get("metric"), rule.get("rule")):
            bounds += _by_valid_values(rule.get("arguments"), options)
    known = [bound for bound in bounds if bound is not None and bound < LARGE]
    return min(known, default=None)


def _by_valid_values(arguments: Any, options: Mapping[str, Any]) -> list[int | None]:
    if not isinstance(arguments, Mapping):
        return []
    values, pattern = arguments.get("validValues"), arguments.get("pattern")
    listed = _distinct(values) if isinstance(values, list) else None
    return [listed, _by_pattern(pattern, options)]


def _distinct(values: list[Any] | None) -> int | None:
    return len({repr(value) for value in values}) if values else None


def _by_type(logical_type: str, options: Mapping[str, Any]) -> int | None:
    match logical_type:
        case "boolean":
            return 2
        case "integer":
            return _least(_steps(options, Fraction(1)), _INTEGER_FORMATS.get(str(options.get("format"))))
        case "number":
            return _steps(options, None)
        case "date":
            return _LIFE_DAYS
        case "time":
            return 24 * 60 * 60
        case "string":
            return _least(_by_pattern(options.get("pattern"), options), _by_length(options.get("maxLength")))
    return None


def _least(*bounds: int | None) -> int | None:
    return min((bound for bound in bounds if bound is not None), default=None)


def _by_length(length_max: Any) -> int | None:
    if not _is_count(length_max) or length_max > 2:
        return None
    return sum(int(_PRINTABLE**length) for length in range(length_max + 1))


def _by_pattern(pattern: Any, options: Mapping[str, Any]) -> int | None:
    if not isinstance(pattern, str):
        return None
    length_max = options.get("maxLength")
    return pattern_size(pattern, length_max if _is_count(length_max) else None, LARGE)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _steps(options: Mapping[str, Any], step: Fraction | None) -> int | None:
    """The multiples of the step between the least and the greatest value; excluded ends count too."""
    step = _number(options.get("multipleOf")) or step
    # An exclusive end is a number, or in older documents `true` beside the inclusive one.
    lows = [_number(options.get(name)) for name in ("minimum", "exclusiveMinimum")]
    highs = [_number(options.get(name)) for name in ("maximum", "exclusiveMaximum")]
    low = max((end for end in lows if end is not None), default=None)
    high = min((end for end in highs if end is not None), default=None)
    if step is None or step <= 0 or low is None or high is None:
        return None
    return max(0, high // step - -(-low // step) + 1)


def _number(value: Any) -> Fraction | None:
    """A number of a document, exactly as it is written."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return Fraction(str(value))
    except ValueError:  # not a number, or infinite
        return None
