"""How far the trees are behind the segments: worked out from the state store and the files, with nothing running."""

import asyncio
import re
from pathlib import Path
from typing import Final, Protocol

from msgspec import Struct

from gateway.store.log_state import LogState, TreeState
from gateway.tlog.chaining import Leaves
from gateway.tlog.feed import Feed, FeedFault
from gateway.tlog.growing import unanchored
from gateway.tlog.layout import ROOT

RECORDS_MAX: Final = 1_000_000
BYTES_MAX: Final = 512 * 1024 * 1024
"""So many waiting records are counted, and no more: who is that far behind need not know it to the record."""
_TIME = re.compile(rb'"time_us":(\d{1,19})')


class TreeLag(Struct, frozen=True):
    """How far one tree is behind.

    `size` entries stand under its last checkpoint, made at `checkpoint_us` (Unix microseconds; None: there is none yet)
    and `anchored` of them under its last checkpoint in the root log (of the root log itself: its size). `waiting`
    records are on disk and not in the tree, the oldest since `oldest_waiting_us` (None: none waits). `missing` is how
    many witnesses the policy still wanted when the checkpoint was published, 0 where it wants none.
    """

    tree: str
    size: int
    checkpoint_us: int | None
    anchored: int
    waiting: int
    oldest_waiting_us: int | None
    missing: int


class Lag(Struct, frozen=True):
    """What `status` says of the trees: `trees` by name; `root` None: no checkpoint was ever anchored.

    `complete` False: more records wait than were counted. `fault` says why no more are put into trees, "" if nothing
    stands in the way. `committed_us` is the time of the last commit, None before the first.
    """

    origin: str
    trees: tuple[TreeLag, ...]
    root: TreeLag | None
    committed_us: int | None
    complete: bool
    fault: str


class Loading(Protocol):
    """LogStates, as far as it is needed."""

    async def load(self) -> LogState: ...


async def measure_lag(states: Loading, log: Path) -> Lag:
    """How far the trees are behind now. A log that cannot be read is a fault in it. Raises StoreError."""
    return await asyncio.to_thread(read_lag, await states.load(), log)


def read_lag(state: LogState, log: Path) -> Lag:
    """What `state` (LogStates.load) and the log's folder say. Blocking; writes nothing; a fault is a value in it."""
    feed = Feed(log, sync=None)
    try:
        batch = feed.read(state.positions, records_max=RECORDS_MAX, bytes_max=BYTES_MAX)
    finally:
        feed.close()
    fault, waiting, complete = state.fault, dict[str, Leaves](), True
    if isinstance(batch, FeedFault):
        fault, complete = f"{batch.file}, byte {batch.offset}: {batch.detail}", False
    else:
        waiting, complete = batch.trees, not batch.more
    names = sorted({*state.trees, *waiting} - {ROOT})
    return Lag(
        origin=state.origin,
        trees=tuple(_tree(name, state.trees.get(name), waiting.get(name)) for name in names),
        root=_root(state),
        committed_us=state.updated_us if state.generation else None,
        complete=complete,
        fault=fault,
    )


def _tree(name: str, head: TreeState | None, leaves: Leaves | None) -> TreeLag:
    entries = leaves.entries if leaves is not None else []
    times_us = [int(found[1]) for entry in entries if (found := _TIME.search(entry))]
    return TreeLag(
        tree=name,
        size=head.size if head else 0,
        checkpoint_us=head.committed_us if head else None,
        anchored=head.anchored_size if head else 0,
        waiting=len(entries),
        oldest_waiting_us=min(times_us, default=None),
        missing=head.missing if head else 0,
    )


def _root(state: LogState) -> TreeLag | None:
    """The root log: what waits for it are checkpoints, each as old as its commit."""
    head = state.trees.get(ROOT)
    if head is None:
        return None
    behind = unanchored(state.trees)
    oldest_us = min((tree.committed_us for tree in behind), default=None)
    return TreeLag(ROOT, head.size, head.committed_us, head.size, len(behind), oldest_us, head.missing)
