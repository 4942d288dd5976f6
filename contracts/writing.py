"""What a role may write of a record: compiled from the product and the view, it reads request bodies strictly.

A body is JSON in the shape of the record. For an update it is a merge patch (RFC 7396): what it names is changed, null
clears a field that is not required, and objects are merged; arrays and maps are values, which are replaced whole.
"""

from collections.abc import Mapping
from typing import Any, Literal, TypeAlias

from msgspec import UNSET, Struct

from adapters.base import Field, Path
from contracts.body_compile import Report, count_of, required_names, rule_of
from contracts.body_faults import BodyFault, Faults
from contracts.body_json import read_json
from contracts.body_rules import Count, Member, Members, Text
from contracts.finding import clipped
from contracts.product import Property, SchemaObject
from contracts.view import SCALAR_TYPES, field_of

__all__ = ["BodyFault", "WriteFault", "Writing", "Written", "compile_writing"]

Action: TypeAlias = Literal["create", "update"]
Assignable: TypeAlias = str | int | bool
PARTNER_VALUES = ("partner.id", "partner.code", "partner.role")
"""What a view can assign instead of a literal: what is known of the partner that asks."""
_PARTNER = "partner."


class WriteFault(Struct, frozen=True):
    """What is wrong with a view's `writable` or `assign`. `code` is one of finding.py's, `field` the dotted path."""

    code: str
    message: str
    field: str


class Written(Struct, frozen=True):
    """A body that is in order, by field: objects as their leaves, arrays and maps whole; then what is assigned.

    Values are plain JSON: str, bool, int, Decimal, None, and list or dict of them.
    """

    values: tuple[tuple[Field, Any], ...]


class Writing(Struct, frozen=True):
    """What one operation takes. `fields` are those that the partner may write; the assigned ones are not among them.

    `json_schema` is the JSON Schema (2020-12) of a body. It leaves to words what it cannot say: that text holds no
    U+0000, and the bounds of dates and times. `assigned` is what every created record gets.
    """

    fields: tuple[Field, ...]
    json_schema: dict[str, Any]
    body: Members
    assigned: tuple[tuple[Field, Assignable], ...]

    def read(self, body: bytes, partner: Mapping[str, str]) -> Written | tuple[BodyFault, ...]:
        """What the body says to write; or every mistake of it. `partner` has the `id`, `code` and `role` to assign."""
        faults = Faults()
        value = read_json(body, faults)
        if not faults.all():
            try:
                value = self.body.read(value, (), faults)
            except RecursionError:  # the rules go down by more steps than the reader of JSON did
                faults.add((), "depth")
        if found := faults.all():
            return found
        given = [(field, _value_at(value, field.path)) for field in self.fields]
        written = tuple((field, leaf) for field, leaf in given if leaf is not UNSET)
        return Written(written + tuple((field, _assigned(literal, partner)) for field, literal in self.assigned))


def compile_writing(
    schema: SchemaObject,
    action: Action,
    writable: tuple[str, ...],
    assigned: Mapping[str, Assignable],
) -> Writing | list[WriteFault]:
    """Lay `writable` and `assigned` (field -> literal, or one of PARTNER_VALUES) over a schema; or all faults.

    Naming an object, array or map opens all that is in it. A created record must be able to have what the product
    requires, but for its key, which the backend may give it.
    """
    compiling = _Compiling(schema, action)
    for name in writable:
        compiling.open(name)
    literals = [(field, value) for name, value in assigned.items() if (field := compiling.assign(name, value))]
    body = compiling.body()
    if compiling.faults:
        return list(dict.fromkeys(compiling.faults))
    if not compiling.fields:
        return [WriteFault("unwritable-field", f"{action} opens no field", "")]
    return Writing(tuple(compiling.fields), body.schema(), body, tuple(literals))


