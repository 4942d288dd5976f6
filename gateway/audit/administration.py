"""The log's writers as a workspace's settings want them; and `admin`, that of commands beside a serving gateway."""

import time
from pathlib import Path
from typing import Final

from gateway.audit.faults import LogFault
from gateway.audit.writer import Writer, WriterOptions
from gateway.settings import Settings

ADMIN: Final = "admin"
_MIB: Final = 1 << 20
_RETRY_S: Final = 0.05


def options_of(settings: Settings) -> WriterOptions:
    """What the settings say of segments and of the disk: the same for every writer of a workspace."""
    return WriterOptions(
        segment_bytes=settings.segment_mib * _MIB,
        reserve_bytes=settings.reserve_mib * _MIB,
        commit_timeout_ms=settings.commit_timeout_ms,
    )


def open_admin(settings: Settings, folder: Path, wait_s: float = 5.0) -> Writer | LogFault:
    """The log's writer `admin`, of a workspace at `folder`; waits up to `wait_s` for another command that has it."""
    until = time.monotonic() + wait_s
    while True:
        opened = Writer.open(settings.log_path(folder), ADMIN, options=options_of(settings))
        if isinstance(opened, Writer) or opened.kind != "locked" or time.monotonic() >= until:
            return opened
        time.sleep(_RETRY_S)
