"""The mask is a type: a view compiled into Structs that hold only granted fields, so that decoding is the masking.

Two ways lead to the same answer. The strict way decodes a whole page in one go and is the one that always runs; only
when a value has another type than the product declares does the patient way take the page apart, value by value,
and withhold what drifted. Whatever fits neither is no answer at all.

Numbers keep their exact text. A whole number has only one (but for -0, which comes out as 0), so it is decoded as one;
any other is decoded raw, and raw means anything: an object as well. Whether raw values are numbers is asked of a
second type beside the first, contracts/facts.py's, which holds those numbers and no granted text.
"""

from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, defstruct

from adapters.base import Envelope, Path
from contracts.facts import Facts, Record
from contracts.granted import NUMBER_TYPES, TEXT_TYPES, Branch, Leaf, Many, Node
from contracts.pages import page_items, page_next, page_type
from policies.technique import Technique

_NUMBER_STARTS = frozenset(b"-0123456789")

Drift: TypeAlias = list[str]
Finish: TypeAlias = Callable[[Any], Any]


class Masked(Struct, frozen=True):
    """What a partner may have of an answer: records in the backend's order, and where values were withheld.

    A record that is no object is None, so that positions match the `facts` read beside them; without any facts to be
    read these are empty.
    """

    records: list[Struct | None]
    facts: list[Record | None]
    next: str | None
    drift: tuple[str, ...]


class NotMaskable(Struct, frozen=True):
    """The body is no JSON of the expected shape: nothing of it may be let through. `reason` holds no value of it."""

    reason: str


