"""What the audit log says of shared counters: the few records among many that are about them."""

from collections.abc import Iterator
from pathlib import Path

from gateway.audit.faults import CorruptLogError
from gateway.audit.frames import frames
from gateway.audit.layout import segments_in, writers_in
from gateway.audit.leaf import Authority, Leaf, Opening, decode
from gateway.health.counter_report import CounterEvent, What

_EVENTS: dict[str, What] = {
    "counter-unreachable": "unreachable",
    "counter-reachable": "reachable",
    "counter-rebuilt": "rebuilt",
}
_MARKS = (b'"event":"counter-', b'"type":"opening"')
"""Only leaves that hold one of these are decoded: a log has millions of others."""


def counter_events(log: Path) -> Iterator[CounterEvent]:
    """Every loss and return of shared counters, and every start of a gateway. Raises CorruptLogError, OSError."""
    for folder in writers_in(log) if log.is_dir() else []:
        for _, path in segments_in(folder):
            data = path.read_bytes()
            if not any(mark in data for mark in _MARKS):
                continue
            for offset, raw in frames(data):
                if not any(mark in raw for mark in _MARKS):
                    continue
                leaf = decode(raw)
                if leaf is None:
                    raise CorruptLogError(f"{folder.name}/{path.name}", offset)
                event = _event(leaf)
                if event is not None:
                    yield event


def _event(leaf: Leaf) -> CounterEvent | None:
    entry = leaf.entry
    if isinstance(entry, Opening):
        return CounterEvent(entry.time_us, leaf.at.writer, "started")
    if isinstance(entry, Authority) and entry.event in _EVENTS:
        return CounterEvent(entry.time_us, entry.subject, _EVENTS[entry.event])
    return None
