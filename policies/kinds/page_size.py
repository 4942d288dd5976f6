"""page_size: how many records come at once."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta

from policies.clause import Binding, Clause, PageSize
from policies.direction import Directions, Judge, rising
from policies.reference import Words
from policies.wording import number

RECORDS_MAX = 1_000
"""A page is held in memory whole, masked and as it came."""
WITHOUT_CLAUSE = (50, 200)
"""(`default`, `maximum`) where no clause says so."""


class PageSizeClause(Clause, frozen=True, forbid_unknown_fields=True, tag="page_size", kw_only=True):
    """A page holds `default` records when the caller does not say how many, and never more than `maximum`.

    Without such a clause it is 50 and 200. Who asks for more than the maximum is told so.
    """

    judges: ClassVar[Mapping[str, Judge]] = {"default": rising, "maximum": rising}

    default: Annotated[int, Meta(ge=1, le=RECORDS_MAX)]
    """Records in a page when the caller does not say; at most the maximum."""
    maximum: Annotated[int, Meta(ge=1, le=RECORDS_MAX)]
    """Records in a page at most."""

    def presence(self) -> Directions:
        return rising(WITHOUT_CLAUSE[0], self.default) | rising(WITHOUT_CLAUSE[1], self.maximum)

    def faults(self) -> list[tuple[str, str]]:
        if self.default <= self.maximum:
            return []
        return [("default", f"a page of {self.default} can never happen under a maximum of {self.maximum}")]

    def words(self) -> dict[str, Words]:
        return {"default": number(self.default), "maximum": number(self.maximum)}

    def effect(self, binding: Binding) -> PageSize:
        return PageSize(clause=binding.clause, default=self.default, maximum=self.maximum)
