"""A quarter of three partners, about five million exchanges with known troubles, settled from the log alone.

`python -m bench.quarter [--exchanges N] [--months 2026-01 2026-02 2026-03] [--folder D] [--keep]` from the
repository's root. It writes the log with the gateway's writer while keeping books of its own, then settles it in a
process of its own the way `clausegate statement --from-log` does, compares every figure, and says what that took.
"""

import argparse
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, timedelta
from multiprocessing import get_context
from pathlib import Path
from typing import Final, NamedTuple

from bench.quarter_books import Owed, expected
from bench.quarter_log import Books, write
from bench.quarter_world import World, workspace_in, world
from gateway.statements.counted import CountedSource
from gateway.statements.document import Settlement
from gateway.statements.load import load_log
from gateway.statements.period import Period, read_period
from gateway.statements.settle import Asked, settle
from gateway.statements.source import Progress
from gateway.workspace import Workspace, load_workspace

EXCHANGES: Final = 5_000_000
QUARTER: Final = ("2026-01", "2026-02", "2026-03")
LIMIT_S: Final = 60
LIMIT_MIB: Final = 1024
_SHOWN_EVERY_S: Final = 0.25


class Settled(NamedTuple):
    """What one settling came to and took: seconds by the clock, those of them for reading the log, and of a core."""

    settlements: tuple[Settlement, ...]
    records: int
    took_s: float
    reading_s: float
    core_s: float
    peak_mib: float


def settled(
    workspace: Workspace, made: World, documents: Mapping[str, bytes], progress: Progress = lambda *_: None
) -> Settled:
    """The statements of every agreement, from the log alone."""
    started, busy = time.perf_counter(), time.process_time()
    now = (made.begins + timedelta(minutes=made.minutes)).astimezone(UTC)
    loaded = load_log(workspace.settings.log_path(workspace.folder), workspace.plans, documents, progress)
    reading_s = time.perf_counter() - started
    source = CountedSource(loaded.gathered, now)
    found = []
    for contract in sorted(workspace.plans.contracts.values(), key=lambda each: each.agreement):
        settlement = settle(Asked((contract,), _period(made), now), source)
        assert settlement is not None, contract.agreement
        found.append(settlement)
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took_s = time.perf_counter() - started
    core_s = time.process_time() - busy
    return Settled(tuple(found), loaded.gathered.ledger.records, took_s, reading_s, core_s, peak_mib)


def differences(made: World, books: Books, settlements: tuple[Settlement, ...]) -> list[str]:
    """Every figure of the statements that is not the one of the books; none: they are equal to the last digit."""
    owed = dict(expected(made, books))
    found = []
    for settlement in settlements:
        for clause in settlement.clauses:
            for window in clause.windows:
                key = (settlement.agreement, clause.clause, window.month)
                said = Owed(window.measured or "", window.verdict == "missed", window.credit)
                if said != owed[key]:
                    found.append(f"{' '.join(key)}: the statement says {tuple(said)}, the books {tuple(owed[key])}")
                del owed[key]
    return found + [f"{' '.join(key)}: not in any statement" for key in owed]


def _period(made: World) -> Period:
    months = tuple(period.months[0] for name in made.months if (period := read_period(name)) is not None)
    whole = read_period(made.months[0]) if len(made.months) == 1 else None
    if made.months == QUARTER:
        whole = read_period("2026-Q1")
    return whole or Period("-".join(made.months), months)


def _progress(started: float) -> Progress:
    """Shown on standard error, at most four times a second."""
    shown = [0.0]

    def step(stage: str, done: int, in_all: int) -> None:
        now = time.perf_counter()
        if now - shown[0] >= _SHOWN_EVERY_S or done == in_all:
            shown[0] = now
            sys.stderr.write(
                f"\r{stage}: {done / max(in_all, 1):6.1%} {now - started:6.1f} s " + "\n" * (done == in_all)
            )
            sys.stderr.flush()

    return step


def _settled_apart(folder: Path, made: World, documents: Mapping[str, bytes]) -> Settled:
    """In a process of its own, so that nothing that the simulation holds is in its memory."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(_settle_in, folder, made, documents).result()


def _settle_in(folder: Path, made: World, documents: Mapping[str, bytes]) -> Settled:
    loaded = load_workspace(folder, {})
    assert isinstance(loaded, Workspace)
    return settled(loaded, made, documents, _progress(time.perf_counter()))


def run(folder: Path, made: World) -> bool:
    """Write, settle, compare; says what it took. False: a figure differs, or a limit was exceeded."""
    workspace, started = workspace_in(folder / "workspace", made), time.perf_counter()
    books = write(workspace.settings.log_path(workspace.folder), workspace, made, _progress(started))
    size = sum(path.stat().st_size for path in workspace.settings.log_path(workspace.folder).rglob("*.seg"))
    wrote_s = time.perf_counter() - started
    print(f"wrote {books.exchanges:,} exchanges, {books.records:,} records, {size / 2**20:,.0f} MiB in {wrote_s:.1f} s")
    done = _settled_apart(workspace.folder, made, books.documents)
    print(
        f"settled {len(done.settlements)} agreements from the log in {done.took_s:.1f} s, {done.core_s:.1f} s of a core"
        f" ({done.reading_s:.1f} s reading, {done.records / done.reading_s:,.0f} records/s),"
        f" at most {done.peak_mib:,.0f} MiB"
    )
    found = differences(made, books, done.settlements)
    figures = sum(len(clause.windows) for each in done.settlements for clause in each.clauses)
    print("\n".join(found) or f"all {figures} clauses and months are equal to the books: figure, verdict and credit")
    for settlement in done.settlements:
        owed = ", ".join(f"{total.owed_by} owes {total.amount} {total.currency}" for total in settlement.totals)
        print(f"  {settlement.agreement}: {owed}")
    return not found and done.took_s < LIMIT_S and done.peak_mib < LIMIT_MIB


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python -m bench.quarter", description=__doc__)
    parser.add_argument("--exchanges", type=int, default=EXCHANGES)
    parser.add_argument("--months", nargs="+", default=list(QUARTER))
    parser.add_argument("--folder", type=Path, help="on which disk; what was written there is removed")
    parser.add_argument("--keep", action="store_true", help="leave the workspace where it is")
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="quarter-", dir=asked.folder))
    try:
        return 0 if run(folder, world(tuple(asked.months), asked.exchanges)) else 1
    finally:
        if asked.keep:
            print(folder)
        else:
            shutil.rmtree(folder)


if __name__ == "__main__":
    sys.exit(main())
