"""An end of the log for commands that change authority while a gateway serves: a writer of their own."""

import time
from pathlib import Path
from typing import Final

from gateway.audit.faults import LogFault
from gateway.audit.writer import Writer, WriterOptions
from gateway.settings import Settings

ADMIN: Final = "admin"
_MIB: Final = 1 << 20
_RETRY_S: Final = 0.05


def open_admin(settings: Settings, folder: Path, wait_s: float = 5.0) -> Writer | LogFault:
    """The log's writer `admin`, of a workspace at `folder`; waits up to `wait_s` for another command that has it."""
    options = WriterOptions(
        segment_bytes=settings.segment_mib * _MIB,
        reserve_bytes=settings.reserve_mib * _MIB,
        commit_timeout_ms=settings.commit_timeout_ms,
    )
    until = time.monotonic() + wait_s
    while True:
        opened = Writer.open(settings.log_path(folder), ADMIN, options=options)
        if isinstance(opened, Writer) or opened.kind != "locked" or time.monotonic() >= until:
            return opened
        time.sleep(_RETRY_S)
