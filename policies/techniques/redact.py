"""redact: the field stays, the value does not."""

from typing import Any, ClassVar

from policies.reference import Words
from policies.technique import Disclosed, Target, Technique


class Redact(Technique, frozen=True, forbid_unknown_fields=True):
    """The value is replaced by null, or by a fixed mark (ISO/IEC 20889: local suppression).

    The field itself stays visible, so the partner knows that there is a value. A mark needs a text field.
    Examples: `phone: redact` serves `null`; `phone: {redact: "***"}` serves `"***"`.
    """

    name = "redact"
    family = "suppression"
    manner: ClassVar[Words] = {"zh": "置空或以标记代替", "en": "emptied or replaced by a mark"}
    degree = 1
    blind = True

    mark: str | None = None

    def unfit(self, target: Target) -> str | None:
        if self.mark is not None and target.logical_type not in ("string", "date", "timestamp", "time"):
            return f"a mark is text and the field is {target.logical_type}: use plain `redact`, which serves null"
        return None

    def apply(self, value: str) -> Disclosed:
        return self.mark

    def schema(self, target: Target) -> dict[str, Any]:
        return {"type": "null"} if self.mark is None else {"const": self.mark}

    def words(self) -> Words:
        if self.mark is None:
            return {"zh": "以空值代替", "en": "replaced by null"}
        return {"zh": f"以“{self.mark}”代替", "en": f"replaced by “{self.mark}”"}
