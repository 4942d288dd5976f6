"""Measuring a sample: a body and the rules of its product in, counts out. No value of the body leaves this module."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import compress
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from contracts.quality import Declared, Every, QualityRules, Rule, Way, comparable

_decode = msgspec.json.Decoder(float_hook=Decimal).decode
"""Decimal: two numbers that differ in their last digit are no duplicates."""
_encode = msgspec.json.Encoder(order="sorted").encode
_DAY = timedelta(days=1)
_AHEAD_MAX = timedelta(minutes=5)
"""By how much a backend's clock may be ahead of ours. What lies further ahead is planned, and says nothing of age."""

Tallied: TypeAlias = tuple[int, int]
"""(checked, failed)"""


class Seen(Struct, frozen=True):
    """Records to be measured, and what is known of them.

    `whole` says that they are all records of the product, `listed` that a list was asked for and not one by its key.
    `now_us` is when they were seen, Unix microseconds; `written` that a partner wrote them: then only what is there is
    looked at.
    """

    records: list[Any]
    whole: bool
    listed: bool
    now_us: int
    written: bool = False


class Found(Struct, frozen=True):
    """What a sample showed: (checked, failed, judged, broken) by rule id, undeclared fields by declared path."""

    records: int
    measured: Mapping[str, tuple[int, int, int, int]]
    undeclared: Mapping[str, int]


def records_of(body: bytes, items: str | None, *, listed: bool, kept: Iterable[bool] | None) -> list[Any]:
    """The records of an answer that a partner may see. Raises ValueError or KeyError when it is none.

    `items` is where a list keeps its records, None when it is a bare array.
    """
    decoded = _decode(body)
    found = [decoded] if not listed else decoded if items is None else decoded[items]
    return [record for record in (found if kept is None else compress(found, kept)) if isinstance(record, dict)]


def record_of(values: Iterable[tuple[tuple[str, ...], Any]]) -> dict[str, Any]:
    """A record with these values at these paths."""
    record: dict[str, Any] = {}
    for path, value in values:
        place = record
        for name in path[:-1]:
            place = place.setdefault(name, {})
        place[path[-1]] = value
    return record


def measure(rules: QualityRules, seen: Seen) -> Found:
    """Measure every rule that the sample can say something about."""
    measured = {}
    for rule in rules.rules:
        tallied = _tallied(rule, seen)
        if tallied is not None:
            measured[rule.id] = (*tallied, *_judged(rule, tallied, seen))
    undeclared: Counter[str] = Counter()
    if not seen.written:
        for record in seen.records:
            _undeclared(record, rules.record, undeclared)
    return Found(len(seen.records), measured, undeclared)


def _tallied(rule: Rule, seen: Seen) -> Tallied | None:
    """What a rule counts in the sample; None when it says nothing about such a sample."""
    if rule.metric in ("rowCount", "duplicateValues", "freshness", "latency") and (seen.written or not seen.listed):
        return None
    if rule.metric == "rowCount":
        return (len(seen.records), 0) if seen.whole else None
    if (seen.written or not rule.is_read) and not _is_there(rule, seen.records):
        return None
    if rule.metric == "duplicateValues":
        return _duplicates(rule.ways, seen.records)
    (way,) = rule.ways
    values = [value for record in seen.records for value in values_at(record, way)]
    match rule.metric:
        case "nullValues":
            return len(values), sum(value is None for value in values)
        case "missingValues":
            missing = rule.values or frozenset()
            return len(values), sum(comparable(value) in missing for value in values if _is_scalar(value))
        case "invalidValues":
            return len(values), _invalid(rule, [value for value in values if value is not None])
    return stale(rule, values, seen.now_us)


def _judged(rule: Rule, tallied: Tallied, seen: Seen) -> Tallied:
    """(1, 0) when the sample shows that the rule is kept, (1, 1) that it is broken, (0, 0) when it cannot tell.

    A share is judged over many samples, so not here. A part of the records can show that a number is exceeded, and
    that some record is fresh; that all are stale, or a number not reached, only all records can.
    """
    checked, failed = tallied
    threshold = rule.threshold
    if rule.percent or (not checked and rule.metric != "rowCount"):
        return 0, 0
    if rule.metric in ("freshness", "latency"):
        is_stale = failed == checked
        return (1, int(is_stale)) if seen.whole or not is_stale else (0, 0)
    figure = checked if rule.metric == "rowCount" else failed
    return 1, int(not threshold.holds(figure) if seen.whole else threshold.is_exceeded(figure))


