"""The quality rules of a product as they can be measured on samples of its traffic.

They are ODCS's own: `quality` of type `library` on properties and schema objects (v3.1 `metric`, v3.0 `rule`), and
`slaProperties` freshness and latency. What cannot be seen in a sample is no rule here; `quality_findings` says so.
"""

import math
from collections.abc import Iterator, Mapping, Set
from decimal import Decimal
from enum import Enum
from typing import Any, Literal, TypeAlias
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from msgspec import Struct

from adapters.base import Path
from contracts.finding import Finding, KeyPath
from contracts.pattern import Pattern
from contracts.product import Product, Property, SchemaObject
from contracts.source import Source
from contracts.threshold import Threshold, threshold_of
from contracts.view import GrantedView
from contracts.workspace import Loaded

Metric: TypeAlias = Literal[
    "nullValues", "missingValues", "invalidValues", "duplicateValues", "rowCount", "freshness", "latency"
]
_LIBRARY: Mapping[str, Metric] = {
    "nullValues": "nullValues",
    "missingValues": "missingValues",
    "invalidValues": "invalidValues",
    "duplicateValues": "duplicateValues",
    "rowCount": "rowCount",
    "duplicateCount": "duplicateValues",  # the name in v3.0's own examples
}
"""Metrics by the names that documents use."""
_AGES: Mapping[str, Metric] = {"freshness": "freshness", "latency": "latency"}
_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1),
    **dict.fromkeys(("min", "minute", "minutes"), 60),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3_600),
    **dict.fromkeys(("d", "day", "days"), 86_400),
    **dict.fromkeys(("y", "yr", "year", "years"), 365 * 86_400),
}


class Every(Enum):
    """A step of a way to values that leads to many."""

    ITEM = "item"
    KEY = "key"
    VALUE = "value"


Way: TypeAlias = tuple[str | Every, ...]
"""How to get from a record to the values of a field: names of fields, and where arrays and maps branch."""


class Rule(Struct, frozen=True):
    """One quality rule.

    `id` is unique in its schema object: the field's path and the metric, `customer.phone nullValues`. `ways` lead to
    the field's values, or to those of each field that together must be unique; none for `rowCount`. `is_read` says
    that the backend is asked for the field for the partner's sake; any other is measured only where it is in the
    answer. `percent` says what the threshold is about: the share of failed among checked, or their number. `values`
    are those that count as missing, or the only valid ones; `pattern` is what valid text matches. `age_s_max` and
    `zone` are for freshness: how old the newest record may be, and where a time without an offset is meant.
    """

    id: str
    metric: Metric
    ways: tuple[Way, ...]
    is_read: bool
    threshold: Threshold
    percent: bool = False
    values: frozenset[Any] | None = None
    pattern: Pattern | None = None
    age_s_max: float = 0.0
    zone: str = "UTC"


class Declared(Struct, frozen=True):
    """What a product declares at one place, to find what it does not: the fields of an object, or what an array or map
    holds. All three None: a single value, or an object of which nothing is declared. `path` is "" for the record."""

    path: str
    fields: "Mapping[str, Declared] | None" = None
    item: "Declared | None" = None
    value: "Declared | None" = None


class QualityRules(Struct, frozen=True):
    """All that is measured of one schema object."""

    rules: tuple[Rule, ...] = ()
    record: Declared = Declared("")

    def of(self, rule_id: str) -> Rule | None:
        """The rule with an id."""
        return next((rule for rule in self.rules if rule.id == rule_id), None)


class _Unmeasured(Struct, frozen=True):
    """A rule that is none here, and why: the end of a sentence."""

    why: str


class _Place(Struct, frozen=True):
    """Where rules stand: a declared value, its names and its way from the record, and its place in the document."""

    at: KeyPath
    declared: Property
    names: Path
    way: Way
    path: str


def compile_quality(product: Product, schema: SchemaObject, granted: GrantedView) -> QualityRules:
    """The rules that can be measured; all others are left out, `quality_findings` names them."""
    read = {field.path[:length] for field, _ in granted.leaves for length in range(1, len(field.path) + 1)}
    rules = [found for _, found in _rules(product, schema, read, ()) if isinstance(found, Rule)]
    return QualityRules(tuple(rules), _declared_fields(schema.properties, ""))


def quality_findings(loaded: Loaded[Product]) -> list[Finding]:
    """A warning for each rule that is written down and not measured, with the reason."""
    product, source = loaded.value, loaded.source
    found: list[Finding] = []
    for index, schema in enumerate(product.schema):
        for at, rule in _rules(product, schema, frozenset(), ("schema", index)):
            if isinstance(rule, _Unmeasured):
                found.append(_warning(source, rule.why, at))
    found += [_warning(source, why, at) for at, why in _unplaced(product)]
    return list(dict.fromkeys(found))


def _warning(source: Source, why: str, at: KeyPath) -> Finding:
    finding = source.finding("quality-unmeasured", f"this rule is not measured: {why}", at)
    return Finding(finding.code, finding.message, finding.file, finding.line, finding.path, "warning")


