"""The nodes of a mask: each granted leaf, object, array and map as a type, with what masks its values once decoded."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType, defstruct

from contracts.granted import NUMBER_TYPES, TEXT_TYPES, Branch, Keyed, Leaf, Many, Node
from contracts.mask_numbers import Collect, of_fields, of_items, of_values, themselves
from policies.keys import PartnerKeys
from policies.numerals import is_whole
from policies.technique import Masker

_NUMBER_STARTS = frozenset(b"-0123456789")

Drift: TypeAlias = list[str]
Finish: TypeAlias = Callable[[Any, Drift], Any]
Finisher: TypeAlias = Callable[[PartnerKeys | None], Finish]


class Compiled(Struct, frozen=True):
    """One node, ready.

    `type` is strict, but for numbers with a fraction and for masked values that are no text. `patient` decodes bytes
    that may have drifted, numbers included (UNSET: withheld). `finisher` makes, for one partner's keys, what replaces
    masked values in a decoded value and returns it; None when there are none. `numbers` collects the raw values that
    the type does not know to be numbers; None when there are none. `masker` is a masked text's finisher without what
    reports drift, for objects, which report it themselves: one call less for each value.
    """

    type: Any
    patient: Callable[[bytes | Raw, Drift], Any]
    finisher: Finisher | None
    numbers: Collect | None = None
    masker: Callable[[PartnerKeys | None], Masker] | None = None


def compile_node(node: Node, path: str) -> Compiled:
    """A node of a view and all below it; `path` is where it stands, "" for the record."""
    if isinstance(node, Leaf):
        return _leaf(node, path)
    if isinstance(node, Many):
        return _many(node, path)
    if isinstance(node, Keyed):
        return _keyed(node, path)
    return _branch(node, path)


def decoder_of(kind: Any) -> "msgspec.json.Decoder[Any]":
    """A JSON decoder of values of this type."""
    return msgspec.json.Decoder(kind)


def _leaf(leaf: Leaf, path: str) -> Compiled:
    kind, technique, unchanged = leaf.logical_type, leaf.technique, leaf.technique.unchanged
    if kind in TEXT_TYPES and not technique.blind:
        patient = _patient_leaf(decoder_of(str | None), path)
        if unchanged:
            return Compiled(str | None, patient, None)
        return Compiled(str | None, patient, _text(leaf, path), masker=lambda keys: technique.masker(leaf.target, keys))
    if not unchanged:
        return Compiled(
            Raw, _patient_leaf(decoder_of(Raw), path), _blind(leaf) if leaf.technique.blind else _raw(leaf, path)
        )
    if kind in NUMBER_TYPES:
        if kind == "integer":
            return Compiled(int | None, _patient_number(True, path), None)
        return Compiled(Raw, _patient_number(False, path), None, themselves)
    return Compiled(bool | None, _patient_leaf(decoder_of(bool | None), path), None)


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
    decoder = decoder_of(Raw)

    def patient(body: bytes | Raw, drift: Drift) -> Any:
        raw = decoder.decode(body)
        text = bytes(raw)
        if text == b"null" or _is_number(text, whole):
            return raw
        drift.append(path)
        return UNSET

    return patient


def _is_number(text: bytes, whole: bool) -> bool:
    return text[0] in _NUMBER_STARTS and (not whole or text.lstrip(b"-").isdigit() or is_whole(text.decode()))


def _text(leaf: Leaf, path: str) -> Finisher:
    def finisher(keys: PartnerKeys | None) -> Finish:
        masker = leaf.technique.masker(leaf.target, keys)

        def finish(value: str, drift: Drift) -> Any:
            masked = masker(value)
            if masked is UNSET:
                drift.append(path)
            return masked

        return finish

    return finisher


def _raw(leaf: Leaf, path: str) -> Finisher:
    """For numbers and truths that are masked by their text: what is neither is withheld here."""
    whole, number = leaf.logical_type == "integer", leaf.logical_type in NUMBER_TYPES

    def finisher(keys: PartnerKeys | None) -> Finish:
        masker = leaf.technique.masker(leaf.target, keys)

        def finish(value: Raw, drift: Drift) -> Any:
            text = bytes(value)
            if text == b"null":
                return None
            fits = _is_number(text, whole) if number else text in (b"true", b"false")
            masked = masker(text.decode()) if fits else UNSET
            if masked is UNSET:
                drift.append(path)
            return masked

        return finish

    return finisher


def _blind(leaf: Leaf) -> Finisher:
    """For values that are replaced whatever they were: nothing of them is looked at but null."""

    def finisher(keys: PartnerKeys | None) -> Finish:
        masked = leaf.technique.masker(leaf.target, keys)("")

        def finish(value: Raw, _drift: Drift) -> Any:
            return None if bytes(value) == b"null" else masked

        return finish

    return finisher


def _many(many: Many, path: str) -> Compiled:
    item = compile_node(many.item, f"{path}[]")
    elements = decoder_of(list[Raw] | None)

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

    def finisher(keys: PartnerKeys | None) -> Finish:
        assert item.finisher is not None  # noqa: S101 - narrows the type; never used without
        inner = item.finisher(keys)

        def finish(values: list[Any], drift: Drift) -> Any:
            masked = (value if value is None else inner(value, drift) for value in values)
            return [value for value in masked if value is not UNSET]

        return finish

    numbers = None if item.numbers is None else of_items(item.numbers)
    return Compiled(_list_of(item.type), patient, None if item.finisher is None else finisher, numbers)


def _list_of(item: Any) -> Any:
    return list[item] | None


def _keyed(keyed: Keyed, path: str) -> Compiled:
    """A map: its keys are free, so they are values, masked by a technique of their own."""
    value = compile_node(keyed.value, f"{path}.value")
    entries = decoder_of(dict[str, Raw] | None)

    def patient(body: bytes | Raw, drift: Drift) -> Any:
        try:
            found = entries.decode(body)
        except msgspec.ValidationError:
            drift.append(path)
            return UNSET
        if found is None:
            return None
        decoded = {key: value.patient(raw, drift) for key, raw in found.items()}
        return {key: inner for key, inner in decoded.items() if inner is not UNSET}

    def finisher(keys: PartnerKeys | None) -> Finish:
        renamed = None if keyed.key.technique.unchanged else _text(keyed.key, f"{path}.key")(keys)
        inner = None if value.finisher is None else value.finisher(keys)

        def finish(values: dict[str, Any], drift: Drift) -> Any:
            masked = {}
            for key, found in values.items():
                name = key if renamed is None else renamed(key, drift)
                entry = found if inner is None or found is None else inner(found, drift)
                if name is not UNSET and entry is not UNSET:
                    masked[name] = entry
            return masked

        return finish

    unchanged = keyed.key.technique.unchanged and value.finisher is None
    numbers = None if value.numbers is None else of_values(value.numbers)
    return Compiled(_map_of(value.type), patient, None if unchanged else finisher, numbers)


def _map_of(value: Any) -> Any:
    return dict[str, value] | None


def _branch(branch: Branch, path: str) -> Compiled:
    children: dict[str, Compiled] = {}
    names: dict[str, str] = {}
    for number, (name, node) in enumerate(branch.fields.items()):
        attribute = f"f{number}"
        names[attribute] = name
        children[attribute] = compile_node(node, f"{path}.{name}" if path else name)

    strict = _struct("Masked", names, {attribute: child.type for attribute, child in children.items()})
    parts = _struct("Parts", names, dict.fromkeys(children, Raw))
    numbers = of_fields({attribute: child.numbers for attribute, child in children.items()})
    if path:  # an object inside a record may be null, a record may not
        return Compiled(
            strict | None, _apart(strict, parts | None, children, path), _finisher_of(children, names, path), numbers
        )
    return Compiled(strict, _apart(strict, parts, children, path), _finisher_of(children, names, path), numbers)


def _struct(name: str, names: Mapping[str, str], types: Mapping[str, Any]) -> Any:
    """A Struct type with a field for each of `types`, by attribute; absent fields stay absent."""
    fields = [(attribute, kind | UnsetType, UNSET) for attribute, kind in types.items()]
    return defstruct(name, fields, rename=names, omit_defaults=True, gc=False)


def _apart(strict: Any, parts: Any, children: Mapping[str, Compiled], path: str) -> Callable[[bytes | Raw, Drift], Any]:
    """Decodes an object field by field, each on its own merits."""
    decoder = decoder_of(parts)

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


def _finisher_of(children: Mapping[str, Compiled], names: Mapping[str, str], path: str) -> Finisher | None:
    """Replaces the masked values of an object in place."""
    maskers = tuple(
        (attribute, child.masker, f"{path}.{names[attribute]}" if path else names[attribute])
        for attribute, child in children.items()
        if child.masker is not None
    )
    finishers = tuple(
        (attribute, child.finisher)
        for attribute, child in children.items()
        if child.finisher is not None and child.masker is None
    )
    if not finishers and not maskers:
        return None

    def finisher(keys: PartnerKeys | None) -> Finish:
        masks = tuple((attribute, masker(keys), place) for attribute, masker, place in maskers)
        finishes = tuple((attribute, finisher(keys)) for attribute, finisher in finishers)

        def finish(record: Any, drift: Drift) -> Any:
            for attribute, mask, place in masks:
                value = getattr(record, attribute)
                if value is not UNSET and value is not None:
                    masked = mask(value)
                    if masked is UNSET:
                        drift.append(place)
                    setattr(record, attribute, masked)
            for attribute, replace in finishes:
                value = getattr(record, attribute)
                if value is not UNSET and value is not None:
                    setattr(record, attribute, replace(value, drift))
            return record

        return finish

    return finisher
