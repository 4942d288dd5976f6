"""clear: the value goes out as it is."""

from policies.clause import Words
from policies.technique import Technique


class Clear(Technique, frozen=True, forbid_unknown_fields=True):
    """The value is disclosed unchanged, byte for byte.

    Example: `weight_kg: clear` serves `12.50` as `12.50`.
    """

    name = "clear"
    family = "none"
    unchanged = True

    def unfit(self, logical_type: str) -> str | None:
        return None

    def apply(self, value: str) -> str | None:
        return value

    def words(self) -> Words:
        return {"zh": "原值", "en": "as it is"}
