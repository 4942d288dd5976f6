"""Gathers what a statement is computed from: the ledger, what was announced and reported, and the seal's evidence."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from contracts.plan import Contract, Plans
from gateway.corrections.facts import History
from gateway.corrections.heard import HeardCorrections
from gateway.evidence.published import read_published
from gateway.notices.heard import Heard
from gateway.notices.known import Known
from gateway.sla.ledger import Ledger, from_log, from_rollups
from gateway.statements.counted import Gathered
from gateway.statements.document import SourceName, TreeHead, WriterRange
from gateway.statements.log_evidence import announcements, ranges
from gateway.statements.source import Progress
from gateway.store.corrections import Corrections
from gateway.store.notices import read_known
from gateway.store.store import Store
from gateway.tlog.layout import tree_of
from gateway.tlog.target import Target
from policies.kinds.correction import Correction


class Loaded(Struct, frozen=True):
    """What was gathered, from where, and how far the log was read for it."""

    gathered: Gathered
    source: SourceName
    log: tuple[WriterRange, ...]


def load_log(log: Path, plans: Plans, texts: Mapping[str, bytes], progress: Progress) -> Loaded:
    """Everything from the log alone; `texts` are the documents of notices, each believed by its hash on the log.

    Raises CorruptLogError and OSError.
    """
    notices, corrections = Heard(texts), HeardCorrections()

    def hear(entry: object) -> None:
        notices.hear(entry)  # type: ignore[arg-type]  # every entry is let pass but those it is about
        corrections.hear(entry)  # type: ignore[arg-type]

    ledger = from_log(log, plans, progress=_reading(progress), hear=hear)
    return _loaded(log, "log", _Parts(plans, ledger, notices.known(), corrections.histories()))


async def load_counted(
    store: Store, log: Path, plans: Plans, versions: Sequence[Contract], progress: Progress
) -> Loaded:
    """From rollups and the log's tail, and the rest from the state store.

    Raises StoreError, CorruptLogError and OSError.
    """
    names = {(contract.agreement, contract.version) for contract in versions}
    step = _reading(progress)
    ledger = await from_rollups(store, log, plans, progress=step, agreements=names)
    histories = await _histories(store, versions)
    return _loaded(log, "rollups", _Parts(plans, ledger, await read_known(store), histories))


def tree_head(target: Target, partner: str) -> TreeHead | None:
    """The partner's tree as it is published, its checkpoint verified; None when there is none yet.

    Raises StoppedError and TileError.
    """
    published = read_published(target, tree_of(partner))
    if published is None:
        return None
    checkpoint = published.signed.checkpoint
    text = published.signed.note.encode().decode()
    return TreeHead(checkpoint.origin, checkpoint.size, checkpoint.root.hex(), text)


class _Parts(Struct, frozen=True):
    plans: Plans
    ledger: Ledger
    known: Known
    histories: Sequence[History]


def _loaded(log: Path, source: SourceName, parts: _Parts) -> Loaded:
    positions = parts.ledger.positions
    found = announcements(log, positions)
    gathered = Gathered(parts.plans, parts.ledger, parts.known, parts.histories, found)
    return Loaded(gathered, source, ranges(log, positions))


async def _histories(store: Store, versions: Sequence[Contract]) -> tuple[History, ...]:
    """Every report under the agreement's clauses."""
    corrections = Corrections(store)
    clauses = {
        (contract.agreement, promised.ref.id): None
        for contract in versions
        for promised in contract.promises
        if isinstance(promised.clause, Correction)
    }
    found: list[History] = []
    for agreement, clause in clauses:
        found += await corrections.histories(agreement, clause)
    return tuple(found)


def _reading(progress: Progress) -> Callable[[int, int, int], None]:
    return lambda _records, done, in_all: progress("reading the log", done, in_all)