class _Compiling:
    """One operation's writable fields on their way to rules: collects faults."""

    def __init__(self, schema: SchemaObject, action: Action) -> None:
        self._schema = schema
        self._action = action
        self._opened: dict[Path, str] = {}
        self._assigned: dict[Path, str] = {}
        self.faults: list[WriteFault] = []
        self.fields: list[Field] = []

    def open(self, name: str) -> None:
        """A name of `writable`."""
        path = tuple(name.split("."))
        declared = self._found(path, name)
        if declared is None or self._taken(path, name):
            return
        if self._action == "update" and declared.primaryKey:
            self._fault("unwritable-field", f"{name} is the record's key, by which an update finds it", name)
        self._opened[path] = name

    def assign(self, name: str, value: Assignable) -> Field | None:
        """A name of `assign` with its value."""
        path = tuple(name.split("."))
        declared = self._found(path, name)
        if declared is None or self._taken(path, name):
            return None
        self._assigned[path] = name
        if declared.logicalType not in SCALAR_TYPES:
            self._fault("unwritable-field", f"only single values are assigned, and {name} is none", name)
            return None
        rule = rule_of(declared, self._report(name))
        if isinstance(value, str) and value.startswith(_PARTNER):
            if value not in PARTNER_VALUES or not isinstance(rule, Text | None):
                self._fault("bad-value", f"{name} gets text: a literal, or one of {', '.join(PARTNER_VALUES)}", name)
        elif rule is not None:
            wrong = Faults()
            rule.read(value, (), wrong)
            for fault in wrong.all():
                self._fault("bad-value", f"{name} cannot get this value: {fault.words['en']}", name)
        return field_of(declared, path)

    def body(self) -> Members:
        """The rules for a body, and with them `fields`."""
        members = self._members(self._schema.properties, (), None)
        return Members(members=members, count=(1, None) if self._action == "update" else (None, None))

    def _found(self, path: Path, name: str) -> Property | None:
        """The property that a path names through objects alone."""
        properties, found = self._schema.properties, None
        for number, step in enumerate(path):
            if found is not None and found.logicalType in {"array", "map", "vector"}:
                whole = ".".join(path[:number])
                self._fault("unwritable-field", f"{whole} is written whole: name it, not what is in it", name)
                return None
            found = next((declared for declared in properties if declared.name == step), None)
            if found is None:
                self._fault("unknown-field", f"the product has no field {clipped(name)}", name)
                return None
            properties = found.properties
        return found

    def _taken(self, path: Path, name: str) -> bool:
        """Whether something named before is the same field, in it, or around it."""
        for known, other in [*self._opened.items(), *self._assigned.items()]:
            if _overlap(known, path):
                self._fault("unwritable-field", f"{name} is named already, by {other}", name)
                return True
        return False

    def _members(
        self, properties: tuple[Property, ...], prefix: Path, required: frozenset[str] | None
    ) -> dict[str, Member]:
        """What a body may hold of an object. `required` None: the object's properties say themselves what is."""
        members: dict[str, Member] = {}
        for declared in properties:
            path = (*prefix, declared.name)
            needed = declared.required if required is None else declared.name in required
            member = self._member(declared, path, needed)
            if member is not None:
                members[declared.name] = member
            elif needed and self._action == "create" and not declared.primaryKey and not self._gets(path):
                missing = ".".join(path)
                self._fault(
                    "unwritable-field",
                    f"the product requires {missing}, which is neither written nor assigned",
                    missing,
                )
        return members

    def _member(self, declared: Property, path: Path, needed: bool) -> Member | None:
        """The member that a body may have at `path`; None when it may have none."""
        whole = any(path[: len(known)] == known for known in self._opened)
        if declared.logicalType == "object" and self._gets(path):
            return self._object(declared, path, needed, whole)
        if not whole:
            return None
        rule = rule_of(declared, self._report(".".join(path)))
        if rule is None:
            return None
        self.fields.append(field_of(declared, path))
        return Member(rule, needed and self._action == "create", not needed and not declared.primaryKey)

    def _object(self, declared: Property, path: Path, needed: bool, whole: bool) -> Member | None:
        """An object that is written member by member; null clears all of them, so only where all are opened."""
        report = self._report(".".join(path))
        if not declared.properties:
            report("unknown-type", "it is an object without properties, and values of it cannot be checked")
        members = self._members(declared.properties, path, required_names(declared, report))
        if not members:
            return None
        count: Count = count_of(declared, report)
        if count != (None, None) and not (whole and self._action == "create"):
            report("unwritable-field", "how many members it has cannot be told from the part that is written")
        if self._action == "update":
            return Member(Members(members=members, count=(1, None)), False, whole and not needed)
        assigned = any(known[: len(path)] == path for known in self._assigned)
        required = (needed or assigned) and (not assigned or any(member.required for member in members.values()))
        return Member(Members(members=members, count=count), required, whole and not needed)

    def _gets(self, path: Path) -> bool:
        """Whether something at `path`, in it or around it is written or assigned."""
        return any(_overlap(known, path) for known in (*self._opened, *self._assigned))

    def _report(self, name: str) -> Report:
        return lambda code, message: self._fault(code, f"{name}: {message}", name)

    def _fault(self, code: str, message: str, field: str) -> None:
        self.faults.append(WriteFault(code, message, field))


def _overlap(one: Path, other: Path) -> bool:
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


def _value_at(body: Any, path: Path) -> Any:
    """What a body says of a field; UNSET where it says nothing, None also where an object around it is null."""
    for name in path:
        if body is None:
            return None
        if name not in body:
            return UNSET
        body = body[name]
    return body


def _assigned(literal: Assignable, partner: Mapping[str, str]) -> Assignable:
    return partner[literal.removeprefix(_PARTNER)] if literal in PARTNER_VALUES else literal
