"""Facts of one window of a clause, made of counted minutes: the same values whoever counted them, to the last digit.

Every span begins and ends with a minute. Times are in UTC, so that nobody's clock change comes between two of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import accumulate
from typing import Final, NamedTuple

import msgspec

from contracts.plan import Contract, Promised
from gateway.sla.account import Account, Part
from gateway.sla.lanes import Lane
from gateway.sla.minutes import COLUMNS, LEFT_OUT, MINUTE_US, SLOW
from gateway.sla.presence import Presence
from policies.clause import Meter
from policies.kinds.delivery import Delivery as DeliveryClause
from policies.settling.facts import Delivery, Excluded, Facts, Slice, Span

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_CAUSES: Final[dict[int, str]] = {column: fault for fault, column in COLUMNS.items()}

Window = tuple[int, int]
"""From a moment, inclusive, to another, exclusive: Unix microseconds."""


def traffic_facts(
    account: Account | None,
    presence: Presence | None,
    contract: Contract,
    promised: Promised,
    *,
    from_us: int,
    until_us: int,
    now_us: int,
    excluded: Sequence[Excluded] = (),
) -> Facts | None:
    """What was counted for a clause from `from_us` to `until_us` (exclusive, whole minutes), as known at `now_us`.

    `account` None: nothing was. `presence` None: the hub was there all the time, and the agreement is deployed from its
    first day; else from the minute in which the log first says that it came into force. Of `excluded` those spans are
    taken that the clause leaves out; they are widened to whole minutes. Prior months are not filled in. None: the
    agreement was not in force in the window, so there is nothing to settle.
    """
    meter = account.meters.get(promised.ref.id) if account is not None else None
    slice_us = meter.slice_s * 1_000_000 if meter is not None else MINUTE_US
    deployed = _deployed(account, presence, contract, (from_us, until_us), _begun(now_us, from_us, slice_us))
    if deployed is None:
        return None
    left_out = [span for span in excluded if span.cause in promised.clause.exclude]
    known_us = min(deployed[1], now_us // MINUTE_US * MINUTE_US)
    gaps = presence.missing(deployed[0], known_us) if presence is not None and deployed[0] < known_us else []
    counted = _Counted(left_out, slice_us, from_us)
    if account is not None and meter is not None:
        for index, lane in account.lanes_of(meter):
            counted.add(lane, meter, account.parts(index, *deployed))
    measured = meter is not None or "slices" in promised.clause.needs
    return Facts(
        from_=moment(from_us),
        to=moment(until_us),
        zone=contract.time_zone,
        fee=Decimal(contract.monthly_fee) if contract.monthly_fee else None,
        currency=contract.currency,
        slices=counted.slices() if measured else None,
        within=counted.within if measured else None,
        missing=tuple(Span(moment(begin), moment(end)) for begin, end in gaps),
        excluded=tuple(left_out),
        deployed=Span(moment(deployed[0]), moment(deployed[1])),
        deliveries=_deliveries(account, contract, promised, deployed, now_us),
        causes=counted.causes if measured else None,
    )


def moment(time_us: int) -> datetime:
    """Unix microseconds as a point in time."""
    return _EPOCH + timedelta(microseconds=time_us)


def microseconds(time: datetime) -> int:
    """A point in time as Unix microseconds."""
    return (time - _EPOCH) // _MICROSECOND


def _begun(now_us: int, from_us: int, slice_us: int) -> int:
    """The end of the slice that has begun last: it is measured, as far as it has come."""
    return from_us + ((now_us - from_us) // slice_us + 1) * slice_us


def _deployed(
    account: Account | None, presence: Presence | None, contract: Contract, window: Window, begun_us: int
) -> Window | None:
    """The part of a window in which the agreement was in force, so far."""
    first_us = contract.effective_from_s * 1_000_000
    if presence is not None:
        activated_us = account.activated_us if account is not None else None
        first_us = window[1] if activated_us is None else max(first_us, activated_us // MINUTE_US * MINUTE_US)
    begin = max(window[0], first_us)
    end = min(window[1], contract.effective_until_s * 1_000_000, begun_us)
    return (begin, end) if begin < end else None


class _Counted:
    """Adds minutes up to slices, and counts at thresholds."""

    def __init__(self, left_out: Iterable[Excluded], slice_us: int, from_us: int) -> None:
        self._spans = _joined((microseconds(one.from_), microseconds(one.to)) for one in left_out)
        self._slice_us, self._from_us = slice_us, from_us
        self._rows: dict[str, _Row] = {}
        self.within: dict[str, int] = {}
        self.causes: dict[str, int] = {"hub": 0, "backend": 0, "partner": 0}

    def add(self, lane: Lane, meter: Meter, parts: Iterable[Part]) -> None:
        """Count the days of one lane."""
        thresholds = [_iso(threshold) for threshold in lane.thresholds_us]
        for name in thresholds:
            self.within.setdefault(name, 0)
        promised = -1 if meter.within_us is None else lane.thresholds_us.index(meter.within_us)
        row = self._rows.setdefault(lane.operation, _Row({}, {}, {}))
        for part in parts:
            sums = [0, *accumulate(part.totals)]
            left_out = list(_minutes_of(self._spans, part))
            excluded = self._sum(row, part, sums, left_out)
            slow = self._noted(row, part, left_out, promised)
            good = sums[part.until] - sums[part.first] - excluded - slow.pop(-1)
            for at, name in enumerate(thresholds):
                self.within[name] += good - slow.get(at, 0)

    def slices(self) -> tuple[Slice, ...]:
        """Those with requests, in order."""
        begin, lasting, found = moment(self._from_us), timedelta(microseconds=self._slice_us), []
        for name, (totals, bad, excluded) in sorted(self._rows.items()):
            for number in sorted(totals):
                total, out = totals[number], excluded.get(number, 0)
                found.append(Slice(begin + number * lasting, total, total - out - bad.get(number, 0), out, name))
        return tuple(found)

    def _sum(self, row: "_Row", part: Part, sums: list[int], left_out: list[Window]) -> int:
        """Add the totals of a day up to slices; gives how many of them are excluded."""
        for number, first, until in self._pieces(part, part.first, part.until):
            if total := sums[until] - sums[first]:
                row.totals[number] = row.totals.get(number, 0) + total
        excluded = 0
        for begin, end in left_out:
            excluded += sums[end] - sums[begin]
            for number, first, until in self._pieces(part, begin, end):
                if total := sums[until] - sums[first]:
                    row.excluded[number] = row.excluded.get(number, 0) + total
        return excluded

    def _noted(self, row: "_Row", part: Part, left_out: list[Window], promised: int) -> dict[int, int]:
        """Take bad and slow answers from those that are not excluded; gives how many of them were slow by the number of
        the threshold, and at -1 how many had a bad status."""
        slow = {-1: 0}
        for minute, column, count in part.noted:
            excluded = any(begin <= minute < end for begin, end in left_out)
            at = column - SLOW
            if column == LEFT_OUT:
                if not excluded or not part.totals[minute]:
                    self._cause("partner", count)
                continue
            if not excluded:
                at = max(at, -1)
                slow[at] = slow.get(at, 0) + count
            if column < LEFT_OUT or at == promised:
                self._cause("excluded" if excluded else _CAUSES.get(column, "slow"), count)
                if not excluded:
                    number = (part.from_us + minute * MINUTE_US - self._from_us) // self._slice_us
                    row.bad[number] = row.bad.get(number, 0) + count
        return slow

    def _pieces(self, part: Part, first: int, until: int) -> Iterator[tuple[int, int, int]]:
        """(number of the slice, its first minute of the day, the first behind it) of the slices among some minutes."""
        offset_us, slice_us = part.from_us - self._from_us, self._slice_us
        while first < until:
            number = (offset_us + first * MINUTE_US) // slice_us
            end = min(until, -((offset_us - (number + 1) * slice_us) // MINUTE_US))
            yield number, first, end
            first = end

    def _cause(self, name: str, count: int) -> None:
        self.causes[name] = self.causes.get(name, 0) + count


class _Row(NamedTuple):
    """Slices by number: all requests, bad ones among those that are not excluded, excluded ones."""

    totals: dict[int, int]
    bad: dict[int, int]
    excluded: dict[int, int]


def _minutes_of(spans: Iterable[Window], part: Part) -> Iterator[Window]:
    """The minutes of a part that begin in spans."""
    for begin_us, end_us in spans:
        begin = max(part.first, -((part.from_us - begin_us) // MINUTE_US))
        end = min(part.until, -((part.from_us - end_us) // MINUTE_US))
        if begin < end:
            yield begin, end


def _joined(spans: Iterable[Window]) -> list[Window]:
    """Spans of whole minutes that overlap or touch made one, in order."""
    found: list[Window] = []
    for begin, end in sorted(
        (begin // MINUTE_US * MINUTE_US, -(-end // MINUTE_US) * MINUTE_US) for begin, end in spans
    ):
        if found and begin <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((begin, end))
    return found


def _iso(threshold_us: int) -> str:
    """A threshold as facts name it, such as PT0.8S."""
    return str(msgspec.to_builtins(timedelta(microseconds=threshold_us)))


def _deliveries(
    account: Account | None, contract: Contract, promised: Promised, deployed: Window, now_us: int
) -> tuple[Delivery, ...] | None:
    """When what was due became complete: by the end of the minute in which enough had arrived since the due before."""
    clause = promised.clause
    if not isinstance(clause, DeliveryClause):
        return None
    zone, found = contract.time_zone, []
    for due in clause.due_times(moment(deployed[0]), moment(min(deployed[1], now_us)), zone):
        since_us = microseconds(clause.due_before(due, zone))
        arrived_us = _complete(account, promised, (since_us, deployed[1]), clause.records_min)
        found.append(Delivery(due, None if arrived_us is None else moment(arrived_us)))
    return tuple(found)


def _complete(account: Account | None, promised: Promised, span: Window, records: int) -> int | None:
    """The end of the minute in which so many good records had arrived in a span; None: not in it."""
    meter = account.meters.get(promised.ref.id) if account is not None else None
    if account is None or meter is None:
        return None
    per_minute: dict[int, int] = {}
    for index, _ in account.lanes_of(meter):
        for start_us, cell in account.cells(index, *span):
            per_minute[start_us] = per_minute.get(start_us, 0) + cell.good
    arrived = 0
    for start_us in sorted(per_minute):
        arrived += per_minute[start_us]
        if arrived >= records:
            return start_us + MINUTE_US
    return None
