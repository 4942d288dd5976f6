"""What a witness says to a checkpoint whose signature is good: pure, from what it has cosigned last."""

from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

from msgspec import Struct

from gateway.tlog.checkpoint import Checkpoint
from gateway.tlog.merkle import EMPTY_ROOT, is_consistent, node_hash
from gateway.witness.protocol import Submission

Finding: TypeAlias = Literal[
    "cosigned",
    "backwards",  # it says itself that the tree became smaller
    "other-size",  # the proof starts from a size that is not the one cosigned last
    "inconsistent",  # the proof does not verify: the log misbehaves, or whoever sent it has no good proof
    "fork",  # the log has signed two trees neither of which is a prefix of the other: proven by what is at hand
]


class Verdict(Struct, frozen=True):
    """The HTTP status, and why."""

    status: int
    finding: Finding


COSIGNED: Final = Verdict(200, "cosigned")


def never_cosigned(origin: str) -> Checkpoint:
    """What counts as cosigned last for a log of which nothing is known yet."""
    return Checkpoint(origin, 0, EMPTY_ROOT)


def judge(submission: Submission, latest: Checkpoint) -> Verdict:
    """The verdict on a submission whose origin is that of `latest` and whose signature is the log's."""
    offered, old_size = submission.signed.checkpoint, submission.old_size
    forks = offered.size == latest.size and offered.root != latest.root
    if old_size > offered.size:
        return Verdict(400, "fork" if forks else "backwards")
    if old_size != latest.size or forks:
        return Verdict(409, "fork" if forks else "other-size")
    if is_consistent(latest.size, offered.size, latest.root, offered.root, submission.proof):
        return COSIGNED
    return Verdict(422, "inconsistent" if prefix_root(submission) is None else "fork")


def prefix_root(submission: Submission) -> bytes | None:
    """The root of the first `old_size` leaves of the tree that was offered, proven by its root and the proof.

    None when the proof does not lead to the root, or when it leaves out what would tell.
    """
    offered, given = submission.signed.checkpoint, submission.prefix_root
    found = _prefix_root(submission.old_size, offered, submission.proof)
    if found is None and given is not None:
        proven = is_consistent(submission.old_size, offered.size, given, offered.root, submission.proof)
        return given if proven else None
    return found


def _prefix_root(size: int, checkpoint: Checkpoint, proof: Sequence[bytes]) -> bytes | None:
    """RFC 9162 section 2.1.4.2, with the old root as a result. None when `size` is a power of two as well: such a proof
    leaves out the part that is the old tree."""
    if not 0 < size < checkpoint.size or size & (size - 1) == 0 or not proof:
        return None
    place, last = size - 1, checkpoint.size - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old_root = new_root = proof[0]
    for node in proof[1:]:
        if last == 0:
            return None
        if place & 1 or place == last:
            old_root, new_root = node_hash(node, old_root), node_hash(node, new_root)
            while place and not place & 1:
                place, last = place >> 1, last >> 1
        else:
            new_root = node_hash(new_root, node)
        place, last = place >> 1, last >> 1
    return old_root if last == 0 and new_root == checkpoint.root else None
