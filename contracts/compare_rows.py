"""Whether one row filter lets through more records than another, as far as that can be proved."""

import re
from typing import Any

from contracts.change import EITHER, EXPOSES, NOTHING, WITHHOLDS, WORDING, Sight
from contracts.rows import RowRule

_IDENTITY = re.compile(r"^\s*\d+: \d+\n", re.MULTILINE)
"""Numbers of nodes in the tree, which say nothing about the filter."""


def compare_rows(old: RowRule | None, new: RowRule | None) -> Sight:
    """What the partner sees more or less of. Without a proof of either, both are said.

    A filter that gains an `&&` lets through fewer records, one that gains an `||` more; conditions in another order are
    the same filter, and so is the same expression with other spaces.
    """
    if old is None or new is None:
        return NOTHING if old is new else WITHHOLDS if old is None else EXPOSES
    before = {field.path: field for field in old.fields()}
    if any(before.get(field.path, field) != field for field in new.fields()):
        return EITHER
    for operator, longer in (("_&&_", WITHHOLDS), ("_||_", EXPOSES)):
        before_parts, after_parts = _parts(old.tree, operator), _parts(new.tree, operator)
        if before_parts == after_parts:
            return NOTHING if old.expression == new.expression else WORDING
        if before_parts < after_parts:
            return longer
        if after_parts < before_parts:
            return EXPOSES if longer is WITHHOLDS else WITHHOLDS
    return EITHER


def _parts(tree: Any, operator: str) -> frozenset[str]:
    """The conditions that `operator` joins, at any depth."""
    if tree.WhichOneof("kind") == "call_expr" and tree.call_expr.function == operator:
        return frozenset().union(*(_parts(argument, operator) for argument in tree.call_expr.args))
    return frozenset({_IDENTITY.sub("", str(tree))})
