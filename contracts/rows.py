"""Row filters: a CEL expression over `record` and `partner`, typed by the product, compiled when the contract is.

An expression that is comparisons joined by and, or and not becomes a Condition, which adapters can push into their
backends; any other is evaluated record by record. Both ways an unknown outcome (a null, an absent field, an error)
withholds the record. A filter reads scalars, of the record or of objects in it; arrays it cannot name.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from cel_expr_python import cel
from google.protobuf import descriptor_pb2, descriptor_pool
from msgspec import Struct

from adapters.base import AllOf, AnyOf, Compare, Condition, Constant, Field, Negation, Operator, Path, Scalar, Within
from contracts.checked_cel import syntax_tree
from contracts.facts import Facts, Record, Value
from contracts.product import Property, SchemaObject
from contracts.view import field_of

_PROTO_TYPES = {"string": 9, "date": 9, "timestamp": 9, "time": 9, "integer": 3, "number": 1, "boolean": 8}
_MESSAGE, _OPTIONAL = 11, 1
_OPERATORS: dict[str, Operator] = {"_==_": "==", "_!=_": "!=", "_<_": "<", "_<=_": "<=", "_>_": ">", "_>=_": ">="}
_FLIPPED: dict[Operator, Operator] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
PARTNER_FIELDS = ("id", "code", "role")

Leaves: TypeAlias = Mapping[Path, Field]
Predicate: TypeAlias = Callable[[Record | None], bool]


class RowFault(Struct, frozen=True):
    """The expression does not compile. `message` shows the place with a caret."""

    message: str


class RowFilter(Struct, frozen=True, gc=False):
    """A filter for one partner. `condition` None: it has no form that adapters know and is evaluated here.

    `paths` are the fields that it reads.
    """

    expression: str
    condition: Condition | None
    paths: tuple[Path, ...]
    program: Any
    partner: Mapping[str, str]

    def predicate(self, facts: Facts) -> Predicate:
        """Whether a record is the partner's to see, decided on the facts that `facts` read. Unknown is no."""
        condition = self.condition
        if condition is None:
            return lambda record: record is not None and self._evaluates(lambda path: facts.value(record, path))
        if isinstance(condition, Compare) and condition.operator == "==" and isinstance(condition.value, str):
            # nearly every filter; and text is equal to nothing but text
            value, wanted = facts.getter(condition.field.path), condition.value
            return lambda record: record is not None and value(record) == wanted
        return lambda record: record is not None and holds(condition, lambda path: facts.value(record, path)) is True

    def admits(self, values: Mapping[Path, Value]) -> bool:
        """Whether a record with these values, and no others, is the partner's. Unknown is no."""
        if self.condition is None:
            return self._evaluates(values.get)
        return holds(self.condition, values.get) is True

    def _evaluates(self, value_of: Callable[[Path], Value]) -> bool:
        data: dict[str, Any] = {}
        for path in self.paths:
            value = value_of(path)
            if value is not None:
                place = data
                for name in path[:-1]:
                    place = place.setdefault(name, {})
                place[path[-1]] = value
        try:
            outcome = self.program.eval(data={"record": data, "partner": dict(self.partner)}).plain_value()
        except (RuntimeError, ValueError, TypeError):
            return False
        return outcome is True


def holds(condition: Condition, value_of: Callable[[Path], Value]) -> bool | None:
    """Evaluate in three-valued logic (SQL's, and CEL's with errors as unknown): True, False, or None for unknown."""
    match condition:
        case Compare(operator, field, wanted):
            return _compare(operator, value_of(field.path), wanted)
        case Within(field, values):
            found = value_of(field.path)
            return None if found is None else any(_compare("==", found, value) is True for value in values)
        case Constant(value):
            return value
        case Negation(inner):
            outcome = holds(inner, value_of)
            return None if outcome is None else not outcome
        case AllOf(conditions):
            outcomes = [holds(inner, value_of) for inner in conditions]
            return False if False in outcomes else None if None in outcomes else True
        case AnyOf(conditions):
            outcomes = [holds(inner, value_of) for inner in conditions]
            return True if True in outcomes else None if None in outcomes else False


