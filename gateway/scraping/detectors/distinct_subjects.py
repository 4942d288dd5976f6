"""distinct-subjects: does it read many more people than it needs to, or ever new ones?"""

from gateway.scraping.detector import Detector, Evidence, Usual
from gateway.scraping.distinct import Distinct, hashed
from gateway.scraping.recommending import people_a_day
from gateway.scraping.rolling import Days, Rolling
from gateway.scraping.seen import Seen

PEOPLE_MIN, PEOPLE_MIN_ROUND_THE_CLOCK = 250, 80
"""Fewer people in a day are no copy of anything, unless it goes on round the clock."""
PEOPLE_MIN_UNKNOWN, PEOPLE_MIN_UNKNOWN_ROUND_THE_CLOCK = 400, 150
"""The same without history."""
DAYS_MIN = 5
"""Days of history, before the partner's own use is what counts."""
NEW_PERCENT = 80
"""Without history, so many of all who are read are new: who works with records reads them more than once."""
HOURS_MIN, HOURS_ROUND_THE_CLOCK = 6, 17
"""Copying goes on: new people in so many of the last 24 hours, at least this many in each of them."""
HOUR_PEOPLE_MIN = 3
TIMES_BUSY, TIMES_BUSY_ROUND_THE_CLOCK = 4, 2
"""So many times those of a busy day: month-ends are no copying."""
VOLUME_PART = 10
"""Without history, new people count from a tenth of the calls that the agreement declares for a day."""


class Readership:
    """Who was read: all and today, exactly or estimated; new ones and reads of the last 24 hours; both of past days."""

    __slots__ = ("all", "days", "fresh", "fresh_days", "reads", "today")

    def __init__(self) -> None:
        self.all, self.today = Distinct(), Distinct()
        self.fresh, self.reads = Rolling(), Rolling()
        self.days, self.fresh_days = Days(), Days()


class DistinctSubjects(Detector[Readership]):
    """Different people in a day, far more than on any other day; or nearly all of them new, hour after hour."""

    name = "distinct-subjects"

    def begin(self) -> Readership:
        return Readership()

    def fold(self, state: Readership, seen: Seen) -> None:
        if not seen.people:
            return
        if state.days.turn(seen.at.day):
            state.today = Distinct()
        state.fresh_days.turn(seen.at.day)
        people = [hashed(person) for person in seen.people]
        state.days.today += sum(map(state.today.add, people))
        grown = sum(map(state.all.add, people))
        if grown:
            state.fresh.add(seen.time_us, grown)
            state.fresh_days.today += grown
        state.reads.add(seen.time_us, len(seen.people))

    def recall(self, state: Readership, seen: Seen, subjects: int) -> None:
        """Who they were is not known: each answer's people count as others and as new, so that use looks rather larger
        than it was and nothing is found for want of memory."""
        state.days.add(seen.at.day, subjects)
        state.fresh_days.add(seen.at.day, subjects)

    def judge(self, state: Readership, usual: Usual) -> Evidence | None:
        return self._copying(state, usual) or self._many(state, usual)

    def _copying(self, state: Readership, usual: Usual) -> Evidence | None:
        fresh, reads = state.fresh.total(usual.now_us), state.reads.total(usual.now_us)
        hours = state.fresh.hours(usual.now_us, HOUR_PEOPLE_MIN)
        least = _least_new(state.fresh_days, usual.requests_per_day, hours >= HOURS_ROUND_THE_CLOCK)
        if fresh < least or hours < HOURS_MIN:
            return None
        if len(state.fresh_days) < DAYS_MIN and fresh * 100 < NEW_PERCENT * reads:
            return None
        percent = min(100, fresh * 100 // max(1, reads))
        return Evidence(
            figures={
                "new_people": fresh,
                "new_people_threshold": least,
                "new_people_percent": percent,
                "hours_with_new_people": hours,
                "people_in_all": round(state.all.count),
                "days_known": len(state.fresh_days),
            },
            weight=fresh,
            recommended=people_a_day(state.days.busiest()),
            severity="warning" if fresh >= 2 * least else "notice",
            text={
                "zh": f"24 小时内读取了 {fresh:,} 名从未读取过的人员（占全部读取的 {percent}%），"
                f"持续 {hours} 小时；阈值 {least:,} 名。",
                "en": f"{fresh:,} people who were never read before in 24 hours ({percent} % of all who were read), "
                f"through {hours} hours; the threshold is {least:,}.",
            },
        )

    def _many(self, state: Readership, usual: Usual) -> Evidence | None:
        if state.days.day != usual.at.day:
            return None
        people = round(state.days.today)
        if len(state.days) >= DAYS_MIN:
            least = max(PEOPLE_MIN, TIMES_BUSY * state.days.busiest())
        elif usual.requests_per_day is not None:
            least = max(4 * PEOPLE_MIN, 2 * usual.requests_per_day)
        else:
            return None
        if people < least:
            return None
        return Evidence(
            figures={
                "people_today": people,
                "people_threshold": least,
                "people_in_all": round(state.all.count),
                "days_known": len(state.days),
            },
            weight=people,
            recommended=people_a_day(state.days.busiest()),
            severity="warning" if people >= 2 * least else "notice",
            text={
                "zh": f"今日读取了 {people:,} 名不同人员；阈值 {least:,} 名。",
                "en": f"{people:,} different people were read today; the threshold is {least:,}.",
            },
        )


def _least_new(days: Days, requests_per_day: int | None, round_the_clock: bool) -> int:
    """New people in 24 hours from which it is copying."""
    if len(days) < DAYS_MIN:
        least = PEOPLE_MIN_UNKNOWN_ROUND_THE_CLOCK if round_the_clock else PEOPLE_MIN_UNKNOWN
        return max(least, (requests_per_day or 0) // VOLUME_PART)
    if round_the_clock:
        return max(PEOPLE_MIN_ROUND_THE_CLOCK, TIMES_BUSY_ROUND_THE_CLOCK * days.busiest())
    return max(PEOPLE_MIN, TIMES_BUSY * days.busiest())
