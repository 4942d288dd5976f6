"""Conditions over records held in memory, in three-valued logic."""

from decimal import Decimal
from typing import Any, Literal, TypeAlias

from adapters.base import AllOf, AnyOf, Compare, Condition, Constant, Field, Negation, Operator, Scalar, Within
from adapters.memory_records import Record, value_at

Kind: TypeAlias = Literal["text", "number", "truth", "other"]
_INT64_MAX = 2**63 - 1


def holds(condition: Condition, record: Record) -> bool | None:
    """True, False, or None where a value is null, absent or of another type."""
    match condition:
        case Compare(operator, leaf, wanted):
            return _compare(operator, leaf, value_at(record, leaf.path), wanted)
        case Within(leaf, values):
            found = value_at(record, leaf.path)
            return None if found is None else any(_compare("==", leaf, found, value) is True for value in values)
        case Constant(value):
            return value
        case Negation(inner):
            outcome = holds(inner, record)
            return None if outcome is None else not outcome
        case AllOf(conditions):
            outcomes = {holds(inner, record) for inner in conditions}
            return False if False in outcomes else None if None in outcomes else True
        case AnyOf(conditions):
            outcomes = {holds(inner, record) for inner in conditions}
            return True if True in outcomes else None if None in outcomes else False


def kind_of(value: Any) -> Kind:
    """Values compare within one kind only."""
    if isinstance(value, bool):
        return "truth"
    return "text" if isinstance(value, str) else "number" if isinstance(value, int | float | Decimal) else "other"


def _compare(operator: Operator, leaf: Field, found: Any, wanted: Scalar) -> bool | None:
    kind = kind_of(wanted)
    if found is None or kind_of(found) != kind or (leaf.logical_type == "boolean") != (kind == "truth"):
        return None
    if isinstance(wanted, int) and abs(wanted) > _INT64_MAX:
        return None  # neither a row filter nor a database knows such a number
    if isinstance(wanted, float) and isinstance(found, Decimal):
        found = float(found)  # as a database compares them: a tenth is equal to the double that stands for it
    ordered = (found > wanted) - (found < wanted)
    outcomes: dict[Operator, bool] = {
        "==": ordered == 0,
        "!=": ordered != 0,
        "<": ordered < 0,
        "<=": ordered <= 0,
        ">": ordered > 0,
        ">=": ordered >= 0,
    }
    return outcomes[operator]
