"""What a record costs: appending, verifying and replaying the log, next to the physical cost of the same work.

`python -m bench.audit [--records N] [--folder D] [--kills N]` from the repository's root. The folder decides which
disk is measured; it is emptied of what the benchmark wrote.
"""

import argparse
import asyncio
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Literal, NamedTuple

from gateway.audit.disk import LocalDisk
from gateway.audit.frames import frame
from gateway.audit.leaf import Exchange, Promised, Receipt
from gateway.audit.promise import Promiser
from gateway.audit.reader import read_entries, read_exchanges
from gateway.audit.verify import Report, verify_log
from gateway.audit.writer import Writer
from gateway.tlog.note import Signer

ROOT = Path(__file__).resolve().parents[1]

ENTRY = Exchange(
    time_us=1_763_946_000_123_456,
    request_id="0193571f5b4e7d3a9b1c2d3e4f506172",
    partner="swift-logistics",
    client="swift-logistics-app",
    agreement="swift-logistics-2026",
    version="1.2.0",
    contract="ab" * 32,
    plan="swift-logistics-2026/shipments/list",
    product="shipments",
    operation="list",
    route="/v1/shipments{?limit,cursor}",
    method="GET",
    status=200,
    code="",
    clause="",
    latency_us=4321,
    bytes=11_234,
    records=10,
    subjects=10,
    withheld=0,
    mask="cd" * 8,
    payload="ef" * 32,
)
PROMISER = Promiser(Signer("bench.example/log/receipts", bytes(32)), 60)


class CountingDisk(LocalDisk):
    """Counts the syncs of a run, so that the same number can be paid for bare."""

    def __init__(self) -> None:
        self.syncs = 0

    def fdatasync(self, descriptor: int) -> None:
        self.syncs += 1
        super().fdatasync(descriptor)


class BareDisk(CountingDisk):
    """Sets no blocks aside."""

    def preallocate(self, descriptor: int, size_bytes: int) -> None:
        raise OSError(errno.EOPNOTSUPP, "not asked for")


def line(what: str, number: int, took: "Took", note: str = "") -> None:
    """Records per second of wall time and of processor time: on a busy machine only the second can be compared."""
    print(
        f"{what:<46}{number / took.wall_s:>11,.0f} /s {number / took.processor_s:>11,.0f} /s of one core  {note}",
        flush=True,
    )


class Took(NamedTuple):
    """Seconds by the clock and on the processor."""

    wall_s: float
    processor_s: float


def timed(work: Callable[[], object]) -> Took:
    started, busy = time.perf_counter(), time.process_time()
    work()
    return Took(time.perf_counter() - started, time.process_time() - busy)


def write(folder: Path, records: int) -> None:
    writer = opened(folder, "write", LocalDisk())

    def work() -> None:
        for _ in range(records):
            assert isinstance(writer.append_written(ENTRY), Receipt)

    line("append, chain", records, timed(work))
    writer.close()


def acknowledged(folder: Path, records: int, at_once: int, ack: Literal["sync", "write"], signed: bool) -> None:
    counting = CountingDisk()
    what = f"append, ack: {ack}, {at_once} at once{', signed' if signed else ''}"
    writer = opened(folder, f"{ack}-{at_once}{'-signed' if signed else ''}", counting, PROMISER if signed else None)
    before = counting.syncs
    kind = Promised if signed else Receipt

    async def one() -> None:
        for _ in range(records // at_once):
            assert isinstance(await writer.append(ENTRY, ack), kind)

    async def all_at_once() -> None:
        await asyncio.gather(*(one() for _ in range(at_once)))

    took = timed(lambda: asyncio.run(all_at_once()))
    syncs = counting.syncs - before
    line(what, records, took, f"{syncs} syncs of {records / syncs:.0f} records" if ack == "sync" else "")
    writer.close()
    if ack == "sync" and not signed:
        bare(folder, records, syncs)


def set_aside(folder: Path, records: int) -> None:
    """One record a sync, with the segment's blocks set aside before and without: what preallocation is worth."""
    for name, disk in (("without", BareDisk()), ("with", CountingDisk())):
        writer = opened(folder, f"blocks-{name}", disk)
        loop = asyncio.new_event_loop()

        def work(writer: Writer = writer, loop: asyncio.AbstractEventLoop = loop) -> None:
            for _ in range(records):
                loop.run_until_complete(writer.append_durable(ENTRY))

        line(f"one at once, {name} blocks set aside", records, timed(work))
        writer.close()
        loop.close()


def bare(folder: Path, records: int, syncs: int) -> None:
    """The same bytes, the same number of writes and syncs, and nothing else."""
    data = frame(b"x" * 785)
    file = os.open(folder / "bare", os.O_CREAT | os.O_WRONLY | os.O_TRUNC | os.O_APPEND)
    each = max(records // syncs, 1)

    def work() -> None:
        for _ in range(syncs):
            for _ in range(each):
                os.write(file, data)
            os.fdatasync(file)

    line("    the same writes and fdatasyncs alone", each * syncs, timed(work))
    os.close(file)


def read(folder: Path) -> None:
    """Everything that was written, three ways; then its hashes alone."""
    reports: list[object] = []
    took = timed(lambda: reports.append(verify_log(folder)))
    report = reports[0]
    assert isinstance(report, Report), report
    line("verify", report.records, took, f"{report.bytes / took.wall_s / 1e6:,.0f} MB/s")
    line("replay, exchanges", report.records, timed(lambda: sum(1 for _ in read_exchanges(folder))))
    line("replay, located records", report.records, timed(lambda: sum(1 for _ in read_entries(folder))))
    leaf = b"x" * (report.bytes // report.records)

    def hashes() -> None:
        for _ in range(report.records):
            sha256(leaf).digest()

    line("    the same number of SHA-256 alone", report.records, timed(hashes))


def opened(folder: Path, name: str, disk: LocalDisk, promise: Promiser | None = None) -> Writer:
    writer = Writer.open(folder, name, disk=disk, promise=promise)
    assert isinstance(writer, Writer), writer
    return writer


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--records", type=int, default=200_000)
    parser.add_argument("--folder", type=Path, default=None, help="a folder on the disk to measure")
    parser.add_argument("--kills", type=int, default=100)
    arguments = parser.parse_args()
    top = Path(tempfile.mkdtemp(prefix="clausegate-bench-", dir=arguments.folder))
    try:
        log = top / "log"
        write(log, arguments.records)
        acknowledged(log, arguments.records // 50, 1, "sync", signed=False)
        acknowledged(log, arguments.records, 100, "sync", signed=False)
        acknowledged(log, arguments.records, 1000, "sync", signed=False)
        acknowledged(log, arguments.records, 1000, "sync", signed=True)
        acknowledged(log, arguments.records, 1000, "write", signed=False)
        acknowledged(log, arguments.records, 1000, "write", signed=True)
        set_aside(log, arguments.records // 100)
        read(log)
        if arguments.kills:
            harness = [sys.executable, "-m", "tests.unit.audit.kill9", str(top / "killed")]
            ended = subprocess.run(
                [*harness, "--rounds", str(arguments.kills)], cwd=ROOT, check=False, capture_output=True, text=True
            )
            print("kill -9: " + (ended.stdout.splitlines() or [ended.stderr])[-1])
            return ended.returncode
    finally:
        shutil.rmtree(top)
    return 0


if __name__ == "__main__":
    sys.exit(main())
