"""Turns a source into a typed document, or says everything that is wrong with it at once.

The types' own decoder stops at the first mistake. So the value is first compared with the type, part by part, in words
that a lawyer understands; only a value without mistakes is then decoded, strictly.
"""

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, NamedTuple, TypeAlias, TypeVar, get_args, get_origin

import msgspec
from msgspec import inspect

from contracts.finding import Finding, KeyPath, clipped, path_text
from contracts.source import FINDINGS_MAX, UNREAD, Source
from contracts.words import expected, found

T = TypeVar("T")
Unions: TypeAlias = Mapping[type, Mapping[str, type]]
"""Open unions: for a base Struct, its concrete types by the value of the base's tag field."""

_PLACE_IN_MESSAGE = re.compile(r" - at `\$\.?(.*)`$")


class Mistake(NamedTuple):
    """What is wrong at one place of a value."""

    code: str
    message: str
    path: KeyPath


def decode(source: Source, kind: type[T], unions: Unions | None = None, at: KeyPath = ()) -> T | list[Finding]:
    """What `source` holds at `at`, by default the whole document, as a `kind`; or all mistakes of it.

    `kind` is any type that msgspec decodes from plain values. A key that is not there is one of the mistakes; raises
    IndexError for an item that is not.
    """
    value: Any = source.data
    for step in at:
        if isinstance(value, dict) and step not in value:
            return [source.finding("missing-key", f"{step} is missing: {expected(inspect.type_info(kind))}", at)]
        value = value[step]
    mistakes = examine(value, kind, unions)
    if mistakes:
        return [source.finding(code, message, (*at, *place)) for code, message, place in mistakes]
    try:
        decoded: T = _convert(value, kind, unions or {})
    except msgspec.ValidationError as error:
        message = str(error)
        place = _PLACE_IN_MESSAGE.search(message)
        text = ".".join(part for part in (path_text(at), place[1] if place else "") if part)
        plain = _PLACE_IN_MESSAGE.sub("", message)
        return [Finding("bad-value", plain, source.file, source.line_of(at), text)]
    return decoded


def examine(value: Any, kind: Any, unions: Unions | None = None) -> list[Mistake]:
    """Everything that keeps `value` (plain values, as in a Source) from being a `kind`, at most FINDINGS_MAX."""
    mistakes: list[Mistake] = []
    for mistake in _Examiner(unions or {}).walk(_info(kind), value, ()):
        if len(mistakes) == FINDINGS_MAX:
            mistakes.append(Mistake("too-many-findings", f"only the first {FINDINGS_MAX} mistakes are listed", ()))
            break
        mistakes.append(mistake)
    return mistakes


@cache
def _info(kind: Any) -> inspect.Type:
    """A type taken apart: that takes longer than looking at most documents."""
    return inspect.type_info(kind)


class _Examiner:
    """Compares values with types."""

    def __init__(self, unions: Unions) -> None:
        self._unions = unions

    def walk(self, info: inspect.Type, value: Any, path: KeyPath) -> Iterator[Mistake]:
        """The mistakes of one value."""
        if isinstance(info, inspect.Metadata):
            yield from self.walk(info.type, value, path)
        elif value is UNREAD or isinstance(info, inspect.AnyType):
            return
        elif isinstance(info, inspect.UnionType):
            yield from self._union(info, value, path)
        elif isinstance(info, inspect.StructType):
            yield from self._struct(info, value, path)
        elif isinstance(info, inspect.DictType):
            yield from self._dict(info, value, path)
        elif isinstance(info, inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType):
            yield from self._list(info, value, path)
        else:
            yield from _scalar(info, value, path)

    def _union(self, info: inspect.UnionType, value: Any, path: KeyPath) -> Iterator[Mistake]:
        choices = [choice for choice in info.types if not isinstance(choice, inspect.NoneType)]
        if value is None and len(choices) < len(info.types):
            return
        tagged = {str(choice.tag): choice.cls for choice in choices if isinstance(choice, inspect.StructType)}
        if len(tagged) > 1 and len(tagged) == len(choices):
            first = choices[0]
            assert isinstance(first, inspect.StructType)  # noqa: S101 - narrows the type
            yield from self._tagged(first.tag_field or "type", tagged, value, path)
            return
        answers = [list(self.walk(choice, value, path)) for choice in choices]
        if any(not answer for answer in answers):
            return
        nearest = [answer for answer in answers if any(mistake.path != path for mistake in answer)]
        if len(answers) == 1 or nearest:
            yield from (nearest or answers)[0]
        else:
            yield Mistake("wrong-type", f"expected {expected(info)}, found {found(value)}", path)

    def _tagged(self, field: str, kinds: Mapping[str, type], value: Any, path: KeyPath) -> Iterator[Mistake]:
        """One of several Structs, told apart by a field."""
        if not isinstance(value, dict):
            yield Mistake("wrong-type", f"expected a mapping with {field}, found {found(value)}", path)
            return
        tag = value.get(field, UNREAD)
        if field not in value:
            message = f"{field} is missing: one of {', '.join(sorted(kinds))}"
            yield Mistake("missing-key", message, (*path, field))
        elif isinstance(tag, str) and tag in kinds:
            yield from self.walk(inspect.type_info(kinds[tag]), value, path)
        elif tag is not UNREAD:
            message = f"{found(tag)} is no {field}{_nearest(tag, kinds)}; known are {', '.join(sorted(kinds))}"
            yield Mistake("unknown-kind", message, (*path, field))

    def _struct(self, info: inspect.StructType, value: Any, path: KeyPath) -> Iterator[Mistake]:
        kinds = self._unions.get(info.cls)
        if kinds is not None:
            yield from self._tagged(info.tag_field or "type", kinds, value, path)
            return
        if not isinstance(value, dict):
            yield Mistake("wrong-type", f"expected {expected(info)}, found {found(value)}", path)
            return
        fields = {field.encode_name: field for field in info.fields}
        for key, inner in value.items():
            if key in fields:
                yield from self.walk(fields[key].type, inner, (*path, key))
            elif key != info.tag_field and info.forbid_unknown_fields:
                known = sorted(fields)
                hint = _nearest(key, known) or f"; known are {', '.join(known)}"
                yield Mistake("unknown-key", f"{clipped(key)} is not known here{hint}", (*path, key))
        for name, field in fields.items():
            if field.required and name not in value:
                yield Mistake("missing-key", f"{name} is missing: {expected(field.type)}", (*path, name))

    def _dict(self, info: inspect.DictType, value: Any, path: KeyPath) -> Iterator[Mistake]:
        if not isinstance(value, dict):
            yield Mistake("wrong-type", f"expected {expected(info)}, found {found(value)}", path)
            return
        yield from _length(info, value, path)
        for key, inner in value.items():
            if isinstance(info.key_type, inspect.LiteralType) and key not in info.key_type.values:
                known = ", ".join(str(name) for name in info.key_type.values)
                yield Mistake("unknown-key", f"{clipped(key)} is not known here; known are {known}", (*path, key))
                continue
            yield from self.walk(info.key_type, key, (*path, key))
            yield from self.walk(info.value_type, inner, (*path, key))

    def _list(
        self,
        info: inspect.ListType | inspect.VarTupleType | inspect.SetType | inspect.FrozenSetType,
        value: Any,
        path: KeyPath,
    ) -> Iterator[Mistake]:
        if not isinstance(value, list | tuple):
            yield Mistake("wrong-type", f"expected {expected(info)}, found {found(value)}", path)
            return
        yield from _length(info, value, path)
        for number, item in enumerate(value):
            yield from self.walk(info.item_type, item, (*path, number))


