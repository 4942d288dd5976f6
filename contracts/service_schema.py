"""Holds values against the schemas of an OpenAPI document: all mistakes of a value, and never the value itself.

OpenAPI 3.1 schemas are JSON Schema 2020-12 as they stand; those of 3.0 are turned into it first. Nothing is ever
fetched: a reference leads to a place in the document or is a mistake of it. Regular expressions are RE2's, which no
text can make slow. What checks schemas is imported with the first document: most workspaces call nobody, and every
command would start a tenth of a second later.
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

from contracts.finding import clipped
from contracts.json_strict import exact
from contracts.pattern import Pattern
from policies.reference import Words

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError
    from referencing import Resource

FAULTS_MAX: Final = 20
_ROOT: Final = "urn:service"
_UNSUPPORTED: Final = ("patternProperties", "$dynamicRef", "$recursiveRef", "$id")


class SchemaFault(Struct, frozen=True):
    """One mistake of a value: where (RFC 6901), which rule of the schema (its keyword), and what the rule is."""

    pointer: str
    code: str
    words: Words


class Schema:
    """One schema of a document, ready to hold values against."""

    def __init__(self, validator: Any) -> None:
        self._validator = validator

    def faults(self, value: Any) -> tuple[SchemaFault, ...]:
        """What keeps `value` (as contracts/json_strict.py reads it) from being what the schema allows."""
        from referencing.exceptions import Unresolvable

        try:
            found = [_fault(error) for error in islice(self._validator.iter_errors(value), FAULTS_MAX)]
        except (ArithmeticError, RuntimeError, ValueError, Unresolvable):
            # such as a number too large to divide, text that is no Unicode (to CEL), or no end of nesting
            words: Words = {"zh": "无法按其结构定义判断", "en": "cannot be judged by its schema"}
            return (SchemaFault("", "schema", words),)
        return tuple(found)


class Schemas:
    """The schemas of one document (plain values, as in a Source)."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        import jsonschema
        from jsonschema.validators import Draft202012Validator
        from referencing import Registry
        from referencing.jsonschema import DRAFT202012

        contents = exact(dict(document))
        if str(document.get("openapi", "")).startswith("3.0"):
            contents = _from_3_0(contents)
        resource: Resource[Any] = DRAFT202012.create_resource(contents)
        self._registry: Registry[Any] = Registry().with_resource(_ROOT, resource)
        self._patterns: dict[str, Pattern] = {}
        keywords = {"pattern": self._pattern}
        types = Draft202012Validator.TYPE_CHECKER.redefine("integer", _is_integer).redefine("number", _is_number)
        self._kind = jsonschema.validators.extend(Draft202012Validator, keywords, type_checker=types)

    def at(self, path: tuple[str, ...]) -> Schema | str:
        """The schema at a path of the document; or why it cannot be used."""
        from referencing.exceptions import Unresolvable

        schema = {"$ref": f"{_ROOT}#{pointer(path)}"}
        seen: set[str] = set()
        try:
            wrong = self._unusable(schema["$ref"], seen)
        except (Unresolvable, RecursionError):
            wrong = "a reference leads nowhere in this document"
        return wrong or Schema(self._kind(schema, registry=self._registry))

    def plain(self, path: tuple[str, ...]) -> Mapping[str, Any]:
        """The same with the references at its top followed; {} when it is no mapping."""
        value, followed = self._lookup(f"{_ROOT}#{pointer(path)}"), 0
        while isinstance(value, dict) and isinstance(value.get("$ref"), str) and followed < 16:
            value, followed = self._lookup(_absolute(value["$ref"])), followed + 1
        return value if isinstance(value, dict) else {}

    def plain_at(self, path: tuple[str, ...]) -> Mapping[str, Any]:
        """What is written at a path, references and all; {} when it is no mapping, or nothing."""
        from referencing.exceptions import Unresolvable

        try:
            value = self._lookup(f"{_ROOT}#{pointer(path)}")
        except Unresolvable:
            return {}
        return value if isinstance(value, dict) else {}

    def _lookup(self, reference: str) -> Any:
        return self._registry.resolver().lookup(reference).contents

    def _unusable(self, reference: str, seen: set[str]) -> str:
        """Why the schema at a reference, or one that it leads to, cannot be used; "" when it can."""
        if reference in seen:
            return ""
        seen.add(reference)
        for key, value in _keywords(self._lookup(reference)):
            if key in _UNSUPPORTED:
                return f"{key} is not supported in schemas"
            if key == "pattern" and isinstance(value, str):
                try:
                    self._patterns.setdefault(value, Pattern(value))
                except ValueError:
                    return f"{clipped(value)} is not a regular expression that is understood here (RE2)"
            if key == "$ref" and isinstance(value, str):
                if not value.startswith("#/"):
                    return f"{clipped(value)} leads out of this document"
                wrong = self._unusable(_absolute(value), seen)
                if wrong:
                    return wrong
        return ""

    def _pattern(self, _validator: Any, rule: Any, value: Any, _schema: Any) -> "Iterator[ValidationError]":
        from jsonschema.exceptions import ValidationError

        if isinstance(value, str) and self._patterns[rule].failing([value]):
            yield ValidationError("pattern")


