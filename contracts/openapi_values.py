"""A value that fits a JSON Schema, for examples. It knows the few forms that our own schemas take, and says when it
cannot make one rather than show one that does not fit."""

import re
import string
from collections.abc import Callable
from typing import Any

from msgspec import UNSET

_FORMATS = {"date": "2026-01-31", "date-time": "2026-01-31T08:00:00Z", "time": "08:00:00Z", "email": "a@example.com"}
_CLASS = r"\[(?:\\.|[^\]\\])+\]|\\[dw]"
_STEP = re.compile(rf"(?P<one>{_CLASS}|\\.|[^\\\[\](){{}}|?*+.^$]|\.)(?P<times>\{{\d+(?:,\d*)?\}}|[?*+])?")


def value_of(schema: dict[str, Any]) -> Any:
    """A value, or UNSET when none can be made."""
    if "const" in schema:
        return schema["const"]
    if choices := [*schema.get("examples", ()), *schema.get("enum", ())]:
        return choices[0]
    for several in ("anyOf", "oneOf"):
        if several in schema:
            return value_of(schema[several][0])
    kinds = schema.get("type", "string")
    return _MAKERS[kinds if isinstance(kinds, str) else kinds[0]](schema)


def _object(schema: dict[str, Any]) -> Any:
    values = {name: value_of(inner) for name, inner in schema.get("properties", {}).items()}
    made = {name: value for name, value in values.items() if value is not UNSET}
    return made if made.keys() >= set(schema.get("required", ())) else UNSET


def _array(schema: dict[str, Any]) -> Any:
    item = value_of(schema.get("items", {}))
    wanted = max(1, schema.get("minItems", 0))
    if item is UNSET or (wanted > 1 and schema.get("uniqueItems")):
        return [] if not schema.get("minItems") else UNSET
    return [item] * min(wanted, schema.get("maxItems", wanted))


def _number(schema: dict[str, Any], *, whole: bool) -> Any:
    step = schema.get("multipleOf", 1)
    low, above = schema.get("minimum"), schema.get("exclusiveMinimum")
    high, below = schema.get("maximum"), schema.get("exclusiveMaximum")
    floor = low if low is not None else above
    for value in (step, floor, *((floor + step,) if floor is not None else ()), high, 0):
        fits = (
            value is not None
            and (low is None or value >= low)
            and (above is None or value > above)
            and (high is None or value <= high)
            and (below is None or value < below)
            and value % step == 0
        )
        if fits and (not whole or value == int(value)):
            return int(value) if whole else value
    return UNSET


def _text(schema: dict[str, Any]) -> Any:
    least, most, pattern = schema.get("minLength", 0), schema.get("maxLength"), schema.get("pattern", "")
    for made in (_FORMATS.get(schema.get("format", "")), _of_pattern(pattern), "example".ljust(least, "e")[:most]):
        if made is not None and _fits(pattern, made) and least <= len(made) and (most is None or len(made) <= most):
            return made
    return UNSET


def _fits(pattern: str, made: str) -> bool:
    """Whether a text matches; no, where the pattern is one that Python does not read."""
    try:
        return re.search(pattern, made) is not None
    except re.error:
        return False


def _of_pattern(pattern: str) -> str | None:
    """The shortest text of a simple pattern, one without groups; None for any other, and for none."""
    rest = pattern.removeprefix("^").removesuffix("$").removesuffix(r"\Z")
    if not rest:
        return None
    made, place = "", 0
    while place < len(rest):
        step = _STEP.match(rest, place)
        if step is None:
            return None
        made += _one_of(step["one"]) * _times(step["times"])
        place = step.end()
    return made


def _one_of(one: str) -> str:
    """A character that this part of a pattern stands for."""
    if one.startswith("[") or one in (r"\d", r"\w", "."):
        return next((letter for letter in "1a" + string.printable if re.fullmatch(one, letter)), "")
    return one.removeprefix("\\")


def _times(times: str | None) -> int:
    if times is None or times == "+":
        return 1
    if times in "?*":
        return 0
    return int(times.strip("{}").partition(",")[0])


_MAKERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "object": _object,
    "array": _array,
    "integer": lambda schema: _number(schema, whole=True),
    "number": lambda schema: _number(schema, whole=False),
    "string": _text,
    "boolean": lambda _: True,
    "null": lambda _: None,
}
