"""clear: the value goes out as it is."""

from typing import ClassVar

from policies.reference import Words
from policies.technique import Disclosed, Target, Technique


class Clear(Technique, frozen=True, forbid_unknown_fields=True):
    """The value is disclosed unchanged, byte for byte.

    Example: `weight_kg: clear` serves `12.50` as `12.50`.
    """

    name = "clear"
    family = "none"
    manner: ClassVar[Words] = {"zh": "原值", "en": "as they are"}
    degree = 5
    unchanged = True
    injective = True

    def unfit(self, target: Target) -> str | None:
        return None

    def apply(self, value: str) -> Disclosed:
        return value

    def words(self) -> Words:
        return {"zh": "原值", "en": "as it is"}
