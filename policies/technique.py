"""A masking technique: how one field's value is disclosed (terms of ISO/IEC 20889)."""

from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

from msgspec import Raw, Struct, UnsetType

from policies.keys import PartnerKeys
from policies.reference import Words

Disclosed: TypeAlias = str | Raw | UnsetType | None
"""What comes out: text, JSON text as it is (a number), null, or UNSET for a value the technique cannot mask."""
Masker: TypeAlias = Callable[[str], Disclosed]
"""Masks one value: the text of a text field, the exact JSON text of a number or boolean."""


class Target(Struct, frozen=True):
    """The field that is to be masked: its dotted path, its ODCS logicalType, and how many values it can have.

    `domain` is an upper bound that follows from what the product declares; None when nothing bounds it.
    """

    path: str
    logical_type: str
    domain: int | None = None


class Technique(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all techniques: fields are its parameters, the first one may be given bare (`{keep_last: 4}`).

    A technique never sees a value of another type than it `fits`: the mask withholds those first. A value that it
    cannot mask it answers with UNSET: the mask withholds it and reports drift.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    """The ISO/IEC 20889 family it belongs to."""
    manner: ClassVar[Words]
    """How it reads in a sentence about fields, its parameters aside."""
    degree: ClassVar[int]
    """How much it discloses, from 0, nothing, to 5, everything. Two of one degree tell different things."""
    served: ClassVar[bool] = True
    """False: the field is left out of every answer."""
    unchanged: ClassVar[bool] = False
    """True: the value goes out byte for byte."""
    blind: ClassVar[bool] = False
    """True: what comes out does not depend on the value, so its type is not looked at."""
    keyed: ClassVar[bool] = False
    """True: it needs the partner's keys."""
    injective: ClassVar[bool] = False
    """True: two values never come out the same, so that it can mask the keys of a map."""

    def unfit(self, target: Target) -> str | None:
        """Why this technique cannot mask the field, or None if it can."""
        raise NotImplementedError

    def apply(self, value: str) -> Disclosed:
        """The disclosed form of a value that is present and not null. Not called where the technique is `keyed`."""
        raise NotImplementedError

    def masker(self, target: Target, keys: PartnerKeys | None) -> Masker:
        """What masks the values of one field for one partner. `keys` are those of the partner, None where there are
        none: then a `keyed` technique raises RuntimeError on the first value, and no data are served."""
        del target, keys
        return self.apply

    def schema(self, target: Target) -> dict[str, Any]:
        """The JSON Schema (2020-12) of what comes out, null aside."""
        del target
        return {"type": "string"}

    def words(self) -> Words:
        """How the annex and `explain` describe it."""
        raise NotImplementedError
