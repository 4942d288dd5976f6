"""Rules for the values of a body, one class a kind: each reads values, collecting mistakes, and says its JSON Schema.

What a rule reads is plain JSON with exact numbers: str, bool, int, Decimal, list, dict. Where it found mistakes the
result has no meaning.
"""

from collections.abc import Callable, Hashable, Mapping, Sized
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache
from typing import Any, TypeAlias

from msgspec import Struct

from contracts.body_faults import Faults, Place
from contracts.body_json import Absurd, Twice, is_text
from contracts.body_moments import Moments
from contracts.body_patterns import Check

Number: TypeAlias = int | Decimal
JsonSchema: TypeAlias = dict[str, Any]
Count: TypeAlias = tuple[int | None, int | None]
"""The least and the most there may be."""

BOUNDS: Mapping[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "minimum": ("minimum", lambda value, limit: value >= limit),
    "maximum": ("maximum", lambda value, limit: value <= limit),
    "exclusiveMinimum": ("exclusive-minimum", lambda value, limit: value > limit),
    "exclusiveMaximum": ("exclusive-maximum", lambda value, limit: value < limit),
}
"""ODCS's keyword -> the code of its fault, and what holds."""


class Rule(Struct, frozen=True, kw_only=True):
    """What a value must be. `choices` None: any of the type."""

    choices: tuple[Any, ...] | None = None

    def read(self, value: Any, at: Place, faults: Faults) -> Any:
        """The value as it is passed on, or mistakes."""
        read = self._read(value, at, faults)
        if read is not None and self.choices is not None and not _among(read, self.choices):
            faults.add(at, "enum", choices=", ".join(str(choice) for choice in self.choices))
        return read

    def schema(self) -> JsonSchema:
        """The same as JSON Schema (2020-12)."""
        return self._schema() | ({} if self.choices is None else {"enum": list(self.choices)})

    def _read(self, value: Any, at: Place, faults: Faults) -> Any:
        raise NotImplementedError

    def _schema(self) -> JsonSchema:
        raise NotImplementedError


class Text(Rule, frozen=True, kw_only=True):
    """Text; lengths count characters (Unicode code points). `pattern` and `format` go with their checks."""

    length_min: int | None = None
    length_max: int | None = None
    pattern: tuple[str, Check] | None = None
    format: tuple[str, Check | None] | None = None

    def _read(self, value: Any, at: Place, faults: Faults) -> Any:
        if not isinstance(value, str):
            return faults.add(at, "type", wanted="string")
        if not is_text(value):
            return faults.add(at, "character")
        if self.length_min is not None and len(value) < self.length_min:
            faults.add(at, "min-length", limit=self.length_min)
        if self.length_max is not None and len(value) > self.length_max:
            return faults.add(at, "max-length", limit=self.length_max)
        if self.pattern is not None and not self.pattern[1](value):
            faults.add(at, "pattern", pattern=self.pattern[0])
        if self.format is not None and self.format[1] is not None and not self.format[1](value):
            faults.add(at, "format", wanted=self.format[0])
        return value

    def _schema(self) -> JsonSchema:
        found: JsonSchema = {"type": "string"}
        keywords = {
            "minLength": self.length_min,
            "maxLength": self.length_max,
            "pattern": self.pattern and self.pattern[0],
            "format": self.format and self.format[0],
        }
        return found | {name: value for name, value in keywords.items() if value is not None}


class Moment(Rule, frozen=True, kw_only=True):
    """A date, timestamp or time of day. `bounds` by ODCS's keywords, as the contract writes them."""

    moments: Moments
    bounds: Mapping[str, str] = {}

    def _read(self, value: Any, at: Place, faults: Faults) -> Any:
        if not isinstance(value, str):
            return faults.add(at, "type", wanted="string")
        moment = self.moments.read(value)
        if moment is None:
            return faults.add(at, "format", wanted=self.moments.written)
        for keyword, limit in self.bounds.items():
            code, holds = BOUNDS[keyword]
            if not holds(moment, self.moments.read(limit)):
                faults.add(at, code, limit=limit)
        return value

    def _schema(self) -> JsonSchema:
        """JSON Schema has no bounds for moments: ajv's keywords say them."""
        found: JsonSchema = {"type": "string", "pattern": self.moments.pattern}
        if self.moments.json_format is not None:
            found["format"] = self.moments.json_format
        return found | {f"format{keyword[0].upper()}{keyword[1:]}": limit for keyword, limit in self.bounds.items()}


class Numeric(Rule, frozen=True, kw_only=True):
    """A number, exact; `whole` ones may be written 2.0 or 2e0 too. `bounds` by ODCS's keywords."""

    whole: bool
    bounds: Mapping[str, int | float] = {}
    multiple_of: int | float | None = None
    format: str | None = None

    def _read(self, value: Any, at: Place, faults: Faults) -> Any:
        if isinstance(value, Absurd):
            return faults.add(at, "number")
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            return faults.add(at, "type", wanted="integer" if self.whole else "number")
        if self.whole and isinstance(value, Decimal):
            numerator, denominator = value.as_integer_ratio()
            if denominator != 1:
                return faults.add(at, "type", wanted="integer")
            value = numerator
        for keyword, limit in self.bounds.items():
            code, holds = BOUNDS[keyword]
            if not holds(value, exact(limit)):
                faults.add(at, code, limit=limit)
        if self.multiple_of is not None and (Fraction(value) / _fraction(self.multiple_of)).denominator != 1:
            faults.add(at, "multiple-of", limit=self.multiple_of)
        return value

    def _schema(self) -> JsonSchema:
        found: JsonSchema = {"type": "integer" if self.whole else "number", **self.bounds}
        keywords = {"multipleOf": self.multiple_of, "format": self.format}
        return found | {name: value for name, value in keywords.items() if value is not None}


