"""Puts the records of all writers into the trees, once each, and publishes checkpoints; see `Sequencer`."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

import structlog
from msgspec import Struct, structs

from gateway.audit.faults import name_of
from gateway.store.faults import StoreError
from gateway.store.log_state import Anchoring, LogState, Records, TreeState
from gateway.tlog.feed import BYTES_MAX, RECORDS_MAX, Batch, Feed, FeedFault
from gateway.tlog.growing import Corrupt, Growing, Outcome, unanchored
from gateway.tlog.keys import LogKeys
from gateway.tlog.layout import ROOT
from gateway.tlog.publishing import Cosigner, Publisher
from gateway.tlog.target import Target

_log = structlog.get_logger(__name__)


class Step(Struct, frozen=True):
    """What a step did: records put into how many trees, checkpoints anchored. `more` True: more records wait."""

    records: int
    trees: int
    anchored: int
    more: bool


class Lost(Struct, frozen=True):
    """Another sequencer was faster: it goes on, this one is to end."""


FaultKind: TypeAlias = Literal[
    "log-corrupt",  # the segments are damaged, were rolled back, or do not follow what is in the trees
    "tree-corrupt",  # what was read back from the published files is not what belongs there
    "origin",  # the settings name the log differently than its checkpoints do
    "unwritable",  # a disk, an object store or the state store does not answer
]


class SequencerFault(Struct, frozen=True):
    """Why the sequencer stops. `place` is a file, `detail` numbers, hashes or an errno, never a record's value."""

    kind: FaultKind
    place: str
    detail: str


Done: TypeAlias = Step | Lost | SequencerFault


class States(Protocol):
    """Where the committed state is kept; see log_state.LogStates, whose methods these are. All raise StoreError."""

    async def load(self) -> LogState: ...

    async def swap(self, before: LogState, after: LogState) -> LogState | None: ...

    async def is_current(self, generation: int) -> bool: ...

    async def note_missing(self, tree: str, missing: int) -> None: ...

    async def note_fault(self, generation: int, fault: str) -> None: ...


class SequencerOptions(Struct, frozen=True):
    """How much one step takes on: it holds all of it in memory."""

    records_max: int = RECORDS_MAX
    bytes_max: int = BYTES_MAX


