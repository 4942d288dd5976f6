"""Checks on one Python file: its first line, its length, its functions, blanket ignores, unfinished work."""

import ast
import io
import re
import tokenize
from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

Check: TypeAlias = Callable[[str], list[str]]
"""Takes a file, says what is wrong with it."""

FUNCTION_LINES_MAX = 60  # what a screen shows
FILE_LINES_MAX = 400
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")  # unfinished
BLANKET = (
    (re.compile(r"#\s*type:\s*ignore(?!\[)"), "names no error code"),
    (re.compile(r"#\s*noqa(?!:\s*[A-Z]+\d)"), "names no rule"),
    (re.compile(r"#\s*(ruff|flake8):\s*noqa"), "silences a whole file"),
    (re.compile(r"#\s*mypy:\s*(ignore-errors|disable)"), "silences a whole file"),
    (re.compile(r"#\s*pragma:\s*no cover"), "hides code from measurement"),
)
MACHINE_PATH = re.compile(r"/(root|home/\w+|Users/\w+)/")


def no_purpose(text: str) -> list[str]:
    """A file whose first line is not a docstring that says what the file is for."""
    first = text.partition("\n")[0]
    docstring = ast.get_docstring(ast.parse(text))
    return [] if docstring and first.startswith('"""') and len(first) > len('"""x') else ["line 1: no docstring"]


def too_long(text: str) -> list[str]:
    """A file that has more lines than anybody reads in one go."""
    count = text.count("\n")
    return [f"{count} lines, more than {FILE_LINES_MAX}"] if count > FILE_LINES_MAX else []


def long_functions(text: str, allowed: Mapping[str, str] | None = None) -> list[str]:
    """Functions that no screen shows whole, but for the allowed ones (name -> reason)."""
    if text.count("\n") < FUNCTION_LINES_MAX:
        return []
    found = []
    for node in statements(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name not in (allowed or {}):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            if lines > FUNCTION_LINES_MAX:
                found.append(f"line {node.lineno}: {node.name} has {lines} lines, more than {FUNCTION_LINES_MAX}")
    return found


def blanket_ignores(text: str) -> list[str]:
    """Comments that silence a tool without saying about what."""
    patterns = [(pattern, why) for pattern, why in BLANKET if pattern.search(text)]
    return [
        f"line {line}: {comment} {why}"
        for line, comment in (comments(text) if patterns else ())
        for pattern, why in patterns
        if pattern.search(comment)
    ]


def unfinished(text: str) -> list[str]:
    """Comments that announce work instead of explaining code."""
    if not UNFINISHED.search(text):  # taking every file apart for its comments takes long
        return []
    return [f"line {line}: {comment}" for line, comment in comments(text) if UNFINISHED.search(comment)]


def machine_paths(text: str) -> list[str]:
    """Paths that exist on one person's machine only."""
    return [
        f"line {number}: {found[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        if (found := MACHINE_PATH.search(line))
    ]


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Everything below a node that holds statements: what stands within an expression is left out."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.stmt | ast.excepthandler | ast.match_case):
            yield child
            yield from statements(child)


def comments(text: str) -> Iterator[tuple[int, str]]:
    """Every comment with its line number."""
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
