"""redact: the field stays, the value does not."""

from policies.clause import Words
from policies.technique import Technique


class Redact(Technique, frozen=True, forbid_unknown_fields=True):
    """The value is replaced by null, or by a fixed mark (ISO/IEC 20889: local suppression).

    The field itself stays visible, so the partner knows that there is a value. A mark needs a text field.
    Examples: `phone: redact` serves `null`; `phone: {redact: "***"}` serves `"***"`.
    """

    name = "redact"
    family = "suppression"

    mark: str | None = None

    def unfit(self, logical_type: str) -> str | None:
        if self.mark is not None and logical_type not in ("string", "date", "timestamp", "time"):
            return f"a mark is text and the field is {logical_type}: use plain `redact`, which serves null"
        return None

    def apply(self, value: str) -> str | None:
        return self.mark

    def words(self) -> Words:
        if self.mark is None:
            return {"zh": "以空值代替", "en": "replaced by null"}
        return {"zh": f"以“{self.mark}”代替", "en": f"replaced by “{self.mark}”"}
