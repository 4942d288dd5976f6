"""What may go wrong with the log: LogFault, a writer's answer in place of a receipt; CorruptLogError for readers."""

import errno
from typing import Literal, TypeAlias

from msgspec import Struct

FaultKind: TypeAlias = Literal[
    "stopped",  # for good: an fsync failed, or the file is no longer ours; only a restart helps
    "write-failed",  # this record could not be written; the log is as it was before it
    "stalled",  # the disk has not answered in time; nothing was written, or what was is taken back by an Undelivered
    "disk-full",  # the reserve of free space is reached; served again as soon as there is space
    "too-large",  # a leaf over 65,535 bytes
    "unencodable",  # a value that JSON cannot hold
    "locked",  # another process writes these files
    "corrupt",  # the log on disk is damaged in a way that no crash explains
    "unusable",  # the folder or the writer's name cannot be used
]


class LogFault(Struct, frozen=True):
    """Why there is no receipt. `detail` names a call, an errno or a place in the log, never a recorded value."""

    kind: FaultKind
    detail: str


class CorruptLogError(Exception):
    """A reader met bytes that are no frame where there must be one. `file` is relative to the log's folder."""

    def __init__(self, file: str, offset: int) -> None:
        super().__init__(f"{file}: damaged at byte {offset}")
        self.file = file
        self.offset = offset


def name_of(error: OSError) -> str:
    """ENOSPC, EIO, ...: the error without its path."""
    return errno.errorcode.get(error.errno or 0, "OSError")
