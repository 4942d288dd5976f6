"""A view laid over a product: which fields a role is granted, as the tree that the mask is compiled from.

There is no wildcard. Naming an object or array grants the fields that this product version declares under it; a more
specific path then decides for itself, whatever the order in the document.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from adapters.base import Field, Path
from contracts.granted import NUMBER_TYPES, TEXT_TYPES, Branch, Leaf, Many, Node
from contracts.product import Property, SchemaObject, custom
from policies.technique import Technique
from policies.techniques import TECHNIQUES

SCALAR_TYPES = TEXT_TYPES | NUMBER_TYPES | {"boolean"}


class ViewFault(Struct, frozen=True):
    """A field of a view that cannot be granted as written."""

    field: str
    code: str
    message: str


class GrantedView(Struct, frozen=True):
    """The tree for the mask, the granted leaves for adapters and annex, in the product's order."""

    record: Branch
    leaves: tuple[tuple[Field, Technique], ...]


def read_technique(spec: Any) -> Technique | str:
    """A technique as a view writes it, `clear` or `{keep_last: 4}`; or what is wrong with it."""
    parameters: dict[str, Any] = {}
    if isinstance(spec, str):
        name = spec
    elif isinstance(spec, Mapping) and len(spec) == 1:
        name, given = next(iter(spec.items()))
        kind = TECHNIQUES.get(name)
        first = kind.__struct_fields__[:1] if kind else ()
        parameters = given if isinstance(given, dict) else dict.fromkeys(first, given)
        if kind and not first:
            return f"{name} takes no parameter"
    else:
        return "a technique is a name, such as `clear`, or a name with its parameter, such as `{keep_last: 4}`"
    technique = TECHNIQUES.get(name)
    if technique is None:
        return f"there is no technique {name!r}; known are {', '.join(TECHNIQUES)}"
    try:
        return msgspec.convert(parameters, technique)
    except msgspec.ValidationError as error:
        return f"{name}: {error}"


def grant(schema: SchemaObject, fields: Mapping[str, Any]) -> GrantedView | list[ViewFault]:
    """Lay a view's fields over a schema object. All faults are returned, not the first."""
    faults: list[ViewFault] = []
    techniques: dict[Path, Technique] = {}
    for name, spec in fields.items():
        technique = read_technique(spec)
        if isinstance(technique, str):
            faults.append(
                ViewFault(
                    name, "unknown-technique" if technique.startswith("there is no") else "technique-unfit", technique
                )
            )
        elif (found := _find(schema.properties, tuple(name.split(".")))) is None:
            faults.append(ViewFault(name, "unknown-field", f"the product has no field {name}"))
        elif not _leaves(found):
            faults.append(ViewFault(name, "unknown-type", f"the product declares nothing to serve under {name}"))
        else:
            techniques[tuple(name.split("."))] = technique
    laying = _Laying(techniques, faults)
    record = laying.branch(schema.properties, (), None)
    if not faults and not laying.leaves:
        faults.append(ViewFault("", "nothing-granted", "the view grants no field"))
    return faults or GrantedView(record, tuple(laying.leaves))


def unwrapped(declared: Property) -> Property:
    """The property whose children or type count: the items of an array, at any depth of nesting, else itself."""
    while declared.logicalType == "array" and declared.items is not None:
        declared = declared.items
    return declared


def subject_paths(schema: SchemaObject) -> tuple[Path, ...]:
    """Paths of the fields marked `subject: true`: together they say which person a record is about."""
    found: list[Path] = []

    def walk(properties: tuple[Property, ...], prefix: Path) -> None:
        for declared in properties:
            if custom(declared.customProperties, "subject") is True and declared.logicalType in SCALAR_TYPES:
                found.append((*prefix, declared.name))
            if declared.logicalType == "object":
                walk(declared.properties, (*prefix, declared.name))

    walk(schema.properties, ())
    return tuple(found)


def key_field(schema: SchemaObject) -> Field | None:
    """The primary key when it is one scalar at the top of the record."""
    keys = [declared for declared in schema.properties if declared.primaryKey]
    if len(keys) != 1 or keys[0].logicalType not in {"string", "integer"}:
        return None
    return field_of(keys[0], (keys[0].name,))


def field_of(declared: Property, path: Path) -> Field:
    """A leaf as adapters know it. Without a physicalName a nested leaf is called by its path, joined by `_`."""
    return Field(path, declared.physicalName or "_".join(path), declared.logicalType or "string")


def _find(properties: tuple[Property, ...], path: Path) -> Property | None:
    found: Property | None = None
    for name in path:
        found = next((declared for declared in properties if declared.name == name), None)
        if found is None:
            return None
        properties = unwrapped(found).properties
    return found


def _leaves(declared: Property) -> bool:
    inner = unwrapped(declared)
    if inner.logicalType == "object":
        return any(_leaves(child) for child in inner.properties)
    return inner.logicalType in SCALAR_TYPES


class _Laying:
    """One view being laid over one schema: walks the declared fields, collecting granted leaves and faults."""

    def __init__(self, techniques: Mapping[Path, Technique], faults: list[ViewFault]) -> None:
        self._techniques = techniques
        self._faults = faults
        self.leaves: list[tuple[Field, Technique]] = []

    def branch(self, properties: tuple[Property, ...], prefix: Path, inherited: Technique | None) -> Branch:
        granted: dict[str, Node] = {}
        for declared in properties:
            path = (*prefix, declared.name)
            node = self._node(declared, path, self._techniques.get(path, inherited))
            if node is not None:
                granted[declared.name] = node
        return Branch(granted)

    def _node(self, declared: Property, path: Path, technique: Technique | None) -> Node | None:
        if declared.logicalType == "array" and declared.items is not None:
            item = self._node(declared.items, path, technique)
            return None if item is None else Many(item)
        if declared.logicalType == "object":
            branch = self.branch(declared.properties, path, technique)
            return branch if branch.fields else None
        if technique is None or not technique.served or declared.logicalType not in SCALAR_TYPES:
            return None
        name = ".".join(path)
        if why := technique.unfit(declared.logicalType):
            self._faults.append(ViewFault(name, "technique-unfit", f"{technique.name} does not fit {name}: {why}"))
            return None
        self.leaves.append((field_of(declared, path), technique))
        return Leaf(declared.logicalType, technique)
