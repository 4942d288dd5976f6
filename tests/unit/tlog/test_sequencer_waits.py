"""What a sequencer waits for: space, witnesses, records; and what it says of how far it is behind."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

from gateway.audit.leaf import Authority
from gateway.tlog.lag import measure_lag, read_lag
from gateway.tlog.note import Note
from gateway.tlog.sequencer import SequencerFault, Step
from gateway.tlog.tiles import TileTree
from tests.unit.tlog.lives import (
    Stage,
    catch_up,
    check_everything,
    survive,
)
from tests.unit.tlog.segment_log import MemoryTarget


class FullTarget(MemoryTarget):
    """A disk that is full for a while."""

    full = False

    def write(self, path: str, data: bytes) -> None:
        if self.full:
            raise OSError(28, "No space left on device")
        super().write(path, data)


async def test_a_full_disk_holds_the_trees_up_until_there_is_space(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    target = FullTarget()
    stage.target = target  # type: ignore[assignment]
    stage.write_first()
    sequencer = stage.sequencer()
    target.full = True
    assert await sequencer.step() == SequencerFault("unwritable", "files", "ENOSPC")
    target.full = False
    await catch_up(sequencer)
    check_everything(stage)


class SlowWitness:
    """Cosigns nothing, and takes until it is let go."""

    def __init__(self) -> None:
        self.free = asyncio.Event()
        self.asked: list[tuple[str, int]] = []

    async def collect(self, tree: str, note: Note, tiles: TileTree) -> Note:
        self.asked.append((tree, tiles.size))
        if tree == "hub":
            await self.free.wait()
        return note

    def quorum_missing(self, tree: str, _note: Note) -> Sequence[str]:
        return ("w1", "w2") if tree == "hub" else ()


async def test_a_slow_witness_holds_up_its_own_tree_alone_and_gets_the_latest_checkpoint(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    witness = SlowWitness()
    sequencer = stage.sequencer(cosigner=witness)
    for _ in range(3):
        stage.writers[0].append("", Authority(1, "key-created", "k"))
        stage.writers[0].add("swift")
        assert isinstance(await sequencer.step(), Step)
    for _ in range(1_000_000):
        if b"/swift\n3\n" in stage.target.files.get("partners/swift/checkpoint", b""):
            break
        await asyncio.sleep(0)
    assert b"/swift\n3\n" in stage.target.files["partners/swift/checkpoint"]
    assert "hub/checkpoint" not in stage.target.files
    witness.free.set()
    await sequencer.close()
    size = stage.states.state.trees["hub"].size
    assert [asked for asked in witness.asked if asked[0] == "hub"] == [("hub", 3), ("hub", size)]
    assert b"\n%d\n" % size in stage.target.files["hub/checkpoint"]
    assert stage.states.missing == {"hub": 2}


async def test_the_lag_says_what_waits_since_when(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.write_first()
    before = read_lag(stage.states.state, stage.log)
    assert (before.committed_us, before.root, before.origin, before.complete) == (None, None, "", True)
    assert {tree.tree: (tree.size, tree.waiting) for tree in before.trees} == {
        "hub": (0, 5),
        "partners/harbor": (0, 3),
        "partners/swift": (0, 250),
    }
    assert {tree.oldest_waiting_us for tree in before.trees} == {1, 1_000_001, 1_000_241}
    await survive(stage, catch_up)
    stage.writers[1].add("harbor")
    behind = await measure_lag(stage.states, stage.log)
    assert {tree.tree: tree.waiting for tree in behind.trees if tree.waiting} == {"partners/harbor": 1}
    assert behind.root is not None
    assert (behind.root.size, behind.root.waiting) == (3, 0)
    await stage.sequencer().step()
    behind = await measure_lag(stage.states, stage.log)
    assert behind.root is not None
    assert behind.root.waiting == 1
    assert behind.root.oldest_waiting_us == stage.states.state.trees["partners/harbor"].committed_us


async def test_the_lag_of_a_log_that_was_rolled_back_is_a_fault(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.write_first()
    await survive(stage, catch_up)
    data = stage.writers[0].path.read_bytes()
    stage.writers[0].path.write_bytes(data[:-10])
    assert "rolled back" in (await measure_lag(stage.states, stage.log)).fault
