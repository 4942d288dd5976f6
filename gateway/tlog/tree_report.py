"""What checking a published tree finds: a report, or the first fault with its place."""

from collections.abc import Callable, Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from gateway.tlog.anchors import RootEntry

Kind: TypeAlias = Literal["root", "hub", "partner", "empty"]
Progress: TypeAlias = Callable[[int, int], None]
"""Called with (entries checked, entries in all) now and then."""
NO_INDEX: Final = -1


class TreeFault(Struct, frozen=True):
    """The first place where a tree is not what its checkpoint says, or not what a log may hold.

    `kind`: unreadable, checkpoint, key, signature, quorum, tile, bundle, leaf-hash, hash, root, stray; of an entry:
    shape, version, partner, seq, epoch, partner-seq, root-entry; and those of anchor_check.py and matching.py. `tree`
    is where the tree is, `path` the file in it, `index` the entry's, NO_INDEX where there is none. `expected` and
    `found` hold numbers, hashes and names, never a recorded value.
    """

    kind: str
    tree: str
    path: str
    index: int
    expected: str
    found: str


class WriterInTree(Struct, frozen=True):
    """What a tree holds of one writer: how many records, where it is in that writer's log, and since when.

    `hashes` is SHA-256 over the leaf hashes in order, `last_time_us` the time of the last record.
    """

    writer: str
    records: int
    last_epoch: int
    last_seq: int
    last_partner_seq: int
    last_time_us: int
    hashes: str


class TreeReport(Struct, frozen=True):
    """A tree that is what its checkpoint says.

    `partner` is "" for the hub's own tree and the root log. `key` is the vkey that its checkpoint was checked by,
    `key_given` False: it was taken from beside the tree. `cosigned` are witnesses of the policy with the times of their
    cosignatures (Unix seconds); `quorum_met` None: there was no policy.
    """

    where: str
    kind: Kind
    partner: str
    origin: str
    size: int
    root: str
    key: str
    key_given: bool
    cosigned: dict[str, int]
    quorum_met: bool | None
    writers: tuple[WriterInTree, ...]


class Watch(Struct, frozen=True):
    """What else is to be learned on the way.

    `sizes`, ascending and each once, are those at which `root_at(size, root)` is to be called; `root_entry(index,
    entry)` is called for each entry of a root log.
    """

    sizes: Sequence[int] = ()
    root_at: Callable[[int, bytes], None] = lambda _size, _root: None
    root_entry: Callable[[int, RootEntry], None] = lambda _index, _entry: None


class UnsoundError(Exception):
    """Carries a fault out of the walk that found it, to where it becomes a value again."""

    def __init__(self, fault: TreeFault) -> None:
        super().__init__(fault.kind)
        self.fault = fault
