"""Whenever the process dies or the power fails: nothing acknowledged is lost, and the log verifies."""

import asyncio
import errno
import shutil
import tempfile
from pathlib import Path

import msgspec
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gateway.audit.faults import LogFault
from gateway.audit.leaf import Receipt
from gateway.audit.reader import read_entries
from gateway.audit.verify import Report, verify_log
from gateway.audit.writer import Writer
from tests.unit.audit.doubles import QUIET, FaultyDisk, an_authority, an_exchange, opened

OPTIONS = msgspec.structs.replace(QUIET, segment_bytes=2500)


class Crashes(RuleBasedStateMachine):
    """One log through many lives. `durable` and `written` are the receipts given, by what they promise."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="clausegate-crashes-"))
        self.lives = 0
        self.log = self.root / "0"
        self.durable: list[Receipt] = []
        self.written: list[Receipt] = []
        self.runner = asyncio.Runner()
        self.disk, self.writer = self.start()

    def start(self) -> tuple[FaultyDisk, Writer]:
        disk = FaultyDisk(pretend_sync=True)
        # What was there before this life is on the disk.
        for path in self.log.rglob("*.seg"):
            disk.durable_bytes[path] = path.stat().st_size
        return disk, opened(self.log, disk=disk, options=OPTIONS)

    def move_on(self, kept: tuple[float, int] | None) -> None:
        """Go on with a copy of the log as the crash left it. None: the process died, the system lives on."""
        self.lives += 1
        target = self.root / str(self.lives)
        if kept is None:
            shutil.copytree(self.log, target)
        else:
            share, zeros = kept
            self.disk.survivors(
                self.log, target, lambda size: (int(size * share), min(zeros, size - int(size * share)))
            )
        self.writer.close()
        self.log = target
        self.disk, self.writer = self.start()

    @rule(number=st.integers(1, 5))
    def append_written(self, number: int) -> None:
        for _ in range(number):
            receipt = self.writer.append_written(an_exchange())
            assert isinstance(receipt, Receipt)
            self.written.append(receipt)

    @rule(number=st.integers(1, 5))
    def append_durable(self, number: int) -> None:
        async def together() -> list[Receipt | LogFault]:
            return await asyncio.gather(*(self.writer.append_durable(an_authority(n)) for n in range(number)))

        receipts = [receipt for receipt in self.runner.run(together()) if isinstance(receipt, Receipt)]
        assert len(receipts) == number
        self.durable += [*self.written, *receipts]
        self.written = []

    @rule(taken=st.integers(0, 200))
    def write_in_part(self, taken: int) -> None:
        self.disk.short(taken)
        fault = self.writer.append_written(an_exchange())
        assert isinstance(fault, LogFault)
        assert fault.kind == "write-failed"

    @rule()
    def fill_the_disk(self) -> None:
        self.disk.fail("write", errno.ENOSPC)
        assert isinstance(self.writer.append_written(an_exchange()), LogFault)

    @rule()
    def fail_to_sync(self) -> None:
        self.disk.fail("fdatasync", errno.EIO)
        fault = self.runner.run(self.writer.append_durable(an_exchange()))
        assert isinstance(fault, LogFault)
        assert fault.kind == "stopped"
        self.kill()

    @rule()
    def kill(self) -> None:
        """kill -9: what the operating system has taken stays."""
        self.move_on(None)

    @rule(share=st.floats(0, 1), zeros=st.integers(0, 400))
    def lose_power(self, share: float, zeros: int) -> None:
        """Of what was not synced a part survives, the rest is missing or zeros."""
        self.written = []
        self.move_on((share, zeros))

    @rule()
    def restart(self) -> None:
        self.writer.close()
        self.durable, self.written = self.durable + self.written, []
        self.disk, self.writer = self.start()

    @invariant()
    def every_acknowledged_record_is_there_and_the_log_verifies(self) -> None:
        report = verify_log(self.log)
        assert isinstance(report, Report), report
        found = {located.receipt() for located in read_entries(self.log)}
        assert found.issuperset(self.durable)
        assert found.issuperset(self.written)

    def teardown(self) -> None:
        self.writer.close()
        self.runner.close()
        shutil.rmtree(self.root)


TestCrashes = Crashes.TestCase
TestCrashes.settings = settings(
    max_examples=40, stateful_step_count=15, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
