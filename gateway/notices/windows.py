"""From what was announced and suspended to facts of a window: spans to leave out, interruptions, notices. Pure.

Whether an announced span counts is what the agreement's notice clauses say: maintenance that was announced too late for
them is no announced maintenance for that agreement. Without such a clause it has to be announced before it begins.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import TypeAlias

from msgspec import Struct

from contracts.notice import Change, Deprecation, ForceMajeure, Maintenance, Notice
from contracts.plan import Contract
from gateway.notices.known import Announced, Side, Suspended, concerns
from policies.kinds.notice import NoticeClause
from policies.promise import OwedBy
from policies.settling.facts import Cause, Excluded, Interruption, NoticeAbout, Span
from policies.settling.facts import Notice as NoticeFact
from policies.settling.promise import Promise

_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Bounds: TypeAlias = tuple[int, int]
"""From (inclusive) until (exclusive), in Unix microseconds."""


class Window(Struct, frozen=True):
    """The part of an announced span that lies in a settlement's window; Unix microseconds.

    `counts` says whether it may be left out of promises; where not, `clause` is the notice clause that it was too late
    for, "" if it was announced after it began and no clause allows that, or if it is not about all of the agreement's
    products. `short_us` is by how much it came too late.
    """

    notice: str
    cause: Cause
    from_us: int
    until_us: int
    announced_us: int
    counts: bool
    clause: str = ""
    short_us: int = 0


def windows_of(known: Iterable[Announced], contract: Contract, within: Bounds) -> tuple[Window, ...]:
    """Every announced span of maintenance and force majeure that concerns an agreement, cut to `within`, in order.

    What was withdrawn counts until then: of maintenance, what had begun; of force majeure, nothing.
    """
    found: list[Window] = []
    for each in known:
        if concerns(each.notice, contract):
            found += _windows(each, contract, within)
    return tuple(sorted(found, key=lambda window: (window.from_us, window.until_us, window.notice)))


def excluded_for(
    windows: Iterable[Window], known: Iterable[Announced], contract: Contract, promise: Promise
) -> tuple[Excluded, ...]:
    """The spans that may be left out of one promise, joined where they touch; those about some products only where the
    promise is about no others."""
    covering = {each.notice.notice for each in known if covers(each.notice, contract, promise)}
    kept = [window for window in windows if window.counts and window.notice in covering]
    found: list[Excluded] = []
    causes: tuple[Cause, ...] = ("announced_maintenance", "force_majeure")
    for cause in causes:
        spans = [(window.from_us, window.until_us) for window in kept if window.cause == cause]
        found += [Excluded(_utc(from_us), _utc(until_us), cause) for from_us, until_us in joined(spans)]
    return tuple(sorted(found, key=lambda span: (span.from_, span.cause)))


def covers(notice: Notice, contract: Contract, promise: Promise) -> bool:
    """Whether a notice of maintenance or force majeure is of the side that promises, and about everything that the
    promise is about: it names nobody, or the agreement, or all of the products."""
    if not isinstance(notice, Maintenance | ForceMajeure) or notice.by != promise.owed_by:
        return False
    about = frozenset(getattr(promise, "products", ()) or contract.products)
    return not notice.products or contract.agreement in notice.agreements or about <= frozenset(notice.products)


def interruptions_for(
    suspensions: Iterable[Suspended],
    missing: Iterable[Span],
    windows: Sequence[Window],
    contract: Contract,
    *,
    by: Side,
    within: Bounds,
) -> tuple[Interruption, ...]:
    """The interruptions by one side in a window, none at the same time as another: what was suspended, and for the hub
    the spans in which it was not there.

    A part that an announced maintenance covers is an interruption of its own, with the time of the announcement.
    `within` ends at the present where the window has not ended.
    """
    spans = [
        (each.begun_us, within[1] if each.ended_us is None else each.ended_us)
        for each in suspensions
        if each.agreement == contract.agreement and each.by == by
    ]
    if by == "hub":
        spans += [(unix_us(span.from_), unix_us(span.to)) for span in missing]
    announced = [window for window in windows if window.cause == "announced_maintenance"]
    found: list[Interruption] = []
    for span in joined(clipped for each in spans if (clipped := _clip(each, within)) is not None):
        found += _pieces(span, announced)
    return tuple(found)


def notices_for(
    known: Iterable[Announced], contract: Contract, versions: Mapping[str, str], *, by: OwedBy, within: Bounds
) -> tuple[NoticeFact, ...]:
    """The deprecations and changes of one side that took effect for an agreement in a window, in order: while this
    version of it was in force, so that where two share a month none counts under both.

    `versions` maps its products to their versions. What was withdrawn before it took effect is none. Maintenance is
    not among them: what comes too late there is not left out of promises, which is consequence enough.
    """
    found = []
    for each in known:
        notice = each.notice
        if not isinstance(notice, Deprecation | Change) or notice.by != by or not concerns(notice, contract):
            continue
        if isinstance(notice, Deprecation) and versions.get(notice.product) != notice.version:
            continue
        effective_us = unix_us(notice.effective())
        withdrawn = each.withdrawn_us is not None and each.withdrawn_us <= effective_us
        if within[0] <= effective_us < within[1] and _in_term(contract, effective_us) and not withdrawn:
            about: NoticeAbout = "deprecation" if isinstance(notice, Deprecation) else "change"
            found.append(NoticeFact(_utc(each.announced_us), _utc(effective_us), notice.notice, about))
    return tuple(sorted(found, key=lambda fact: (fact.effective, fact.id)))


def lateness(
    contract: Contract, about: NoticeAbout, announced_us: int, effective_us: int, *, by: OwedBy
) -> tuple[str, int]:
    """The notice clause of the side that announces for which it is most too late, and by how many microseconds;
    ("", 0): none.

    Maintenance without a clause is due before it begins: then the clause is "" and the number more than zero.
    """
    fact = NoticeFact(_utc(announced_us), _utc(effective_us), about=about)
    found = [
        (promised.clause.short(fact) // _MICROSECOND, promised.ref.id)
        for promised in contract.promises
        if isinstance(promised.clause, NoticeClause) and promised.clause.owed_by == by
    ]
    short_us, clause = max(found, default=(0, ""))
    if short_us > 0:
        return clause, short_us
    return "", max(announced_us - effective_us, 0) if about == "maintenance" else 0


def joined(spans: Iterable[Bounds]) -> list[Bounds]:
    """Spans in order, those that overlap or touch as one."""
    found: list[Bounds] = []
    for from_us, until_us in sorted(spans):
        if found and from_us <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], until_us))
        else:
            found.append((from_us, until_us))
    return found


def unix_us(moment: datetime) -> int:
    """Unix microseconds."""
    return (moment - _EPOCH) // _MICROSECOND


def _windows(each: Announced, contract: Contract, within: Bounds) -> Iterable[Window]:
    notice = each.notice
    if not isinstance(notice, Maintenance | ForceMajeure) or (
        isinstance(notice, ForceMajeure) and each.withdrawn_us is not None
    ):
        return
    cause: Cause = "announced_maintenance" if isinstance(notice, Maintenance) else "force_majeure"
    about: NoticeAbout = "maintenance" if isinstance(notice, Maintenance) else "force_majeure"
    for begins, ends in notice.spans():
        from_us, until_us = unix_us(begins), unix_us(ends)
        if from_us >= within[1]:
            return
        if each.withdrawn_us is not None:
            until_us = min(until_us, each.withdrawn_us)
        clipped = _clip((from_us, until_us), within)
        if clipped is not None:
            clause, short_us = lateness(contract, about, each.announced_us, from_us, by=notice.by)
            yield Window(notice.notice, cause, *clipped, each.announced_us, short_us <= 0, clause, short_us)


def _in_term(contract: Contract, time_us: int) -> bool:
    return contract.effective_from_s * 1_000_000 <= time_us < contract.effective_until_s * 1_000_000


def _pieces(span: Bounds, announced: Sequence[Window]) -> list[Interruption]:
    """One interruption, cut where what was announced for it begins and ends."""
    edges = {edge for window in announced for edge in (window.from_us, window.until_us) if span[0] < edge < span[1]}
    cuts = [span[0], *sorted(edges), span[1]]
    found: list[tuple[int, int, int | None]] = []
    for from_us, until_us in pairwise(cuts):
        said = [each.announced_us for each in announced if each.from_us <= from_us and until_us <= each.until_us]
        # An announcement after the beginning announces nothing.
        told_us = min((at for at in said if at <= from_us), default=None)
        if found and found[-1][2] == told_us:
            found[-1] = (found[-1][0], until_us, told_us)
        else:
            found.append((from_us, until_us, told_us))
    return [
        Interruption(_utc(from_us), _utc(until_us), None if told_us is None else _utc(told_us))
        for from_us, until_us, told_us in found
    ]


def _clip(span: Bounds, within: Bounds) -> Bounds | None:
    from_us, until_us = max(span[0], within[0]), min(span[1], within[1])
    return (from_us, until_us) if from_us < until_us else None


def _utc(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)