def pointer(path: tuple[str, ...]) -> str:
    """A JSON pointer (RFC 6901)."""
    return "".join("/" + step.replace("~", "~0").replace("/", "~1").replace("%", "%25") for step in path)


def _absolute(reference: str) -> str:
    return _ROOT + reference if reference.startswith("#") else reference


def _keywords(schema: Any) -> Iterator[tuple[str, Any]]:
    """Every key of a schema and of those in it. What is a name of a property and no keyword is looked at all the same:
    the few keywords that are asked for are told apart by their values' types."""
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key in ("example", "examples", "default", "enum", "const"):
                continue
            if key == "properties" and isinstance(value, dict):
                for inner in value.values():
                    yield from _keywords(inner)
                continue
            yield key, value
            yield from _keywords(value)
    elif isinstance(schema, list):
        for item in schema:
            yield from _keywords(item)


def _fault(error: "ValidationError") -> SchemaFault:
    at = "".join("/" + str(step).replace("~", "~0").replace("/", "~1") for step in error.absolute_path)
    rule, keyword = error.validator_value, str(error.validator)
    if keyword == "required" and isinstance(error.instance, dict):
        rule = [name for name in error.validator_value if name not in error.instance]
    said = _said(rule)
    words: Words = {"zh": f"不满足 {keyword}{said}", "en": f"does not satisfy {keyword}{said}"}
    return SchemaFault(at, keyword, words)


def _said(rule: Any) -> str:
    """The rule where it is short: a bound, a type, the names that are missing."""
    if isinstance(rule, list) and all(isinstance(item, str) for item in rule):
        return ": " + ", ".join(clipped(item) for item in rule[:10])
    plain = isinstance(rule, str | int | Decimal) and not isinstance(rule, bool)
    return f": {clipped(str(rule))}" if plain else ""


def _is_integer(_checker: Any, value: Any) -> bool:
    """A whole number is an integer however it is written (JSON Schema 2020-12, section 4.2.3)."""
    if isinstance(value, Decimal):
        return value.is_finite() and value == value.to_integral_value()
    return isinstance(value, int) and not isinstance(value, bool)


def _is_number(_checker: Any, value: Any) -> bool:
    return isinstance(value, int | Decimal) and not isinstance(value, bool)


def _from_3_0(value: Any) -> Any:
    """OpenAPI 3.0.x schemas as JSON Schema: `nullable` is a type, exclusive bounds are numbers (OAS 3.0.3, 4.7.24)."""
    if isinstance(value, list):
        return [_from_3_0(item) for item in value]
    if not isinstance(value, dict):
        return value
    made = {key: _from_3_0(item) for key, item in value.items()}
    if isinstance(made.get("nullable"), bool) and made.pop("nullable") and isinstance(made.get("type"), str):
        made["type"] = [made["type"], "null"]
        if isinstance(made.get("enum"), list) and None not in made["enum"]:
            made["enum"] = [*made["enum"], None]
    for bound, exclusive in (("minimum", "exclusiveMinimum"), ("maximum", "exclusiveMaximum")):
        if isinstance(made.get(exclusive), bool) and made.pop(exclusive) and bound in made:
            made[exclusive] = made.pop(bound)
    return made
