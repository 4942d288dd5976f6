"""The sidecar: what opens the commitments that audit records hold, kept apart from them so that it can be erased.

A record never holds what was sent, only `payload` = HMAC-SHA-256(k, SHA-256(body)), k = SHA-256(salt || K1 ... Kn).
The salt belongs to this one record, the keys to the people whom the answer is about. Whoever is given k can check a
body against the record; without it nobody can even try out what they guess (docs/privacy.md).
"""

import hmac
import os
import time
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b, sha256
from pathlib import Path
from threading import Event, Thread
from typing import TypeAlias

import msgspec
from msgspec import Struct

from gateway.audit.faults import LogFault, name_of
from gateway.audit.sidecar_file import (
    HANDLE_BYTES,
    NO_KEY,
    SALT_BYTES,
    KeyFrame,
    all_files,
    file_name,
    files_in,
    key_frame,
    read_frames,
    record_frame,
)
from gateway.store.hidden import Hidden

HANDLE_SECRET = "sidecar"  # noqa: S105 - the name of a server secret, by which handles are keyed
FILE_BYTES_MAX = 16 << 20
KNOWN_MAX = 65_536
"""Subjects whose keys are in memory at once."""
FORGET_S = 60.0
"""So long after it was erased, at most, a subject's key is in the memory of a gateway that serves."""
FLUSH_S = 1.0
"""So much of what opens commitments, at most, a power failure may take."""
_RANDOM_BYTES = 4096

Scalar: TypeAlias = str | int | float | bool | None
Subject: TypeAlias = Scalar | tuple[Scalar, ...]
"""Whom data are about: the value of the field marked `subject`, or the values of several in the product's order."""


def subject_text(subject: Subject) -> str:
    """A subject as `erase --subject` names it: text as it is, a number in digits, several values as a JSON array.

    Values that are equal are one subject, also when one backend writes 7 and another "7".
    """
    if isinstance(subject, tuple):
        return msgspec.json.encode([None if value is None else subject_text(value) for value in subject]).decode()
    if isinstance(subject, bool):
        return str(int(subject))
    if isinstance(subject, float):
        return str(int(subject)) if subject.is_integer() else repr(subject)
    return str(subject)


def handle_of(text: str, secret: Hidden[bytes]) -> bytes:
    """What a subject's keys are found by: BLAKE2b-128 keyed with a secret of the state store, which no guess undoes."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=HANDLE_BYTES, key=secret.reveal()).digest()


class Opening(Struct, frozen=True):
    """Opens one record's commitment and no other: `commitment` == HMAC-SHA-256(`key`, SHA-256(body))."""

    commitment: bytes
    key: bytes


class _Open(Struct, frozen=True):
    """The file that is appended to."""

    descriptor: int
    number: int
    path: Path