def _rules(
    product: Product, schema: SchemaObject, read: Set[Path], at: KeyPath
) -> Iterator[tuple[KeyPath, Rule | _Unmeasured]]:
    """Every rule of an object with its place, or why it is not measured; a second of one name gets a number."""
    seen: dict[str, int] = {}
    for place, made in _made(product, schema, read, at):
        if isinstance(made, _Unmeasured):
            yield place, made
            continue
        number = seen[made.id] = seen.get(made.id, 0) + 1
        yield place, made if number == 1 else _renamed(made, f"{made.id} {number}")


def _renamed(rule: Rule, name: str) -> Rule:
    changed = {field: getattr(rule, field) for field in rule.__struct_fields__}
    return Rule(**(changed | {"id": name}))


def _made(
    product: Product, schema: SchemaObject, read: Set[Path], at: KeyPath
) -> Iterator[tuple[KeyPath, Rule | _Unmeasured]]:
    places = list(_places(schema.properties, at, (), (), ""))
    by_path = {place.path: place for place in places}
    by_element = {_named(place): place for place in places}
    for index, entry in enumerate(schema.quality or ()):
        yield (*at, "quality", index), _of_object(entry, by_path, read)
    for place in places:
        for index, entry in enumerate(place.declared.quality or ()):
            yield (*place.at, "quality", index), _of_property(entry, place, read)
    for index, entry in enumerate(product.slaProperties or ()):
        element = _element(product, entry)
        if element and (path := _inside(element, schema, alone=len(product.schema) == 1)) in by_element:
            yield ("slaProperties", index), _of_freshness(entry, by_element[path], read)


def _places(properties: tuple[Property, ...], at: KeyPath, names: Path, way: Way, path: str) -> Iterator[_Place]:
    """Every declared value below an object."""
    for index, declared in enumerate(properties):
        below = f"{path}.{declared.name}" if path else declared.name
        here: KeyPath = (*at, "properties", index)
        yield from _place(_Place(here, declared, (*names, declared.name), (*way, declared.name), below))


def _place(place: _Place) -> Iterator[_Place]:
    yield place
    at, declared, names, way, path = place.at, place.declared, place.names, place.way, place.path
    if declared.logicalType == "array" and declared.items is not None:
        yield from _place(_Place((*at, "items"), declared.items, names, (*way, Every.ITEM), f"{path}[]"))
    elif declared.logicalType == "map" and declared.map is not None:
        key, value = declared.map.key, declared.map.value
        yield _Place((*at, "map", "key"), key, (*names, "key"), (*way, Every.KEY), f"{path}.key")
        yield from _place(_Place((*at, "map", "value"), value, (*names, "value"), (*way, Every.VALUE), f"{path}.value"))
    else:
        yield from _places(declared.properties, at, names, way, path)


def _declared_fields(properties: tuple[Property, ...], path: str) -> Declared:
    fields = {one.name: _declared(one, f"{path}.{one.name}" if path else one.name) for one in properties}
    return Declared(path, fields=fields or None)


def _declared(declared: Property, path: str) -> Declared:
    if declared.logicalType == "array" and declared.items is not None:
        return Declared(path, item=_declared(declared.items, f"{path}[]"))
    if declared.logicalType == "map" and declared.map is not None:
        return Declared(path, value=_declared(declared.map.value, f"{path}.value"))
    return _declared_fields(declared.properties, path)


def _of_property(entry: Any, place: _Place, read: Set[Path]) -> Rule | _Unmeasured:
    """A rule that stands at one value."""
    metric = _metric(entry)
    if isinstance(metric, _Unmeasured):
        return metric
    threshold = threshold_of(entry)
    arguments = _arguments(entry, metric)
    if isinstance(threshold, str):
        return _Unmeasured(threshold)
    if isinstance(arguments, _Unmeasured):
        return arguments
    values, pattern = arguments
    return Rule(
        id=f"{place.path} {metric}",
        metric=metric,
        ways=(place.way,),
        is_read=place.names in read,
        threshold=threshold,
        percent=_is_percent(entry),
        values=values,
        pattern=pattern,
    )


def _arguments(entry: Mapping[str, Any], metric: Metric) -> tuple[frozenset[Any] | None, Pattern | None] | _Unmeasured:
    """The values and the pattern that a rule of one field speaks of."""
    given = entry.get("arguments")
    arguments = given if isinstance(given, dict) else {}
    if metric == "rowCount":
        return _Unmeasured("rowCount is a rule of the whole object, and stands at one of its fields")
    if metric == "missingValues":
        values = _listed(arguments.get("missingValues"))
        return (values, None) if values else _Unmeasured("missingValues needs `arguments` with a list `missingValues`")
    if metric == "invalidValues":
        values, expression = _listed(arguments.get("validValues")), arguments.get("pattern")
        if values is None and not isinstance(expression, str):
            return _Unmeasured("invalidValues needs `arguments` with a list `validValues` or a `pattern`")
        try:
            return values, Pattern(expression) if isinstance(expression, str) else None
        except ValueError:
            return _Unmeasured("its pattern is no regular expression of RE2")
    return None, None


