"""Makes committed checkpoints public: with the cosignatures of witnesses where a policy wants them, never backwards."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Protocol

from gateway.store.faults import StoreError
from gateway.store.log_state import TreeState
from gateway.tlog import anchors
from gateway.tlog.checkpoint import SignedCheckpoint, parse_checkpoint
from gateway.tlog.layout import CHECKPOINT, ROOT
from gateway.tlog.note import Note, parse_note
from gateway.tlog.target import Target
from gateway.tlog.tiles import TileTree


class Cosigner(Protocol):
    """Asks the witnesses of a tree; see cosigning.Cosigning. Raises nothing."""

    async def collect(self, tree: str, note: Note, tiles: TileTree) -> Note:
        """The checkpoint with the cosignatures that came in time."""

    def quorum_missing(self, tree: str, note: Note) -> Sequence[str]:
        """Witnesses that the policy still wants."""


class Publisher:
    """Writes `checkpoint` and `anchors/latest` files.

    `is_ours` says whether this sequencer is still the one that commits: one that has lost publishes nothing more.
    `note_missing` is told how many witnesses each checkpoint still wanted when it was published.
    """

    def __init__(
        self,
        target: Target,
        cosigner: Cosigner | None,
        is_ours: Callable[[], Awaitable[bool]],
        note_missing: Callable[[TreeState, int], Awaitable[None]],
    ) -> None:
        self._target, self._cosigner = target, cosigner
        self._is_ours, self._note_missing = is_ours, note_missing
        self._wanted: dict[str, TreeState] = {}
        self._running: dict[str, asyncio.Task[None]] = {}
        self._failed: OSError | StoreError | None = None

    async def publish(self, heads: Iterable[TreeState], listed: Iterable[TreeState] = ()) -> bool:
        """Publish new heads, and the lists of those whose anchors have grown; False: this sequencer has lost.

        Witnesses are waited for elsewhere, not here. Raises OSError, also for what failed since the last call.
        """
        if self._failed is not None:
            failed, self._failed = self._failed, None
            raise failed
        if not await self._is_ours():
            return False
        changed = list(heads)
        # Who finds an entry in the root log must find it in the partner's list too: the list is first.
        await asyncio.to_thread(self._write_lists, list(listed))
        if self._cosigner is None:
            await asyncio.to_thread(self._write_heads, changed)
            return True
        for tree in changed:
            self._wanted[tree.name] = tree
            if tree.name not in self._running:
                self._running[tree.name] = asyncio.create_task(self._cosign(self._cosigner, tree.name))
        return True

    async def republish(self, trees: Iterable[TreeState]) -> str | None:
        """Publish what a crash has kept from being published.

        Returns the path of a published checkpoint that contradicts what is committed, or is ahead of it: nothing is
        published then, for the state store has forgotten something. Raises OSError.
        """
        known = list(trees)
        for tree in known:
            if await asyncio.to_thread(self._contradicts, tree):
                return f"{tree.name}/{CHECKPOINT}"
        heads = await asyncio.to_thread(lambda: [tree for tree in known if self._is_behind(tree)])
        lists = await asyncio.to_thread(lambda: [tree for tree in known if self._is_list_behind(tree)])
        if heads or lists:
            await self.publish(heads, lists)
        return None

    async def drain(self) -> None:
        """Return when every checkpoint that waits for witnesses is published, or given up."""
        while self._running:
            await asyncio.gather(*self._running.values())

    async def _cosign(self, cosigner: Cosigner, name: str) -> None:
        """Publish a tree's latest head until there is no later one."""
        try:
            while (tree := self._wanted.pop(name, None)) is not None:
                tiles = TileTree(lambda path: self._target.read(f"{name}/{path}"), tree.size)
                note = await cosigner.collect(name, _note_of(tree), tiles)
                if not await self._is_ours():
                    return
                await asyncio.to_thread(self._write, tree, note.encode())
                await self._note_missing(tree, len(cosigner.quorum_missing(name, note)))
        except (OSError, StoreError) as error:
            self._failed = error
        finally:
            del self._running[name]

    def _write_lists(self, trees: list[TreeState]) -> None:
        for tree in trees:
            self._target.write(f"{tree.name}/{anchors.LATEST}", anchors.format_latest(tree.anchors))

    def _write_heads(self, trees: list[TreeState]) -> None:
        for tree in trees:
            self._write(tree, tree.checkpoint.encode())

    def _write(self, tree: TreeState, note: bytes) -> None:
        """Another sequencer may be ahead by now: a checkpoint is never replaced by an earlier one."""
        published = self._published(tree)
        if published is None or published.checkpoint.size <= tree.size:
            self._target.write(f"{tree.name}/{CHECKPOINT}", note)

    def _published(self, tree: TreeState) -> SignedCheckpoint | None:
        data = self._target.read(f"{tree.name}/{CHECKPOINT}")
        return None if data is None else parse_checkpoint(data)

    def _contradicts(self, tree: TreeState) -> bool:
        published = self._published(tree)
        if published is None or published.checkpoint.size < tree.size:
            return False
        return published.note.text != _note_of(tree).text

    def _is_behind(self, tree: TreeState) -> bool:
        published = self._published(tree)
        return published is None or published.note.text != _note_of(tree).text

    def _is_list_behind(self, tree: TreeState) -> bool:
        listed = tree.anchors > 0 and tree.name != ROOT
        return listed and self._target.read(f"{tree.name}/{anchors.LATEST}") != anchors.format_latest(tree.anchors)


def _note_of(tree: TreeState) -> Note:
    note = parse_note(tree.checkpoint.encode())
    assert note is not None  # noqa: S101 - we signed it
    return note
