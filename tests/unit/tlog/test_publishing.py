"""A published checkpoint is never replaced by an earlier one, and only by the sequencer that commits."""

import pytest

from gateway.store.log_state import TreeState
from gateway.tlog.checkpoint import Checkpoint, sign_checkpoint
from gateway.tlog.layout import HUB
from gateway.tlog.publishing import Publisher
from tests.unit.tlog.segment_log import KEYS, MemoryTarget


class Notes(MemoryTarget):
    """Takes checkpoints of trees that are made up, and have no tiles."""

    def _check_durable(self, tree: str, note: bytes) -> None:
        pass


def head(size: int, anchors: int = 0) -> TreeState:
    """A head of the hub's tree; its root is made up."""
    root = bytes([size]) * 32
    note = sign_checkpoint(Checkpoint(KEYS.origin_of(HUB), size, root), KEYS.signer(HUB))
    return TreeState(HUB, size, root, note.encode().decode(), 1, anchors)


def publisher(target: MemoryTarget, *, ours: bool = True) -> Publisher:
    async def is_ours() -> bool:
        return ours

    async def note_missing(_tree: TreeState, _missing: int) -> None:
        raise AssertionError("no witness is asked")

    return Publisher(target, None, is_ours, note_missing)


async def test_one_that_was_held_up_does_not_take_a_later_checkpoint_back() -> None:
    target = Notes()
    assert await publisher(target).publish([head(20)])
    assert await publisher(target).publish([head(10)])
    assert target.files["hub/checkpoint"] == head(20).checkpoint.encode()
    assert await publisher(target).publish([head(21)])
    assert target.files["hub/checkpoint"] == head(21).checkpoint.encode()


async def test_one_that_has_lost_publishes_nothing() -> None:
    target = Notes()
    assert not await publisher(target, ours=False).publish([head(20)], [head(20, anchors=3)])
    assert target.files == {}


async def test_the_list_of_anchors_is_published_with_its_count() -> None:
    target = Notes()
    await publisher(target).publish([], [head(20, anchors=3)])
    assert target.files == {"hub/anchors/latest": b"3\n"}


@pytest.mark.parametrize(("published", "said"), [(head(19), None), (head(20), None), (head(21), "hub/checkpoint")])
async def test_what_is_published_and_ahead_of_what_is_committed_is_left_and_named(
    published: TreeState, said: str | None
) -> None:
    target = Notes()
    await publisher(target).publish([published])
    assert await publisher(target).republish([head(20)]) == said
    assert target.files["hub/checkpoint"] == (published if said else head(20)).checkpoint.encode()


async def test_another_root_at_the_same_size_contradicts() -> None:
    target = Notes()
    fork = sign_checkpoint(Checkpoint(KEYS.origin_of(HUB), 20, b"f" * 32), KEYS.signer(HUB)).encode()
    target.files["hub/checkpoint"] = fork
    assert await publisher(target).republish([head(20)]) == "hub/checkpoint"
    assert target.files["hub/checkpoint"] == fork
