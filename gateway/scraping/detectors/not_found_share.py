"""not-found-share: does it ask for records that are not there? Who guesses keys does."""

from gateway.scraping.detector import Detector, Evidence, Usual
from gateway.scraping.recommending import throttle
from gateway.scraping.remembered import Remembered
from gateway.scraping.rolling import Days, Rolling
from gateway.scraping.seen import Seen

GUESSES_MIN = 50
SHARE_MIN_PERCENT = 25
DAYS_MIN = 3
TIMES_USUAL_SHARE = 3
TIMES_USUAL = 10
"""Guesses among many good calls are a small share of them: they are found by how many more they are than usual."""


class Misses:
    """Keys that were not there; asks and misses of the last 24 hours and of past days."""

    __slots__ = ("asked", "asked_days", "met", "missed", "missed_days")

    def __init__(self) -> None:
        self.met = Remembered()
        self.asked, self.missed = Rolling(), Rolling()
        self.asked_days, self.missed_days = Days(), Days()


class NotFoundShare(Detector[Misses]):
    """The share of `get` calls that are answered 404. A key that is asked for again until it is there counts once."""

    name = "not-found-share"

    def begin(self) -> Misses:
        return Misses()

    def fold(self, state: Misses, seen: Seen) -> None:
        if seen.operation != "get":
            return
        missed = seen.status == 404 and (not seen.key or state.met.meet(seen.key, seen.at.day))
        state.asked.add(seen.time_us, 1)
        state.asked_days.add(seen.at.day, 1)
        state.missed_days.add(seen.at.day, missed)
        state.missed.add(seen.time_us, missed)

    def recall(self, state: Misses, seen: Seen, subjects: int) -> None:
        """Keys are not on the log: each miss counts there, so that use looks rather worse than it was."""
        self.fold(state, seen)

    def judge(self, state: Misses, usual: Usual) -> Evidence | None:
        asked, missed = state.asked.total(usual.now_us), state.missed.total(usual.now_us)
        if missed < GUESSES_MIN:
            return None
        known = len(state.missed_days) >= DAYS_MIN
        daily, of = state.missed_days.usual(), max(1, state.asked_days.usual())
        share = max(SHARE_MIN_PERCENT, TIMES_USUAL_SHARE * daily * 100 // of) if known else SHARE_MIN_PERCENT
        least = max(GUESSES_MIN, TIMES_USUAL * daily)
        if missed * 100 < share * asked and not (known and missed >= least):
            return None
        percent = missed * 100 // asked
        return Evidence(
            figures={
                "keys_not_found": missed,
                "keys_asked": asked,
                "not_found_percent": percent,
                "not_found_threshold_percent": share,
                "not_found_usual_a_day": daily,
                "days_known": len(state.missed_days),
            },
            weight=missed,
            recommended=throttle(self.name, usual.course.busy(usual.course.calls, usual.at.hours - 24)),
            severity="warning" if missed >= 5 * least else "notice",
            text={
                "zh": f"24 小时内 {asked:,} 次单条查询中有 {missed:,} 个不存在的键（{percent}%）；"
                f"平日每天约 {daily:,} 个，阈值 {share}%。",
                "en": f"{missed:,} of {asked:,} records asked for in 24 hours do not exist ({percent} %); usually "
                f"{daily:,} a day, and the threshold is {share} %.",
            },
        )
