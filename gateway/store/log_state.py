"""What the sequencer has committed: positions in the segments and heads of the trees, changed by compare-and-swap.

Every change names the generation that it was computed from. Of two sequencers that change the same one, the database
lets the first have it; the other learns that it has lost. A store that can lose a confirmed commit (an asynchronous
replica that is promoted) is no place for this: a log that forgets a checkpoint forks.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import msgspec
from msgspec import Struct
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from gateway.store.faults import StoreError
from gateway.store.schema import log_state, log_trees
from gateway.store.store import Store

_ROW = 1
_READS_MAX = 20


class Position(Struct, frozen=True, array_like=True):
    """How far a writer's log is in the trees: the next record begins at `offset` of `segment`.

    `frame` is where the last record's frame begins in that segment, -1 when there is none; `epoch`, `seq` and `hash`
    are the last record's own (those of chain.GENESIS when there is none), `version` its format's.
    """

    segment: int = 1
    offset: int = 0
    frame: int = -1
    epoch: int = 0
    seq: int = -1
    hash: str = "0" * 64
    version: int = 0


Positions: TypeAlias = Mapping[str, Position]
"""By writer."""


class Records(Struct, frozen=True, tag="records"):
    """The intent to put into the trees the records up to these positions, and no others."""

    upto: dict[str, Position]


class Anchoring(Struct, frozen=True, tag="anchoring"):
    """The intent to put the checkpoints of all trees that have changed into the root log."""


Intent: TypeAlias = Records | Anchoring


class TreeState(Struct, frozen=True):
    """The head of a tree. `checkpoint` is the note signed by the log, `committed_us` its time (Unix microseconds).

    `anchors` counts its checkpoints in the root log, the last of them of `anchored_size` entries. `missing` counts the
    witnesses that were still wanted when it was published.
    """

    name: str
    size: int
    root: bytes
    checkpoint: str
    committed_us: int
    anchors: int = 0
    anchored_size: int = 0
    missing: int = 0


class LogState(Struct, frozen=True):
    """All of it. `generation` 0: nothing was ever committed. `intent` None: no step is unfinished."""

    generation: int = 0
    origin: str = ""
    positions: Positions = {}
    intent: Intent | None = None
    trees: Mapping[str, TreeState] = {}
    fault: str = ""
    updated_us: int = 0


class LogStates:
    """The state in a store. Every method raises StoreError."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def load(self) -> LogState:
        """What is committed."""
        for _ in range(_READS_MAX):
            async with self._store.read() as connection:
                row = (await connection.execute(select(log_state))).one_or_none()
                trees = (await connection.execute(select(log_trees))).all()
                # PostgreSQL gives each statement a state of its own: one that came in between is read again.
                again = (await connection.execute(select(log_state.c.generation))).scalar_one_or_none()
            if again == (None if row is None else row.generation):
                return LogState() if row is None else _state(row, trees)
        raise StoreError("locked", self._store.place, "the log's state changes faster than it can be read")

    async def origin(self) -> str:
        """The name that the log's checkpoints bear; "" before the first."""
        async with self._store.read() as connection:
            found = (await connection.execute(select(log_state.c.origin))).scalar_one_or_none()
        return found or ""

    async def swap(self, before: LogState, after: LogState) -> LogState | None:
        """Put `after` in the place of `before`: what is stored then, with its generation. None: somebody was faster.

        No tree that `before` has may be missing from `after`.
        """
        values = {
            "generation": before.generation + 1,
            "origin": after.origin,
            "positions": _encode(after.positions),
            "intent": None if after.intent is None else _encode(after.intent),
            "fault": "",
            "updated_us": after.updated_us,
        }
        changed = [tree for name, tree in after.trees.items() if before.trees.get(name) != tree]
        try:
            async with self._store.write() as connection:
                if before.generation == 0:
                    await connection.execute(insert(log_state).values(id=_ROW, **values))
                else:
                    ours = (log_state.c.id == _ROW, log_state.c.generation == before.generation)
                    done = await connection.execute(update(log_state).where(*ours).values(**values))
                    if done.rowcount != 1:
                        return None
                if changed:
                    names = [tree.name for tree in changed]
                    await connection.execute(delete(log_trees).where(log_trees.c.name.in_(names)))
                    await connection.execute(insert(log_trees), [msgspec.structs.asdict(tree) for tree in changed])
        except IntegrityError:
            return None
        return msgspec.structs.replace(after, generation=before.generation + 1, fault="")

    async def is_current(self, generation: int) -> bool:
        """Whether nobody has changed the state since this generation."""
        async with self._store.read() as connection:
            found = (await connection.execute(select(log_state.c.generation))).scalar_one_or_none()
        return (found or 0) == generation

    async def note_missing(self, tree: str, missing: int) -> None:
        """Say, for `status`, how many witnesses a tree's published checkpoint still wants."""
        async with self._store.write() as connection:
            await connection.execute(update(log_trees).where(log_trees.c.name == tree).values(missing=missing))

    async def note_fault(self, generation: int, fault: str) -> None:
        """Say, for `status`, why the sequencer of this generation stopped. The next commit clears it."""
        async with self._store.write() as connection:
            await connection.execute(update(log_state).where(log_state.c.generation == generation).values(fault=fault))


def _encode(value: Any) -> str:
    return msgspec.json.encode(value, order="sorted").decode()


def _state(row: Any, trees: Any) -> LogState:
    return LogState(
        generation=row.generation,
        origin=row.origin,
        positions=msgspec.json.decode(row.positions, type=dict[str, Position]),
        intent=None if row.intent is None else msgspec.json.decode(row.intent, type=Records | Anchoring),
        trees={tree.name: _tree(tree) for tree in trees},
        fault=row.fault,
        updated_us=row.updated_us,
    )


def _tree(row: Any) -> TreeState:
    return TreeState(
        name=row.name,
        size=row.size,
        root=bytes(row.root),
        checkpoint=row.checkpoint,
        committed_us=row.committed_us,
        anchors=row.anchors,
        anchored_size=row.anchored_size,
        missing=row.missing,
    )
