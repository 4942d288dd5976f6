"""Makes a sequencer from a workspace's settings, the same for a gateway that serves and for `clausegate sequence`."""

import time
from collections.abc import Callable
from pathlib import Path

from gateway.settings import Settings
from gateway.store.log_state import LogStates
from gateway.store.store import Store
from gateway.tlog.keys import LogKeys
from gateway.tlog.publishing import Cosigner
from gateway.tlog.sequencer import Sequencer, Step
from gateway.tlog.service import Pace, SequencerService
from gateway.tlog.target import Target


def sequencing(
    settings: Settings,
    folder: Path,
    *,
    store: Store,
    target: Target,
    keys: LogKeys,
    cosigner: Cosigner | None,
    stands_by: bool = True,
    report: Callable[[Step], None] = lambda _: None,
) -> SequencerService:
    """A service that is not started yet, for the workspace at `folder`."""
    sequencer = Sequencer(
        LogStates(store),
        target,
        settings.log_path(folder),
        keys,
        clock_us=lambda: time.time_ns() // 1000,
        cosigner=cosigner,
    )
    pace = Pace(settings.tree_delay_ms, settings.root_delay_ms)
    return SequencerService(sequencer, pace, monotonic_s=time.monotonic, stands_by=stands_by, report=report)
