"""The mask is a type: a view compiled into Structs that hold only granted fields, so that decoding is the masking.

Two ways lead to the same answer. The strict way decodes a whole page in one go and is the one that always runs; only
when a value has another type than the product declares does the patient way take the page apart, value by value,
and withhold what drifted. Whatever fits neither is no answer at all.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, defstruct

from adapters.base import Envelope
from contracts.facts import page_items, page_next, page_type
from policies.technique import Technique

TEXT_TYPES = frozenset({"string", "date", "timestamp", "time"})
NUMBER_TYPES = frozenset({"number", "integer"})
_NUMBER_STARTS = frozenset(b"-0123456789n")
"""A number keeps its text, so it is read raw; its first byte tells it from text, true, an array or an object."""

Drift: TypeAlias = list[str]
Finish: TypeAlias = Callable[[Any, Drift], Any]


class Leaf(Struct, frozen=True):
    """A granted scalar and how it is disclosed."""

    logical_type: str
    technique: Technique


class Branch(Struct, frozen=True):
    """A granted object: its granted fields by JSON name."""

    fields: Mapping[str, "Node"]


class Many(Struct, frozen=True):
    """A granted array."""

    item: "Node"


Node: TypeAlias = Leaf | Branch | Many


class Masked(Struct, frozen=True):
    """What a partner may have of an answer: records in the backend's order, and where values were withheld.

    A record that is no object is None, so that positions still match the facts read beside it.
    """

    records: list[Struct | None]
    next: str | None
    drift: tuple[str, ...]


class NotMaskable(Struct, frozen=True):
    """The body is no JSON of the expected shape: nothing of it may be let through. `reason` holds no value of it."""

    reason: str


class Mask:
    """A compiled view. `page` and `record` turn a backend's bytes into masked records; `encode` into JSON."""

    def __init__(self, record: Branch, envelope: Envelope) -> None:
        self._compiled = _compile(record, "")
        self._page: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page_type(envelope, self._compiled.type))
        self._raw_page: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page_type(envelope, Raw))
        self._encoder = msgspec.json.Encoder()

    def page(self, body: bytes) -> Masked | NotMaskable:
        """Mask a list answer."""
        drift: Drift = []
        try:
            body.decode()  # what is skipped or raw would otherwise go unchecked
            try:
                page = self._page.decode(body)
                records = page_items(page)
            except msgspec.ValidationError:
                page = self._raw_page.decode(body)
                records = [self._compiled.patient(raw, drift) for raw in page_items(page)]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return NotMaskable(_reason(error))
        finish = self._compiled.finish
        if finish is not None:
            for record in records:
                if record is not UNSET:
                    finish(record, drift)
        return Masked([None if record is UNSET else record for record in records], page_next(page), tuple(drift))

    def record(self, body: bytes) -> Masked | NotMaskable:
        """Mask a single record."""
        drift: Drift = []
        try:
            body.decode()
            record = self._compiled.patient(body, drift)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return NotMaskable(_reason(error))
        if record is UNSET:
            return NotMaskable("the record is no object")
        if self._compiled.finish is not None:
            self._compiled.finish(record, drift)
        return Masked([record], None, tuple(drift))

    def encode(self, records: Any) -> bytes:
        """Masked records, one or a list, as JSON. Absent stays absent, null stays null, numbers keep their text."""
        return self._encoder.encode(records)


class _Compiled(Struct, frozen=True):
    """One node, ready: its strict type; `patient` decodes bytes that may have drifted (UNSET: withheld); `finish`
    checks and transforms a decoded value in place and returns it, None when there is nothing to do."""

    type: Any
    patient: Callable[[bytes | Raw, Drift], Any]
    finish: Finish | None


def _compile(node: Node, path: str) -> _Compiled:
    if isinstance(node, Leaf):
        return _leaf(node, path)
    if isinstance(node, Many):
        return _many(node, path)
    return _branch(node, path)


