"""A disk that fails on request and remembers what is durable, a clock that moves when told, and sample entries."""

import errno
import shutil
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from threading import Event, Lock
from typing import Any

from gateway.audit.disk import Identity, LocalDisk
from gateway.audit.leaf import Authority, Exchange, Intent, Measured, Observation, Part
from gateway.audit.writer import Writer, WriterOptions


class FaultyDisk(LocalDisk):
    """A real disk underneath. `fail("write", errno.ENOSPC)` makes the next such call fail, `short` halves a write."""

    def __init__(self, pretend_sync: bool = False) -> None:
        self.durable_bytes: dict[Path, int] = {}
        self.syncs = 0
        self.free: int | None = None
        self._pretend_sync = pretend_sync
        self._faults: dict[str, list[int]] = defaultdict(list)
        self._short: list[int] = []
        self._paths: dict[int, Path] = {}

    def fail(self, call: str, number: int) -> None:
        """The next `call` raises OSError(number)."""
        self._faults[call].append(number)

    def short(self, taken: int) -> None:
        """The next write takes only this many bytes."""
        self._short.append(taken)

    def survivors(self, source: Path, target: Path, kept: Callable[[int], tuple[int, int]]) -> None:
        """Copy the log as a power failure may leave it.

        `kept` maps the number of bytes of a file that are not durable to how many of them survive and how many
        zeros follow.
        """
        shutil.copytree(source, target)
        for path in target.rglob("*.seg"):
            data = path.read_bytes()
            durable = self.durable_bytes.get(source / path.relative_to(target), 0)
            survives, zeros = kept(len(data) - durable)
            path.write_bytes(data[: durable + survives] + bytes(zeros))

    def write(self, descriptor: int, data: bytes) -> int:  # type: ignore[override]  # the port asks for a callable
        if self._short:
            return LocalDisk.write(descriptor, data[: self._short.pop(0)])
        if self._faults["write"]:
            # A disk that fills up takes a part before it refuses.
            LocalDisk.write(descriptor, data[: len(data) // 2])
        self._raise("write")
        return LocalDisk.write(descriptor, data)

    def open_segment(self, path: Path, create: bool) -> int:
        self._raise("open")
        descriptor = super().open_segment(path, create)
        self._paths[descriptor] = path
        return descriptor

    def fdatasync(self, descriptor: int) -> None:
        self._raise("fdatasync")
        path = self._paths[descriptor]
        size = path.stat().st_size if path.exists() else 0
        if not self._pretend_sync:
            super().fdatasync(descriptor)
        self.syncs += 1
        self.durable_bytes[path] = size

    def fsync(self, descriptor: int) -> None:
        self._raise("fsync")
        if not self._pretend_sync:
            super().fsync(descriptor)

    def preallocate(self, descriptor: int, size_bytes: int) -> None:
        self._raise("preallocate")
        super().preallocate(descriptor, size_bytes)

    def truncate(self, descriptor: int, size_bytes: int) -> None:
        self._raise("truncate")
        super().truncate(descriptor, size_bytes)

    def identity(self, path: Path) -> Identity | None:
        self._raise("stat")
        return super().identity(path)

    def free_bytes(self, descriptor: int) -> int:
        self._raise("statvfs")
        return super().free_bytes(descriptor) if self.free is None else self.free

    def read(self, path: Path) -> bytes:
        self._raise("read")
        return super().read(path)

    def _raise(self, call: str) -> None:
        if self._faults[call]:
            number = self._faults[call].pop(0)
            raise OSError(number, errno.errorcode[number])


class GatedDisk(LocalDisk):
    """fdatasync announces itself by `entered` and waits until `gate` is set; counts how many run at once.

    `error`: what it then fails with, 0 for not at all. With `pretend_sync` the device itself is not asked.
    """

    def __init__(self, pretend_sync: bool = False) -> None:
        self.error, self._pretend_sync = 0, pretend_sync
        self.entered, self.gate = Event(), Event()
        self.gate.set()
        self.syncs = self.at_once_max = self._at_once = 0
        self._lock = Lock()

    def fdatasync(self, descriptor: int) -> None:
        with self._lock:
            self._at_once += 1
            self.at_once_max = max(self.at_once_max, self._at_once)
        self.entered.set()
        assert self.gate.wait(30)
        if self.error:
            raise OSError(self.error, errno.errorcode[self.error])
        if not self._pretend_sync:
            super().fdatasync(descriptor)
        with self._lock:
            self._at_once -= 1
            self.syncs += 1


class Clock:
    """Monotonic nanoseconds that stand still."""

    def __init__(self) -> None:
        self.now_ns = 1

    def __call__(self) -> int:
        return self.now_ns

    def advance_ms(self, milliseconds: int) -> None:
        self.now_ns += milliseconds * 1_000_000


QUIET = WriterOptions(flush_ms=3_600_000, reserve_bytes=0)
"""No sync that nobody asked for."""
BRIEF = WriterOptions(segment_bytes=1 << 20)
"""For a log of few records: a MiB is taken from the disk for it, and not 64."""


def opened(log: Path, writer: str = "gw-1", **arguments: Any) -> Writer:
    """A writer that must open."""
    arguments.setdefault("options", QUIET)
    arguments.setdefault("now_us", lambda: 1_700_000_000_000_000)
    found = Writer.open(log, writer, **arguments)
    assert isinstance(found, Writer), found
    return found


def an_exchange(number: int = 0, **changes: Any) -> Exchange:
    """A granted list call."""
    fields: dict[str, Any] = {
        "time_us": 1_700_000_000_000_000 + number,
        "request_id": f"request-{number}",
        "partner": "swift-logistics",
        "client": "swift-logistics-app",
        "agreement": "swift-logistics-2026",
        "version": "1.2.0",
        "contract": "ab" * 32,
        "plan": "swift-logistics-2026/shipments/list",
        "product": "shipments",
        "operation": "list",
        "route": "/v1/shipments{?limit,cursor}",
        "method": "GET",
        "status": 200,
        "code": "",
        "clause": "",
        "latency_us": 4321,
        "bytes": 11_234,
        "records": 10,
        "subjects": 10,
        "withheld": 0,
        "mask": "cd" * 8,
    }
    return Exchange(**(fields | changes))


def an_authority(number: int = 0) -> Authority:
    """The shortest of entries."""
    return Authority(number, "client-added", "a")


def an_intent(number: int = 1) -> Intent:
    """A change that is about to be asked for."""
    return Intent(
        time_us=1_700_000_000_000_000 + number,
        request_id=f"request-{number}",
        partner="swift-logistics",
        client="swift-app",
        agreement="swift-logistics-2026",
        version="1.0.0",
        contract="ab" * 32,
        plan="0123456789abcdef",
        product="shipments",
        operation="update",
        route="/v1/shipments/{key}",
        method="PATCH",
    )


def a_part(number: int = 2) -> Part:
    """A further piece of an answer."""
    return Part(
        time_us=1_700_000_000_000_000 + number,
        request_id="request-1",
        partner="swift-logistics",
        client="swift-app",
        agreement="swift-logistics-2026",
        version="1.0.0",
        contract="ab" * 32,
        plan="0123456789abcdef",
        product="shipments",
        operation="list",
        number=number,
        code="",
        last=False,
        bytes=1_000,
        records=10,
        subjects=7,
        withheld=1,
    )


def an_observation() -> Observation:
    """What samples showed."""
    return Observation(
        time_us=1_700_000_000_000_000,
        partner="swift-logistics",
        agreement="swift-logistics-2026",
        version="1.0.0",
        contract="ab" * 32,
        product="shipments",
        direction="out",
        samples=1,
        records=10,
        measured=(Measured("kind nullValues", 10, 2, 1, 1),),
        drift=(("weight", 3),),
        undeclared=(("", 4),),
    )