def values_at(value: Any, way: Way) -> Iterator[Any]:
    """Every value that a way leads to; None for what is absent. A place of another shape than declared has none."""
    if not way:
        yield value
        return
    step, rest = way[0], way[1:]
    if isinstance(step, Every):
        for inner in _inner(value, step):
            yield from values_at(inner, rest)
    elif isinstance(value, dict):
        yield from values_at(value.get(step), rest)
    elif value is None:
        yield from values_at(None, rest)


def _inner(value: Any, step: Every) -> Iterable[Any]:
    """What an array or a map holds; nothing where it is null, absent or none."""
    if step is Every.ITEM:
        return value if isinstance(value, list) else ()
    if not isinstance(value, dict):
        return ()
    return value.keys() if step is Every.KEY else value.values()


def _is_there(rule: Rule, records: list[Any]) -> bool:
    """Whether any record holds every field that the rule is about."""
    return all(any(_holds(record, way) for record in records) for way in rule.ways)


def _holds(record: Any, way: Way) -> bool:
    """Whether a record has the first field of a way that it could leave out, and all below it."""
    for position, step in enumerate(way):
        if isinstance(step, Every):
            return any(_holds(value, way[position + 1 :]) for value in _inner(record, step))
        if not isinstance(record, dict) or step not in record:
            return False
        record = record[step]
    return True


def _is_scalar(value: Any) -> bool:
    return not isinstance(value, list | dict)


def _invalid(rule: Rule, values: list[Any]) -> int:
    """How many are not among the valid ones, or do not match; only text can match."""
    valid, pattern = rule.values, rule.pattern
    if valid is not None:
        failed = [value for value in values if not _is_scalar(value) or comparable(value) not in valid]
        if pattern is None:
            return len(failed)
        values = [value for value in values if _is_scalar(value) and comparable(value) in valid]
    else:
        failed = []
    texts = [value for value in values if isinstance(value, str)]
    return len(failed) + len(values) - len(texts) + (pattern.failing(texts) if pattern is not None else 0)


def _duplicates(ways: tuple[Way, ...], records: list[Any]) -> Tallied:
    """Values, or rows of values, and those of them that were there before; one with a null is never the same."""
    if len(ways) == 1:
        rows = [(value,) for record in records for value in values_at(record, ways[0])]
    else:
        rows = [tuple(value for way in ways for value in values_at(record, way)) for record in records]
    known = [tuple(map(_identity, row)) for row in rows if len(row) == len(ways) and None not in row]
    return len(rows), len(known) - len(set(known))


def _identity(value: Any) -> Any:
    return comparable(value) if _is_scalar(value) else (list, _encode(value))


def stale(rule: Rule, values: list[Any], now_us: int) -> Tallied:
    """How many times can be read and have begun, and how many of them lie too far back."""
    zone = ZoneInfo(rule.zone)
    now = datetime.fromtimestamp(now_us // 1_000_000, UTC)
    oldest = now - timedelta(seconds=min(rule.age_s_max, 10**10))
    spans = [span for value in values if (span := _span(value, zone)) is not None]
    ends = [end for begin, end in spans if begin <= now + _AHEAD_MAX]
    return len(ends), sum(end < oldest for end in ends)


def _span(value: Any, zone: ZoneInfo) -> tuple[datetime, datetime] | None:
    """Begin and end of a date or timestamp of RFC 3339: a timestamp lasts no time, a date lasts until its end."""
    if not isinstance(value, str):
        return None
    try:
        if len(value) == 10:
            begin, end = (datetime(day.year, day.month, day.day, tzinfo=zone) for day in _day_and_next(value))
            return begin, end
        moment = datetime.fromisoformat(value)
        moment = moment if moment.tzinfo is not None else moment.replace(tzinfo=zone)
        return moment, moment
    except (ValueError, OverflowError):
        return None


def _day_and_next(value: str) -> tuple[date, date]:
    day = date.fromisoformat(value)
    return day, day + _DAY


def _undeclared(value: Any, declared: Declared, found: Counter[str]) -> None:
    """Count the fields that a value has and its product does not declare."""
    if declared.fields is not None and isinstance(value, dict):
        for name, inner in value.items():
            known = declared.fields.get(name)
            if known is None:
                found[declared.path] += 1
            elif isinstance(inner, dict | list):
                _undeclared(inner, known, found)
    elif declared.item is not None and isinstance(value, list):
        for inner in value:
            _undeclared(inner, declared.item, found)
    elif declared.value is not None and isinstance(value, dict):
        for inner in value.values():
            _undeclared(inner, declared.value, found)
