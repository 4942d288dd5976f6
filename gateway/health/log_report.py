"""How the trees of the audit log stand, as `clausegate status` says it: values, whoever shows them."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, TypeAlias

from msgspec import Struct

from gateway.tlog.layout import partner_of

if TYPE_CHECKING:
    from gateway.tlog.lag import Lag, TreeLag  # only named here: commands that ask nothing of the trees start without

State: TypeAlias = Literal[
    "published",  # there are trees
    "waiting",  # there is a log, and no tree yet
    "no-log",  # nothing was ever recorded here
    "unknown",  # the state store cannot be asked; `fault` says why
]


class TreeRow(Struct, frozen=True):
    """One tree. `checkpoint` is the time of its last checkpoint (RFC 3339), `checkpoint_age_s` how long ago that was.

    `waiting` records are on disk and not in the tree, the oldest for `behind_s` seconds. `overdue` True: longer than
    receipts promise, so that a deadline was missed; of the hub's own tree and the root log nothing is promised.
    `anchored` of its entries are under a checkpoint in the root log. `witnesses_missing` counts those that the policy
    still wanted for the last checkpoint.
    """

    tree: str
    size: int
    checkpoint: str | None
    checkpoint_age_s: int | None
    waiting: int
    behind_s: int | None
    overdue: bool
    anchored: int
    witnesses_missing: int


class LogStatus(Struct, frozen=True):
    """All trees, the root log apart. `fault` says why no more records are put into trees, "" if nothing hinders.

    `complete` False: more records wait than were counted. `due_s` is how long receipts promise at most.
    """

    state: State
    origin: str = ""
    trees: tuple[TreeRow, ...] = ()
    root: TreeRow | None = None
    due_s: int = 0
    complete: bool = True
    fault: str = ""


def log_status(lag: "Lag", due_s: int, now_us: int) -> LogStatus:
    """What the sequencer's lag means `now_us` (Unix microseconds), when receipts promise `due_s` seconds."""
    return LogStatus(
        state="published" if lag.committed_us is not None else "waiting",
        origin=lag.origin,
        trees=tuple(_row(tree, due_s, now_us) for tree in lag.trees),
        root=None if lag.root is None else _row(lag.root, due_s, now_us),
        due_s=due_s,
        complete=lag.complete,
        fault=lag.fault,
    )


def _row(tree: "TreeLag", due_s: int, now_us: int) -> TreeRow:
    made_us, waits_us = tree.checkpoint_us, tree.oldest_waiting_us
    promised = partner_of(tree.tree) is not None
    behind_us = None if waits_us is None else max(0, now_us - waits_us)
    return TreeRow(
        tree=tree.tree,
        size=tree.size,
        checkpoint=None if made_us is None else datetime.fromtimestamp(made_us // 1_000_000, UTC).isoformat(),
        checkpoint_age_s=None if made_us is None else max(0, now_us - made_us) // 1_000_000,
        waiting=tree.waiting,
        behind_s=None if behind_us is None else behind_us // 1_000_000,
        overdue=promised and behind_us is not None and behind_us > due_s * 1_000_000,
        anchored=tree.anchored,
        witnesses_missing=tree.missing,
    )
