"""Facts: the few values of a record that the gateway itself must read, to filter rows and to count subjects.

Facts are decoded apart from the mask, into types of their own that no answer is ever encoded from.
"""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType, defstruct

from adapters.base import Envelope, Path

Value: TypeAlias = str | int | float | bool | None
Record: TypeAlias = Struct
_Leaf = str | int | float | bool | None | UnsetType


class Facts:
    """Reads the scalars at `paths`, and nothing else, out of a backend's answer."""

    def __init__(self, paths: Iterable[Path], envelope: Envelope) -> None:
        self._steps: dict[Path, tuple[str, ...]] = {}
        record = self._struct(sorted(set(paths)), (), ())
        self._getters = {path: _getter(steps) for path, steps in self._steps.items()}
        self._one: msgspec.json.Decoder[Any] = msgspec.json.Decoder(record)
        self._page: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page_type(envelope, record))
        self._raw_page: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page_type(envelope, msgspec.Raw))

    def _struct(self, paths: list[Path], prefix: Path, attributes: tuple[str, ...]) -> type[Struct]:
        depth = len(prefix)
        fields: list[tuple[str, Any, Any]] = []
        names: dict[str, str] = {}
        for number, name in enumerate(dict.fromkeys(path[depth] for path in paths)):
            attribute = f"f{number}"
            names[attribute] = name
            below = [path for path in paths if path[depth] == name]
            here = (*attributes, attribute)
            if below == [(*prefix, name)]:
                self._steps[below[0]] = here
                fields.append((attribute, _Leaf, UNSET))
            else:
                nested = self._struct([path for path in below if len(path) > depth + 1], (*prefix, name), here)
                fields.append((attribute, nested | None | UnsetType, UNSET))
        return defstruct("Facts", fields, rename=names, frozen=True, gc=False)

    def page(self, body: bytes) -> list[Record | None]:
        """The facts of every record of a list answer; None for one whose facts cannot be read.

        Raises msgspec.DecodeError or RecursionError when the body is not JSON in the backend's envelope.
        """
        try:
            return list(page_items(self._page.decode(body)))
        except msgspec.ValidationError:
            return [self._read(raw) for raw in page_items(self._raw_page.decode(body))]

    def record(self, body: bytes) -> Record | None:
        """The facts of a single record; None when they cannot be read. Raises as `page`."""
        return self._read(body)

    def _read(self, body: bytes | msgspec.Raw) -> Record | None:
        try:
            record: Record = self._one.decode(body)
        except msgspec.ValidationError:
            return None
        return record

    def value(self, record: Record, path: Path) -> Value:
        """One fact; None when it is null or absent."""
        return self._getters[path](record)

    def getter(self, path: Path) -> Callable[[Record], Value]:
        """What reads one fact: for those who read it again and again."""
        return self._getters[path]


def _getter(attributes: tuple[str, ...]) -> Callable[[Record], Value]:
    """Reads one scalar of a record; nearly all are at the top, or in an object that is there."""
    *outer, last = attributes

    def get(record: Record) -> Value:
        found: Any = record
        for attribute in outer:
            found = getattr(found, attribute)
            if found is None or found is UNSET:
                return None
        found = getattr(found, last)
        return None if found is UNSET else found

    return get


def page_type(envelope: Envelope, item: Any) -> Any:
    """The type of a list answer in `envelope`, its records decoded as `item`."""
    if envelope.items is None:
        return list[item]
    fields: list[tuple[str, Any, Any] | tuple[str, Any]] = [("items", list[item])]
    names = {"items": envelope.items}
    if envelope.next is not None:
        fields.append(("next", str | int | None, None))
        names["next"] = envelope.next
    return defstruct("Page", fields, rename=names, gc=False)


def page_items(page: Any) -> list[Any]:
    """The records of a decoded list answer."""
    return page if isinstance(page, list) else page.items


def page_next(page: Any) -> str | None:
    """The backend's token for the page after this one, None on the last."""
    token = getattr(page, "next", None)
    return None if token is None else str(token)
