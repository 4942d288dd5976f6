"""A product as it can be offered: each role's view, laid over the schema and checked, not yet bound to a partner."""

import hashlib
from collections.abc import Mapping
from typing import Any, Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from adapters.base import Backend, Field, Path
from contracts.decode import decode
from contracts.finding import Finding, KeyPath, errors
from contracts.mask import Mask
from contracts.product import READING, ObjectView, Operation, Product, Property, SchemaObject, View
from contracts.quality import QualityRules, compile_quality
from contracts.rows import RowFault, RowRule, compile_rows
from contracts.selecting import clear_fields
from contracts.source import Source
from contracts.view import SCALAR_TYPES, GrantedView, grant, key_field, subject_paths
from contracts.workspace import Loaded
from contracts.writing import Writing, compile_writing
from policies.library import NAME_PATTERN
from policies.technique import Technique

_BY_KEY = frozenset({"get", "update", "delete"})


class ObjectOffer(Struct, frozen=True):
    """One schema object as one role may use it, compiled once for all partners of the role.

    `resource` is its place in the URL. `reads` are the fields that the backend is asked for: those granted, and where
    the gateway itself decides about `rows` (`filters_here`) those that the filter names. `readable_subjects` are the
    `subjects` that answers hold. `mask_id` names the set of fields and techniques in records.
    """

    resource: str
    schema: SchemaObject
    key: Field
    view: ObjectView
    granted: GrantedView
    mask: Mask
    mask_id: str
    rows: RowRule | None
    filters_here: bool
    reads: tuple[Field, ...]
    subjects: tuple[Path, ...]
    readable_subjects: tuple[Path, ...]
    clear: Mapping[str, Field]
    writings: Mapping[Operation, Writing]
    quality: QualityRules


class RoleOffer(Struct, frozen=True):
    """One role's view of a product, ready to be bound. `at` is where the view stands in the document."""

    view: View
    objects: tuple[ObjectOffer, ...]
    at: KeyPath


class Offer(Struct, frozen=True):
    """A product that can be served: its backend, and the views by role. The view of an idle role grants nothing yet."""

    loaded: Loaded[Product]
    name: str
    backend_name: str
    backend: Backend
    roles: Mapping[str, RoleOffer]
    idle_roles: frozenset[str]


def grants(product: Product) -> bool:
    """Whether some view of a product opens anything. What opens nothing is unfinished: its faults are warnings."""
    views = [entry.value for role in product.roles for entry in role.customProperties if entry.property == "view"]
    return any(not isinstance(view, dict) or _opens(view) for view in views)


def _opens(view: dict[str, Any]) -> bool:
    """Whether a view as it is written names a field to be read or written; one that cannot be read may."""
    objects = view.get("objects") or {}
    if view.get("fields") or view.get("writable") or not isinstance(objects, dict):
        return True
    return any(not isinstance(part, dict) or _opens(part) for part in objects.values())


def offer(loaded: Loaded[Product], backends: Mapping[str, Backend]) -> tuple[Offer | None, list[Finding]]:
    """Check a product for serving. All findings are returned; without errors the offer is complete.

    One whose views open nothing yet, such as one just imported, is no offer and no error: its findings are warnings.
    """
    offered, found = _offer(loaded, backends)
    if errors(found) and not grants(loaded.value):
        return None, [replace(finding, severity="warning") for finding in found]
    return offered, found


def _offer(loaded: Loaded[Product], backends: Mapping[str, Backend]) -> tuple[Offer | None, list[Finding]]:
    product, source = loaded.value, loaded.source
    found: list[Finding] = []
    if product.name is None or not NAME_PATTERN.fullmatch(product.name):
        message = "a product that is served has a name of lower-case letters, digits and hyphens: it is part of the URL"
        found.append(source.finding("bad-value", message, ("name",)))
    backend_name, backend = _backend(product, source, backends, found)
    if not product.schema:
        message = "a product that is served describes at least one kind of record"
        found.append(source.finding("no-schema", message, ("schema",)))
        return None, found
    found += _objects_findings(product, source)
    roles, idle = _roles(loaded, backend, found)
    if backend is None or product.name is None or errors(found):
        return None, found
    return Offer(loaded, product.name, backend_name, backend, roles, idle), found


def _objects_findings(product: Product, source: Source) -> list[Finding]:
    """What is wrong with the schema objects; where there are several their names are part of the URL."""
    found: list[Finding] = []
    seen: set[str] = set()
    for index, schema in enumerate(product.schema):
        at: KeyPath = ("schema", index)
        if len(product.schema) > 1 and (schema.name in seen or not NAME_PATTERN.fullmatch(schema.name)):
            message = "of several objects each has a name of its own, of lower-case letters, digits and hyphens"
            found.append(source.finding("bad-value", message, (*at, "name")))
        seen.add(schema.name)
        found += _schema_findings(schema.properties, source, at)
    return found


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
        while inner.items is not None or inner.map is not None:
            nested, inner = _inside(nested, inner)
        found += _schema_findings(inner.properties, source, nested)
    return found


