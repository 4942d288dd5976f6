"""keep_first: the first characters stay, the rest is masked."""

from typing import Annotated, ClassVar

from msgspec import Meta

from policies.reference import Words
from policies.technique import Disclosed, Target, Technique


class KeepFirst(Technique, frozen=True, forbid_unknown_fields=True):
    """The first `count` characters stay, each of the others becomes `mark` (ISO/IEC 20889: character masking).

    A value of `count` characters or fewer is masked whole: keeping all of it would mask nothing.
    Example: `{keep_first: 1}` serves `张伟` as `张*`.
    """

    name = "keep_first"
    family = "masking"
    manner: ClassVar[Words] = {"zh": "仅保留前若干字符", "en": "with only their first characters"}
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
        return value[: self.count] + self.mark * (len(value) - self.count)

    def words(self) -> Words:
        kept = "character" if self.count == 1 else f"{self.count} characters"
        return {"zh": f"仅前 {self.count} 位", "en": f"first {kept} only"}
