"""The ledger: all counted minutes that settlements are made of, from the log alone, or from rollups and the log's tail.

Both count every record exactly once with the same code, so they give the same figures to the last digit.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final, TypeAlias

import msgspec
from msgspec import Struct

from contracts.plan import Contract, Plan, Plans
from gateway.audit.faults import CorruptLogError
from gateway.audit.frames import HEADER_BYTES, leaf_hash
from gateway.audit.leaf import Authority, Observation, Outbound, Undelivered
from gateway.sla.lanes import decode_lane, lanes_of
from gateway.sla.minutes import MINUTE_US, Minutes
from gateway.sla.presence import Presence, shows_presence
from gateway.sla.scan import Extent, Piece, Position, Read, Seen, Whole, extent, place_of, records, whole_of
from gateway.sla.tally import Tally
from gateway.store.rollups import Named, Rolled, Rollups
from gateway.store.store import Store

_EVERY_DAY: Final = 1 << 40
"""Days of which minutes are kept: all there are."""
_PROGRESS_RECORDS: Final = 20_000

Progress: TypeAlias = Callable[[int, int, int], None]
"""Told now and then: records done, bytes done, bytes in all."""
Hear: TypeAlias = Callable[[Authority], None]


def quietly(_records: int, _bytes: int, _in_all: int) -> None:
    """Tells nobody."""


class Ledger(Struct, frozen=True):
    """What was counted. `tally.of(contract)` has the minutes of an agreement, `presence` when the hub was there.

    `positions` is up to where each writer's log is counted in it, with the place of its last record; `records` is how
    many were read for it, those in rollups not among them; `activated` is when each agreement and version, parted by a
    space, first came into force in what was read.
    """

    tally: Tally
    presence: Presence
    positions: Mapping[str, Position]
    records: int
    activated: Mapping[str, int]


class RetractedTooLateError(Exception):
    """A record was taken back that had been rolled up: the rollups have to be made anew."""


def empty_tally(plans: Plans, presence: Presence) -> Tally:
    """A tally that keeps every minute."""
    return Tally(plans, keep_days=_EVERY_DAY, presence=presence)


def from_log(log: Path, plans: Plans, *, progress: Progress = quietly, hear: Hear | None = None) -> Ledger:
    """Count all that the log holds. `hear` is told of every Authority record, in the order of their times.

    Blocking. Raises CorruptLogError and OSError.
    """
    presence = Presence()
    return count(extent(log, {}), {}, empty_tally(plans, presence), progress=progress, hear=hear)


def count(
    found: Extent,
    positions: Mapping[str, Position],
    tally: Tally,
    *,
    progress: Progress = quietly,
    hear: Hear | None = None,
    settled_us: int | None = None,
    bytes_max: int | None = None,
) -> Ledger:
    """Count what there is behind `positions` into a tally with a presence.

    `settled_us`: stop, writer by writer, at the first record that is not older; `bytes_max`: and after so many bytes.
    Raises CorruptLogError, OSError, and RetractedTooLateError where a record before `positions` is taken back.
    """
    counting = _Counting(found, positions, tally, progress)
    counting.run(settled_us, bytes_max)
    if hear is not None:
        for authority in sorted(counting.heard, key=lambda entry: entry.time_us):
            hear(authority)
    return Ledger(tally, tally.presence or Presence(), counting.positions, counting.records, _activated(counting.heard))


def _activated(heard: Iterable[Authority]) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in heard:
        if entry.event == "agreement-activated":
            found[entry.subject] = min(entry.time_us, found.get(entry.subject, entry.time_us))
    return found


class _Counting:
    """One pass over a part of the log."""

    def __init__(self, found: Extent, positions: Mapping[str, Position], tally: Tally, progress: Progress) -> None:
        self._found, self._tally, self._progress = found, tally, progress
        self.positions = dict(positions)
        self.heard: list[Authority] = []
        self.records = 0
        self.presence = tally.presence or Presence()
        self._skipped = {writer: set(position.skipped) for writer, position in positions.items()}
        self._done_bytes = 0

    def run(self, settled_us: int | None, bytes_max: int | None) -> None:
        stopped: str | None = None
        for piece in self._found.pieces:
            if piece.writer == stopped:
                continue
            if bytes_max is not None and self._done_bytes >= bytes_max:
                break
            if not self._piece(piece, settled_us):
                stopped = piece.writer
        self._progress(self.records, self._done_bytes, self._found.size_bytes)

    def _piece(self, piece: Piece, settled_us: int | None) -> bool:
        """Count the records of a piece; False: one is too young, and so is all behind it."""
        skipped = self._skipped.setdefault(piece.writer, set())
        requests, quick = self._found.requests, self._tally.quick()
        before, end, latest, whole, read, minute = self._done_bytes, piece.from_bytes, b"", True, self.records, -1
        present = -1
        for offset, leaf, entry in records(piece):
            time_us = entry.time_us
            if settled_us is not None and time_us > settled_us:
                whole = False
                break
            read += 1
            end, latest = offset, leaf
            minute = time_us // MINUTE_US
            looked_at = type(entry) is not Seen or (requests and entry.request_id in requests)
            if looked_at and self._is_taken_back(leaf, entry, skipped):
                continue
            if minute != present and shows_presence(entry):
                present = minute
                self.presence.add(time_us)
            if type(entry) is not Seen:
                self._count(entry)
            elif (
                entry.status < 400
                and (room := quick.get(entry.plan)) is not None
                and entry.latency_us <= room.within_us
            ):
                room.minutes.append(minute)
            else:
                self._tally.meter(self._whole(piece, offset, leaf))
            if not read % _PROGRESS_RECORDS:
                self._progress(read, before + end - piece.from_bytes, self._found.size_bytes)
        self._tally.add_quick(quick)
        self.records = read
        self._done_bytes = before + end - piece.from_bytes
        known = self.positions.get(piece.writer, Position())
        at = place_of(latest) if latest else known
        self.positions[piece.writer] = Position(piece.segment, end, at.epoch, at.seq, frozenset(skipped))
        return whole

    def _is_taken_back(self, leaf: bytes, entry: Read, skipped: set[str]) -> bool:
        """Whether a record is not to be counted; `skipped` are those whose Undelivered is still to come."""
        if getattr(entry, "request_id", "") not in self._found.requests:
            return False
        if isinstance(entry, Undelivered):
            if entry.leaf not in skipped:
                raise RetractedTooLateError
            skipped.discard(entry.leaf)
            return False
        digest = leaf_hash(leaf)
        if digest not in self._found.retracted:
            return False
        skipped.add(digest)
        return True

    def _whole(self, piece: Piece, offset: int, leaf: bytes) -> Whole:
        try:
            return whole_of(leaf)
        except ValueError:
            raise CorruptLogError(f"{piece.writer}/{piece.path.name}", offset - len(leaf) - HEADER_BYTES) from None

    def _count(self, entry: Read) -> None:
        tally = self._tally
        if isinstance(entry, Outbound):
            tally.add_outbound(entry)
        elif isinstance(entry, Observation):
            tally.meter_samples(entry)
        elif isinstance(entry, Authority):
            tally.activate(entry)
            self.heard.append(entry)


def terms_of(plans: Iterable[Plan], contract: Contract) -> str:
    """SHA-256 of all that decides what is counted where under an agreement: rollups of other terms are no use."""
    routes = sorted(
        (plan.resource, plan.operation, sorted(msgspec.json.encode(lane).decode() for lane, _ in lanes_of([plan])))
        for plan in plans
    )
    owed = [(one.ref.id, msgspec.to_builtins(one.clause)) for one in contract.promises]
    said = msgspec.json.encode((contract.time_zone, routes, owed), order="deterministic")
    return sha256(said).hexdigest()


def terms_by_name(plans: Plans) -> dict[Named, str]:
    """The terms of every agreement version."""
    planned: dict[Named, list[Plan]] = {key: [] for key in plans.contracts}
    for plan in plans.all_plans():
        planned[plan.contract.agreement, plan.contract.version].append(plan)
    return {key: terms_of(planned[key], contract) for key, contract in plans.contracts.items()}


def positions_of(rolled: Rolled) -> dict[str, Position]:
    """Up to where each writer's log is rolled up."""
    return {
        one.writer: Position(one.segment, one.offset, one.epoch, one.seq, frozenset(one.skipped.split()))
        for one in rolled.positions
    }


