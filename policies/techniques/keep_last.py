"""keep_last: the last characters stay, the rest is masked."""

from typing import Annotated, ClassVar

from msgspec import Meta

from policies.reference import Words
from policies.technique import Disclosed, Target, Technique


class KeepLast(Technique, frozen=True, forbid_unknown_fields=True):
    """The last `count` characters stay, each of the others becomes `mark` (ISO/IEC 20889: character masking).

    A value of `count` characters or fewer is masked whole: keeping all of it would mask nothing.
    Example: `{keep_last: 4}` serves `13812345678` as `*******5678`.
    """

    name = "keep_last"
    family = "masking"
    manner: ClassVar[Words] = {"zh": "仅保留后若干字符", "en": "with only their last characters"}
    degree = 4

    count: Annotated[int, Meta(ge=1, le=64)]
    mark: Annotated[str, Meta(min_length=1, max_length=1)] = "*"

    def unfit(self, target: Target) -> str | None:
        return (
            None if target.logical_type == "string" else f"it masks characters and the field is {target.logical_type}"
        )

    def apply(self, value: str) -> Disclosed:
        if len(value) <= self.count:
            return self.mark * len(value)
        return self.mark * (len(value) - self.count) + value[-self.count :]

    def words(self) -> Words:
        kept = "character" if self.count == 1 else f"{self.count} characters"
        return {"zh": f"仅后 {self.count} 位", "en": f"last {kept} only"}
