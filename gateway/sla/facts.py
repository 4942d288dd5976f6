"""Facts of one window of a clause, made of counted minutes: the same values whoever counted them, to the last digit.

Every span begins and ends with a minute. Times are in UTC, so that nobody's clock change comes between two of them.
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec

from contracts.plan import Contract, Promised
from gateway.sla.account import Account
from gateway.sla.lanes import Lane
from gateway.sla.minutes import MINUTE_US, Cell
from gateway.sla.presence import Presence
from policies.clause import Meter
from policies.kinds.delivery import Delivery as DeliveryClause
from policies.settling.facts import Delivery, Excluded, Facts, Slice, Span

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

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
    counted = _Counted(left_out)
    if account is not None and meter is not None:
        for index, lane in account.lanes_of(meter):
            counted.add(lane, meter, account.cells(index, *deployed), from_us)
    measured = meter is not None or "slices" in promised.clause.needs
    return Facts(
        from_=moment(from_us),
        to=moment(until_us),
        zone=contract.time_zone,
        fee=Decimal(contract.monthly_fee) if contract.monthly_fee else None,
        currency=contract.currency,
        slices=counted.slices(slice_us, from_us) if measured else None,
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

    def __init__(self, left_out: Iterable[Excluded]) -> None:
        self._spans = _joined((microseconds(one.from_), microseconds(one.to)) for one in left_out)
        self._slices: dict[tuple[str, int], list[int]] = {}
        self.within: dict[str, int] = {}
        self.causes: dict[str, int] = {"hub": 0, "backend": 0, "partner": 0}

    def add(self, lane: Lane, meter: Meter, cells: Iterator[tuple[int, Cell]], from_us: int) -> None:
        """Count the minutes of one lane."""
        slice_us = meter.slice_s * 1_000_000
        thresholds = [_iso(threshold) for threshold in lane.thresholds_us]
        for name in thresholds:
            self.within.setdefault(name, 0)
        at = None if meter.within_us is None else lane.thresholds_us.index(meter.within_us)
        name = lane.operation
        spans = iter([*self._spans, (1 << 62, 1 << 62)])
        begin, end = next(spans)
        for start_us, cell in cells:
            while start_us >= end:
                begin, end = next(spans)
            good = cell.good if at is None else cell.good - cell.slow[at]
            if not cell.total:
                self.causes["partner"] += cell.left_out
                continue
            found = self._slices.setdefault((name, (start_us - from_us) // slice_us), [0, 0, 0])
            found[0] += cell.total
            if begin <= start_us:
                found[2] += cell.total
                self._cause("excluded", cell.total - good)
                continue
            found[1] += good
            self._attribute(cell, good)
            for threshold, slow in zip(thresholds, cell.slow, strict=True):
                self.within[threshold] += cell.good - slow

    def slices(self, slice_us: int, from_us: int) -> tuple[Slice, ...]:
        """Those with requests, in order."""
        return tuple(
            Slice(moment(from_us + number * slice_us), total, good, excluded, operation=name)
            for (name, number), (total, good, excluded) in sorted(self._slices.items())
        )

    def _attribute(self, cell: Cell, good: int) -> None:
        self.causes["hub"] += cell.hub
        self.causes["backend"] += cell.backend
        self.causes["partner"] += cell.partner + cell.left_out
        self._cause("slow", cell.good - good)

    def _cause(self, name: str, count: int) -> None:
        if count:
            self.causes[name] = self.causes.get(name, 0) + count


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