class Sidecar:
    """One writer's end of the sidecar. `commit` belongs to one thread, the event loop's.

    A new file is begun at every start, when one is full, and after a write that failed: no file is ever appended to
    behind a frame that may be torn. Files are synced once a second by a thread of their own. A process that is killed
    loses nothing; a power failure may lose what opens the records of the last second, which then stay closed for good.
    """

    def __init__(
        self,
        folder: Path,
        secret: Hidden[bytes],
        *,
        file_bytes_max: int = FILE_BYTES_MAX,
        known_max: int = KNOWN_MAX,
        flush_s: float | None = FLUSH_S,
        monotonic_s: Callable[[], float] = time.monotonic,
        write: Callable[[int, bytes], int] = os.write,
        sync: Callable[[int], None] = os.fdatasync,
    ) -> None:
        """`folder` is this writer's own: whoever opens it holds the lock of the log's writer of that name.

        The first file is made, and the thread begins, when there is something to write. `flush_s` None: there is no
        thread, and whoever made this calls `tick`.
        """
        self._folder, self._secret = folder, secret
        self._file_bytes_max, self._known_max = file_bytes_max, known_max
        self._flush_s = flush_s
        self._monotonic_s, self._write, self._fdatasync = monotonic_s, write, sync
        self._open: _Open | None = None
        self._gone: _Open | None = None  # somebody deleted it: the thread saw, the next commitment begins another
        self._retired: list[_Open] = []  # full files, which the thread syncs and closes
        self._size = self._written = self._synced = self._next_id = 0
        self._known: dict[Subject, tuple[bytes, bytes]] = {}
        self._forget_at_s = 0.0
        self._random, self._random_at = b"", 0
        self._stopped: LogFault | None = None
        self._closing = Event()
        self._thread: Thread | None = None

    def commit(self, digest: bytes, subjects: Iterable[Subject]) -> str | LogFault:
        """Commit to the body with this SHA-256, about these people: what the record is to say, in hex.

        A fault means that nobody could ever open the commitment: the data must not be sent. "write-failed": the next
        one may fare better; "stopped": a sync failed.
        """
        file = self._open
        if file is None or file is self._gone or self._size >= self._file_bytes_max or self._stopped is not None:
            begun = self._begin()
            if isinstance(begun, LogFault):
                return begun
            file = begun
        known, entries, new = self._known, [], b""
        for subject in subjects:
            entry = known.get(subject)
            if entry is None:
                entry, frame = self._meet(subject)
                new += frame
            entries.append(entry)
        entries.sort()
        salt = self._drawn()
        key = sha256(salt + b"".join([key for _, key in entries])).digest()
        commitment = hmac.digest(key, digest, "sha256")
        framed = new + record_frame(commitment, salt, len(entries), b"".join([number for number, _ in entries]))
        try:
            taken = self._write(file.descriptor, framed)
        except OSError as error:
            return self._abandon(f"sidecar: write: {name_of(error)}")
        if taken != len(framed):
            return self._abandon(f"sidecar: write: {taken} of {len(framed)} bytes taken")
        self._size += taken
        self._written += taken
        return commitment.hex()

    def close(self) -> None:
        """Make everything durable. Later commitments answer "stopped"."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
        self._retire()
        self.tick()
        self._known = {}
        self._stopped = self._stopped or LogFault("stopped", "sidecar: closed")

    def tick(self) -> None:
        """What the thread does once a second: forget keys when it is time, sync, see that the file is still there."""
        now_s = self._monotonic_s()
        if now_s >= self._forget_at_s:
            # Another dictionary, not an emptied one: the loop may be looking into this one.
            self._forget_at_s, self._known = now_s + FORGET_S - FLUSH_S, {}
        try:
            self._sync()
        except OSError as error:
            # What the kernel failed to write it may forget: which openings are gone is not known any more.
            self._stopped = LogFault("stopped", f"sidecar: fdatasync: {name_of(error)}")

    def _sync(self) -> None:
        while self._retired:
            retired = self._retired.pop(0)
            try:
                self._fdatasync(retired.descriptor)
            finally:
                os.close(retired.descriptor)
        file, written = self._open, self._written
        if file is None:
            return
        if written != self._synced:
            self._fdatasync(file.descriptor)
            self._synced = written
        try:
            there = os.path.samestat(os.stat(file.path, follow_symlinks=False), os.fstat(file.descriptor))
        except FileNotFoundError:
            there = False
        if not there:
            self._gone = file

    def _meet(self, subject: Subject) -> tuple[tuple[bytes, bytes], bytes]:
        """A key for a subject that has none in this file, and the frame that keeps it."""
        number, key = self._next_id, self._drawn()
        self._next_id = number + 1
        if len(self._known) >= self._known_max:
            self._known = {}
        entry = (number.to_bytes(4), key)
        self._known[subject] = entry
        return entry, key_frame(number, handle_of(subject_text(subject), self._secret), key)

    def _drawn(self) -> bytes:
        """16 random bytes, drawn in blocks: asking the system for each costs more than the rest of a commitment."""
        if self._random_at >= len(self._random):
            self._random, self._random_at = os.urandom(_RANDOM_BYTES), 0
        at = self._random_at
        self._random_at = at + SALT_BYTES
        return self._random[at : at + SALT_BYTES]

    def _begin(self) -> "_Open | LogFault":
        """Go on in a new file, with new keys."""
        if self._stopped is not None:
            return self._stopped
        self._retire()
        try:
            last = max((number for number, _ in files_in(self._folder)), default=0)
            file = _create(self._folder, last + 1)
        except OSError as error:
            return LogFault("write-failed", f"sidecar: a new file: {name_of(error)}")
        self._size = self._next_id = 0
        self._known, self._open = {}, file
        if self._thread is None and self._flush_s is not None:
            self._thread = Thread(target=self._run, args=(self._flush_s,), name="sidecar", daemon=True)
            self._thread.start()
        return file

    def _retire(self) -> None:
        """Leave the file to the thread, which syncs and closes it."""
        if self._open is not None:
            self._retired.append(self._open)
            self._open = None

    def _abandon(self, detail: str) -> LogFault:
        """The file may end in half a frame, and keys may be known that are not in it: the next goes to a new one."""
        self._retire()
        self._known = {}
        return LogFault("write-failed", detail)

    def _run(self, flush_s: float) -> None:
        while not self._closing.wait(flush_s):
            self.tick()


def _create(folder: Path, number: int) -> _Open:
    """A new file that has its name for good. Raises OSError."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / file_name(number)
    creation = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
    descriptor = os.open(path, creation, 0o600)
    parent = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
    return _Open(descriptor, number, path)


def openings(folder: Path, wanted: set[bytes]) -> Iterator[Opening]:
    """What opens these commitments, as far as the sidecar at `folder` still can: at most one for each.

    There is none for a record about somebody who was erased. Reads one file at a time. Raises OSError.
    """
    left = set(wanted)
    for path in all_files(folder):
        if not left:
            return
        keys: dict[int, bytes] = {}
        for frame in read_frames(path.read_bytes()):
            if isinstance(frame, KeyFrame):
                keys[frame.id] = frame.key
            elif frame.commitment in left:
                own = [keys.get(number, NO_KEY) for number in frame.ids]
                left.discard(frame.commitment)
                if NO_KEY not in own:
                    yield Opening(frame.commitment, sha256(frame.salt + b"".join(own)).digest())
