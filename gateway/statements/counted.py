"""The source of facts that a hub has: minutes counted by whatever means, what was announced, what was reported."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from contracts.plan import Contract, Plans, Promised
from gateway.corrections.facts import History, reports_of
from gateway.notices.facts import NoticeFacts, notice_facts
from gateway.notices.known import Announced, Known, concerns
from gateway.notices.windows import Bounds, covers, windows_of
from gateway.notices.windows import Window as AnnouncedWindow
from gateway.sla.facts import microseconds, moment, traffic_facts
from gateway.sla.ledger import Ledger
from gateway.statements.log_evidence import Announcement, Announcements
from gateway.statements.source import Left, Window
from policies.kinds.correction import Correction as CorrectionClause
from policies.settling.facts import Facts, Span


class Gathered(Struct, frozen=True):
    """Everything that facts are made of. `announcements` are the records of notices on the log."""

    plans: Plans
    ledger: Ledger
    known: Known
    histories: Sequence[History]
    announcements: Announcements


class CountedSource:
    """Facts of any agreement among the plans, as they are known at `now`. A `Source`."""

    def __init__(self, gathered: Gathered, now: datetime) -> None:
        self._gathered, self._now_us = gathered, microseconds(now)
        self._notices: dict[tuple[str, str], NoticeFacts] = {}

    def facts(self, contract: Contract, promised: Promised, window: Window, without: frozenset[str]) -> Facts | None:
        within, clause = _bounds(window), promised.clause
        ledger, notices = self._gathered.ledger, self._of(contract).without(without)
        facts = traffic_facts(
            ledger.tally.of(contract),
            ledger.presence,
            contract,
            promised,
            from_us=within[0],
            until_us=within[1],
            now_us=self._now_us,
            excluded=notices.excluded(clause, within),
        )
        if facts is None:
            return None
        facts = notices.filled(facts, clause, within, self._now_us)
        if not isinstance(clause, CorrectionClause):
            return facts
        begin_us, until_us = self._deadlines(contract, within)
        # What an earlier version of the clause called severe, or owed by the other side, has no deadline in this one.
        known = [
            each
            for each in self._gathered.histories
            if each.owed_by == clause.owed_by and each.severity in clause.severities
        ]
        reports = reports_of(known, contract.agreement, promised.ref.id, begin_us, until_us)
        return replace(facts, corrections=reports, deployed=Span(moment(begin_us), moment(until_us)))

    def left_out(self, contract: Contract, promised: Promised, window: Window) -> tuple[Left, ...]:
        clause, within, known = promised.clause, _bounds(window), self._gathered.known.notices
        about: Mapping[str, Announced] = {each.notice.notice: each for each in known if concerns(each.notice, contract)}
        return tuple(
            self._left(each, contract, covered=covers(about[each.notice].notice, contract, clause))
            for each in windows_of(known, contract, within)
            if each.cause in clause.exclude
        )

    def _deadlines(self, contract: Contract, within: Bounds) -> Bounds:
        """The part of a window whose deadlines are this version's affair, so that none is counted under two: it begins
        where the version follows another one, and ends where it is followed, else with the window or now."""
        begins_us, ends_us = (each * 1_000_000 for each in (contract.effective_from_s, contract.effective_until_s))
        versions = [each for each in self._gathered.plans.contracts.values() if each.agreement == contract.agreement]
        follows = any(each.effective_from_s < contract.effective_from_s for each in versions)
        followed = any(each.effective_from_s >= contract.effective_until_s for each in versions)
        begin_us = max(within[0], begins_us) if follows else within[0]
        return begin_us, min(within[1], self._now_us, ends_us if followed else within[1])

    def _of(self, contract: Contract) -> NoticeFacts:
        key = (contract.agreement, contract.version)
        if key not in self._notices:
            self._notices[key] = notice_facts(self._gathered.known, contract, self._gathered.plans)
        return self._notices[key]

    def _left(self, window: AnnouncedWindow, contract: Contract, *, covered: bool) -> Left:
        announced = self._gathered.announcements
        record: Announcement | None = announced.get((window.notice, contract.partner)) or announced.get(
            (window.notice, "")
        )
        return Left(
            notice=window.notice,
            cause=window.cause,
            from_=moment(window.from_us),
            to=moment(window.until_us),
            announced=moment(window.announced_us),
            counts=window.counts and covered,
            late_for=window.clause,
            leaf=record.leaf if record else "",
            writer=record.writer if record else "",
            seq=record.seq if record else -1,
        )


def _bounds(window: Window) -> Bounds:
    return microseconds(window.from_), microseconds(window.to)
