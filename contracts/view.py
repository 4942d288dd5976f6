"""A view laid over a product: which fields a role is granted, as the tree that the mask is compiled from.

There is no wildcard. Naming an object or array grants the fields that this product version declares under it; a more
specific path then decides for itself, whatever the order in the document.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from adapters.base import Field, Path
from contracts.granted import NUMBER_TYPES, TEXT_TYPES, Branch, Keyed, Leaf, Many, Node
from contracts.product import Property, SchemaObject, custom
from policies.domain import domain_size
from policies.technique import Target, Technique
from policies.techniques import TECHNIQUES

SCALAR_TYPES = TEXT_TYPES | NUMBER_TYPES | {"boolean"}


class ViewFault(Struct, frozen=True):
    """A field of a view that cannot be granted as written."""

    field: str
    code: str
    message: str


class GrantedView(Struct, frozen=True):
    """The tree for the mask, the granted leaves for adapters and annex, in the product's order.

    `classifications` are those of the granted leaves that have one: their own, or that of what they lie in.
    """

    record: Branch
    leaves: tuple[tuple[Field, Technique], ...]
    classifications: Mapping[Path, str]


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
    """Lay a view's fields over a schema object. All faults are returned, not the first.

    A view may grant nothing: what is written only is not read.
    """
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
    record = laying.branch(schema.properties, (), None, None)
    return faults or GrantedView(record, tuple(laying.leaves), laying.classifications)


def unwrapped(declared: Property) -> Property:
    """The property whose children or type count: the items of an array, at any depth of nesting, else itself."""
    while declared.logicalType == "array" and declared.items is not None:
        declared = declared.items
    return declared


def children(declared: Property) -> tuple[Property, ...]:
    """What a path may name below a property: the fields of an object, `key` and `value` of a map."""
    inner = unwrapped(declared)
    if inner.logicalType == "map" and inner.map is not None:
        return replace(inner.map.key, name="key"), replace(inner.map.value, name="value")
    return inner.properties


def declared_at(schema: SchemaObject, path: Path) -> Property | None:
    """The property at a dotted path; None when there is none."""
    return _find(schema.properties, path)


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
        properties = children(found)
    return found


def _leaves(declared: Property) -> bool:
    inner = unwrapped(declared)
    if inner.logicalType in {"object", "map"}:
        return any(_leaves(child) for child in children(inner))
    return inner.logicalType in SCALAR_TYPES or inner.logicalType == "vector"


class _Laying:
    """One view being laid over one schema: walks the declared fields, collecting granted leaves and faults."""

    def __init__(self, techniques: Mapping[Path, Technique], faults: list[ViewFault]) -> None:
        self._techniques = techniques
        self._faults = faults
        self.leaves: list[tuple[Field, Technique]] = []
        self.classifications: dict[Path, str] = {}

    def branch(
        self, properties: tuple[Property, ...], prefix: Path, inherited: Technique | None, classification: str | None
    ) -> Branch:
        granted: dict[str, Node] = {}
        for declared in properties:
            path = (*prefix, declared.name)
            node = self._node(declared, path, self._techniques.get(path, inherited), classification)
            if node is not None:
                granted[declared.name] = node
        return Branch(granted, tuple(declared.name for declared in properties))

    def _node(
        self, declared: Property, path: Path, technique: Technique | None, classification: str | None
    ) -> Node | None:
        classification = declared.classification or classification
        match declared.logicalType:
            case "array" if declared.items is not None:
                item = self._node(declared.items, path, technique, classification)
                return None if item is None else Many(item)
            case "vector":
                leaf = self._leaf(replace(declared, logicalType="number"), path, technique, classification)
                return None if leaf is None else Many(leaf)
            case "object":
                branch = self.branch(declared.properties, path, technique, classification)
                return branch if branch.fields else None
            case "map" if declared.map is not None:
                return self._map(declared, path, technique, classification)
        return self._leaf(declared, path, technique, classification)

    def _map(
        self, declared: Property, path: Path, technique: Technique | None, classification: str | None
    ) -> Node | None:
        """A map is granted with its keys, which are values too: no key goes out that the view does not speak of."""
        key, value = children(declared)
        value_path, key_path = (*path, "value"), (*path, "key")
        laid = self._node(value, value_path, self._techniques.get(value_path, technique), classification)
        if laid is None:
            return None
        how = self._techniques.get(key_path, technique)
        name = ".".join(key_path)
        if how is None or not how.injective or key.logicalType != "string":
            message = f"the keys of a map are text, and are granted as clear or pseudonym: {name} is not"
            self._faults.append(ViewFault(name, "technique-unfit", message))
            return None
        leaf = self._leaf(key, key_path, how, classification)
        return None if leaf is None else Keyed(leaf, laid)

    def _leaf(
        self, declared: Property, path: Path, technique: Technique | None, classification: str | None
    ) -> Leaf | None:
        if technique is None or not technique.served or declared.logicalType not in SCALAR_TYPES:
            return None
        name, kind = ".".join(path), declared.logicalType
        domain = domain_size(kind, declared.logicalTypeOptions, declared.enum, declared.quality)
        target = Target(name, kind, domain)
        if why := technique.unfit(target):
            self._faults.append(ViewFault(name, "technique-unfit", f"{technique.name} does not fit {name}: {why}"))
            return None
        self.leaves.append((field_of(declared, path), technique))
        if classification:
            self.classifications[path] = classification
        return Leaf(target, technique)
