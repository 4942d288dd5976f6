"""A masking technique: how one field's value is disclosed (terms of ISO/IEC 20889)."""

from typing import ClassVar

from msgspec import Struct

from policies.clause import Words


class Technique(Struct, frozen=True, forbid_unknown_fields=True):
    """Base of all techniques: fields are its parameters, the first one may be given bare (`{keep_last: 4}`).

    A technique never sees a value of another type than it `fits`: the mask withholds those first.
    """

    name: ClassVar[str]
    family: ClassVar[str]
    """The ISO/IEC 20889 family it belongs to."""
    served: ClassVar[bool] = True
    """False: the field is left out of every answer."""
    unchanged: ClassVar[bool] = False
    """True: the value goes out byte for byte."""

    def unfit(self, logical_type: str) -> str | None:
        """Why this technique cannot mask a field of this ODCS logicalType, or None if it can."""
        raise NotImplementedError

    def apply(self, value: str) -> str | None:
        """The disclosed form of a value that is present and not null."""
        raise NotImplementedError

    def words(self) -> Words:
        """How the annex and `explain` describe it."""
        raise NotImplementedError
