"""Every record stands in its partner's tree once, whatever dies when, and no checkpoint ever contradicts another."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.leaf import Authority
from gateway.store.log_state import LogState
from gateway.tlog.anchors import parse_latest, parse_root_entry, read_anchors, root_entry
from gateway.tlog.checkpoint import Checkpoint, open_checkpoint
from gateway.tlog.lag import measure_lag, read_lag
from gateway.tlog.layout import ROOT, tree_of
from gateway.tlog.note import Note
from gateway.tlog.sequencer import Lost, Sequencer, SequencerFault, SequencerOptions, Step
from gateway.tlog.tiles import Fetch, TileTree
from tests.unit.tlog.segment_log import KEYS, MemoryStates, MemoryTarget, Roots, SegmentLog

RECORDS_MAX = 300


class Died(BaseException):
    """The process ends here."""


class Mortal:
    """Counts the actions of a target and a state; dies at one of them, before or after it is done."""

    def __init__(self, at: int = -1, *, after: bool = False) -> None:
        self.at, self.after, self.actions = at, after, 0

    def act(self, do: Callable[[], Any]) -> Any:
        self.actions += 1
        dies = self.actions - 1 == self.at
        if dies and not self.after:
            raise Died
        done = do()
        if dies:
            raise Died
        return done


class MortalTarget(MemoryTarget):
    def __init__(self, mortal: Mortal) -> None:
        super().__init__()
        self.mortal = mortal

    def write(self, path: str, data: bytes) -> None:
        self.mortal.act(lambda: super(MortalTarget, self).write(path, data))

    def remove(self, paths: Iterable[str]) -> None:
        self.mortal.act(lambda: super(MortalTarget, self).remove(paths))

    def flush(self) -> None:
        self.mortal.act(super().flush)


class MortalStates(MemoryStates):
    def __init__(self, mortal: Mortal) -> None:
        super().__init__()
        self.mortal = mortal

    async def swap(self, before: LogState, after: LogState) -> LogState | None:
        self.mortal.act(lambda: None)
        done = await super().swap(before, after)
        self.mortal.act(lambda: None)
        return done


class Stage:
    """A log of two writers, and whatever sequencers are put to work on it."""

    def __init__(self, folder: Path, mortal: Mortal | None = None) -> None:
        self.log = folder / "log"
        self.mortal = mortal or Mortal()
        self.states, self.target = MortalStates(self.mortal), MortalTarget(self.mortal)
        self.writers = [SegmentLog(self.log, "gw-1"), SegmentLog(self.log, "gw-2", version=1)]
        self._clock = count(1_800_000_000_000_000)

    def sequencer(self, **more: Any) -> Sequencer:
        options = SequencerOptions(records_max=RECORDS_MAX)
        clock: Callable[[], int] = lambda: next(self._clock)  # noqa: E731
        return Sequencer(self.states, self.target, self.log, KEYS, clock_us=clock, options=options, **more)

    def entries(self, tree: str) -> list[bytes]:
        head = self.states.state.trees[tree]
        return list(TileTree(self.fetch(tree), head.size).entries(0, head.size))

    def fetch(self, tree: str) -> Fetch:
        return lambda path: self.target.read(f"{tree}/{path}")

    def write_first(self) -> None:
        one, two = self.writers
        one.add("swift", 240)
        two.add("swift", 10)
        one.add("harbor", 3)
        two.open_epoch()
        two.add("", 2)

    def write_second(self) -> None:
        one, two = self.writers
        one.rotate()
        one.open_epoch()
        one.add("swift", 290)
        two.add("harbor", 1)
        two.rotate()
        two.add("delta", 5)


async def catch_up(sequencer: Sequencer) -> None:
    """Everything there is, the root log included."""
    for action in (sequencer.step, sequencer.anchor):
        while True:
            done = await action()
            assert isinstance(done, Step), done
            if not (done.records or done.anchored or done.more):
                break


async def survive(stage: Stage, work: Callable[[Sequencer], Awaitable[None]]) -> None:
    """Do the work; when the process dies, a new one does it again."""
    while True:
        sequencer = stage.sequencer()
        try:
            await work(sequencer)
        except Died:
            continue
        finally:
            await sequencer.close()
        return


async def whole_life(stage: Stage) -> None:
    stage.write_first()
    await survive(stage, catch_up)
    stage.write_second()
    await survive(stage, catch_up)


def check_everything(stage: Stage) -> None:
    """Every record once, in order; every checkpoint that was ever published is one of the same growing tree."""
    written: dict[str, list[tuple[str, list[bytes]]]] = {}
    for writer in stage.writers:
        for partner in {partner for partner, _ in writer.leaves}:
            ours = [raw for of, raw in writer.leaves if of == partner]
            written.setdefault(tree_of(partner), []).append((writer.writer, ours))
    assert {*stage.states.state.trees} == {*written, ROOT}
    for tree, by_writer in written.items():
        entries = stage.entries(tree)
        assert sorted(entries) == sorted(raw for _, ours in by_writer for raw in ours)
        for _, ours in by_writer:
            assert [raw for raw in entries if raw in ours] == ours
    sizes: dict[str, int] = {}
    roots = {tree: Roots(stage.entries(tree)) for tree in stage.states.state.trees}
    for path, data in stage.target.checkpoints:
        tree = path.removesuffix("/checkpoint")
        opened = open_checkpoint(data, KEYS.verifier(tree))
        assert opened is not None
        size = opened.checkpoint.size
        assert size >= sizes.get(tree, 0)
        assert opened.checkpoint.root == roots[tree].root(size)
        sizes[tree] = size
    assert sizes == {name: head.size for name, head in stage.states.state.trees.items()}
    assert stage.target.rewritten == []
    check_anchors(stage)


def check_anchors(stage: Stage) -> None:
    root = [parse_root_entry(entry) for entry in stage.entries(ROOT)]
    seen = set()
    for tree, head in stage.states.state.trees.items():
        if tree == ROOT:
            continue
        assert head.anchored_size == head.size
        latest = parse_latest(stage.target.files[f"{tree}/anchors/latest"])
        assert latest == head.anchors
        roots = Roots(stage.entries(tree))
        for anchor in read_anchors(stage.fetch(tree), head.anchors):
            text = Checkpoint(KEYS.origin_of(tree), anchor.size, roots.root(anchor.size)).text()
            assert root[anchor.root_index] == root_entry(KEYS.blinding_key(tree), anchor.number, text)
            seen.add(anchor.root_index)
    assert seen == set(range(len(root)))


def published(target: MemoryTarget) -> dict[str, bytes]:
    """All files but partial tiles, which a death may leave behind."""
    return {path: data for path, data in target.files.items() if ".p/" not in path}


async def test_every_record_of_all_writers_is_put_into_its_tree_once(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await whole_life(stage)
    check_everything(stage)
    assert len(stage.entries("partners/swift")) == 540
    assert stage.target.files["partners/swift/vkey"] == f"{KEYS.verifier('partners/swift').text()}\n".encode()
    assert stage.target.files["partners/swift/anchors/key"] == f"{KEYS.blinding_key('partners/swift').hex()}\n".encode()
    assert f"{ROOT}/anchors/key" not in stage.target.files


async def test_the_partial_tiles_that_full_ones_replace_are_taken_away(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    await whole_life(stage)
    partial = [path for path in stage.target.files if path.startswith("partners/swift/tile") and ".p/" in path]
    assert {path.rpartition(".p/")[0] for path in partial} == {
        "partners/swift/tile/0/002",
        "partners/swift/tile/entries/002",
        "partners/swift/tile/1/000",
    }


@pytest.mark.parametrize("after", [False, True])
async def test_a_death_at_any_action_leaves_what_the_next_one_finishes_with_the_same_bytes(
    tmp_path: Path, after: bool
) -> None:
    undisturbed = Stage(tmp_path / "whole")
    await whole_life(undisturbed)
    actions = undisturbed.mortal.actions
    assert actions > 80
    for at in range(actions):
        stage = Stage(tmp_path / f"{at}", Mortal(at, after=after))
        await whole_life(stage)
        assert stage.target.rewritten == []
        assert stage.target.files.items() >= undisturbed.target.files.items()
        assert published(stage.target) == published(undisturbed.target)
        # What is published before a death is a part of what the undisturbed one publishes, in the same order.
        assert sorted(set(stage.target.checkpoints)) == sorted(set(undisturbed.target.checkpoints))


async def test_several_deaths_one_after_the_other_change_nothing_either(tmp_path: Path) -> None:
    undisturbed = Stage(tmp_path / "whole")
    await whole_life(undisturbed)
    stage = Stage(tmp_path / "dying")
    mortal = stage.mortal
    for at in (3, 7, 8, 20, 33, 34):
        mortal.at = mortal.actions + at
        stage.writers[0].add("swift", 7)
        await survive(stage, catch_up)
    check_everything(stage)


async def test_of_two_sequencers_the_slower_one_learns_that_it_has_lost(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.write_first()
    one, other = stage.sequencer(), stage.sequencer()
    assert isinstance(await one.step(), Step)
    assert isinstance(await other.step(), Step)
    stage.write_second()
    assert isinstance(await other.step(), Step)
    before = len(stage.target.checkpoints)
    assert await one.step() == Lost()
    assert len(stage.target.checkpoints) == before
    await catch_up(other)
    check_everything(stage)


async def test_two_that_work_at_the_same_time_write_the_same_trees(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    async def work(sequencer: Sequencer) -> None:
        for _ in range(20):
            await sequencer.step()
            await sequencer.anchor()

    stage.write_first()
    await asyncio.gather(work(stage.sequencer()), work(stage.sequencer()))
    stage.write_second()
    await asyncio.gather(work(stage.sequencer()), work(stage.sequencer()))
    await survive(stage, catch_up)
    check_everything(stage)


async def test_a_checkpoint_that_was_committed_and_not_published_is_published_at_the_next_start(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.write_first()
    await survive(stage, catch_up)
    whole = dict(stage.target.files)
    del stage.target.files["hub/checkpoint"], stage.target.files["partners/swift/anchors/latest"]
    await stage.sequencer().step()
    assert stage.target.files == whole


async def test_a_state_store_that_has_forgotten_a_checkpoint_ends_the_sequencing(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.write_first()
    await survive(stage, catch_up)
    backup = stage.states.state
    stage.write_second()
    await survive(stage, catch_up)
    stage.states.state = backup
    files = dict(stage.target.files)
    done = await stage.sequencer().step()
    assert isinstance(done, SequencerFault)
    assert (done.kind, done.place) == ("tree-corrupt", "hub/checkpoint")
    assert stage.target.files == files


async def test_an_empty_state_store_does_not_begin_again_over_a_published_log(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.write_first()
    await survive(stage, catch_up)
    stage.states.state = LogState()
    checkpoints = len(stage.target.checkpoints)
    done = await stage.sequencer().step()
    assert isinstance(done, SequencerFault)
    assert done.kind == "tree-corrupt"
    assert len(stage.target.checkpoints) == checkpoints


@pytest.mark.parametrize("path", ["tile/0/000.p/251", "tile/entries/000.p/251", "checkpoint"])
async def test_a_published_file_that_was_changed_is_a_fault_and_no_checkpoint_follows(
    tmp_path: Path, path: str
) -> None:
    stage = Stage(tmp_path)
    stage.write_first()
    stage.writers[0].add("swift", 1)
    await survive(stage, catch_up)
    name = f"partners/swift/{path}"
    data = bytearray(stage.target.files[name])
    data[60] ^= 1
    stage.target.files[name] = bytes(data)
    stage.write_second()
    checkpoints = len(stage.target.checkpoints)
    sequencer = stage.sequencer()
    done = await sequencer.step()
    assert isinstance(done, SequencerFault)
    assert done.kind == "tree-corrupt"
    assert done.place.startswith("partners/swift/")
    assert [each for each in stage.target.checkpoints[checkpoints:] if each[0].startswith("partners/swift")] == []
    assert stage.states.state.fault.startswith("tree-corrupt: partners/swift/")


async def test_a_damaged_segment_is_a_fault_that_names_its_place(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.write_first()
    await survive(stage, catch_up)
    length = stage.writers[0].path.stat().st_size
    stage.writers[0].add("swift", 3)
    data = bytearray(stage.writers[0].path.read_bytes())
    data[length + 60] ^= 1
    stage.writers[0].path.write_bytes(data)
    done = await stage.sequencer().step()
    assert done == SequencerFault(
        "log-corrupt", f"gw-1/00000001.seg, byte {length}", "a damaged frame with whole frames behind it"
    )


async def test_another_name_than_that_of_the_first_checkpoint_is_refused(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.states.state = LogState(generation=4, origin="another.example/log")
    done = await stage.sequencer().step()
    assert isinstance(done, SequencerFault)
    assert done.kind == "origin"


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
