"""The archive of contracts: `<log>/contracts/<hash>.json`, the very bytes whose SHA-256 records name.

Without it a hash in a record could be shown to stand for any text that nobody kept.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TypeAlias

FOLDER = "contracts"

Canonical: TypeAlias = Callable[[], bytes]
"""Gives a contract's canonical JSON when it is asked for: thousands of them are not held in memory."""

_HASH = re.compile(r"[0-9a-f]{64}")


class ArchiveError(Exception):
    """A contract cannot be kept, so it must not come into force. The text says why, and names no content."""


def archive_contracts(log: Path, contracts: Iterable[tuple[str, Canonical]]) -> int:
    """Keep contracts, durably; those that are kept already are left alone. Gives how many were written.

    Each is whole or not there at all: a temporary file is synced, then renamed; the folder is synced before this
    returns. One document is in memory at a time. Raises ArchiveError.
    """
    folder = log / FOLDER
    try:
        written = sum(_keep(log, contract_hash, canonical) for contract_hash, canonical in contracts)
        if written:
            _sync_folder(folder)
    except OSError as error:
        raise ArchiveError(f"{FOLDER} cannot be written: {type(error).__name__}: {error.strerror}") from None
    return written


def read_contract(log: Path, contract_hash: str) -> bytes | None:
    """The canonical JSON of a contract; None when it is not there, or is not what its name says. Raises OSError."""
    try:
        data = _path(log, contract_hash).read_bytes()
    except FileNotFoundError:
        return None
    return data if hashlib.sha256(data).hexdigest() == contract_hash else None


def _keep(log: Path, contract_hash: str, canonical: Canonical) -> bool:
    """Whether the contract had to be written."""
    path = _path(log, contract_hash)
    if path.is_file():
        return False
    data = canonical()
    if hashlib.sha256(data).hexdigest() != contract_hash:
        raise ArchiveError(f"the canonical form of contract {contract_hash} has another hash")
    if not path.parent.is_dir():
        path.parent.mkdir(parents=True, exist_ok=True)
        _sync_folder(log)
    temporary = path.with_name(f".{contract_hash}.{os.getpid()}")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink()
        raise
    return True


def _path(log: Path, contract_hash: str) -> Path:
    """Raises ValueError for anything but 64 hex digits: a path is made of it."""
    if not _HASH.fullmatch(contract_hash):
        raise ValueError("a contract hash has 64 hex digits")
    return log / FOLDER / f"{contract_hash}.json"


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
