"""The few messages of CEL's checked expression format (cel-spec, proto `cel.expr`) that row filters are read from.

The compiler hands out its typed syntax tree in this form; only the fields below are declared, the rest is skipped.
"""

from typing import Any

from google.protobuf import any_pb2, descriptor_pb2, descriptor_pool, message_factory

_STRING, _BOOL, _INT64, _UINT64, _DOUBLE, _MESSAGE, _ENUM = 9, 8, 3, 4, 1, 11, 14
_OPTIONAL, _REPEATED = 1, 3

# message -> fields: (name, number, type, label, type name, index of its oneof or None)
_MESSAGES: dict[str, list[tuple[str, int, int, int, str, bool]]] = {
    "Constant": [
        ("null_value", 1, _INT64, _OPTIONAL, "", True),
        ("bool_value", 2, _BOOL, _OPTIONAL, "", True),
        ("int64_value", 3, _INT64, _OPTIONAL, "", True),
        ("uint64_value", 4, _UINT64, _OPTIONAL, "", True),
        ("double_value", 5, _DOUBLE, _OPTIONAL, "", True),
        ("string_value", 6, _STRING, _OPTIONAL, "", True),
    ],
    "Ident": [("name", 1, _STRING, _OPTIONAL, "", False)],
    "Select": [
        ("operand", 1, _MESSAGE, _OPTIONAL, "Expr", False),
        ("field", 2, _STRING, _OPTIONAL, "", False),
        ("test_only", 3, _BOOL, _OPTIONAL, "", False),
    ],
    "Call": [
        ("target", 1, _MESSAGE, _OPTIONAL, "Expr", False),
        ("function", 2, _STRING, _OPTIONAL, "", False),
        ("args", 3, _MESSAGE, _REPEATED, "Expr", False),
    ],
    "CreateList": [("elements", 1, _MESSAGE, _REPEATED, "Expr", False)],
    "Expr": [
        ("const_expr", 3, _MESSAGE, _OPTIONAL, "Constant", True),
        ("ident_expr", 4, _MESSAGE, _OPTIONAL, "Ident", True),
        ("select_expr", 5, _MESSAGE, _OPTIONAL, "Select", True),
        ("call_expr", 6, _MESSAGE, _OPTIONAL, "Call", True),
        ("list_expr", 7, _MESSAGE, _OPTIONAL, "CreateList", True),
    ],
    "CheckedExpr": [("expr", 4, _MESSAGE, _OPTIONAL, "Expr", False)],
}


def _message_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="checked_cel.proto", package="clausegate.cel", syntax="proto3")
    for message, fields in _MESSAGES.items():
        declared = file.message_type.add(name=message)
        if any(field[-1] for field in fields):
            declared.oneof_decl.add(name="kind")
        for name, number, kind, label, type_name, in_oneof in fields:
            added = declared.field.add(name=name, number=number, type=kind, label=label)
            if type_name:
                added.type_name = f".clausegate.cel.{type_name}"
            if in_oneof:
                added.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("clausegate.cel.CheckedExpr"))


_CHECKED_EXPR = _message_class()


def syntax_tree(serialized: bytes) -> Any:
    """The typed syntax tree of a compiled expression: an `Expr` message. `serialized` is a CheckedExpr in an Any."""
    return _CHECKED_EXPR.FromString(any_pb2.Any.FromString(serialized).value).expr
