"""sequential-keys: are records asked for, or listed, one after the other?"""

from gateway.scraping.detector import Detector, Evidence, Usual
from gateway.scraping.recommending import throttle
from gateway.scraping.remembered import Remembered
from gateway.scraping.rolling import Days, Rolling
from gateway.scraping.seen import Seen
from gateway.scraping.walk import Pages, Ring, Tops, place

STEPS_MIN, STEPS_MIN_KNOWN = 100, 60
"""Steps of a walk in 24 hours, without and with history; fewer may be a long morning's work."""
SHARE_MIN_PERCENT = 30
"""Of the keys asked for anew, so many more have a neighbour than chance explains."""
PAGED_MIN = 600
"""Records on pages deep in a list (`Pages`)."""
DAYS_MIN = 5
TIMES_BUSY = 2


class Walk:
    """The last keys, as numbers; which keys were met before; steps and pages of the last 24 hours and of past days."""

    __slots__ = ("chance", "days", "fresh", "met", "near", "paged", "paged_days", "pages", "ring", "tops")

    def __init__(self) -> None:
        self.met, self.ring, self.tops, self.pages = Remembered(), Ring(), Tops(), Pages()
        self.fresh, self.near, self.chance, self.paged = Rolling(), Rolling(), Rolling(), Rolling()
        self.days, self.paged_days = Days(), Days()


class SequentialKeys(Detector[Walk]):
    """Keys that follow each other, or that lie next to each other in whatever order, in any direction, with gaps and
    among other calls; and lists that are read to their depth.

    Only keys count that were not asked for in the days before: who polls its records goes no further. Nor do keys count
    above all those of the days before, as far as these usually rise in a few days: new records have numbers in turn.
    """

    name = "sequential-keys"

    def begin(self) -> Walk:
        return Walk()

    def fold(self, state: Walk, seen: Seen) -> None:
        if seen.looked_up:  # one by one as by `get`, whatever the filter is called
            for key in seen.looked_up:
                self._step(state, seen, key)
        elif seen.operation == "list":
            self._page(state, seen)
        elif seen.operation == "get" and seen.key:
            self._step(state, seen, seen.key)

    def _page(self, state: Walk, seen: Seen) -> None:
        deep = state.pages.follow(seen.client, seen.key, seen.records)
        state.paged_days.turn(seen.at.day)
        if deep and state.met.meet(f"after {seen.key}", seen.at.day):
            state.paged.add(seen.time_us, seen.records)
            state.paged_days.today += seen.records

    def _step(self, state: Walk, seen: Seen, key: str) -> None:
        if state.days.turn(seen.at.day):
            state.tops.turn()
        found = place(key)
        if found is None or not state.met.meet(key, seen.at.day):
            return
        near, chance = state.ring.neighbours(found)
        state.ring.add(found)
        if state.tops.rises(found):
            return
        state.fresh.add(seen.time_us, 1)
        state.near.add(seen.time_us, near)
        state.chance.add(seen.time_us, chance)
        state.days.today += near - chance

    def judge(self, state: Walk, usual: Usual) -> Evidence | None:
        return self._asked(state, usual) or self._listed(state, usual)

    def _asked(self, state: Walk, usual: Usual) -> Evidence | None:
        now_us = usual.now_us
        fresh, near, chance = state.fresh.total(now_us), state.near.total(now_us), state.chance.total(now_us)
        walked = near - chance
        least = STEPS_MIN
        if len(state.days) >= DAYS_MIN:
            least = max(STEPS_MIN_KNOWN, TIMES_BUSY * state.days.busiest())
        if walked < least or walked * 100 < SHARE_MIN_PERCENT * (fresh - chance):
            return None
        percent = near * 100 // fresh
        return Evidence(
            figures={
                "keys_asked_anew": fresh,
                "keys_with_neighbour": near,
                "keys_with_neighbour_by_chance": chance,
                "keys_with_neighbour_percent": percent,
                "steps_threshold": least,
                "days_known": len(state.days),
            },
            weight=walked,
            recommended=throttle(self.name, _busy_hour(usual)),
            severity="warning" if walked >= 5 * least else "notice",
            text={
                "zh": f"24 小时内请求的 {fresh:,} 个此前数日未请求过的键中，{percent}% 与刚请求过的键相邻"
                f"（偶然相邻约 {chance:,} 个）；阈值 {least:,} 步。",
                "en": f"of {fresh:,} keys asked for in 24 hours and not in the days before, {percent} % lie next to "
                f"one just asked for (by chance about {chance:,} would); the threshold is {least:,} steps.",
            },
        )

    def _listed(self, state: Walk, usual: Usual) -> Evidence | None:
        paged, least = state.paged.total(usual.now_us), PAGED_MIN
        if len(state.paged_days) >= DAYS_MIN:
            least = max(least, TIMES_BUSY * state.paged_days.busiest())
        if paged < least:
            return None
        return Evidence(
            figures={
                "records_paged": paged,
                "records_paged_threshold": least,
                "days_known": len(state.paged_days),
            },
            weight=paged,
            recommended=throttle(self.name, _busy_hour(usual)),
            severity="warning" if paged >= 5 * least else "notice",
            text={
                "zh": f"24 小时内顺着列表连续翻页读取了 {paged:,} 条记录，均为首次读到的页；阈值 {least:,} 条。",
                "en": f"{paged:,} records were read page after page deep into a list in 24 hours, none of these pages "
                f"before; the threshold is {least:,}.",
            },
        )


def _busy_hour(usual: Usual) -> int:
    """Calls in a busy hour before the last day."""
    return usual.course.busy(usual.course.calls, usual.at.hours - 24)