class Truth(Rule, frozen=True, kw_only=True):
    """True or false."""

    def _read(self, value: Any, at: Place, faults: Faults) -> Any:
        return value if isinstance(value, bool) else faults.add(at, "type", wanted="boolean")

    def _schema(self) -> JsonSchema:
        return {"type": "boolean"}


class Many(Rule, frozen=True, kw_only=True):
    """An array; null is no item."""

    item: Rule
    count: Count = (None, None)
    unique: bool = False

    def _read(self, value: Any, at: Place, faults: Faults) -> Any:
        if not isinstance(value, list):
            return faults.add(at, "type", wanted="array")
        _counted(value, self.count, "items", at, faults)
        if self.unique and len({identity(item) for item in value}) < len(value):
            faults.add(at, "unique-items")
        return [_present(self.item, item, (*at, number), faults) for number, item in enumerate(value)]

    def _schema(self) -> JsonSchema:
        found: JsonSchema = {"type": "array", "items": self.item.schema()}
        keywords = {"minItems": self.count[0], "maxItems": self.count[1], "uniqueItems": self.unique or None}
        return found | {name: value for name, value in keywords.items() if value is not None}


class Keyed(Rule, frozen=True, kw_only=True):
    """A map with free keys; null is no value of it."""

    key: Rule
    value: Rule
    count: Count = (None, None)

    def _read(self, value: Any, at: Place, faults: Faults) -> Any:
        if not isinstance(value, dict):
            return faults.add(at, "type", wanted="object")
        _twice(value, at, faults)
        _counted(value, self.count, "properties", at, faults)
        return {
            self.key.read(name, (*at, name), faults): _present(self.value, inner, (*at, name), faults)
            for name, inner in value.items()
        }

    def _schema(self) -> JsonSchema:
        found: JsonSchema = {"type": "object", "propertyNames": self.key.schema()}
        found["additionalProperties"] = self.value.schema()
        keywords = {"minProperties": self.count[0], "maxProperties": self.count[1]}
        return found | {name: value for name, value in keywords.items() if value is not None}


class Member(Struct, frozen=True):
    """A member of an object."""

    rule: Rule
    required: bool
    nullable: bool

    def schema(self) -> JsonSchema:
        """Its rule, or null where it may be."""
        found = self.rule.schema()
        if not self.nullable:
            return found
        choices = {"enum": [*found["enum"], None]} if "enum" in found else {}
        return {**found, "type": [found["type"], "null"], **choices}


class Members(Rule, frozen=True, kw_only=True):
    """An object with these members and no others."""

    members: Mapping[str, Member]
    count: Count = (None, None)

    def _read(self, value: Any, at: Place, faults: Faults) -> Any:
        if not isinstance(value, dict):
            return faults.add(at, "type", wanted="object")
        _twice(value, at, faults)
        _counted(value, self.count, "properties", at, faults)
        for name, member in self.members.items():
            if member.required and name not in value:
                faults.add((*at, name), "required")
        return {name: self._member(name, inner, (*at, name), faults) for name, inner in value.items()}

    def _member(self, name: str, value: Any, at: Place, faults: Faults) -> Any:
        member = self.members.get(name)
        if member is None:
            return faults.add(at, "additional")
        if value is None and member.nullable:
            return None
        return _present(member.rule, value, at, faults)

    def _schema(self) -> JsonSchema:
        found: JsonSchema = {
            "type": "object",
            "properties": {name: member.schema() for name, member in self.members.items()},
            "additionalProperties": False,
        }
        required = [name for name, member in self.members.items() if member.required]
        keywords = {"required": required or None, "minProperties": self.count[0], "maxProperties": self.count[1]}
        return found | {name: value for name, value in keywords.items() if value is not None}


@lru_cache(1024)
def exact(number: int | float) -> Number:
    """A number of a document as it is written there: 0.1 is a tenth."""
    return number if isinstance(number, int) else Decimal(repr(number))


@lru_cache(1024)
def _fraction(number: int | float) -> Fraction:
    return Fraction(exact(number))


def identity(value: Any) -> Hashable:
    """Equal for values that JSON Schema calls equal: 1 and 1.0 are, 1 and true are not; members have no order."""
    if isinstance(value, dict):
        return "object", frozenset((name, identity(inner)) for name, inner in value.items())
    if isinstance(value, list):
        return "array", tuple(map(identity, value))
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return type(value).__name__, value
    return "number", Decimal(repr(value)) if isinstance(value, float) else value


def _among(value: Any, choices: tuple[Any, ...]) -> bool:
    known = identity(value)
    return any(known == identity(choice) for choice in choices)


def _present(rule: Rule, value: Any, at: Place, faults: Faults) -> Any:
    return faults.add(at, "null") if value is None else rule.read(value, at, faults)


def _twice(value: dict[str, Any], at: Place, faults: Faults) -> None:
    if isinstance(value, Twice):
        for name in value.names:
            faults.add((*at, name), "duplicate")


def _counted(value: Sized, count: Count, of: str, at: Place, faults: Faults) -> None:
    least, most = count
    if least is not None and len(value) < least:
        faults.add(at, f"min-{of}", limit=least)
    if most is not None and len(value) > most:
        faults.add(at, f"max-{of}", limit=most)
