"""Writes the tables of docs/documents.md from the Structs of the documents: `python -m docs.generate`."""

import ast
import inspect
import itertools
import re
import sys
import textwrap
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import msgspec
from msgspec import NODEFAULT, Struct
from msgspec import inspect as types

from contracts import agreement, product
from contracts.words import expected
from policies import library, promise
from policies.clause import Clause
from policies.kinds import KINDS
from policies.settling.promise import Promise
from policies.settling.traffic import TrafficPromise

PAGE = Path(__file__).parent / "documents.md"
DOCUMENTS: dict[str, tuple[type[Struct], ...]] = {
    "product": (
        product.Product,
        product.SchemaObject,
        product.Property,
        product.MapDefinition,
        product.Role,
        product.CustomProperty,
        product.View,
        product.ObjectView,
        product.Writable,
    ),
    "policy": (library.Policy, Clause, Promise, TrafficPromise, *KINDS.values(), promise.Credit, promise.Band),
    "agreement": (
        agreement.Agreement,
        agreement.Partner,
        agreement.Effective,
        agreement.ProductReference,
        agreement.ServiceReference,
        agreement.PolicyReference,
        agreement.Fees,
        agreement.Volume,
    ),
}
"""The Structs of each document, in the order of the page."""
_BLOCK = re.compile(r"(<!-- (\w+): generated -->\n).*?(<!-- end -->)", re.DOTALL)


@cache
def field_docs(kind: type[Struct]) -> dict[str, str]:
    """What the text below each field says, of the class itself and those it is made from, on one line."""
    found: dict[str, str] = {}
    for base in reversed(kind.__mro__):
        if base is Struct or not issubclass(base, Struct) or base.__module__.startswith("msgspec"):
            continue
        statements = ast.parse(textwrap.dedent(inspect.getsource(base))).body[0].body  # type: ignore[attr-defined]
        for statement, below in itertools.pairwise(statements):
            if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
                text = ast.literal_eval(below.value) if _is_text(below) else ""
                found[statement.target.id] = " ".join(text.split())
    return {name: text for name, text in found.items() if name in kind.__struct_fields__}


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def undocumented() -> list[str]:
    """Fields of documents without a text below them."""
    kinds = [kind for kinds in DOCUMENTS.values() for kind in kinds]
    return [
        f"{kind.__name__}.{name}" for kind in kinds for name in kind.__struct_fields__ if not field_docs(kind).get(name)
    ]


def page(text: str) -> str:
    """The page with its tables made anew. Raises KeyError for a block that names no document."""
    return _BLOCK.sub(lambda block: f"{block[1]}\n{page_tables(DOCUMENTS[block[2]])}\n{block[3]}", text)


def page_tables(kinds: tuple[type[Struct], ...]) -> str:
    """A table of each Struct, one after the other."""
    return "\n\n".join("\n".join(_table(kind)) for kind in kinds)


def _table(kind: type[Struct]) -> Iterator[str]:
    """One Struct: what it is, then a row for each field of its own; what it shares with its base stands there."""
    tag = kind.__struct_config__.tag
    yield f"### {kind.__name__}" + (f", `kind: {tag}`" if kind in KINDS.values() else "")
    yield ""
    yield inspect.cleandoc(kind.__doc__ or "")
    yield ""
    yield "| field | type | default | meaning |"
    yield "|---|---|---|---|"
    docs = field_docs(kind)
    shared = {name for base in kind.__bases__ for name in getattr(base, "__struct_fields__", ())}
    for field in msgspec.structs.fields(kind):
        if field.name not in shared:
            cells = [
                f"`{field.encode_name}`",
                _type(types.type_info(field.type)),
                _default(field),
                docs.get(field.name, ""),
            ]
            yield "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _type(shown: types.Type) -> str:
    """A type as mistakes name it, without the null that stands for a field left out."""
    if isinstance(shown, types.UnionType):
        parts = [part for part in shown.types if not isinstance(part, types.NoneType)]
        return " or ".join(dict.fromkeys(_type(part) for part in parts))
    if isinstance(shown, types.Metadata):
        return _type(shown.type)
    if isinstance(shown, types.StructType):
        return shown.cls.__name__
    if isinstance(shown, types.ListType | types.VarTupleType):
        return f"list of {_type(shown.item_type)}"
    if isinstance(shown, types.DictType):
        return f"mapping of {_type(shown.key_type)} to {_type(shown.value_type)}"
    return expected(shown)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    if field.default is NODEFAULT:
        return "none"
    value = msgspec.to_builtins(field.default)
    return (
        "none" if value in (None, "", [], {}) or isinstance(value, dict) else f"`{msgspec.json.encode(value).decode()}`"
    )


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(PAGE.read_text("utf-8")), "utf-8")
    sys.stdout.write("docs/documents.md\n")


if __name__ == "__main__":
    main()