def holds(rolled: Rolled, name: Named, terms: str) -> bool:
    """Whether what is rolled up holds all of an agreement up to its positions, counted under these terms.

    Of one that is not in it nothing was on the log, unless it came into force before.
    """
    known = rolled.agreements.get(name)
    return known is None or known.terms == terms


async def from_rollups(
    store: Store,
    log: Path,
    plans: Plans,
    *,
    progress: Progress = quietly,
    agreements: Collection[Named] | None = None,
) -> Ledger:
    """What is rolled up, and behind it what the log holds; from the log alone where the rollups are no use.

    `agreements` names those that are of interest (None: all): of others not all is counted. Raises StoreError,
    CorruptLogError and OSError.
    """
    terms = terms_by_name(plans)
    wanted = terms if agreements is None else {name: terms[name] for name in agreements if name in terms}
    rolled, days = await Rollups(store).read(wanted)
    if not all(holds(rolled, name, each) for name, each in wanted.items()):
        return await asyncio.to_thread(from_log, log, plans, progress=progress)
    tally = empty_tally(plans, Presence(rolled.presence))
    for day in days:
        tally.restore((day.agreement, day.version), decode_lane(day.lane), day.day, Minutes.unpack(day.packed))
    for name in wanted:
        if (known := rolled.agreements.get(name)) is not None:
            tally.recall(name, known.activated_us, known.called)
    positions = positions_of(rolled)

    def read_on() -> Ledger:
        try:
            return count(extent(log, positions), positions, tally, progress=progress)
        except RetractedTooLateError:
            return from_log(log, plans, progress=progress)

    return await asyncio.to_thread(read_on)
