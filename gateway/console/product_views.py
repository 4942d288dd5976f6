"""What a partner sees of each product, writes to it, and on which ground, as values for the Agreement screen."""

from collections.abc import Iterable, Sequence

import msgspec
from msgspec import Struct

from adapters.base import Field, Path
from contracts.legal_basis import ground
from contracts.plan import Plan
from contracts.product import Operation
from contracts.writing import PARTNER_VALUES, Assignable
from policies.reference import Words


class FieldRow(Struct, frozen=True):
    """One granted field: what it is and how it is disclosed, in both languages."""

    path: str
    logical_type: str
    technique: str
    words: Words
    is_subject: bool


class WrittenRow(Struct, frozen=True):
    """One field that is written: by the partner in some operations, or by the gateway into each new record.

    `operations` are the partner's, none where the gateway fills it in: with `value`, as JSON, which the contract
    writes as `source` where that is a property of the partner.
    """

    path: str
    logical_type: str
    operations: tuple[Operation, ...]
    value: str | None = None
    source: str | None = None


class ProductView(Struct, frozen=True):
    """What the partner may do with one product, see of it and write to it. `basis` is the legal basis in words."""

    product: str
    version: str
    operations: tuple[str, ...]
    scopes: tuple[str, ...]
    purposes: tuple[str, ...]
    basis: Words | None
    rows: str | None
    fields: tuple[FieldRow, ...]
    written: tuple[WrittenRow, ...]


def product_views(plans: Iterable[Plan]) -> tuple[ProductView, ...]:
    """The plans of one agreement, by what they are about, in order of its name."""
    by_resource: dict[str, list[Plan]] = {}
    for plan in plans:
        by_resource.setdefault(plan.resource, []).append(plan)
    return tuple(_view(by_resource[resource]) for resource in sorted(by_resource))


def _view(plans: Sequence[Plan]) -> ProductView:
    plan = plans[0]
    return ProductView(
        product=plan.resource,
        version=plan.product_version,
        operations=tuple(f"{other.operation} {other.route}" for other in plans),
        scopes=tuple(dict.fromkeys(other.scope for other in plans)),
        purposes=plan.purposes,
        basis=ground(plan.legal_basis) if plan.legal_basis is not None else None,
        rows=plan.offer.view.rows,
        fields=tuple(
            FieldRow(
                path=".".join(field.path),
                logical_type=field.logical_type,
                technique=technique.name,
                words=technique.words(),
                is_subject=field.path in plan.offer.subjects,
            )
            for field, technique in plan.view.leaves
        ),
        written=(*_by_partner(plans), *_by_gateway(plans)),
    )


def _by_partner(plans: Iterable[Plan]) -> list[WrittenRow]:
    """Each field once, with all operations in which the partner writes it."""
    fields: dict[Path, Field] = {}
    operations: dict[Path, list[Operation]] = {}
    for plan in plans:
        for field in plan.writing.fields if plan.writing is not None else ():
            fields[field.path] = field
            operations.setdefault(field.path, []).append(plan.operation)
    return [
        WrittenRow(".".join(path), field.logical_type, tuple(sorted(operations[path])))
        for path, field in fields.items()
    ]


def _by_gateway(plans: Iterable[Plan]) -> list[WrittenRow]:
    """What the gateway puts into each record that the partner creates."""
    return [
        _assigned(plan, field, literal)
        for plan in plans
        if plan.writing is not None
        for field, literal in plan.writing.assigned
    ]


def _assigned(plan: Plan, field: Field, literal: Assignable) -> WrittenRow:
    source = literal if isinstance(literal, str) and literal in PARTNER_VALUES else None
    value = literal if source is None else plan.partner_values[source.removeprefix("partner.")]
    return WrittenRow(
        ".".join(field.path), field.logical_type, (), value=msgspec.json.encode(value).decode(), source=source
    )
