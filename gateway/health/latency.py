"""How long good answers took, for people to look at: percentiles by class of operation, today and this month."""

from collections.abc import Iterable
from typing import Literal, TypeAlias

from msgspec import Struct

from gateway.sla.account import Account
from gateway.sla.calendar import first_of_month
from gateway.sla.latencies import CLASSES, RELATIVE_ERROR, Buckets, OperationClass, sketch_of

Span: TypeAlias = Literal["today", "month"]

SPANS: tuple[Span, ...] = ("today", "month")


class LatencyRow(Struct, frozen=True):
    """Answers below 400 to one class of operations (`read`: list and get, `write`: the others), today or this month.

    `p50_ms` and so on are decimal text in milliseconds, at most `relative_error` of the answer that has that rank away
    from it.
    """

    operations: OperationClass
    span: Span
    answers: int
    p50_ms: str
    p95_ms: str
    p99_ms: str
    relative_error: str = RELATIVE_ERROR


def latency_rows(accounts: Iterable[Account | None], now_s: int) -> tuple[LatencyRow, ...]:
    """Of all these agreements together, each in its own time zone; nothing where there was no answer."""
    known = [account for account in accounts if account is not None]
    found = []
    for writes, operations in enumerate(CLASSES):
        for span in SPANS:
            counted = [buckets for account in known for buckets in _counted(account, span, writes, now_s)]
            if counted:
                found.append(_row(operations, span, counted))
    return tuple(found)


def _counted(account: Account, span: Span, writes: int, now_s: int) -> list[Buckets]:
    today = account.local_day(now_s * 1_000_000).ordinal
    return account.took(first_of_month(today) if span == "month" else today, today, writes)


def _row(operations: OperationClass, span: Span, counted: list[Buckets]) -> LatencyRow:
    sketch = sketch_of(counted)
    p50, p95, p99 = (_milliseconds(sketch.get_quantile_value(share) or 0.0) for share in (0.5, 0.95, 0.99))
    return LatencyRow(operations, span, int(sketch.count), p50, p95, p99)


def _milliseconds(latency_us: float) -> str:
    """To a hundredth: finer than the error of anything that takes a millisecond."""
    return f"{latency_us / 1000:.2f}"
