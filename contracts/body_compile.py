"""From ODCS to rules: the types and constraints that a product declares, as what a body's values are held against."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from msgspec.structs import replace

from contracts.body_faults import NAME_CHARACTERS_MAX, Faults
from contracts.body_moments import Moments, moments_of
from contracts.body_patterns import FORMATS, PATTERN_CHARACTERS_MAX, compile_pattern
from contracts.body_rules import BOUNDS, Count, Keyed, Many, Member, Members, Moment, Numeric, Rule, Text, Truth, exact
from contracts.finding import clipped
from contracts.product import Property

Report: TypeAlias = Callable[[str, str], None]
"""Takes the code and message of what is wrong with a declaration."""

INTEGER_FORMATS: Mapping[str, tuple[int, int]] = {
    f"{sign}{bits}": (0, 2**bits - 1) if sign == "u" else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    for sign in "iu"
    for bits in (8, 16, 32, 64, 128)
}
FLOAT_MAX: Mapping[str, float] = {"f32": 3.4028234663852886e38, "f64": 1.7976931348623157e308}
_VECTOR_INTEGERS = {"int8": (-128, 127), "uint8": (0, 255), "binary": (0, 1)}
_VECTOR_FLOATS = {"bfloat16": 3.3895313892515355e38, "float16": 65504.0, "float32": FLOAT_MAX["f32"]}
_VECTOR_FLOATS["float64"] = FLOAT_MAX["f64"]
_BOUND = tuple(BOUNDS)
_OPTIONS: Mapping[str, frozenset[str]] = {
    "string": frozenset({"minLength", "maxLength", "pattern", "format"}),
    "date": frozenset({"format", *BOUNDS}),
    "timestamp": frozenset({"format", "timezone", "defaultTimezone", *BOUNDS}),
    "time": frozenset({"format", "timezone", "defaultTimezone", *BOUNDS}),
    "integer": frozenset({"format", "multipleOf", *BOUNDS}),
    "number": frozenset({"format", "multipleOf", *BOUNDS}),
    "boolean": frozenset(),
    "object": frozenset({"minProperties", "maxProperties", "required"}),
    "array": frozenset({"minItems", "maxItems", "uniqueItems"}),
    "map": frozenset({"minProperties", "maxProperties"}),
    "vector": frozenset(
        {"dimensions", "elementType", "distanceMetric", "embeddingModel", "embeddingModelVersion", "normalized"}
    ),
}
"""The constraints that are kept; an option that is none of them would be one that is not."""


def rule_of(declared: Property, report: Report) -> Rule | None:
    """The rule for values of a property; None, and why, when there is none."""
    kind = declared.logicalType
    if kind is None or kind not in _OPTIONS:
        said = "has no logicalType" if kind is None else f"has logicalType {clipped(kind)}"
        report("unknown-type", f"it {said}, and values of it cannot be checked")
        return None
    options = _Options(declared.logicalTypeOptions or {}, report)
    options.refuse_others(kind)
    rule = _MAKERS[kind](declared, options)
    if rule is None or declared.enum is None:
        return rule
    return _limited(rule, declared.enum, report)


def required_names(declared: Property, report: Report) -> frozenset[str]:
    """The members that an object must have: those that say so themselves, and those that its options list."""
    listed = (declared.logicalTypeOptions or {}).get("required", [])
    known = {inner.name for inner in declared.properties}
    if not isinstance(listed, list) or not all(isinstance(name, str) and name in known for name in listed):
        report("bad-value", "logicalTypeOptions.required lists names of the object's own properties")
        return frozenset()
    return frozenset({inner.name for inner in declared.properties if inner.required} | set(listed))


def count_of(declared: Property, report: Report) -> Count:
    """How many members an object must have."""
    return _Options(declared.logicalTypeOptions or {}, report).count("Properties")


def _limited(rule: Rule, enum: list[Any], report: Report) -> Rule:
    """The rule with a choice: entries of ODCS hold a `value`; bare values are taken too."""
    choices = [entry.get("value") if isinstance(entry, dict) else entry for entry in enum]
    for number, choice in enumerate(choices):
        faults = Faults()
        rule.read(exact(choice) if isinstance(choice, float) else choice, (), faults)
        if faults.all() or choice is None:
            report("bad-value", f"enum[{number}] is no value that the field can have")
    return replace(rule, choices=tuple(choices))


class _Options:
    """The logicalTypeOptions of one property; what is wrong with them is reported once read."""

    def __init__(self, options: Mapping[str, Any], report: Report) -> None:
        self.given = options
        self.report = report

    def refuse_others(self, kind: str) -> None:
        for name in self.given:
            if name not in _OPTIONS[kind]:
                self.bad(clipped(name), f"is no constraint that is kept for {kind}; those are: {_listed(kind)}")

    def bad(self, name: str, message: str) -> None:
        self.report("bad-value", f"logicalTypeOptions.{name} {message}")

    def natural(self, name: str) -> int | None:
        value = self.given.get(name)
        if value is None or (isinstance(value, int) and not isinstance(value, bool) and value >= 0):
            return value
        self.bad(name, "is a whole number, 0 or more")
        return None

    def count(self, of: str) -> Count:
        return self.natural(f"min{of}"), self.natural(f"max{of}")

    def flag(self, name: str) -> bool:
        value = self.given.get(name, False)
        if not isinstance(value, bool):
            self.bad(name, "is true or false")
        return value is True

    def text(self, name: str) -> str | None:
        value = self.given.get(name)
        if value is None or isinstance(value, str):
            return value
        self.bad(name, "is text")
        return None

    def bounds(self, fits: Callable[[Any], bool], wanted: str) -> dict[str, Any]:
        """Limits by keyword. In ODCS v3.0 `exclusiveMinimum: true` makes `minimum` exclusive; likewise the maximum."""
        found = {name: self.given[name] for name in _BOUND if self.given.get(name) is not None}
        for exclusive, inclusive in (("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")):
            if isinstance(found.get(exclusive), bool) and found.pop(exclusive) and inclusive in found:
                found[exclusive] = found.pop(inclusive)
        for name in [name for name, limit in found.items() if not fits(limit)]:
            self.bad(name, f"is {wanted}")
            del found[name]
        return found


def _listed(kind: str) -> str:
    return ", ".join(sorted(_OPTIONS[kind])) or "none"


def _text(_declared: Property, options: _Options) -> Rule:
    length_max, pattern, given = options.natural("maxLength"), options.text("pattern"), options.text("format")
    check = None if pattern is None else compile_pattern(pattern)
    if pattern is not None and check is None:
        message = "is not one that is matched in linear time: no look-ahead, look-behind or back-reference (RE2)"
        options.bad("pattern", message)
    if check is not None:
        length_max = PATTERN_CHARACTERS_MAX if length_max is None else min(length_max, PATTERN_CHARACTERS_MAX)
    return Text(
        length_min=options.natural("minLength"),
        length_max=length_max,
        pattern=None if pattern is None or check is None else (pattern, check),
        format=None if given is None else (given, FORMATS.get(given)),
    )


def _moment(declared: Property, options: _Options) -> Rule | None:
    kind = declared.logicalType or ""
    moments = moments_of(kind, options.given)
    if not isinstance(moments, Moments):
        options.report("bad-value", f"logicalTypeOptions.{moments}")
        return None

    def fits(limit: Any) -> bool:
        return isinstance(limit, str) and moments.read(limit) is not None

    return Moment(moments=moments, bounds=options.bounds(fits, f"a {kind} written as {moments.written}"))


def _numeric(declared: Property, options: _Options) -> Rule:
    whole = declared.logicalType == "integer"
    given, multiple = options.text("format"), options.given.get("multipleOf")
    known = INTEGER_FORMATS if whole else FLOAT_MAX
    if given is not None and given not in known:
        options.bad("format", f"is one of {', '.join(known)}")
        given = None
    if multiple is not None and (not _is_number(multiple) or multiple <= 0):
        options.bad("multipleOf", "is a number above 0")
        multiple = None
    bounds = options.bounds(_is_number, "a number")
    if whole:
        least, most = INTEGER_FORMATS[given or "i64"]
        bounds["minimum"] = max(bounds.get("minimum", least), least)
        bounds["maximum"] = min(bounds.get("maximum", most), most)
    elif given is not None:
        most_float = FLOAT_MAX[given]
        bounds["minimum"] = max(bounds.get("minimum", -most_float), -most_float)
        bounds["maximum"] = min(bounds.get("maximum", most_float), most_float)
    return Numeric(whole=whole, bounds=bounds, multiple_of=multiple)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _truth(_declared: Property, _options: _Options) -> Rule:
    return Truth()


def _many(declared: Property, options: _Options) -> Rule | None:
    if declared.items is None:
        options.report("unknown-type", "it is an array without items, and values of it cannot be checked")
        return None
    item = rule_of(declared.items, options.report)
    return item and Many(item=item, count=options.count("Items"), unique=options.flag("uniqueItems"))


def _vector(_declared: Property, options: _Options) -> Rule:
    size, element = options.natural("dimensions"), options.text("elementType") or "float32"
    if size is None:
        options.bad("dimensions", "is missing: a vector has a fixed length")
    if element in _VECTOR_INTEGERS:
        least, most = _VECTOR_INTEGERS[element]
        return Many(item=Numeric(whole=True, bounds={"minimum": least, "maximum": most}), count=(size, size))
    if element not in _VECTOR_FLOATS:
        options.bad("elementType", f"is one of {', '.join([*_VECTOR_FLOATS, *_VECTOR_INTEGERS])}")
    widest = _VECTOR_FLOATS.get(element, FLOAT_MAX["f32"])
    return Many(item=Numeric(whole=False, bounds={"minimum": -widest, "maximum": widest}), count=(size, size))


def _keyed(declared: Property, options: _Options) -> Rule | None:
    if declared.map is None or declared.map.key.logicalType not in {"string", "date", "timestamp", "time"}:
        options.report("unknown-type", "it is a map that does not declare its values and keys of text")
        return None
    key, value = rule_of(declared.map.key, options.report), rule_of(declared.map.value, options.report)
    return key and value and Keyed(key=key, value=value, count=options.count("Properties"))


def _members(declared: Property, options: _Options) -> Rule | None:
    """An object that is written whole: with every member that it declares."""
    if not declared.properties:
        options.report("unknown-type", "it is an object without properties, and values of it cannot be checked")
        return None
    required = required_names(declared, options.report)
    members: dict[str, Member] = {}
    for inner in declared.properties:
        rule = rule_of(inner, _inside(inner.name, options.report))
        if rule is not None:
            members[inner.name] = Member(rule, inner.name in required, inner.name not in required)
    return Members(members=members, count=options.count("Properties"))


def _inside(name: str, report: Report) -> Report:
    return lambda code, message: report(code, f"{clipped(name, NAME_CHARACTERS_MAX)}: {message}")


_MAKERS: Mapping[str, Callable[[Property, _Options], Rule | None]] = {
    "string": _text,
    "date": _moment,
    "timestamp": _moment,
    "time": _moment,
    "integer": _numeric,
    "number": _numeric,
    "boolean": _truth,
    "object": _members,
    "array": _many,
    "map": _keyed,
    "vector": _vector,
}
