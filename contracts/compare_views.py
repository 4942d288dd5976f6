"""What one role sees and may do of a product, compared: fields and techniques, rows, operations, what it may write."""

from collections.abc import Iterator, Mapping

import msgspec
from msgspec import Struct

from adapters.base import Field
from contracts.change import EITHER, EXPOSES, NOTHING, WITHHOLDS, WORDING, Change, Sight, change
from contracts.compare_rows import compare_rows
from contracts.granted import Branch, Keyed, Leaf, Many, Node
from contracts.offer import ObjectOffer, Offer
from contracts.product import READING, Property
from contracts.view import children, declared_at, unwrapped
from policies.direction import LOOSENS, TIGHTENS, Directions, unordered, widening, widening_in_order
from policies.technique import Technique


class Shown(Struct, frozen=True):
    """A field that answers hold: how it is disclosed, and what it is."""

    technique: Technique
    field: Field


def compare_products(old: Offer, new: Offer, role: str, other_role: str | None = None) -> list[Change]:
    """What a role sees and may do of two versions of a product; `other_role` is the role on the new side."""
    about = f"product {new.name}"
    found: list[Change] = []
    before, after = old.roles.get(role), new.roles.get(other_role or role)
    if before is None or after is None:
        sight: Sight = NOTHING if before is after else EXPOSES if before is None else WITHHOLDS
        views = [None if side is None else "view" for side in (before, after)]
        found += change(about, f"role {other_role or role}", sight, *views)
    else:
        found += change(
            about,
            "backend",
            EITHER if old.backend_name != new.backend_name else NOTHING,
            old.backend_name,
            new.backend_name,
        )
        for part, judge in (("purpose", widening_in_order), ("legal_basis", unordered)):
            values = getattr(before.view, part), getattr(after.view, part)
            found += change(about, part, judge(*values), *(_listed(value) for value in values))
        found += _objects(about, before.objects, after.objects)
    return found or list(_wording(about, old, new))


def _wording(about: str, old: Offer, new: Offer) -> Iterator[Change]:
    """A product that differs in nothing that this role notices."""
    if old.loaded.value != new.loaded.value:
        yield from change(about, "", WORDING, old.loaded.value.version, new.loaded.value.version)


def _listed(value: object) -> str | None:
    return ", ".join(value) if isinstance(value, tuple) else None if value is None else str(value)


def _objects(about: str, old: tuple[ObjectOffer, ...], new: tuple[ObjectOffer, ...]) -> Iterator[Change]:
    """Each object against the one at the same place of the URL."""
    before, after = ({part.resource: part for part in side} for side in (old, new))
    for resource in dict.fromkeys([*before, *after]):
        place = f"{about}" if len(before) == len(after) == 1 else f"{about}, {resource}"
        if resource not in after:
            yield from change(place, "", WITHHOLDS, resource, None)
        elif resource not in before:
            yield from change(place, "", EXPOSES, None, resource)
        else:
            yield from compare_objects(place, before[resource], after[resource])


def compare_objects(about: str, old: ObjectOffer, new: ObjectOffer) -> Iterator[Change]:
    """One kind of record under two views."""
    reading, writing = (
        [
            tuple(operation for operation in side.view.operations if (operation in READING) is reads)
            for side in (old, new)
        ]
        for reads in (True, False)
    )
    yield from change(about, "operations", _seen(*reading), *map(_listed, reading))
    yield from change(about, "operations", widening(*writing), *map(_listed, writing))
    tables = [side.schema.physicalName or side.schema.name for side in (old, new)]
    yield from change(about, "physicalName", EITHER if tables[0] != tables[1] else NOTHING, *tables)
    keys = [".".join(side.key.path) for side in (old, new)]
    yield from change(about, "primaryKey", EITHER if old.key != new.key else NOTHING, *keys)
    yield from change(about, "rows", compare_rows(old.rows, new.rows), old.view.rows, new.view.rows)
    yield from _fields(about, shown(old), shown(new))
    for action in ("create", "update"):
        yield from _writable(about, action, writable(old, action), writable(new, action))
    for name in dict.fromkeys([*old.view.assign, *new.view.assign]):
        values = old.view.assign.get(name), new.view.assign.get(name)
        yield from change(about, f"assign.{name}", unordered(*values), *values)


