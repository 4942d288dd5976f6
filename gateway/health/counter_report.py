"""How the counters that gateways share stand, as the audit log tells it: who lost them, since when, how often."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Literal, TypeAlias

from msgspec import Struct

What: TypeAlias = Literal["unreachable", "reachable", "rebuilt", "started"]


class CounterEvent(Struct, frozen=True):
    """Something that a gateway, known by the name of its writer, recorded of the shared counters, or that it began."""

    time_us: int
    writer: str
    what: What


class CounterRow(Struct, frozen=True):
    """One gateway that lost the shared counters at some time.

    `reachable` is how they stand, `since` from when on (RFC 3339, UTC); `outages` counts how often they were lost to
    it, `rebuilt` how often it filled lost ones again. A gateway that starts has lost nothing yet.
    """

    writer: str
    reachable: bool
    since: str
    outages: int
    rebuilt: int


def counter_rows(events: Iterable[CounterEvent]) -> list[CounterRow]:
    """One row for each gateway that has ever recorded something of shared counters, by its name."""
    by_writer: dict[str, list[CounterEvent]] = {}
    for event in sorted(events, key=lambda event: event.time_us):
        by_writer.setdefault(event.writer, []).append(event)
    found = (_row(writer, mine) for writer, mine in sorted(by_writer.items()))
    return [row for row in found if row.outages or row.rebuilt]


def _row(writer: str, events: list[CounterEvent]) -> CounterRow:
    reachable, since_us, outages, rebuilt = True, events[0].time_us, 0, 0
    for event in events:
        outages += event.what == "unreachable"
        rebuilt += event.what == "rebuilt"
        if event.what == "rebuilt":
            continue
        if reachable != (event.what != "unreachable"):
            reachable, since_us = not reachable, event.time_us
    return CounterRow(writer, reachable, _utc(since_us), outages, rebuilt)


def _utc(time_us: int) -> str:
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).isoformat()
