"""The rule that ties a record to the one before it, the same for recovery and for verification."""

from msgspec import Struct

from gateway.audit.leaf import VERSIONS, Leaf, Opening


class Link(Struct, frozen=True, gc=False):
    """A record as the next one names it; `version` is its format's, 0 where that is not known."""

    epoch: int
    seq: int
    leaf_hash: str
    version: int = 0


GENESIS = Link(0, -1, "0" * 64)
"""What the first record of a writer's life names."""


def claimed_before(leaf: Leaf) -> Link:
    """The record that `leaf` says it follows, for a reader that starts in the middle of a log."""
    epoch = leaf.at.epoch - 1 if isinstance(leaf.entry, Opening) else leaf.at.epoch
    return Link(epoch, leaf.at.seq - 1, leaf.at.prev)


class Break(Struct, frozen=True):
    """Where a record does not follow the one before it. Both texts are numbers, hashes or names of entry types."""

    kind: str
    expected: str
    found: str


def break_between(last: Link, leaf: Leaf, writer: str) -> Break | None:
    """Whether `leaf` is the record that follows `last` in this writer's log; None if it is.

    A log may go from one version to the next and never back.
    """
    at = leaf.at
    if leaf.v != last.version and (leaf.v not in VERSIONS or leaf.v < last.version):
        return Break("version", f"{max(last.version, VERSIONS[0])} to {VERSIONS[-1]}", str(leaf.v))
    if at.writer != writer:
        return Break("writer", writer, at.writer)
    if at.seq != last.seq + 1:
        return Break("seq", str(last.seq + 1), str(at.seq))
    if at.prev != last.leaf_hash:
        return Break("prev", last.leaf_hash, at.prev)
    if at.epoch == last.epoch and type(leaf.entry) is not Opening:
        return None
    return _epoch_break(last, leaf)


def _epoch_break(last: Link, leaf: Leaf) -> Break | None:
    """An epoch begins with an Opening record that names the last record before it, and with nothing else."""
    at, entry = leaf.at, leaf.entry
    if isinstance(entry, Opening):
        if at.epoch != last.epoch + 1:
            return Break("epoch", str(last.epoch + 1), str(at.epoch))
        named = Link(entry.last_epoch, entry.last_seq, entry.last_hash, last.version)
        return None if named == last else Break("opening", _words(last), _words(named))
    if at.epoch == last.epoch + 1:
        return Break("opening", "an opening record", type(entry).__name__.lower())
    return Break("epoch", str(last.epoch), str(at.epoch))


def _words(link: Link) -> str:
    return f"epoch {link.epoch}, seq {link.seq}, hash {link.leaf_hash}"