class Mask:
    """A compiled view. `page` and `record` turn a backend's bytes into masked records; `encode` into JSON."""

    def __init__(self, record: Branch, envelope: Envelope, facts: Iterable[Path] = ()) -> None:
        self._compiled = _compile(record, "")
        self._page = _decoder(page_type(envelope, self._compiled.type))
        self._raw_page = _decoder(page_type(envelope, Raw))
        self._encoder = msgspec.json.Encoder()
        self.facts = Facts(facts, envelope, record)

    def page(self, body: bytes) -> Masked | NotMaskable:
        """Mask a list answer."""
        drift: Drift = []
        try:
            body.decode()  # what is skipped or raw would otherwise go unchecked
            try:
                page = self._page.decode(body)
                facts = self.facts.checked_page(body)
                records = page_items(page)
            except msgspec.ValidationError:
                page = self._raw_page.decode(body)
                facts = self.facts.page(body)
                patient = (self._compiled.patient(raw, drift) for raw in page_items(page))
                records = [None if record is UNSET else record for record in patient]
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return NotMaskable(_reason(error))
        return Masked(self._finished(records), facts, page_next(page), tuple(drift))

    def record(self, body: bytes) -> Masked | NotMaskable:
        """Mask a single record."""
        drift: Drift = []
        try:
            body.decode()
            record = self._compiled.patient(body, drift)
            facts = self.facts.record(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return NotMaskable(_reason(error))
        if record is UNSET:
            return NotMaskable("the record is no object")
        return Masked(self._finished([record]), facts, None, tuple(drift))

    def encode(self, records: Any) -> bytes:
        """Masked records, one or a list, as JSON. Absent stays absent, null stays null, numbers keep their text."""
        return self._encoder.encode(records)

    def _finished(self, records: list[Struct | None]) -> list[Struct | None]:
        """Records with the values of masked fields replaced, in place."""
        finish = self._compiled.finish
        if finish is not None:
            for record in records:
                if record is not None:
                    finish(record)
        return records


class _Compiled(Struct, frozen=True):
    """One node, ready.

    `type` is strict, but for numbers with a fraction. `patient` decodes bytes that may have drifted, numbers included
    (UNSET: withheld). `finish` replaces masked values in a decoded value and returns it; None when there are none.
    """

    type: Any
    patient: Callable[[bytes | Raw, Drift], Any]
    finish: Finish | None


def _compile(node: Node, path: str) -> _Compiled:
    if isinstance(node, Leaf):
        return _leaf(node, path)
    if isinstance(node, Many):
        return _many(node, path)
    return _branch(node, path)


def _decoder(kind: Any) -> "msgspec.json.Decoder[Any]":
    return msgspec.json.Decoder(kind)


def _leaf(leaf: Leaf, path: str) -> _Compiled:
    kind, unchanged = leaf.logical_type, leaf.technique.unchanged
    if not unchanged and kind not in TEXT_TYPES:
        return _Compiled(Raw, _patient_leaf(_decoder(Raw), path), _replace(leaf.technique))
    if kind in NUMBER_TYPES:
        return _Compiled(int | None if kind == "integer" else Raw, _patient_number(kind == "integer", path), None)
    strict: Any = bool | None if kind == "boolean" else str | None
    finish = None if unchanged else leaf.technique.apply
    return _Compiled(strict, _patient_leaf(_decoder(strict), path), finish)


def _patient_leaf(decoder: "msgspec.json.Decoder[Any]", path: str) -> Callable[[bytes | Raw, Drift], Any]:
    def patient(body: bytes | Raw, drift: Drift) -> Any:
        try:
            return decoder.decode(body)
        except msgspec.ValidationError:
            drift.append(path)
            return UNSET

    return patient


def _patient_number(whole: bool, path: str) -> Callable[[bytes | Raw, Drift], Any]:
    """Numbers of any size, which a decoder would refuse; for `whole` only those without a fraction, 1.0 included."""
    decoder = _decoder(Raw)

    def patient(body: bytes | Raw, drift: Drift) -> Any:
        raw = decoder.decode(body)
        text = bytes(raw)
        if text == b"null" or (text[0] in _NUMBER_STARTS and not (whole and _has_fraction(text))):
            return raw
        drift.append(path)
        return UNSET

    return patient


def _has_fraction(text: bytes) -> bool:
    if text.lstrip(b"-").isdigit():
        return False
    exponent = Decimal(text.decode()).normalize().as_tuple().exponent
    return isinstance(exponent, int) and exponent < 0


def _replace(technique: Technique) -> Finish:
    """For values that are replaced whatever they were: nothing of them is looked at but null."""

    def finish(value: Raw) -> Any:
        return None if bytes(value) == b"null" else technique.apply("")

    return finish


def _many(many: Many, path: str) -> _Compiled:
    item = _compile(many.item, f"{path}[]")
    elements = _decoder(list[Raw] | None)

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

    def finish(values: list[Any]) -> Any:
        assert inner is not None  # noqa: S101 - narrows the type; never used without
        return [value if value is None else inner(value) for value in values]

    return _Compiled(_list_of(item.type), patient, None if inner is None else finish)


def _list_of(item: Any) -> Any:
    return list[item] | None


def _branch(branch: Branch, path: str) -> _Compiled:
    children: dict[str, _Compiled] = {}
    names: dict[str, str] = {}
    for number, (name, node) in enumerate(branch.fields.items()):
        attribute = f"f{number}"
        names[attribute] = name
        children[attribute] = _compile(node, f"{path}.{name}" if path else name)

    strict = _struct("Masked", names, {attribute: child.type for attribute, child in children.items()})
    parts = _struct("Parts", names, dict.fromkeys(children, Raw))
    if path:  # an object inside a record may be null, a record may not
        return _Compiled(strict | None, _apart(strict, parts | None, children, path), _finish_branch(children))
    return _Compiled(strict, _apart(strict, parts, children, path), _finish_branch(children))


def _struct(name: str, names: Mapping[str, str], types: Mapping[str, Any]) -> Any:
    """A Struct type with a field for each of `types`, by attribute; absent fields stay absent."""
    fields = [(attribute, kind | UnsetType, UNSET) for attribute, kind in types.items()]
    return defstruct(name, fields, rename=names, omit_defaults=True, gc=False)


def _apart(
    strict: Any, parts: Any, children: Mapping[str, _Compiled], path: str
) -> Callable[[bytes | Raw, Drift], Any]:
    """Decodes an object field by field, each on its own merits."""
    decoder = _decoder(parts)

    def apart(body: bytes | Raw, drift: Drift) -> Any:
        try:
            found = decoder.decode(body)
        except msgspec.ValidationError:
            drift.append(path or "(record)")
            return UNSET
        if found is None:
            return None
        record = strict()
        for attribute, child in children.items():
            raw = getattr(found, attribute)
            if raw is not UNSET:
                setattr(record, attribute, child.patient(raw, drift))
        return record

    return apart


def _finish_branch(children: Mapping[str, _Compiled]) -> Finish | None:
    """Replaces the masked values of an object in place."""
    finishes = tuple((attribute, child.finish) for attribute, child in children.items() if child.finish is not None)
    if not finishes:
        return None

    def finish(record: Any) -> Any:
        for attribute, replace in finishes:
            value = getattr(record, attribute)
            if value is not UNSET and value is not None:
                setattr(record, attribute, replace(value))
        return record

    return finish


def _reason(error: Exception) -> str:
    """Why a body is no good, without a byte of it: library messages may quote what they read."""
    if isinstance(error, UnicodeDecodeError):
        return "the body is not UTF-8"
    if isinstance(error, RecursionError):
        return "the body is nested too deeply"
    if isinstance(error, msgspec.ValidationError):
        return "the body has not the declared shape"
    return "the body is not valid JSON"
