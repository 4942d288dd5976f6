"""The `memory` kind of backend: a few records in backends.toml itself, and the double that tests stand on."""

import math
from collections.abc import Iterable
from typing import Any, ClassVar

import msgspec
from msgspec import field

from adapters.base import (
    AllOf,
    Answer,
    AnyOf,
    Backend,
    Call,
    Compare,
    Condition,
    Constant,
    Fault,
    Field,
    Negation,
    Operator,
    Path,
    Query,
    Scalar,
    Within,
)

_MISSING = Answer(404, "", b"")
_INT64_MAX = 2**63 - 1


class MemoryBackend(Backend, frozen=True, tag="memory", kw_only=True):
    """Records written down beside the settings: for samples and trials, and for tests."""

    enforces_rows: ClassVar[bool] = True

    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The records of each resource, as the product describes them: `[[name.records.shipment]]`."""

    def connect(self) -> "MemoryAdapter":
        """An adapter over these records."""
        return MemoryAdapter(self.records)

    def __repr__(self) -> str:
        """Without the records: they may be personal."""
        return "MemoryBackend(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As `__repr__`."""
        return []


class MemoryAdapter:
    """Answers from records held in memory, as a database would; or first from a `script`, one entry a call.

    `asked` are the calls and queries so far when there is a script, so that a test can see who was asked what.
    """

    def __init__(
        self, records: dict[str, list[dict[str, Any]]], script: Iterable[Answer | Fault] | None = None
    ) -> None:
        self._records = records
        self._script = None if script is None else list(script)
        self.asked: list[tuple[Call, Query]] = []

    async def answer(self, call: Call, query: Query) -> Answer | Fault:
        """One record, or a page after a key in the key's order."""
        if self._script is not None:
            self.asked.append((call, query))
            if self._script:
                return self._script.pop(0)
        if call.resource not in self._records:
            return Fault("protocol", "there is no such resource")
        records = [
            record
            for record in self._records[call.resource]
            if _key(call, record) is not None and (call.condition is None or _holds(call.condition, record) is True)
        ]
        answer = _page(call, query, records) if query.key is None else _one(call, query.key, records)
        if isinstance(answer, Answer) and len(answer.body) > call.max_bytes:
            return Fault("too_large", "the records are larger than may be read")
        return answer

    async def close(self) -> None:
        """Nothing is open."""


def _one(call: Call, key: str, records: list[dict[str, Any]]) -> Answer | Fault:
    found = [record for record in records if str(_key(call, record)) == key]
    if len(found) > 1:
        return Fault("protocol", "two records have the same key")
    return _json(_granted(call, found[0])) if found else _MISSING


def _page(call: Call, query: Query, records: list[dict[str, Any]]) -> Answer | Fault:
    ordered = sorted(records, key=lambda record: _place(call, _key(call, record)))
    if query.after is not None:
        after: str | int = query.after
        if call.key.logical_type == "integer":
            try:
                after = int(query.after)
            except ValueError:
                return Fault("protocol", "the token of the page is no key")
        ordered = [record for record in ordered if _place(call, _key(call, record)) > _place(call, after)]
    page, rest = ordered[: query.limit], ordered[query.limit :]
    if page and rest and _key(call, page[-1]) == _key(call, rest[0]):
        return Fault("protocol", "two records have the same key")
    following = str(_key(call, page[-1])) if page and rest else None
    return _json({"data": [_granted(call, record) for record in page], "next": following})


def _key(call: Call, record: dict[str, Any]) -> Any:
    return _value(record, call.key.path)


def _place(call: Call, key: Any) -> Any:
    """Keys of a declared type come in that type's order."""
    return key if call.key.logical_type == "integer" else str(key)


def _granted(call: Call, record: dict[str, Any]) -> dict[str, Any]:
    """The record's granted leaves and nothing else."""
    granted: dict[str, Any] = {}
    for leaf in call.fields:
        if _has(record, leaf.path):
            place = granted
            for name in leaf.path[:-1]:
                place = place.setdefault(name, {})
            place[leaf.path[-1]] = _value(record, leaf.path)
    return granted


def _has(record: Any, path: Path) -> bool:
    for name in path:
        if not isinstance(record, dict) or name not in record:
            return False
        record = record[name]
    return True


def _value(record: Any, path: Path) -> Any:
    for name in path:
        record = record.get(name) if isinstance(record, dict) else None
    return record


def _json(value: Any) -> Answer | Fault:
    try:
        if _is_finite(value):  # msgspec would write null
            return Answer(200, "application/json", msgspec.json.encode(value))
    except (UnicodeEncodeError, TypeError, ValueError):
        pass
    return Fault("protocol", "a record holds a value that JSON cannot say")


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_finite(inner) for inner in value.values())
    if isinstance(value, list):
        return all(_is_finite(inner) for inner in value)
    return not isinstance(value, float) or math.isfinite(value)


def _holds(condition: Condition, record: dict[str, Any]) -> bool | None:
    """Three-valued logic: True, False, or None where a value is null, absent or of another type."""
    match condition:
        case Compare(operator, leaf, wanted):
            return _compare(operator, leaf, _value(record, leaf.path), wanted)
        case Within(leaf, values):
            found = _value(record, leaf.path)
            return None if found is None else any(_compare("==", leaf, found, value) is True for value in values)
        case Constant(value):
            return value
        case Negation(inner):
            outcome = _holds(inner, record)
            return None if outcome is None else not outcome
        case AllOf(conditions):
            outcomes = {_holds(inner, record) for inner in conditions}
            return False if False in outcomes else None if None in outcomes else True
        case AnyOf(conditions):
            outcomes = {_holds(inner, record) for inner in conditions}
            return True if True in outcomes else None if None in outcomes else False


def _compare(operator: Operator, leaf: Field, found: Any, wanted: Scalar) -> bool | None:
    kind = _kind(wanted)
    if found is None or _kind(found) != kind or (leaf.logical_type == "boolean") != (kind == "truth"):
        return None
    if isinstance(wanted, int) and abs(wanted) > _INT64_MAX:
        return None  # neither a row filter nor a database knows such a number
    ordered = (found > wanted) - (found < wanted)
    outcomes: dict[Operator, bool] = {
        "==": ordered == 0,
        "!=": ordered != 0,
        "<": ordered < 0,
        "<=": ordered <= 0,
        ">": ordered > 0,
        ">=": ordered >= 0,
    }
    return outcomes[operator]


def _kind(value: Any) -> str:
    """Values compare within one kind only."""
    if isinstance(value, bool):
        return "truth"
    return "text" if isinstance(value, str) else "number" if isinstance(value, int | float) else "other"