def _leaf(leaf: Leaf, path: str) -> _Compiled:
    kind = leaf.logical_type
    finish: Finish | None
    strict: Any
    if not leaf.technique.unchanged and kind not in TEXT_TYPES:
        strict, finish = Raw, _replace(leaf.technique)
    elif kind in NUMBER_TYPES:
        strict, finish = Raw, _check_number(path)
    elif kind == "boolean":
        strict, finish = bool | None, None
    else:
        strict = str | None
        finish = None if leaf.technique.unchanged else _transform(leaf.technique)
    decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(strict)

    def patient(body: bytes | Raw, drift: Drift) -> Any:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError:
            drift.append(path)
            return UNSET

    return _Compiled(strict, patient, finish)


def _check_number(path: str) -> Finish:
    def finish(value: Raw, drift: Drift) -> Any:
        if bytes(value)[0] in _NUMBER_STARTS:
            return value
        drift.append(path)
        return UNSET

    return finish


def _transform(technique: Technique) -> Finish:
    apply = technique.apply

    def finish(value: str, _drift: Drift) -> Any:
        return apply(value)

    return finish


def _replace(technique: Technique) -> Finish:
    """For values that are replaced whatever they were: nothing of them is looked at but null."""

    def finish(value: Raw, _drift: Drift) -> Any:
        return None if bytes(value) == b"null" else technique.apply("")

    return finish


def _many(many: Many, path: str) -> _Compiled:
    item = _compile(many.item, f"{path}[]")
    elements: msgspec.json.Decoder[Any] = msgspec.json.Decoder(list[Raw] | None)

    def patient(body: bytes | Raw, drift: Drift) -> Any:
        try:
            found = elements.decode(body)
        except msgspec.ValidationError:
            drift.append(path)
            return UNSET
        if found is None:
            return None
        decoded = (item.patient(element, drift) for element in found)
        return [value for value in decoded if value is not UNSET]

    inner = item.finish

    def finish(values: list[Any], drift: Drift) -> Any:
        assert inner is not None  # noqa: S101 - narrows the type; never used without
        finished = (value if value is None else inner(value, drift) for value in values)
        return [value for value in finished if value is not UNSET]

    return _Compiled(list[item.type] | None, patient, None if inner is None else finish)  # type: ignore[name-defined]


def _branch(branch: Branch, path: str) -> _Compiled:
    children: dict[str, _Compiled] = {}
    names: dict[str, str] = {}
    for number, (name, node) in enumerate(branch.fields.items()):
        attribute = f"f{number}"
        names[attribute] = name
        children[attribute] = _compile(node, f"{path}.{name}" if path else name)
    strict = defstruct(
        "Masked",
        [(attribute, child.type | UnsetType, UNSET) for attribute, child in children.items()],
        rename=names,
        omit_defaults=True,
        gc=False,
    )
    loose = defstruct("Loose", [(attribute, Raw | UnsetType, UNSET) for attribute in children], rename=names, gc=False)
    accepted: Any = strict | None if path else strict  # an object inside a record may be null, a record may not
    whole: msgspec.json.Decoder[Any] = msgspec.json.Decoder(accepted)
    parts: msgspec.json.Decoder[Any] = msgspec.json.Decoder(loose)

    def patient(body: bytes | Raw, drift: Drift) -> Any:
        try:
            return whole.decode(body)
        except msgspec.ValidationError:
            pass
        try:
            found = parts.decode(body)
        except msgspec.ValidationError:
            drift.append(path or "(record)")
            return UNSET
        record = strict()
        for attribute, child in children.items():
            raw = getattr(found, attribute)
            if raw is not UNSET:
                setattr(record, attribute, child.patient(raw, drift))
        return record

    finishes = tuple((attribute, child.finish) for attribute, child in children.items() if child.finish is not None)

    def finish(record: Any, drift: Drift) -> Any:
        for attribute, apply in finishes:
            value = getattr(record, attribute)
            if value is not UNSET and value is not None:
                setattr(record, attribute, apply(value, drift))
        return record

    return _Compiled(accepted, patient, finish if finishes else None)


def _reason(error: Exception) -> str:
    """Why a body is no good, without a byte of it: library messages may quote what they read."""
    if isinstance(error, UnicodeDecodeError):
        return "the body is not UTF-8"
    if isinstance(error, RecursionError):
        return "the body is nested too deeply"
    if isinstance(error, msgspec.ValidationError):
        return "the body has not the declared shape"
    return "the body is not valid JSON"