class Sequencer:
    """One of possibly several at the same log; only one of them commits.

    A step goes: an intent is committed, which says what the step does and nothing else may be done before it is; files
    that follow from it are written, made durable, read back and checked; the new heads are committed, with their signed
    checkpoints; these are published. It may end after any of these actions, with the process: the next sequencer finds
    the intent, and writes the same bytes to the same paths. Not for several tasks at once.
    """

    def __init__(
        self,
        states: States,
        target: Target,
        log: Path,
        keys: LogKeys,
        *,
        clock_us: Callable[[], int],
        cosigner: Cosigner | None = None,
        options: SequencerOptions = SequencerOptions(),  # noqa: B008 - frozen
    ) -> None:
        self._states, self._target, self._keys = states, target, keys
        self._clock_us, self._options = clock_us, options
        self._feed = Feed(log)
        self._growing = Growing(target, keys)
        self._publisher = Publisher(target, cosigner, self._is_ours, self._note_missing)
        self._state: LogState | None = None
        self._changing = asyncio.Lock()

    async def step(self) -> Done:
        """Finish what was begun, or else put records into the trees that are not in them yet, up to a limit."""
        return await self._guarded(self._step)

    async def anchor(self) -> Done:
        """Finish what was begun, or else put the checkpoints of all trees that have changed into the root log."""
        return await self._guarded(self._anchor)

    async def close(self) -> None:
        """Wait for checkpoints that are on their way, and let go of the segments."""
        await self._publisher.drain()
        await asyncio.to_thread(self._feed.close)

    async def _step(self, state: LogState) -> Done:
        limits = self._options
        batch = await asyncio.to_thread(
            self._feed.read, state.positions, records_max=limits.records_max, bytes_max=limits.bytes_max
        )
        if isinstance(batch, FeedFault):
            return _feed_fault(batch)
        if batch.records == 0:
            return Step(0, 0, 0, False)
        intended = await self._swap(state, structs.replace(state, intent=Records(batch.upto)))
        return Lost() if intended is None else await self._put(intended, batch)

    async def _anchor(self, state: LogState) -> Done:
        if not unanchored(state.trees):
            return Step(0, 0, 0, False)
        intended = await self._swap(state, structs.replace(state, intent=Anchoring()))
        return Lost() if intended is None else await self._put_anchors(intended)

    async def _resume(self, state: LogState) -> Done:
        """Do what is intended, whoever began it. What else there is to do shows afterwards."""
        if isinstance(state.intent, Records):
            batch = await asyncio.to_thread(self._feed.read_upto, state.positions, state.intent.upto)
            done = _feed_fault(batch) if isinstance(batch, FeedFault) else await self._put(state, batch)
        else:
            done = await self._put_anchors(state)
        return structs.replace(done, more=True) if isinstance(done, Step) else done

    async def _put(self, state: LogState, batch: Batch) -> Done:
        grown = await asyncio.to_thread(self._growing.put, state.trees, batch.trees, self._clock_us())
        after = structs.replace(state, positions=batch.upto)
        return await self._commit(state, after, grown, Step(batch.records, len(batch.trees), 0, batch.more))

    async def _put_anchors(self, state: LogState) -> Done:
        count = len(unanchored(state.trees))
        grown = await asyncio.to_thread(self._growing.anchor, state.trees, self._clock_us())
        return await self._commit(state, state, grown, Step(0, 0, count, False))

    async def _commit(self, before: LogState, after: LogState, grown: Outcome, step: Step) -> Done:
        if isinstance(grown, Corrupt):
            return SequencerFault("tree-corrupt", grown.path, grown.detail)
        trees = {**before.trees, **grown.trees}
        committed = await self._swap(before, structs.replace(after, intent=None, trees=trees))
        if committed is None:
            return Lost()
        heads = [tree for name, tree in grown.trees.items() if _size(before.trees.get(name)) != tree.size]
        lists = [tree for tree in grown.trees.values() if tree.name != ROOT and step.anchored]
        if not await self._publisher.publish(heads, lists):
            return Lost()
        await asyncio.to_thread(self._target.remove, grown.stale)
        return step

    async def _guarded(self, action: Callable[[LogState], Awaitable[Done]]) -> Done:
        """The outcome of an action. After a fault the next one begins with what is committed."""
        try:
            begun = await self._begin()
            done = begun if isinstance(begun, SequencerFault) else await self._act(begun, action)
            # What looks like a fault may be the work of another sequencer, which has gone on meanwhile.
            if isinstance(done, SequencerFault) and self._state is not None and not await self._is_ours():
                done = Lost()
        except (OSError, StoreError) as error:
            where, what = (error.place, error.kind) if isinstance(error, StoreError) else ("files", name_of(error))
            done = SequencerFault("unwritable", where, what)
        if isinstance(done, SequencerFault):
            await self._say(done)
        if not isinstance(done, Step):
            self._state = None
        return done

    async def _act(self, state: LogState, action: Callable[[LogState], Awaitable[Done]]) -> Done:
        return await (self._resume(state) if state.intent is not None else action(state))

    async def _begin(self) -> LogState | SequencerFault:
        """The committed state; when it is loaded, what a crash has left unpublished is published."""
        if self._state is not None:
            return self._state
        state = await self._states.load()
        if state.origin not in ("", self._keys.origin):
            return SequencerFault("origin", "log_origin", "the log has had another name since its first checkpoint")
        self._state = state
        contradiction = await self._publisher.republish(state.trees.values())
        if contradiction is not None:
            return SequencerFault("tree-corrupt", contradiction, "published, and the state store knows nothing of it")
        return state

    async def _swap(self, before: LogState, after: LogState) -> LogState | None:
        async with self._changing:
            now = structs.replace(after, origin=self._keys.origin, updated_us=self._clock_us())
            committed = await self._states.swap(before, now)
            self._state = committed
        return committed

    async def _is_ours(self) -> bool:
        async with self._changing:
            return self._state is not None and await self._states.is_current(self._state.generation)

    async def _note_missing(self, tree: TreeState, missing: int) -> None:
        async with self._changing:
            state = self._state
            known = None if state is None else state.trees.get(tree.name)
            if state is None or known is None or known.missing == missing:
                return
            await self._states.note_missing(tree.name, missing)
            trees = {**state.trees, tree.name: structs.replace(known, missing=missing)}
            self._state = structs.replace(state, trees=trees)

    async def _say(self, fault: SequencerFault) -> None:
        _log.error("sequencer stopped", kind=fault.kind, place=fault.place, detail=fault.detail)
        state = self._state
        if state is not None:
            try:
                await self._states.note_fault(state.generation, f"{fault.kind}: {fault.place}: {fault.detail}")
            except StoreError:
                return  # it has been said where errors are looked for


def _size(tree: TreeState | None) -> int:
    return 0 if tree is None else tree.size


def _feed_fault(fault: FeedFault) -> SequencerFault:
    kind: FaultKind = "unwritable" if fault.unreadable else "log-corrupt"
    return SequencerFault(kind, f"{fault.file}, byte {fault.offset}", fault.detail)
