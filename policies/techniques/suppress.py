"""suppress: the field is left out."""

from policies.clause import Words
from policies.technique import Technique


class Suppress(Technique, frozen=True, forbid_unknown_fields=True):
    """The field never appears in an answer (ISO/IEC 20889: attribute suppression).

    The same as not naming the field, said out loud: useful to take one leaf back from an object that is granted.
    Example: `customer: clear` with `customer.id_number: suppress`.
    """

    name = "suppress"
    family = "suppression"
    served = False

    def unfit(self, logical_type: str) -> str | None:
        return None

    def apply(self, value: str) -> str | None:
        return None

    def words(self) -> Words:
        return {"zh": "不提供", "en": "left out"}