def _seen(old: tuple[str, ...], new: tuple[str, ...]) -> Sight:
    return (EXPOSES if set(new) - set(old) else NOTHING) | (WITHHOLDS if set(old) - set(new) else NOTHING)


def shown(part: ObjectOffer) -> dict[str, Shown]:
    """Every field that answers hold, by its path; `[]` behind an array, so that another shape is another field."""
    fields = {field.path: field for field, _ in part.granted.leaves}
    return {
        name: Shown(leaf.technique, fields[tuple(leaf.target.path.split("."))])
        for name, leaf in _leaves(part.granted.record, "")
    }


def _leaves(node: Node, name: str) -> Iterator[tuple[str, Leaf]]:
    match node:
        case Leaf():
            yield name, node
        case Many(item):
            yield from _leaves(item, f"{name}[]")
        case Keyed(key, value):
            yield from _leaves(key, f"{name}.key")
            yield from _leaves(value, f"{name}.value")
        case Branch(fields):
            for child, inner in fields.items():
                yield from _leaves(inner, f"{name}.{child}" if name else child)


def _fields(about: str, old: Mapping[str, Shown], new: Mapping[str, Shown]) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        effects = compare_shown(before, after)
        said = [None if side is None else _technique(side) for side in (before, after)]
        if before is not None and after is not None and before.technique == after.technique:
            said = [f"{side.field.logical_type} {side.field.physical_name}" for side in (before, after)]
        yield from change(about, f"fields.{name}", effects, *said)


def compare_shown(old: Shown | None, new: Shown | None) -> Sight:
    """Whether one field is disclosed more or less. What cannot be put in order counts both ways."""
    if old is None or new is None:
        return NOTHING if old is new else EXPOSES if old is None else WITHHOLDS
    if old == new:
        return NOTHING
    if old.field != new.field:
        return EITHER
    before, after = old.technique, new.technique
    if before.name == after.name and before.name in {"keep_first", "keep_last"}:
        counts = [msgspec.to_builtins(technique) for technique in (before, after)]
        if counts[0]["mark"] == counts[1]["mark"]:
            return EXPOSES if counts[1]["count"] > counts[0]["count"] else WITHHOLDS
    if before.degree == after.degree:
        return EITHER
    return EXPOSES if after.degree > before.degree else WITHHOLDS


def _technique(side: Shown) -> str:
    values = {name: value for name, value in msgspec.to_builtins(side.technique).items() if value is not None}
    parameters = ", ".join(f"{name} {value}" for name, value in values.items())
    return f"{side.technique.name} ({parameters})" if parameters else side.technique.name


def writable(part: ObjectOffer, action: str) -> dict[str, Property]:
    """Every field that a view opens for writing, by its path, with what the product demands of it."""
    if action not in part.view.operations:
        return {}
    found: dict[str, Property] = {}
    for name in getattr(part.view.writable, action):
        declared = declared_at(part.schema, tuple(name.split(".")))
        if declared is not None:
            found |= dict(_written(declared, name))
    return found


def _written(declared: Property, name: str) -> Iterator[tuple[str, Property]]:
    inner = children(declared)
    for child in inner:
        yield from _written(child, f"{name}.{child.name}")
    if not inner:
        yield name, declared


def _writable(about: str, action: str, old: Mapping[str, Property], new: Mapping[str, Property]) -> Iterator[Change]:
    for name in dict.fromkeys([*old, *new]):
        before, after = old.get(name), new.get(name)
        effects: Directions = LOOSENS if before is None else TIGHTENS
        if before is not None and after is not None:
            effects = unordered(_demands(before), _demands(after))
        yield from change(
            about,
            f"writable.{action}.{name}",
            effects,
            *(None if side is None else _demanded(side) for side in (before, after)),
        )


def _demands(declared: Property) -> tuple[object, ...]:
    """What a value that is written has to be."""
    inner = unwrapped(declared)
    return declared.logicalType, inner.logicalType, inner.logicalTypeOptions, declared.required, inner.enum


def _demanded(declared: Property) -> str:
    return f"{declared.logicalType}, required" if declared.required else str(declared.logicalType)