def _inside(at: KeyPath, declared: Property) -> tuple[KeyPath, Property]:
    """What an array or map holds, and where that stands."""
    if declared.items is not None:
        return (*at, "items"), declared.items
    assert declared.map is not None  # noqa: S101 - narrows the type
    return (*at, "map", "value"), declared.map.value


def _roles(
    loaded: Loaded[Product], backend: Backend | None, found: list[Finding]
) -> tuple[dict[str, RoleOffer], frozenset[str]]:
    product, source = loaded.value, loaded.source
    roles: dict[str, RoleOffer] = {}
    idle: set[str] = set()
    for number, role in enumerate(product.roles):
        views = [index for index, entry in enumerate(role.customProperties) if entry.property == "view"]
        if len(views) > 1 or (views and role.role in roles):
            message = f"role {role.role} has more than one view"
            found.append(source.finding("duplicate-view", message, ("roles", number, "role")))
        elif views:
            at: KeyPath = ("roles", number, "customProperties", views[0], "value")
            view = decode(source, View, at=at)
            made = view if isinstance(view, list) else _role(loaded, view, backend, at)
            if isinstance(made, RoleOffer):
                roles[role.role] = made
            else:
                found += made
                if not errors(made):
                    idle.add(role.role)
    return roles, frozenset(idle)


def _role(loaded: Loaded[Product], view: View, backend: Backend | None, at: KeyPath) -> RoleOffer | list[Finding]:
    """The role's view of every object; or its findings, of which none is an error where it grants nothing yet."""
    source = loaded.source
    found: list[Finding] = []
    objects: list[ObjectOffer] = []
    for schema, chosen, place in _views(loaded.value, view, source, at, found):
        made = _Object(loaded, schema, chosen, backend, place).offered()
        if isinstance(made, ObjectOffer):
            objects.append(made)
        else:
            found += made
    if found or backend is None:
        return found
    return RoleOffer(view, tuple(objects), at)


def _views(
    product: Product, view: View, source: Source, at: KeyPath, found: list[Finding]
) -> list[tuple[SchemaObject, ObjectView, KeyPath]]:
    """Which object each part of a view is about: the only one, or each of several by its name."""
    if len(product.schema) == 1 and not view.objects:
        return [(product.schema[0], view, at)]
    known = {schema.name: schema for schema in product.schema}
    chosen = []
    if view.fields or view.operations or view.rows is not None or not view.objects:
        message = f"this product has several objects: write a view for each in `objects`: {', '.join(known)}"
        found.append(source.finding("bad-value", message, at))
    for name, part in view.objects.items():
        if name in known:
            chosen.append((known[name], part, (*at, "objects", name)))
        else:
            message = f"the product has no object {name}; it has {', '.join(known)}"
            found.append(source.finding("unknown-field", message, (*at, "objects", name)))
    return chosen


