"""Facts of a window with what was announced and suspended in it, whatever the rest was counted from."""

from collections.abc import Mapping
from datetime import timedelta

from msgspec import Struct
from msgspec.structs import replace

from contracts.plan import Contract, Plans
from gateway.notices.known import Announced, Known, versions_of
from gateway.notices.windows import (
    Bounds,
    Window,
    covers,
    excluded_for,
    interruptions_for,
    notices_for,
    windows_of,
)
from policies.kinds.interruption import InterruptionClause
from policies.kinds.notice import NoticeClause
from policies.settling.facts import Excluded, Facts
from policies.settling.promise import Promise

_MINUTE_US = timedelta(minutes=1) // timedelta(microseconds=1)


class NoticeFacts(Struct, frozen=True):
    """Gives the facts of one agreement version. `versions` maps its products to their versions."""

    known: Known
    contract: Contract
    versions: Mapping[str, str]

    def without(self, notices: frozenset[str]) -> "NoticeFacts":
        """As if these notices had never been announced."""
        kept = tuple(each for each in self.known.notices if each.notice.notice not in notices)
        return replace(self, known=replace(self.known, notices=kept))

    def including(self, announced: Announced) -> "NoticeFacts":
        """As if this had been announced as well."""
        return replace(self, known=replace(self.known, notices=(*self.known.notices, announced)))

    def windows(self, promise: Promise, within: Bounds) -> tuple[Window, ...]:
        """The announced spans that one promise leaves out, each with the notice that says so and when that was."""
        covering = {each.notice.notice for each in self.known.notices if covers(each.notice, self.contract, promise)}
        return tuple(
            window
            for window in windows_of(self.known.notices, self.contract, within)
            if window.counts and window.cause in promise.exclude and window.notice in covering
        )

    def excluded(self, promise: Promise, within: Bounds) -> tuple[Excluded, ...]:
        """The same as facts, joined where they touch."""
        return excluded_for(self.windows(promise, within), self.known.notices, self.contract, promise)

    def filled(self, facts: Facts, promise: Promise, within: Bounds, now_us: int) -> Facts:
        """`facts` with interruptions or notices, where the clause is of such a kind; `facts.missing` are the spans in
        which the hub was not there. An interruption that goes on lasts until the minute that is over at `now_us`."""
        if isinstance(promise, NoticeClause):
            begun = (within[0], max(within[0], min(within[1], now_us)))
            found = notices_for(self.known.notices, self.contract, self.versions, by=promise.owed_by, within=begun)
            return replace(facts, notices=found)
        if not isinstance(promise, InterruptionClause):
            return facts
        until_us = max(within[0], min(within[1], now_us // _MINUTE_US * _MINUTE_US))
        windows = windows_of(self.known.notices, self.contract, within)
        covering = {each.notice.notice for each in self.known.notices if covers(each.notice, self.contract, promise)}
        interruptions = interruptions_for(
            self.known.suspensions,
            facts.missing,
            [window for window in windows if window.notice in covering],
            self.contract,
            by=promise.owed_by,
            within=(within[0], until_us),
        )
        return replace(facts, interruptions=interruptions, excluded=self.excluded(promise, within))


def notice_facts(known: Known, contract: Contract, plans: Plans) -> NoticeFacts:
    """The facts of an agreement version as it is among `plans`."""
    return NoticeFacts(known, contract, versions_of(plans, contract))
