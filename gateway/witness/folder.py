"""A witness's own folder: its key, the checkpoint that it cosigned last of each log, and evidence of misbehaviour.

```
key                     the witness's name and the seed of its Ed25519 key, for its owner's eyes only
lock                    held while a process works with the folder
<hash>.checkpoint       a log's latest checkpoint with the witness's cosignature; hash: SHA-256 of the origin, in hex
evidence/<...>.json     two signed checkpoints that cannot both be of one growing tree
```
"""

import fcntl
import os
import secrets
import stat
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Final

from gateway.tlog.checkpoint import SignedCheckpoint, parse_checkpoint
from gateway.tlog.note import COSIGNATURE, Note, Signer, verified

KEY: Final = "key"
LOCK: Final = "lock"
EVIDENCE: Final = "evidence"
SUFFIX: Final = ".checkpoint"
EVIDENCE_FILES_MAX: Final = 1000
_SEED_BYTES = 32
_TEMPORARY = ".new-"


class FolderError(Exception):
    """The folder cannot be used as a witness's; the text is for its operator."""


class UncertainError(Exception):
    """Whether a file was replaced for good is not known: only reading it again after a restart can tell."""


class WitnessFolder:
    """The folder, held by this process alone until `close`. Methods block, and are for one thread at a time."""

    def __init__(self, path: Path, signer: Signer, lock: int) -> None:
        self.path, self.signer, self._lock = path, signer, lock

    def load(self) -> dict[str, SignedCheckpoint]:
        """What was cosigned last, by origin. Raises FolderError for a file that this witness has not written so."""
        found = {}
        for file in sorted(self.path.glob(f"*{SUFFIX}")):
            signed = parse_checkpoint(file.read_bytes())
            if (
                signed is None
                or file.name != checkpoint_name(signed.checkpoint.origin)
                or verified(signed.note, self.signer.verifier) is None
            ):
                raise FolderError(
                    f"{file.name} is not as this witness wrote it; without it, it could be made to cosign a fork: "
                    "put back the file as it was, or begin with a new folder and a new key"
                )
            found[signed.checkpoint.origin] = signed
        return found

    def save(self, origin: str, note: Note) -> None:
        """Replace a log's latest checkpoint; durable on return.

        Raises OSError when the old one is still there for certain, UncertainError when that is not known.
        """
        replace_durably(self.path / checkpoint_name(origin), note.encode())

    def keep_evidence(self, name: str, data: bytes) -> bool:
        """Keep a file in the evidence folder, once; False when there are too many already. Raises OSError."""
        folder = self.path / EVIDENCE
        folder.mkdir(mode=0o700, exist_ok=True)
        if (folder / name).exists():
            return True
        kind = name.partition("-")[0]
        if sum(1 for _ in folder.glob(f"{kind}-*")) >= EVIDENCE_FILES_MAX:
            return False
        try:
            replace_durably(folder / name, data)
        except UncertainError as error:
            raise OSError(str(error)) from error
        return True

    def close(self) -> None:
        """Let another process have it."""
        os.close(self._lock)


def checkpoint_name(origin: str) -> str:
    """The name of the file that holds a log's latest checkpoint."""
    return sha256(origin.encode()).hexdigest() + SUFFIX


def open_folder(path: Path, name: str | None) -> WitnessFolder:
    """The folder, locked; a new one gets a key under `name`, which in an old one may be left out. Raises FolderError.

    Raises OSError when the folder cannot be made or read.
    """
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(path / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderError("another process works with this folder") from None
        for left in path.glob(f"{_TEMPORARY}*"):  # of a process that was killed
            left.unlink()
        signer = read_key(path)
        if signer is None:
            signer = _made_key(path, name)
        elif name not in (None, signer.verifier.name):
            raise FolderError(
                f"the witness of this folder is named {signer.verifier.name}; a new name needs a new folder"
            )
    except BaseException:
        os.close(lock)
        raise
    return WitnessFolder(path, signer, lock)


def read_key(path: Path) -> Signer | None:
    """The key of a witness's folder, which may be in use; None when it has none yet. Raises FolderError, OSError."""
    file = path / KEY
    try:
        mode = stat.S_IMODE(file.stat().st_mode)
    except FileNotFoundError:
        return None
    if mode & 0o077:
        raise FolderError(f"others may read the file {KEY}: `chmod 600` it, or begin anew if somebody has")
    try:
        name, seed, end = file.read_text(encoding="utf-8").split("\n")
        if end:
            raise ValueError
        return Signer(name, bytes.fromhex(seed), COSIGNATURE)
    except ValueError:
        raise FolderError(f"the file {KEY} holds no key: a line with the name, a line with 64 hex digits") from None


def replace_durably(path: Path, data: bytes) -> None:
    """Write a file whole or not at all, readable by its owner; on return it is on stable storage, name and content.

    Raises OSError when the old content is still there for certain, UncertainError when that is not known.
    """
    temporary = path.parent / f"{_TEMPORARY}{secrets.token_hex(8)}"
    try:
        with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    try:
        os.replace(temporary, path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise UncertainError(f"{path.name}: {error.strerror or type(error).__name__}") from error


def _made_key(path: Path, name: str | None) -> Signer:
    if name is None:
        raise FolderError("a new witness needs a name: --name witness.example/w1")
    if any(path.glob(f"*{SUFFIX}")):
        raise FolderError(f"there are checkpoints, but the file {KEY} is gone: a new key would belie them")
    seed = secrets.token_bytes(_SEED_BYTES)
    try:
        signer = Signer(name, seed, COSIGNATURE)
    except ValueError as error:
        raise FolderError(str(error)) from None
    try:
        replace_durably(path / KEY, f"{name}\n{seed.hex()}\n".encode())
    except UncertainError as error:
        raise OSError(str(error)) from error
    return signer
