"""What a view grants of a record, as a tree: leaves, objects and arrays."""

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from policies.technique import Technique

TEXT_TYPES = frozenset({"string", "date", "timestamp", "time"})
NUMBER_TYPES = frozenset({"number", "integer"})


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