class RowRule(Struct, frozen=True):
    """A filter as a view writes it, compiled once for all partners of the role; `bind` puts one partner's values in."""

    expression: str
    tree: Any
    leaves: Leaves
    program: Any

    def bind(self, partner: Mapping[str, str]) -> RowFilter:
        """The filter for a partner, by its `id`, `code` and `role`."""
        condition = _condition(self.tree, self.leaves, partner)
        if condition is None:
            return RowFilter(self.expression, None, self._mentioned(), self.program, dict(partner))
        return RowFilter(self.expression, condition, tuple(sorted(_paths(condition))), self.program, dict(partner))

    def fields(self) -> tuple[Field, ...]:
        """The fields that the filter reads when it is evaluated here."""
        return tuple(self.leaves[path] for path in self._mentioned())

    def translates(self) -> bool:
        """Whether it has the form of a Condition, for whichever partner."""
        return _condition(self.tree, self.leaves, dict.fromkeys(PARTNER_FIELDS, "")) is not None

    def _mentioned(self) -> tuple[Path, ...]:
        """Every scalar that the expression names; all of them where it has parts that this module does not know."""
        named = _named(self.tree)
        return tuple(path for path in self.leaves if named is None or path in named)


def compile_rows(expression: str, schema: SchemaObject) -> RowRule | RowFault:
    """Type-check `expression` against the schema."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_describe(schema))
    typed = cel.NewEnv(
        pool, variables={"record": cel.Type("clausegate.rows.Record"), "partner": cel.Type("clausegate.rows.Partner")}
    )
    try:
        checked = typed.compile(expression)
    except RuntimeError as error:
        return RowFault(_diagnosis(str(error)))
    if checked.return_type() != cel.Type.BOOL:
        return RowFault(f"a row filter says yes or no; this is {checked.return_type().name().lower()}: {expression}")
    dynamic = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    program = cel.NewEnv(variables={"record": dynamic, "partner": dynamic}).compile(expression)
    return RowRule(expression, syntax_tree(checked.serialize()), _scalars(schema.properties, ()), program)


def _named(expr: Any) -> set[Path] | None:
    """The paths below `record` that an expression names; None when some part of it is of a kind not known here."""
    kind = expr.WhichOneof("kind")
    if kind in {"const_expr", "ident_expr"}:
        return set()
    if kind == "select_expr":
        path = _selected(expr)
        return {path} if path is not None else _named(expr.select_expr.operand)
    if kind == "call_expr":
        call = expr.call_expr
        inner = [*call.args, *([call.target] if call.HasField("target") else [])]
    elif kind == "list_expr":
        inner = list(expr.list_expr.elements)
    else:
        return None
    found = [_named(each) for each in inner]
    return None if None in found else set().union(*(paths for paths in found if paths))


def _selected(expr: Any) -> Path | None:
    """The path of a chain of selections that begins at `record`."""
    path: list[str] = []
    while expr.WhichOneof("kind") == "select_expr":
        path.insert(0, expr.select_expr.field)
        expr = expr.select_expr.operand
    is_record = expr.WhichOneof("kind") == "ident_expr" and expr.ident_expr.name == "record"
    return tuple(path) if is_record else None


def _compare(operator: str, found: Value, wanted: Scalar) -> bool | None:
    if found is None or _order_of(found) != _order_of(wanted):
        return None
    left: Any = found
    outcomes: dict[str, Callable[[], bool]] = {
        "==": lambda: left == wanted,
        "!=": lambda: left != wanted,
        "<": lambda: left < wanted,
        "<=": lambda: left <= wanted,
        ">": lambda: left > wanted,
        ">=": lambda: left >= wanted,
    }
    return outcomes[operator]()


def _order_of(value: Scalar) -> type:
    """Values compare within one of these: text, truth, number. A value of another type is an error, so unknown."""
    return bool if isinstance(value, bool) else str if isinstance(value, str) else float


def _describe(schema: SchemaObject) -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="rows.proto", package="clausegate.rows", syntax="proto3")
    partner = file.message_type.add(name="Partner")
    for number, name in enumerate(PARTNER_FIELDS, 1):
        partner.field.add(name=name, number=number, type=9, label=_OPTIONAL)
    _describe_object(file, "Record", schema.properties)
    return file


def _describe_object(file: descriptor_pb2.FileDescriptorProto, name: str, properties: tuple[Property, ...]) -> None:
    message = file.message_type.add(name=name)
    for number, declared in enumerate(properties, 1):
        if not declared.name.isidentifier() or not declared.name.isascii():
            continue  # CEL cannot name it, so a filter cannot either
        kind = _PROTO_TYPES.get(declared.logicalType or "")
        if kind is not None:
            message.field.add(name=declared.name, number=number, type=kind, label=_OPTIONAL)
        elif declared.logicalType == "object":
            nested = f"{name}_{declared.name}"
            added = message.field.add(name=declared.name, number=number, type=_MESSAGE, label=_OPTIONAL)
            added.type_name = f".clausegate.rows.{nested}"
            _describe_object(file, nested, declared.properties)


def _scalars(properties: tuple[Property, ...], prefix: Path) -> dict[Path, Field]:
    found: dict[Path, Field] = {}
    for declared in properties:
        path = (*prefix, declared.name)
        if declared.logicalType == "object":
            found |= _scalars(declared.properties, path)
        elif declared.logicalType in _PROTO_TYPES:
            found[path] = field_of(declared, path)
    return found


def _condition(expr: Any, leaves: Leaves, partner: Mapping[str, str]) -> Condition | None:
    """The tree as a Condition; None when some part of it has no such form."""
    kind = expr.WhichOneof("kind")
    if kind == "call_expr" and not expr.call_expr.HasField("target"):
        return _call(expr.call_expr.function, list(expr.call_expr.args), leaves, partner)
    operand = _operand(expr, leaves, partner)
    if isinstance(operand, bool):
        return Constant(operand)
    if isinstance(operand, Field) and operand.logical_type == "boolean":
        return Compare("==", operand, True)
    return None


def _call(function: str, args: list[Any], leaves: Leaves, partner: Mapping[str, str]) -> Condition | None:
    if function in {"_&&_", "_||_", "!_"}:
        inner = [_condition(arg, leaves, partner) for arg in args]
        conditions = tuple(condition for condition in inner if condition is not None)
        if len(conditions) != len(args):
            return None
        if function == "!_":
            return Negation(conditions[0])
        return AllOf(conditions) if function == "_&&_" else AnyOf(conditions)
    if function in _OPERATORS:
        operator = _OPERATORS[function]
        left, right = (_operand(arg, leaves, partner) for arg in args)
        if isinstance(right, Field):
            left, right, operator = right, left, _FLIPPED[operator]
        if left is None or right is None or isinstance(right, Field):
            return None
        if isinstance(left, Field):
            return Compare(operator, left, right)
        settled = _compare(operator, left, right)  # `partner.code == "SPEEDY"` is settled when it is compiled
        return None if settled is None else Constant(settled)
    if function == "@in" and args[1].WhichOneof("kind") == "list_expr":
        field = _operand(args[0], leaves, partner)
        values = [_operand(element, leaves, partner) for element in args[1].list_expr.elements]
        constants = tuple(value for value in values if value is not None and not isinstance(value, Field))
        if isinstance(field, Field) and len(constants) == len(values):
            return Within(field, constants)
    return None


def _operand(expr: Any, leaves: Leaves, partner: Mapping[str, str]) -> Field | Scalar | None:
    kind = expr.WhichOneof("kind")
    if kind == "const_expr":
        constant = expr.const_expr.WhichOneof("kind")
        return None if constant == "null_value" else getattr(expr.const_expr, constant)
    path: list[str] = []
    while kind == "select_expr" and not expr.select_expr.test_only:
        path.insert(0, expr.select_expr.field)
        expr = expr.select_expr.operand
        kind = expr.WhichOneof("kind")
    if kind != "ident_expr":
        return None
    if expr.ident_expr.name == "partner" and len(path) == 1:
        return partner.get(path[0])
    return leaves.get(tuple(path)) if expr.ident_expr.name == "record" else None


def _paths(condition: Condition) -> set[Path]:
    match condition:
        case Compare(field=field) | Within(field=field):
            return {field.path}
        case Negation(condition=inner):
            return _paths(inner)
        case AllOf(conditions=conditions) | AnyOf(conditions=conditions):
            return {path for inner in conditions for path in _paths(inner)}
    return set()


def _diagnosis(message: str) -> str:
    """The compiler's own words and caret, without its status codes."""
    text = message.removeprefix("INVALID_ARGUMENT: ").replace(" [INVALID_ARGUMENT]", "")
    return text.replace("ERROR: <input>:", "at ")
