"""Bulk reads that the agreement declares: what is in their bounds is no scraping."""

from collections.abc import Iterable
from zoneinfo import ZoneInfo

from gateway.scraping.seen import local
from policies.clause import Bulk


class Declared:
    """Counts the records of each declared span from its beginning, per agreement."""

    def __init__(self) -> None:
        self._used: dict[tuple[str, str], tuple[int, int]] = {}

    def covers(self, agreement: str, bulks: Iterable[Bulk], time_us: int, records: int) -> bool:
        """Whether an answer is part of a declared bulk read; then its records are taken from what is declared.

        An answer without records counts as one. What does not fit any more is not covered, nor is anything after it.
        """
        for bulk in bulks:
            day = span_day(bulk, time_us)
            if day is None:
                continue
            key = (agreement, bulk.clause.id)
            begun, used = self._used.get(key, (day, 0))
            used = (used if begun == day else 0) + max(1, records)
            self._used[key] = (day, used)
            if used <= bulk.records:
                return True
        return False


def span_day(bulk: Bulk, time_us: int) -> int | None:
    """The day (`date.toordinal`, in the bulk's zone) on which the span began that holds a moment; None outside."""
    at = local(time_us, ZoneInfo(bulk.zone))
    past_midnight = bulk.until_minute <= bulk.from_minute
    if at.minute >= bulk.from_minute:
        inside = past_midnight or at.minute < bulk.until_minute
        day = at.day
    else:
        inside = past_midnight and at.minute < bulk.until_minute
        day = at.day - 1
    return day if inside and (day + 6) % 7 in bulk.days else None
