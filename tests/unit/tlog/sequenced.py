"""A log of two writers, its trees and its root log, made by the real sequencer; and copies of it to tamper with."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from pathlib import Path

from gateway.audit.leaf import decode
from gateway.tlog.checkpoint import Checkpoint, sign_checkpoint
from gateway.tlog.layout import CHECKPOINT, VKEY
from gateway.tlog.local_target import LocalTarget
from gateway.tlog.merkle import Frontier, leaf_hashes_of, parents_of
from gateway.tlog.sequencer import Sequencer, Step
from gateway.tlog.source import Source
from gateway.tlog.tiles import WIDTH, TilePath, TileTree, encode_bundle
from tests.unit.tlog.segment_log import KEYS, MemoryStates, SegmentLog

PARTNER = "swift"
TREE = f"partners/{PARTNER}"


class Log:
    """Segments below `folder`, trees at `folder/tree`."""

    def __init__(self, folder: Path, writers: Sequence[str] = ("gw-1", "gw-2"), version: int = 2) -> None:
        self.folder = folder
        self.writers = [SegmentLog(folder, writer, version) for writer in writers]
        clock = count(1_790_000_000_000_000)
        target = LocalTarget(folder / "tree")
        self._sequencer = Sequencer(MemoryStates(), target, folder, KEYS, clock_us=lambda: next(clock))

    def add(self, partner: str, records: int) -> None:
        """So many records of a partner, by the writers in turn."""
        for number in range(records):
            self.writers[number % len(self.writers)].add(partner)

    def sequence(self, *, anchor: bool = True) -> None:
        """Everything into the trees, and their checkpoints into the root log."""

        async def run() -> None:
            for action in (self._sequencer.step, self._sequencer.step, *([self._sequencer.anchor] if anchor else [])):
                done = await action()
                assert isinstance(done, Step), done

        asyncio.run(run())


def some_log(folder: Path) -> Log:
    """600 records of one partner and 10 of another, sequenced and anchored in three rounds."""
    log = Log(folder)
    for records in (200, 300, 100):
        log.add(PARTNER, records)
        log.add("other", records // 50)
        log.sequence()
    return log


def files_in(folder: Path) -> dict[str, bytes]:
    """Every file by its path below the folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def memory_source(files: dict[str, bytes], where: str = "memory") -> Source:
    """The files as a source, which can be changed while it is there."""

    def names(below: str) -> Iterator[str]:
        start = f"{below}/" if below else ""
        return (path.removeprefix(start) for path in sorted(files) if path.startswith(start))

    return Source(where, files.get, 1, names)


def entries_of(files: dict[str, bytes], tree: str, size: int) -> list[bytes]:
    """The entries of a tree that is published in these files."""
    return list(TileTree(lambda path: files.get(f"{tree}/{path}"), size).entries(0, size))


def published(entries: Iterable[bytes], tree: str = TREE) -> dict[str, bytes]:
    """A tree of any entries, as somebody who has the hub's keys could publish it."""
    held = list(entries)
    hashes = leaf_hashes_of(held)
    signer = KEYS.signer(tree)
    head = Checkpoint(KEYS.origin_of(tree), len(held), Frontier().extended(hashes).root())
    files = {CHECKPOINT: sign_checkpoint(head, signer).encode(), VKEY: f"{signer.verifier.text()}\n".encode()}
    for index, first in enumerate(range(0, len(held), WIDTH)):
        bundle = held[first : first + WIDTH]
        files[TilePath("entries", index, len(bundle)).text()] = encode_bundle(bundle)
    level = 0
    while hashes:
        for index, first in enumerate(range(0, len(hashes), WIDTH)):
            tile = hashes[first : first + WIDTH]
            files[TilePath(level, index, len(tile)).text()] = b"".join(tile)
        for _ in range(8):
            hashes = parents_of(hashes)
        level += 1
    return files


def writer_of(entry: bytes) -> str:
    leaf = decode(entry)
    assert leaf is not None
    return leaf.at.writer
