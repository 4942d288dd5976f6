"""Kills a writing process with SIGKILL again and again and looks for every record it had acknowledged.

`python -m tests.unit.audit.kill9 FOLDER --rounds N` from the repository's root; prints one line per round.
"""

import argparse
import asyncio
import os
import random
import subprocess
import sys
from pathlib import Path

import msgspec

from gateway.audit.leaf import Receipt
from gateway.audit.reader import read_entries
from gateway.audit.verify import FirstFault, verify_log
from gateway.audit.writer import Writer, WriterOptions
from tests.unit.audit.doubles import an_exchange

_ROOT = Path(__file__).parents[3]
_TASKS = 50
_LINE = msgspec.json.Decoder(Receipt)


class Round(msgspec.Struct, frozen=True):
    """What one life and death came to. `lost` are acknowledged records that the log does not hold."""

    acknowledged: int
    lost: int
    truncated_bytes: int
    fault: FirstFault | None


def one_round(folder: Path, lines_until_death: int) -> Round:
    """Start a writer, read that many acknowledgements, kill it, read what it had still sent, and compare."""
    command = [sys.executable, "-m", "tests.unit.audit.kill9", str(folder), "--write"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(_ROOT), os.environ.get("PYTHONPATH", "")])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=_ROOT, env=environment) as child:
        assert child.stdout is not None
        lines: list[bytes] = []
        for line in child.stdout:
            lines.append(line)
            if len(lines) == lines_until_death:
                child.kill()
    # The pipe may end in half a line, whose acknowledgement nobody received.
    acknowledged = {_LINE.decode(line) for line in lines if line.endswith(b"\n")}
    writer = Writer.open(folder, "gw-1")
    if not isinstance(writer, Writer):
        raise RuntimeError(f"the log does not open again: {writer}")
    truncated_bytes = writer.state.truncated_bytes
    writer.close()
    report = verify_log(folder)
    found = {located.receipt() for located in read_entries(folder)}
    fault = report if isinstance(report, FirstFault) else None
    return Round(len(acknowledged), len(acknowledged - found), truncated_bytes, fault)


async def write_until_killed(folder: Path) -> None:
    """Append from many tasks with `ack: sync`; say each receipt on standard output once it is given."""
    # Small segments: a death while one is closed and the next begins must be among the many.
    writer = Writer.open(folder, "gw-1", options=WriterOptions(segment_bytes=200_000, flush_ms=20))
    if not isinstance(writer, Writer):
        raise RuntimeError(f"the log does not open: {writer}")

    async def task(number: int) -> None:
        while True:
            receipt = await writer.append_durable(an_exchange(number))
            if not isinstance(receipt, Receipt):
                raise RuntimeError(f"no receipt: {receipt}")
            os.write(1, msgspec.json.encode(receipt) + b"\n")

    await asyncio.gather(*(task(number) for number in range(_TASKS)))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--write", action="store_true", help="be the one who is killed")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=9)
    arguments = parser.parse_args()
    if arguments.write:
        asyncio.run(write_until_killed(arguments.folder))
        return 0
    moments = random.Random(arguments.seed)  # noqa: S311  # moments of death, not secrets
    acknowledged = lost = 0
    for number in range(arguments.rounds):
        result = one_round(arguments.folder, moments.randint(1, 3000))
        acknowledged, lost = acknowledged + result.acknowledged, lost + result.lost
        sys.stdout.write(f"{number + 1}: {result}\n")
        if result.fault is not None:
            lost += 1
    sys.stdout.write(f"{arguments.rounds} kills, {acknowledged} acknowledged, {lost} lost\n")
    return 1 if lost else 0


if __name__ == "__main__":
    sys.exit(main())
