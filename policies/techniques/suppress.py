"""suppress: the field is left out."""

from typing import ClassVar

from policies.reference import Words
from policies.technique import Disclosed, Target, Technique


class Suppress(Technique, frozen=True, forbid_unknown_fields=True):
    """The field never appears in an answer (ISO/IEC 20889: attribute suppression).

    The same as not naming the field, said out loud: useful to take one leaf back from an object that is granted.
    Example: `customer: clear` with `customer.id_number: suppress`.
    """

    name = "suppress"
    family = "suppression"
    manner: ClassVar[Words] = {"zh": "不予提供", "en": "not disclosed"}
    degree = 0
    served = False
    blind = True

    def unfit(self, target: Target) -> str | None:
        return None

    def apply(self, value: str) -> Disclosed:
        return None

    def words(self) -> Words:
        return {"zh": "不提供", "en": "left out"}
