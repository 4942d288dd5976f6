"""An end of the log for commands that change authority while a gateway serves: a writer of their own."""

import time
from pathlib import Path

from gateway.audit.faults import LogFault
from gateway.audit.writer import Writer
from gateway.settings import Settings

ADMIN = "admin"


def open_admin(settings: Settings, folder: Path, wait_s: float = 5.0) -> Writer | LogFault:
    """The log's writer `admin`; waits for another command that has it."""
    until = time.monotonic() + wait_s
    while True:
        opened = Writer.open(settings.log_path(folder), ADMIN)
        if isinstance(opened, Writer) or opened.kind != "locked" or time.monotonic() > until:
            return opened
        time.sleep(0.05)
