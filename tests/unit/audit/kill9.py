"""Kills writing processes with SIGKILL again and again and looks for every record they had acknowledged.

`python -m tests.unit.audit.kill9 FOLDER --rounds N` from the repository's root; prints one line per round. Two writers
work beside one another in one log and die at the same moment; every receipt is signed, and every signature is checked.
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from selectors import EVENT_READ, DefaultSelector

import msgspec

from gateway.audit.leaf import Promised, Receipt
from gateway.audit.promise import Promiser, check_promise
from gateway.audit.reader import read_entries
from gateway.audit.receipt import format_receipt, parse_receipt
from gateway.audit.verify import FirstFault, verify_log
from gateway.audit.writer import Writer, WriterOptions
from gateway.tlog.note import Signer
from tests.unit.audit.doubles import an_exchange

_ROOT = Path(__file__).parents[3]
_TASKS = 50
_PARTNERS = 7
_SIGNER = Signer("kill9.example/log/receipts", bytes(32))
WRITERS = ("gw-1", "gw-2")


class Round(msgspec.Struct, frozen=True):
    """What one life and death came to.

    `lost` are acknowledged records that the log does not hold, `unsigned` receipts whose promise does not verify,
    `repaired` the writers that found a torn tail of so many `truncated_bytes`.
    """

    acknowledged: int
    lost: int
    unsigned: int
    repaired: int
    truncated_bytes: int
    fault: FirstFault | None


def one_round(folder: Path, lines_until_death: int, writers: Sequence[str] = WRITERS) -> Round:
    """Start writers, read that many acknowledgements, kill them, read what they had still sent, and compare."""
    return judged(folder, until_death(folder, lines_until_death, writers), writers)


def judged(folder: Path, lines: Sequence[str], writers: Sequence[str] = WRITERS) -> Round:
    """Start all writers once more, and hold the receipts that arrived against the log."""
    receipts = [receipt for line in lines if isinstance(receipt := parse_receipt(line), Promised)]
    unsigned = len(lines) - sum(check_promise(receipt, _SIGNER.verifier) for receipt in receipts)
    torn = [_reopened(folder, name) for name in writers]
    report = verify_log(folder)
    found = {located.receipt().place for located in read_entries(folder)}
    acknowledged = {receipt.place for receipt in receipts}
    fault = report if isinstance(report, FirstFault) else None
    return Round(len(acknowledged), len(acknowledged - found), unsigned, sum(map(bool, torn)), sum(torn), fault)


def until_death(folder: Path, lines_until_death: int, writers: Sequence[str]) -> list[str]:
    """The receipts that arrived whole, also those that arrived after the kill."""
    command = [sys.executable, "-m", "tests.unit.audit.kill9", str(folder), "--write"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
    children = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, cwd=_ROOT, env=environment) for name in writers
    ]
    sent = [b"" for _ in children]
    with DefaultSelector() as selector:
        for index, child in enumerate(children):
            assert child.stdout is not None
            selector.register(child.stdout, EVENT_READ, index)
        alive = True
        while selector.get_map():
            for key, _ in selector.select():
                data = os.read(key.fd, 1 << 16)
                sent[key.data] += data
                if not data:
                    selector.unregister(key.fileobj)
            if alive and sum(part.count(b"\n") for part in sent) >= lines_until_death:
                alive = False
                for child in children:
                    child.kill()
    for child in children:
        child.wait()
        assert child.stdout is not None
        child.stdout.close()
    # A pipe may end in half a line, whose acknowledgement nobody received.
    return [line for part in sent for line in part.decode().split("\n")[:-1]]


def _reopened(folder: Path, name: str) -> int:
    """How many bytes of a torn tail the next start cuts off."""
    writer = Writer.open(folder, name)
    if not isinstance(writer, Writer):
        raise RuntimeError(f"the log does not open again: {writer}")
    truncated_bytes = writer.state.truncated_bytes
    writer.close()
    return truncated_bytes


async def write_until_killed(folder: Path, name: str) -> None:
    """Append from many tasks with `ack: sync`; say each receipt on standard output once it is given."""
    # Small segments: a death while one is closed and the next begins must be among the many.
    options = WriterOptions(segment_bytes=200_000, flush_ms=20)
    writer = Writer.open(folder, name, options=options, promise=Promiser(_SIGNER, 60))
    if not isinstance(writer, Writer):
        raise RuntimeError(f"the log does not open: {writer}")

    async def task(number: int) -> None:
        while True:
            receipt = await writer.append_durable(an_exchange(number, partner=f"partner-{number % _PARTNERS}"))
            if not isinstance(receipt, Receipt):
                raise RuntimeError(f"no receipt: {receipt}")
            os.write(1, format_receipt(receipt).encode() + b"\n")

    await asyncio.gather(*(task(number) for number in range(_TASKS)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", metavar="WRITER", help="be the one who is killed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=9)
    arguments = parser.parse_args()
    if arguments.write:
        asyncio.run(write_until_killed(arguments.folder, arguments.write))
        return 0
    moments = random.Random(arguments.seed)  # noqa: S311  # moments of death, not secrets
    acknowledged = lost = repaired = 0
    for number in range(arguments.rounds):
        result = one_round(arguments.folder, moments.randint(1, 3000))
        acknowledged, repaired = acknowledged + result.acknowledged, repaired + result.repaired
        lost += result.lost + result.unsigned + (result.fault is not None)
        sys.stdout.write(f"{number + 1}: {result}\n")
    sys.stdout.write(
        f"{arguments.rounds} kills of {len(WRITERS)} writers, {acknowledged} signed receipts received, {lost} lost, "
        f"{repaired} torn tails cut off\n"
    )
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
