"""What a view grants of a record, as a tree: leaves, objects, arrays and maps."""

from collections.abc import Mapping
from typing import TypeAlias

from msgspec import Struct

from policies.technique import Target, Technique

TEXT_TYPES = frozenset({"string", "date", "timestamp", "time"})
NUMBER_TYPES = frozenset({"number", "integer"})


class Leaf(Struct, frozen=True):
    """A granted scalar and how it is disclosed."""

    target: Target
    technique: Technique

    @property
    def logical_type(self) -> str:
        """The field's ODCS logicalType."""
        return self.target.logical_type


class Branch(Struct, frozen=True):
    """A granted object: its granted fields by JSON name; `declared` are the names of all that the product declares."""

    fields: Mapping[str, "Node"]
    declared: tuple[str, ...] = ()


class Many(Struct, frozen=True):
    """A granted array."""

    item: "Node"


class Keyed(Struct, frozen=True):
    """A granted map with free keys, which are values too: `key` says how they are disclosed."""

    key: Leaf
    value: "Node"


Node: TypeAlias = Leaf | Branch | Many | Keyed


def needs_keys(node: Node) -> bool:
    """Whether a technique in it needs the partner's keys."""
    if isinstance(node, Leaf):
        return node.technique.keyed
    if isinstance(node, Many):
        return needs_keys(node.item)
    if isinstance(node, Keyed):
        return node.key.technique.keyed or needs_keys(node.value)
    return any(needs_keys(inner) for inner in node.fields.values())
