"""The `memory` kind of backend: a few records in backends.toml itself, and the double that tests stand on."""

from collections.abc import Iterable
from copy import deepcopy
from typing import Any, ClassVar
from uuid import uuid4

from msgspec import field

from adapters.base import Answer, Backend, Call, Change, Fault, Query
from adapters.memory_conditions import holds
from adapters.memory_order import Sorting
from adapters.memory_records import Record, granted, json_answer, value_at, with_values

_MISSING = Answer(404, "", b"")
_CONFLICT = Answer(409, "", b"")
_UNFIT = Answer(422, "", b"")
_DELETED = Answer(204, "", b"")
_TWICE = Fault("protocol", "two records have the same key")
_UNKNOWN = Fault("protocol", "there is no such resource")


class MemoryBackend(Backend, frozen=True, tag="memory", kw_only=True):
    """Records written down beside the settings: for samples and trials, and for tests."""

    enforces_rows: ClassVar[bool] = True
    selects: ClassVar[bool] = True

    records: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """The records of each resource, as the product describes them: `[[name.records.shipment]]`."""
    writable: bool = False
    """Whether records may be created, updated and deleted. What is changed is gone when the gateway ends."""

    def writes(self) -> bool:
        """As the settings say."""
        return self.writable

    def connect(self) -> "MemoryAdapter":
        """An adapter over a copy of these records."""
        return MemoryAdapter(deepcopy(self.records), writable=self.writable)

    def __repr__(self) -> str:
        """Without the records: they may be personal."""
        return "MemoryBackend(...)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As `__repr__`."""
        return []


class MemoryAdapter:
    """Answers from records held in memory, as a database would; or first from a `script`, one entry a call.

    `asked` are the calls and queries so far when there is a script, so that a test can see who was asked what. If it is
    `writable`, changes are made to the `records` themselves.
    """

    def __init__(
        self,
        records: dict[str, list[dict[str, Any]]],
        script: Iterable[Answer | Fault] | None = None,
        *,
        writable: bool = False,
    ) -> None:
        self._records = records
        self._script = None if script is None else list(script)
        self._writable = writable
        self.asked: list[tuple[Call, Query]] = []

    async def answer(self, call: Call, query: Query) -> Answer | Fault:
        """One record, or a page after a place in the order that is asked for."""
        if self._script is not None:
            self.asked.append((call, query))
            if self._script:
                return self._script.pop(0)
        if call.resource not in self._records:
            return _UNKNOWN
        records = [
            record
            for record in self._records[call.resource]
            if _key(call, record) is not None
            and _is_own(call, record)
            and (query.where is None or holds(query.where, record) is True)
        ]
        return _page(call, query, records) if query.key is None else _one(call, query.key, records)

    async def change(self, call: Call, change: Change) -> Answer | Fault:
        """Create, update or delete one record, whole or not at all."""
        if not self._writable:
            return Fault("protocol", "the backend is not writable")
        records = self._records.get(call.resource)
        if records is None:
            return _UNKNOWN
        if change.action == "create":
            return _create(call, change, records)
        found = [
            place
            for place, record in enumerate(records)
            if _key(call, record) is not None and str(_key(call, record)) == change.key and _is_own(call, record)
        ]
        if not found:
            return _MISSING
        if len(found) > 1:
            return _TWICE
        if change.action == "delete":
            del records[found[0]]
            return _DELETED
        return _update(call, change, records, found[0])

    async def close(self) -> None:
        """Nothing is open."""


def _create(call: Call, change: Change, records: list[Record]) -> Answer | Fault:
    made = with_values({}, change.values)
    if _key(call, made) is None:
        made = with_values(made, [(call.key, _new_key(call, change, records))])
    if any(_key(call, record) == _key(call, made) for record in records):
        return _CONFLICT
    if not _is_own(call, made):
        return _UNFIT
    answer = json_answer(granted(call, made), call.max_bytes, 201)
    if isinstance(answer, Answer):
        records.append(made)
    return answer


def _new_key(call: Call, change: Change, records: list[Record]) -> str | int:
    """The key that the caller chose, or the next: one more than the largest, of texts one that nobody has."""
    if call.key.logical_type != "integer":
        return change.key or str(uuid4())
    if change.key is not None and change.key.isascii() and change.key.isdigit():
        return int(change.key)
    known = [key for record in records if isinstance(key := _key(call, record), int)]
    return max(known, default=0) + 1


def _update(call: Call, change: Change, records: list[Record], place: int) -> Answer | Fault:
    """The record with the values in it, if it stays the caller's and no other has its key."""
    changed = with_values(records[place], change.values)
    key = _key(call, changed)
    if key is None or not _is_own(call, changed):
        return _UNFIT
    if any(_key(call, record) == key for other, record in enumerate(records) if other != place):
        return _CONFLICT
    answer = json_answer(granted(call, changed), call.max_bytes)
    if isinstance(answer, Answer):
        records[place] = changed
    return answer


def _one(call: Call, key: str, records: list[Record]) -> Answer | Fault:
    found = [record for record in records if str(_key(call, record)) == key]
    if len(found) > 1:
        return _TWICE
    return json_answer(granted(call, found[0]), call.max_bytes) if found else _MISSING


def _page(call: Call, query: Query, records: list[Record]) -> Answer | Fault:
    sorting = Sorting(call, query.order)
    ordered = sorting.sorted(records)
    if query.after is not None:
        after = sorting.read(query.after)
        if after is None:
            return Fault("protocol", "the token of the page is no key")
        ordered = [record for record in ordered if sorting.is_beyond(record, after)]
    page, rest = ordered[: query.limit], ordered[query.limit :]
    following = None
    if page and rest:
        if sorting.place(page[-1]) == sorting.place(rest[0]):
            return _TWICE  # the next page would leave one out
        try:
            following = sorting.token(sorting.place(page[-1]))
        except ValueError:  # of a lone surrogate, as UnicodeEncodeError
            return Fault("protocol", "a record holds a value that cannot be paged by")
    return json_answer({"data": [granted(call, record) for record in page], "next": following}, call.max_bytes)


def _is_own(call: Call, record: Record) -> bool:
    return call.condition is None or holds(call.condition, record) is True


def _key(call: Call, record: Record) -> Any:
    return value_at(record, call.key.path)
