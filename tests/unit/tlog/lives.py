"""Sequencers that may die at any action, the log that they work on, and what must be true of the trees at any time."""

from collections.abc import Awaitable, Callable, Iterable
from itertools import count
from pathlib import Path
from typing import Any

from gateway.store.log_state import LogState
from gateway.tlog.anchors import parse_latest, parse_root_entry, read_anchors, root_entry
from gateway.tlog.checkpoint import Checkpoint, open_checkpoint
from gateway.tlog.layout import ROOT, tree_of
from gateway.tlog.sequencer import Sequencer, SequencerOptions, Step
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
