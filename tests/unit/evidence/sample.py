"""A log with a partner's records, sequenced by the real sequencer into a folder; and bundles made of it."""

import asyncio
import hashlib
import json
from collections.abc import Sequence
from itertools import count
from pathlib import Path
from typing import Any
from zipfile import ZipFile

from gateway.audit.contracts import archive_contracts
from gateway.audit.leaf import Authority, Entry, Exchange
from gateway.evidence.check import BundleFault, BundleReport, check_bundle
from gateway.evidence.make import Asked, make_bundle
from gateway.tlog.local_target import LocalTarget
from gateway.tlog.sequencer import Sequencer, Step
from tests.unit.tlog.segment_log import KEYS, MemoryStates, SegmentLog

PARTNER = "swift"
CONTRACT = b'{"agreement":{"agreement":"swift-2026"},"policies":[],"products":[]}'
CONTRACT_HASH = hashlib.sha256(CONTRACT).hexdigest()
DAY_US = 86_400_000_000
OCTOBER_US = 1_790_784_000_000_000
"""2026-09-30T16:00Z, the first of October in Shanghai."""
FROM, TO = "2026-10-01T00:00:00+08:00", "2026-11-01T00:00:00+08:00"


def exchange(time_us: int, partner: str = PARTNER, payload: str = "", contract: str = CONTRACT_HASH) -> Exchange:
    return Exchange(
        time_us=time_us,
        request_id=f"r-{time_us}",
        partner=partner,
        client="swift-app",
        agreement="swift-2026",
        version="1.0.0",
        contract=contract,
        plan="p" * 16,
        product="shipments",
        operation="list",
        route="/v1/shipments",
        method="GET",
        status=200,
        code="",
        clause="",
        latency_us=1234,
        bytes=567,
        records=10,
        subjects=3,
        withheld=0,
        mask="m" * 16,
        payload=payload,
    )


class Hub:
    """A log folder, its trees beside it, and the sequencer between them."""

    def __init__(self, folder: Path, writers: Sequence[str] = ("gw-1", "gw-2")) -> None:
        self.log = folder / "log"
        self.target = LocalTarget(self.log / "tree")
        self.folder = folder
        self.writers = [SegmentLog(self.log, writer) for writer in writers]
        self.states = MemoryStates()
        clock = count(OCTOBER_US)
        self._sequencer = Sequencer(self.states, self.target, self.log, KEYS, clock_us=lambda: next(clock))

    def archive(self, document: bytes = CONTRACT) -> None:
        archive_contracts(self.log, [(hashlib.sha256(document).hexdigest(), lambda: document)])

    def write(self, entries: Sequence[Entry]) -> None:
        """The entries, by the writers in turn."""
        for number, entry in enumerate(entries):
            self.writers[number % len(self.writers)].append(getattr(entry, "partner", ""), entry)

    def sequence(self, *, anchored: bool = True) -> None:
        """Everything into the trees, and their checkpoints into the root log."""

        async def run() -> None:
            for _ in range(3):
                assert isinstance(done := await self._sequencer.step(), Step), done
            if anchored:
                assert isinstance(done := await self._sequencer.anchor(), Step), done

        asyncio.run(run())

    def make(self, name: str = "evidence.zip", **asked: object) -> Path:
        """A bundle that must come about."""
        path = self.folder / name
        made = make_bundle(self.target, self.log, Asked(**{"partner": PARTNER, **asked}), path)  # type: ignore[arg-type]
        assert isinstance(made, BundleReport), made
        return path


def some_hub(folder: Path, records: int = 30, step_us: int = 2 * DAY_US) -> Hub:
    """So many exchanges of the partner from 21 September on, `step_us` apart, and what surrounds them."""
    hub = Hub(folder)
    hub.archive()
    start = OCTOBER_US - 10 * DAY_US
    activated = Authority(start, "agreement-activated", "swift-2026 1.0.0", CONTRACT_HASH, PARTNER)
    entries: list[Entry] = [activated, exchange(start, "other")]
    entries += [exchange(start + number * step_us) for number in range(records)]
    hub.write(entries)
    hub.sequence()
    return hub


def member(path: Path, name: str) -> bytes:
    with ZipFile(path) as bundle:
        return bundle.read(name)


def lines(path: Path, name: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in member(path, name).splitlines()]


def rewritten(path: Path, changes: dict[str, bytes | None], into: Path, *, listed: bool = True) -> Path:
    """The bundle with members replaced, added or (None) taken out; `listed` says the manifest agrees with that."""
    with ZipFile(path) as bundle:
        files = {name: bundle.read(name) for name in bundle.namelist()}
    for name, data in changes.items():
        if data is None:
            del files[name]
        else:
            files[name] = data
    if listed:
        manifest = json.loads(files["manifest.json"])
        manifest["files"] = [
            {"path": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
            for name, data in files.items()
            if name != "manifest.json"
        ]
        files["manifest.json"] = encoded(manifest)
    with ZipFile(into, "w") as bundle:
        for name, data in files.items():
            bundle.writestr(name, data)
    return into


def encoded(manifest: dict[str, object]) -> bytes:
    """As the manifest is spelt."""
    return json.dumps(manifest, indent=1, ensure_ascii=False).encode() + b"\n"


def fault_of(path: Path, **more: Any) -> BundleFault:
    found = check_bundle(path, **more)
    assert isinstance(found, BundleFault), found
    return found