def _scalar(info: inspect.Type, value: Any, path: KeyPath) -> Iterator[Mistake]:
    """The mistakes of a value that should be a single one: of the wrong type first, then out of bounds."""
    if isinstance(info, inspect.LiteralType):
        if value not in info.values or isinstance(value, bool):
            near = _nearest(value, [str(choice) for choice in info.values])
            yield Mistake("unknown-choice", f"expected {expected(info)}, found {found(value)}{near}", path)
        return
    if not _has_type(info, value):
        quotes = ""
        if isinstance(info, inspect.StrType) and isinstance(value, int | float):
            quotes = ": write it in quotes"
        yield Mistake("wrong-type", f"expected {expected(info)}, found {found(value)}{quotes}", path)
    elif not _is_allowed(info, value):
        yield Mistake("bad-value", f"expected {expected(info)}, found {found(value)}", path)


def _has_type(info: inspect.Type, value: Any) -> bool:
    if isinstance(info, inspect.BoolType):
        return isinstance(value, bool)
    if isinstance(info, inspect.IntType):
        return isinstance(value, int) and not isinstance(value, bool)
    if isinstance(info, inspect.FloatType):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(info, inspect.NoneType):
        return value is None
    # text, dates, spans of time and decimal numbers are all written as text
    return isinstance(value, str)


def _is_allowed(info: inspect.Type, value: Any) -> bool:
    if isinstance(info, inspect.IntType | inspect.FloatType):
        return not (
            (info.ge is not None and value < info.ge)
            or (info.gt is not None and value <= info.gt)
            or (info.le is not None and value > info.le)
            or (info.lt is not None and value >= info.lt)
            or (info.multiple_of is not None and value % info.multiple_of != 0)
        )
    if isinstance(info, inspect.StrType):
        long_enough = len(value) >= (info.min_length or 0)
        short_enough = info.max_length is None or len(value) <= info.max_length
        return long_enough and short_enough and (info.pattern is None or bool(re.search(info.pattern, value)))
    try:
        if isinstance(info, inspect.DateType):
            return bool(date.fromisoformat(value).isoformat() == value)
        if isinstance(info, inspect.TimeDeltaType):
            return msgspec.convert(value, timedelta) >= timedelta(0)
        if isinstance(info, inspect.DecimalType):
            return Decimal(value).is_finite()
    except (ValueError, InvalidOperation, msgspec.ValidationError):
        return False
    return True


def _length(info: Any, value: Any, path: KeyPath) -> Iterator[Mistake]:
    if len(value) < (info.min_length or 0):
        yield Mistake("bad-value", f"expected at least {info.min_length}, found {found(value)}", path)
    if info.max_length is not None and len(value) > info.max_length:
        yield Mistake("bad-value", f"expected at most {info.max_length}, found {found(value)}", path)


def _nearest(name: Any, known: Any) -> str:
    """`, did you mean limit?` when a known name is close, else nothing."""
    if not isinstance(name, str) or len(name) > 64:
        return ""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f", did you mean {close[0]}?" if close else ""


def _convert(value: Any, kind: Any, unions: Unions) -> Any:
    """Decode strictly, each open union by its tag. Raises msgspec.ValidationError."""
    if isinstance(kind, type) and kind in unions:
        field = kind.__struct_config__.tag_field  # type: ignore[attr-defined]
        return msgspec.convert(value, unions[kind][value[field]])
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is tuple and arguments[0] in unions:
        return tuple(_convert(item, arguments[0], unions) for item in value)
    if unions and isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        fields = msgspec.structs.fields(kind)
        given = [field for field in fields if field.encode_name in value]
        return kind(**{field.name: _convert(value[field.encode_name], field.type, unions) for field in given})
    return msgspec.convert(value, kind)
