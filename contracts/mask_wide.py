"""Wide records: many granted fields among many that are not.

The decoder looks a key up among the names of a type, beginning behind the one found last. Keys that come in the order
of the type cost nothing to find; a key that the type does not have is compared with all of its names. A record of
hundreds of fields, half of them granted, would be spent on that. So its type has a place for every declared field,
and what is granted is taken out at once; the places of the others are dropped with the value that was decoded.
"""

from operator import attrgetter
from typing import Any

from msgspec import UNSET, Raw, Struct, UnsetType, defstruct

from contracts.granted import Branch

GRANTED_MIN = 16
"""From so many granted fields on; a few names are compared faster than a value is set aside."""


class Wide(Struct, frozen=True):
    """The type to decode, how to take the granted values out of it, and the type that holds nothing else."""

    type: Any
    granted: Any
    strict: Any

    def narrowed(self, records: list[Any]) -> list[Any]:
        """The same records with their granted values only."""
        granted, strict = self.granted, self.strict
        return [strict(*granted(record)) for record in records]


def wide_of(record: Branch, strict: Any) -> Wide | None:
    """How to decode a wide record; None for one that is not. `strict` is the type of its granted fields, in order."""
    attributes = strict.__struct_fields__
    if len(attributes) < GRANTED_MIN or len(record.declared) <= len(attributes):
        return None
    names = dict(zip(strict.__struct_encode_fields__, attributes, strict=True))
    kinds = strict.__annotations__
    fields: list[tuple[str, Any, Any]] = []
    renamed: dict[str, str] = {}
    for number, name in enumerate(record.declared):
        attribute = names.get(name, f"other{number}")
        fields.append((attribute, kinds.get(attribute, Raw | UnsetType), UNSET))
        renamed[attribute] = name
    wide = defstruct("Wide", fields, rename=renamed, gc=False)
    return Wide(wide, attrgetter(*attributes), strict)
