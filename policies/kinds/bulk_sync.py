"""bulk_sync: a bulk read that both sides agree on, so that nobody takes it for scraping."""

from collections.abc import Mapping
from typing import Annotated, ClassVar

from msgspec import Meta, field

from policies.clause import Binding, Bulk, Clause
from policies.direction import LOOSENS, NEITHER, Directions, Judge, rising, widening
from policies.hours import ClosingText, Day, OpeningText, closing_words, day_numbers, days_words, minute_of, times
from policies.reference import Words
from policies.wording import literal, number

_RECORDS_MAX = 10**15


class BulkSync(Clause, frozen=True, forbid_unknown_fields=True, tag="bulk_sync", kw_only=True):
    """On `days`, `from` one time `to` another in the agreement's time zone, the partner reads up to `records`.

    What stays within that is not reported as scraping. It limits nothing and admits nothing that limits refuse.
    """

    judges: ClassVar[Mapping[str, Judge]] = {"days": widening, "records": rising}

    days: Annotated[tuple[Day, ...], Meta(min_length=1, max_length=7)]
    """Days of the week on which it begins."""
    from_: OpeningText = field(name="from")
    """The time of day at which it may begin, such as `"01:00"`."""
    to: ClosingText
    """The time at which it is over; `"24:00"` is midnight. Not later than `from`: on the next day."""
    records: Annotated[int, Meta(ge=1, le=_RECORDS_MAX)]
    """Records that are read from one beginning to one end, at most."""

    def judged(self, newer: Clause, name: str) -> Directions:
        if name not in ("from", "to") or not isinstance(newer, BulkSync):
            return super().judged(newer, name)
        if self.parameters()[name] == newer.parameters()[name]:
            return NEITHER
        return times((self.from_, self.to), (newer.from_, newer.to))

    def presence(self) -> Directions:
        return LOOSENS

    def words(self) -> dict[str, Words]:
        return {
            "days": days_words(self.days),
            "from": literal(self.from_),
            "to": closing_words(self.from_, self.to),
            "records": number(self.records),
        }

    def effect(self, binding: Binding) -> Bulk:
        return Bulk(
            clause=binding.clause,
            days=day_numbers(self.days),
            from_minute=minute_of(self.from_),
            until_minute=minute_of(self.to),
            records=self.records,
            zone=binding.zone,
        )