class _Object:
    """One schema object on its way to being offered to one role: collects findings, then compiles."""

    def __init__(
        self, loaded: Loaded[Product], schema: SchemaObject, view: ObjectView, backend: Backend | None, at: KeyPath
    ) -> None:
        self._product, self._source = loaded.value, loaded.source
        self._schema, self._view, self._backend, self._at = schema, view, backend, at
        self._findings: list[Finding] = []

    def offered(self) -> ObjectOffer | list[Finding]:
        """The object ready to be bound, or what is wrong; warnings alone where the view grants nothing."""
        schema, view = self._schema, self._view
        if not view.operations:
            choices = ", ".join(get_args(Operation))
            self._find("missing-key", f"operations is missing: one or more of {choices}", "operations")
        key = key_field(schema)
        if key is None:
            number = self._product.schema.index(schema)
            message = "mark one field at the top of the record, a string or an integer, as primaryKey"
            self._findings.append(self._source.finding("no-key", message, ("schema", number, "properties")))
        granted = grant(schema, view.fields)
        if isinstance(granted, list):
            for fault in granted:
                self._find(fault.code, fault.message, "fields", fault.field)
        elif key is not None:
            self._check_key(key, granted)
        rows = self._rows()
        writings = self._writings(rows, {} if isinstance(granted, list) else dict(granted.leaves))
        if self._findings or isinstance(granted, list) or key is None or self._backend is None:
            return self._findings
        if not granted.leaves and any(operation in READING for operation in view.operations):
            self._find("nothing-granted", "the view grants no field", "fields", severity="warning")
            return self._findings
        return self._ready(key, granted, rows, writings, self._backend)

    def _find(self, code: str, message: str, *place: str, severity: Literal["error", "warning"] = "error") -> None:
        finding = self._source.finding(code, message, (*self._at, *place))
        self._findings.append(replace(finding, severity=severity))

    def _check_key(self, key: Field, granted: GrantedView) -> None:
        """Who can ask for a record by a key that it does not see tries keys out, and knows which record has which."""
        naming = [operation for operation in self._view.operations if operation in _BY_KEY]
        technique = dict(granted.leaves).get(key)
        hidden = "list" in self._view.operations if technique is None else not technique.unchanged
        if naming and granted.leaves and hidden:
            message = f"{naming[0]} names records by {key.path[0]}, which the view does not grant in clear"
            self._find("key-hidden", message, "fields")

    def _rows(self) -> RowRule | None:
        if self._view.rows is None:
            return None
        rows = compile_rows(self._view.rows, self._schema)
        if isinstance(rows, RowFault):
            self._find("bad-rows", rows.message, "rows")
            return None
        return rows

    def _writings(self, rows: RowRule | None, shown: Mapping[Field, Technique]) -> dict[Operation, Writing]:
        """What each writing operation takes."""
        view = self._view
        writings: dict[Operation, Writing] = {}
        writing = [operation for operation in view.operations if operation not in READING]
        if writing and self._backend is not None and not self._backend.writes():
            self._find(
                "backend-read-only", f"the backend is not open for writing, which {writing[0]} does", "operations"
            )
        written: tuple[tuple[Literal["create", "update"], tuple[str, ...]], ...] = (
            ("create", view.writable.create),
            ("update", view.writable.update),
        )
        for action, writable in written:
            if action not in view.operations:
                if writable:
                    self._find("bad-value", f"{action} is not among the operations", "writable", action)
                continue
            assigned = view.assign if action == "create" else {}
            compiled = compile_writing(self._schema, action, writable, assigned)
            if isinstance(compiled, list):
                for fault in compiled:
                    self._find(
                        fault.code, fault.message, *(("assign",) if fault.field in assigned else ("writable", action))
                    )
                continue
            writings[action] = compiled
            self._check_writable(action, compiled, rows)
            self._check_tokens(action, compiled, shown)
        return writings

    def _check_writable(self, action: str, writing: Writing, rows: RowRule | None) -> None:
        """What the backend cannot take, and what would let a partner move records in and out of its rows."""
        for field in writing.fields:
            name = ".".join(field.path)
            if field.logical_type not in SCALAR_TYPES and self._backend is not None and not self._backend.nests:
                self._find(
                    "unwritable-field", f"this backend takes single values only, and {name} is none", "writable", action
                )
            deciding = {read.physical_name for read in rows.fields()} if rows is not None else set()
            if action == "update" and field.physical_name in deciding:
                message = (
                    f"{name} decides which records the role sees: a partner that writes it could give itself others"
                )
                self._find("unwritable-field", message, "writable", action)

    def _check_tokens(self, action: str, writing: Writing, shown: Mapping[Field, Technique]) -> None:
        """Who writes a value and is shown its token learns the token of any value that it can guess."""
        for field in writing.fields:
            within = len(field.path)
            tokens = (leaf for leaf, how in shown.items() if how.keyed and leaf.path[:within] == field.path)
            if (leaf := next(tokens, None)) is not None:
                message = (
                    f"{'.'.join(leaf.path)} is served as a token: a partner that writes it finds out the token of "
                    "whatever value it tries"
                )
                self._find("unwritable-field", message, "writable", action)

    def _ready(
        self,
        key: Field,
        granted: GrantedView,
        rows: RowRule | None,
        writings: dict[Operation, Writing],
        backend: Backend,
    ) -> ObjectOffer:
        """Compile the view's types."""
        schema, several = self._schema, len(self._product.schema) > 1
        served = tuple(field for field, _ in granted.leaves)
        subjects = readable = subject_paths(schema)
        filters_here = rows is not None and not (backend.enforces_rows and rows.translates())
        named = rows.fields() if rows is not None and filters_here else ()
        if rows is not None and filters_here and not named:
            # a filter of constants reads no field, and still decides about every record: the facts must say how many
            named = (key,)
        reads = tuple(dict.fromkeys([*served, *named])) if backend.selects else served
        if backend.selects:
            known = {field.path for field in reads}
            readable = tuple(path for path in subjects if path in known)
        facts = {*readable, *(field.path for field in named)}
        return ObjectOffer(
            resource=f"{self._product.name}/{schema.name}" if several else self._product.name or "",
            schema=schema,
            key=key,
            view=self._view,
            granted=granted,
            mask=Mask(granted.record, backend.envelope(), facts),
            mask_id=digest(*(f"{'.'.join(field.path)}={technique!r}" for field, technique in granted.leaves)),
            rows=rows,
            filters_here=filters_here,
            reads=reads,
            subjects=subjects,
            readable_subjects=readable,
            clear=clear_fields(granted.record, served),
            writings=writings,
            quality=compile_quality(self._product, schema, granted),
        )


def digest(*parts: str) -> str:
    """A short name for what these texts say: 64 bits of their SHA-256, in hex."""
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
