"""Facts: the few values of a record that the gateway itself must read, to filter rows and to count subjects.

Facts are decoded apart from the mask, into types of their own that no answer is ever encoded from.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import UNSET, Struct, UnsetType, defstruct

from adapters.base import Envelope, Path
from contracts.pages import page_items, page_type

Value: TypeAlias = str | int | float | bool | None
Record: TypeAlias = Struct
_SCALAR = str | int | float | bool | None


class Facts:
    """Reads the scalars at `paths`, and nothing else, out of a backend's answer."""

    def __init__(self, paths: Iterable[Path], envelope: Envelope) -> None:
        self.paths = frozenset(paths)
        self._getters = {path: _getter(tuple(map(_attribute, path))) for path in self.paths}
        reading = _reading(self.paths)
        self._one: msgspec.json.Decoder[Any] = msgspec.json.Decoder(reading)
        self._page: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page_type(envelope, reading))
        self._raw_page: msgspec.json.Decoder[Any] = msgspec.json.Decoder(page_type(envelope, msgspec.Raw))

    def strict_page(self, body: bytes) -> list[Record | None]:
        """As `page`, in one go. Raises msgspec.ValidationError when a fact is no scalar."""
        return page_items(self._page.decode(body)) if self.paths else []

    def page(self, body: bytes) -> list[Record | None]:
        """The facts of every record of a list answer; None for one whose facts cannot be read.

        Raises msgspec.DecodeError or RecursionError when the body is not JSON in the backend's envelope.
        """
        if not self.paths:
            return []
        return [self._read(raw) for raw in page_items(self._raw_page.decode(body))]

    def record(self, body: bytes) -> list[Record | None]:
        """The facts of a single record, alone in a list; empty without any facts. Raises as `page`."""
        return [self._read(body)] if self.paths else []

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


def _attribute(name: str) -> str:
    """The attribute for a JSON name: the same in every type here, so that one getter reads them all."""
    return f"f{name.encode().hex()}"


def _reading(paths: frozenset[Path]) -> Any:
    """A Struct type of the scalars at `paths`, each of which may be null or absent, as may what it lies in."""
    types: dict[str, Any] = {}
    for name in sorted({path[0] for path in paths}):
        below = frozenset(path[1:] for path in paths if path[0] == name)
        types[name] = _SCALAR if () in below else _reading(below) | None
    fields = [(_attribute(name), kind | UnsetType, UNSET) for name, kind in types.items()]
    names: Mapping[str, str] = {_attribute(name): name for name in types}
    return defstruct("Reading", fields, rename=names, frozen=True, gc=False)


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
