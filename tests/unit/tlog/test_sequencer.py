"""Every record stands in its partner's tree once, whatever dies when, and no checkpoint ever contradicts another."""

import asyncio
from pathlib import Path

import pytest

from gateway.store.log_state import LogState
from gateway.tlog.layout import ROOT
from gateway.tlog.sequencer import Lost, Sequencer, SequencerFault, Step
from tests.unit.tlog.lives import (
    Died,
    Mortal,
    MortalStates,
    MortalTarget,
    Stage,
    catch_up,
    check_everything,
    published,
    survive,
    whole_life,
)
from tests.unit.tlog.segment_log import KEYS, MemoryTarget


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


async def test_a_log_that_grows_while_a_step_is_unfinished_changes_nothing_of_what_it_wrote(tmp_path: Path) -> None:
    """Whoever goes on finds more records of the writer that comes first by name: they would move all that follow."""

    async def life(stage: Stage) -> bool:
        """Whether it died, and was followed by another one that found more."""
        one, two = stage.writers
        one.add("swift", 120)  # with the other's more than a tile, and each below its share of a step
        two.add("swift", 140)
        died = False
        sequencer = stage.sequencer()
        try:
            await catch_up(sequencer)
        except Died:
            died = True
        finally:
            await sequencer.close()
        one.add("swift", 7)
        await survive(stage, catch_up)
        check_everything(stage)
        return died

    undisturbed = Stage(tmp_path / "whole")
    await life(undisturbed)
    deaths = [await life(Stage(tmp_path / f"{at}", Mortal(at))) for at in range(undisturbed.mortal.actions)]
    assert deaths.count(True) > 20


async def test_who_finishes_a_step_of_another_says_that_there_may_be_more(tmp_path: Path) -> None:
    stage = Stage(tmp_path, Mortal(2))  # behind the commit of the intent, at the first file
    stage.write_first()
    with pytest.raises(Died):
        await stage.sequencer().step()
    assert stage.states.state.intent is not None
    stage.mortal.at = -1
    done = await stage.sequencer().step()
    assert isinstance(done, Step)
    assert done.more


async def test_several_deaths_one_after_the_other_change_nothing_either(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
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


class Overtaken(MortalStates):
    """As soon as an intent is committed, `other` fulfils it and whatever there is besides."""

    other: Sequencer | None = None

    async def swap(self, before: LogState, after: LogState) -> LogState | None:
        done = await super().swap(before, after)
        other, self.other = self.other, None
        if other is not None:
            await catch_up(other)
        return done


async def test_files_that_a_faster_one_has_taken_away_are_no_fault_of_the_tree(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.states = Overtaken(stage.mortal)
    stage.writers[0].add("swift", 140)
    one = stage.sequencer()
    await catch_up(one)
    stage.writers[0].add("swift", 140)  # fills the tile: the partial ones that `one` begins with are stale then
    stage.states.other = stage.sequencer()
    assert await one.step() == Lost()
    assert stage.states.state.fault == ""
    check_everything(stage)


class Twin(MortalTarget):
    """Behind every flush a slower sequencer, at work on the same intent, writes the same files once more."""

    def __init__(self, mortal: Mortal) -> None:
        super().__init__(mortal)
        self.late: dict[str, bytes] = {}

    def write(self, path: str, data: bytes) -> None:
        super().write(path, data)
        if "/tile/" in path:
            self.late[path] = data

    def flush(self) -> None:
        super().flush()
        late, self.late = self.late, {}
        for path, data in late.items():
            MemoryTarget.write(self, path, data)


async def test_a_slower_one_that_writes_the_same_files_again_takes_no_durability_from_them(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.target = Twin(stage.mortal)
    await whole_life(stage)
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
