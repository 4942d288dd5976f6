"""A product as it can be offered: each role's view, laid over the schema and checked, not yet bound to a partner."""

from collections.abc import Mapping

from msgspec import Struct

from adapters.base import Backend, Field, Path
from contracts.decode import decode
from contracts.finding import Finding, KeyPath
from contracts.mask import Mask
from contracts.product import Product, Property, SchemaObject, View
from contracts.rows import RowFault, RowFilter, compile_rows
from contracts.source import Source
from contracts.view import GrantedView, grant, key_field, subject_paths
from contracts.workspace import Loaded
from policies.library import NAME_PATTERN

_ANY_PARTNER = {"id": "", "code": "", "role": ""}


class RoleOffer(Struct, frozen=True):
    """One role's view of a product, ready to be bound. `at` is where the view stands in the document."""

    view: View
    granted: GrantedView
    mask: Mask
    readable_subjects: tuple[Path, ...]
    at: KeyPath


class Offer(Struct, frozen=True):
    """A product that can be served: its record, key and backend, and the views by role."""

    loaded: Loaded[Product]
    name: str
    schema: SchemaObject
    key: Field
    backend_name: str
    backend: Backend
    subjects: tuple[Path, ...]
    roles: Mapping[str, RoleOffer]


def offer(loaded: Loaded[Product], backends: Mapping[str, Backend]) -> tuple[Offer | None, list[Finding]]:
    """Check a product for serving. All findings are returned; without errors the offer is complete."""
    product, source = loaded.value, loaded.source
    found: list[Finding] = []
    if product.name is None or not NAME_PATTERN.fullmatch(product.name):
        message = "a product that is served has a name of lower-case letters, digits and hyphens: it is part of the URL"
        found.append(source.finding("bad-value", message, ("name",)))
    backend_name, backend = _backend(product, source, backends, found)
    if len(product.schema) != 1:
        message = f"a product that is served describes one kind of record; this one has {len(product.schema)}"
        found.append(source.finding("no-schema", message, ("schema",)))
        return None, found
    schema = product.schema[0]
    found += _schema_findings(schema.properties, source, ("schema", 0))
    key = key_field(schema)
    if key is None:
        message = "mark one field at the top of the record, a string or an integer, as primaryKey"
        found.append(source.finding("no-key", message, ("schema", 0, "properties")))
    roles = _roles(product, schema, source, backend, found)
    if key is None or backend is None or product.name is None:
        return None, found
    complete = Offer(loaded, product.name, schema, key, backend_name, backend, subject_paths(schema), roles)
    return complete, found


def _backend(
    product: Product, source: Source, backends: Mapping[str, Backend], found: list[Finding]
) -> tuple[str, Backend | None]:
    for index, entry in enumerate(product.customProperties):
        if entry.property == "backend":
            name = str(entry.value)
            if name not in backends:
                known = ", ".join(sorted(backends)) or "none"
                message = f"backends.toml has no backend {name}; it has: {known}"
                found.append(source.finding("unknown-backend", message, ("customProperties", index, "value")))
            return name, backends.get(name)
    message = "say where the data come from: customProperties with property: backend and the name of a backend"
    found.append(source.finding("no-backend", message, ("customProperties",)))
    return "", None


def _schema_findings(properties: tuple[Property, ...], source: Source, at: KeyPath) -> list[Finding]:
    """Names given twice, and names that no JSON struct can carry."""
    found: list[Finding] = []
    seen: set[str] = set()
    for index, declared in enumerate(properties):
        here: KeyPath = (*at, "properties", index)
        if declared.name in seen:
            found.append(source.finding("duplicate-field", f"field {declared.name} is declared twice", (*here, "name")))
        seen.add(declared.name)
        if not declared.name or not declared.name.isprintable() or set(declared.name) & set('."\\'):
            message = "a field's name is printable text without dots, quotes or backslashes"
            found.append(source.finding("bad-value", message, (*here, "name")))
        nested, inner = here, declared
        while inner.items is not None:
            nested, inner = (*nested, "items"), inner.items
        found += _schema_findings(inner.properties, source, nested)
    return found


def _roles(
    product: Product, schema: SchemaObject, source: Source, backend: Backend | None, found: list[Finding]
) -> dict[str, RoleOffer]:
    roles: dict[str, RoleOffer] = {}
    for number, role in enumerate(product.roles):
        views = [index for index, entry in enumerate(role.customProperties) if entry.property == "view"]
        if len(views) > 1 or (views and role.role in roles):
            message = f"role {role.role} has more than one view"
            found.append(source.finding("duplicate-view", message, ("roles", number, "role")))
        elif views:
            at: KeyPath = ("roles", number, "customProperties", views[0], "value")
            made = _role(schema, source, backend, at)
            if isinstance(made, RoleOffer):
                roles[role.role] = made
            else:
                found += made
    return roles


def _role(schema: SchemaObject, source: Source, backend: Backend | None, at: KeyPath) -> RoleOffer | list[Finding]:
    view = decode(source, View, at=at)
    if isinstance(view, list):
        return view
    found: list[Finding] = []
    granted = grant(schema, view.fields)
    if isinstance(granted, list):
        found += [source.finding(fault.code, fault.message, (*at, "fields", fault.field)) for fault in granted]
    if view.rows is not None:
        rows = compile_rows(view.rows, schema, _ANY_PARTNER)
        if isinstance(rows, RowFault):
            found.append(source.finding("bad-rows", rows.message, (*at, "rows")))
        elif rows.condition is None and backend is not None and backend.enforces_rows:
            message = "this backend filters rows itself: only comparisons, in, &&, || and ! have a form it knows"
            found.append(source.finding("bad-rows", message, (*at, "rows")))
    if found or isinstance(granted, list) or backend is None:
        return found
    return _ready(schema, view, granted, backend, at)


def _ready(schema: SchemaObject, view: View, granted: GrantedView, backend: Backend, at: KeyPath) -> RoleOffer:
    """Compile the view's types once, for all partners of the role."""
    envelope = backend.envelope()
    served = {field.path for field, _ in granted.leaves}
    subjects = subject_paths(schema)
    if backend.enforces_rows:  # such a backend is asked for the granted fields only
        subjects = tuple(path for path in subjects if path in served)
    paths, key = set(subjects), key_field(schema)
    if view.rows is not None and key is not None and not backend.enforces_rows:
        rows = compile_rows(view.rows, schema, _ANY_PARTNER)
        # a filter of constants reads no field, and still decides about every record: the facts must say how many
        paths |= set(rows.paths) if isinstance(rows, RowFilter) and rows.paths else {key.path}
    return RoleOffer(view, granted, Mask(granted.record, envelope, paths), subjects, at)
