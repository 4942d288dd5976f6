"""One change between two contracts, and what it does to the partner."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct

from policies.direction import Directions

Effect: TypeAlias = Literal["exposes", "withholds", "tightens", "loosens", "wording"]
"""exposes: the partner sees more. withholds: it sees less. tightens: it may do less or is owed less. loosens: it may do
more or is owed more. wording: the texts alone differ."""
EFFECTS: tuple[Effect, ...] = ("exposes", "withholds", "tightens", "loosens", "wording")
BREAKING: frozenset[Effect] = frozenset({"withholds", "tightens"})
WIDENING: frozenset[Effect] = frozenset({"exposes", "loosens"})
Sight: TypeAlias = frozenset[Effect]

NOTHING: Sight = frozenset()
EXPOSES: Sight = frozenset({"exposes"})
WITHHOLDS: Sight = frozenset({"withholds"})
EITHER: Sight = EXPOSES | WITHHOLDS
"""What is said where nobody can say whether the partner sees more or less."""
WORDING: Sight = frozenset({"wording"})


class Change(Struct, frozen=True):
    """One difference. `about` names the part of the contract, `part` the value in it; None: there is no such value."""

    about: str
    part: str
    effects: tuple[Effect, ...]
    old: str | None
    new: str | None


class Comparison(Struct, frozen=True):
    """All changes of one agreement or document. A version is None where that side does not have it."""

    name: str
    old_version: str | None
    new_version: str | None
    changes: tuple[Change, ...]


def change(
    about: str, part: str, effects: Sight | Directions, old: object = None, new: object = None
) -> Iterable[Change]:
    """The change as a list of one; an empty one where there is no effect."""
    if not effects:
        return ()
    ordered = tuple(effect for effect in EFFECTS if effect in effects)
    return (Change(about, part, ordered, _said(old), _said(new)),)


def _said(value: object) -> str | None:
    return value if value is None or isinstance(value, str) else str(value)
