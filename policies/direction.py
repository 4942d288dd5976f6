"""Which way a changed parameter counts for the partner: it loosens (may do or is owed more) or tightens (less)."""

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

Direction: TypeAlias = Literal["loosens", "tightens"]
Directions: TypeAlias = frozenset[Direction]
Judge: TypeAlias = Callable[[Any, Any], Directions]
"""Takes the old and the new value. Exchanging the two exchanges the directions."""

NEITHER: Directions = frozenset()
LOOSENS: Directions = frozenset({"loosens"})
TIGHTENS: Directions = frozenset({"tightens"})
EITHER: Directions = LOOSENS | TIGHTENS
"""What is said of a change that nobody can put in order: whoever waits for one of them has to hear of it."""


def opposite(directions: Directions) -> Directions:
    """Seen from the other side: what loosens for one party tightens for the other."""
    turned: dict[Direction, Direction] = {"loosens": "tightens", "tightens": "loosens"}
    return frozenset(turned[direction] for direction in directions)


def reversed_(judge: Judge) -> Judge:
    """The judge of a parameter that counts the other way round."""
    return lambda old, new: opposite(judge(old, new))


def unordered(old: Any, new: Any) -> Directions:
    """Any change counts both ways."""
    return NEITHER if old == new else EITHER


def rising(old: Any, new: Any) -> Directions:
    """More is better for the partner: a limit, a burst."""
    return NEITHER if old == new else LOOSENS if new > old else TIGHTENS


def widening(old: Any, new: Any) -> Directions:
    """A longer list is better for the partner: what is allowed. Its order does not count."""
    before, after = frozenset(old or ()), frozenset(new or ())
    return (LOOSENS if after - before else NEITHER) | (TIGHTENS if before - after else NEITHER)


def widening_in_order(old: Any, new: Any) -> Directions:
    """As `widening`, for a list whose first entry is preferred: to put those that stay in another order counts too."""
    before, after = tuple(old or ()), tuple(new or ())
    stayed, stay = ([name for name in names if name in before and name in after] for names in (before, after))
    return EITHER if stayed != stay else widening(before, after)


def ranked(*best_last: Any) -> Judge:
    """Choices in the order in which they are better for the partner; one that is not among them counts both ways."""

    def judge(old: Any, new: Any) -> Directions:
        if old in best_last and new in best_last:
            return rising(best_last.index(old), best_last.index(new))
        return unordered(old, new)

    return judge


falling: Judge = reversed_(rising)
"""Less is better for the partner: the window of a limit."""
narrowing: Judge = reversed_(widening)
"""A shorter list is better for the partner: what is left out of a promise."""