def _of_object(entry: Any, places: Mapping[str, _Place], read: Set[Path]) -> Rule | _Unmeasured:
    """A rule that stands at the schema object."""
    metric = _metric(entry)
    if isinstance(metric, _Unmeasured):
        return metric
    threshold = threshold_of(entry)
    if isinstance(threshold, str):
        return _Unmeasured(threshold)
    if metric == "rowCount":
        if _is_percent(entry):
            return _Unmeasured("rowCount counts rows; a percentage of them means nothing")
        return Rule("rowCount", "rowCount", (), True, threshold)
    if metric != "duplicateValues":
        return _Unmeasured(f"{metric} is a rule of a field, and stands at the object")
    given = entry.get("arguments")
    named = given.get("properties") if isinstance(given, dict) else None
    if not isinstance(named, list) or not named:
        return _Unmeasured("duplicateValues of an object needs `arguments` with the list `properties`")
    found = [places[name] for name in named if isinstance(name, str) and name in places]
    if len(found) != len(named) or any(isinstance(step, Every) for place in found for step in place.way):
        return _Unmeasured("`properties` names a field that a record does not have exactly once")
    return Rule(
        id=f"{','.join(named)} duplicateValues",
        metric=metric,
        ways=tuple(place.way for place in found),
        is_read=all(place.names in read for place in found),
        threshold=threshold,
        percent=_is_percent(entry),
    )


def _metric(entry: Any) -> Metric | _Unmeasured:
    """The metric of the library that a rule uses."""
    if not isinstance(entry, dict):
        return _Unmeasured("it is no mapping")
    if entry.get("type", "library") != "library":
        return _Unmeasured("only rules of type library are")
    name = entry.get("metric", entry.get("rule"))
    if isinstance(name, str) and name in _LIBRARY:
        return _LIBRARY[name]
    return _Unmeasured(f"its metric is none of {', '.join(dict.fromkeys(_LIBRARY.values()))}")


def _is_percent(entry: Mapping[str, Any]) -> bool:
    return entry.get("unit") == "percent"


def comparable(value: Any) -> Any:
    """A scalar as one that can be looked up among others: true is not 1, 1 is 1.0, and 0.1 is exactly that."""
    if isinstance(value, bool):
        return (bool, value)
    return Decimal(repr(value)) if isinstance(value, float) else value


def _listed(values: Any) -> frozenset[Any] | None:
    """The values of a list of scalars; None for anything else."""
    if not isinstance(values, list) or not values or any(isinstance(value, list | dict) for value in values):
        return None
    return frozenset(map(comparable, values))


def _of_freshness(entry: Any, place: _Place, read: Set[Path]) -> Rule | _Unmeasured:
    """A rule about how old the newest record may be."""
    value, unit = entry.get("value"), str(entry.get("unit") or "").lower()
    try:
        number = float(value) if not isinstance(value, bool) and value is not None else math.nan
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number) or number < 0 or unit not in _SECONDS:
        return _Unmeasured(f"it needs a number and one of these units: {', '.join(_SECONDS)}")
    if place.declared.logicalType not in ("date", "timestamp"):
        return _Unmeasured(f"{place.path} is neither a date nor a timestamp")
    zone = (place.declared.logicalTypeOptions or {}).get("defaultTimezone") or "UTC"
    try:
        ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        return _Unmeasured(f"defaultTimezone of {place.path} is no time zone of the IANA database")
    metric = _AGES[entry["property"].lower()]
    return Rule(
        id=f"{place.path} {metric}",
        metric=metric,
        ways=(place.way,),
        is_read=place.names in read,
        threshold=Threshold(f"{metric} {number:g} {unit}"),
        age_s_max=number * _SECONDS[unit],
        zone=zone,
    )


def _element(product: Product, entry: Any) -> str:
    """What a promise of freshness is about; "" where it is about something else or names nothing."""
    if not isinstance(entry, dict) or str(entry.get("property")).lower() not in _AGES:
        return ""
    return str(entry.get("element") or product.slaDefaultElement or "")


def _named(place: _Place) -> str:
    """A value as an element of a promise names it: `nodes.at`, also where the nodes are a list."""
    return place.path.replace("[]", "")


def _inside(element: str, schema: SchemaObject, *, alone: bool) -> str:
    """The path, in this object, that an element such as `shipment.eta` names; "" for another object's."""
    first, _, rest = element.partition(".")
    if rest and first in (schema.name, schema.physicalName):
        return rest
    return element if alone else ""


def _unplaced(product: Product) -> Iterator[tuple[KeyPath, str]]:
    """Promises of freshness that are about no field of this product."""
    for index, entry in enumerate(product.slaProperties or ()):
        if not isinstance(entry, dict) or str(entry.get("property")).lower() not in _AGES:
            continue
        element, alone = _element(product, entry), len(product.schema) == 1
        found = any(
            _named(place) == _inside(element, schema, alone=alone)
            for schema in product.schema
            for place in _places(schema.properties, (), (), (), "")
        )
        if not found:
            yield ("slaProperties", index), "its `element` names no field of this product, as `object.field`"
