"""Erasing a person: destroys the keys that open the commitments about them, and proves that it was done.

The order makes a crash harmless, since the person is still found by their handle until the last step: on the log that
it begins, keys destroyed, certificate kept, on the log that it is done, handles destroyed. Whoever runs it again goes
on where it ended. Neither log nor certificate say who it was.
"""

import hashlib
import hmac
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Literal

import msgspec
from msgspec import Struct

from gateway.audit.events import Event
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.audit.sidecar import handle_of, subject_text
from gateway.audit.sidecar_file import CRC_BYTES, HANDLE_BYTES, KEY_BYTES, KeyFrame, all_files, read_frames
from gateway.audit.writer import Writer
from gateway.store.hidden import Hidden
from gateway.tlog.keys import LogKeys
from gateway.tlog.note import Note, Signer

CERTIFICATE = "clausegate-erasure/v1"


class _Sent(Struct, frozen=True, gc=False):
    """What of a record says to whom data went."""

    partner: str
    payload: str = ""


class _SentExchange(_Sent, frozen=True, tag="exchange", gc=False):
    pass


class _SentPart(_Sent, frozen=True, tag="part", gc=False):
    pass


class KeyPlace(Struct, frozen=True):
    """Where a key lies: `offset` is that of its handle, behind which the key and its checksum stand."""

    file: Path
    offset: int


class Concerned(Struct, frozen=True):
    """What the sidecar holds of one person: their keys, and the commitments of the records about them."""

    places: tuple[KeyPlace, ...]
    commitments: frozenset[bytes]


class Certificate(Struct, frozen=True):
    """What is certified of an erasure: no more than counts. `time_s` is Unix time."""

    origin: str
    id: str
    time_s: int
    keys: int
    records: int

    def text(self) -> str:
        """The note's text: CERTIFICATE and these fields, one a line."""
        return f"{CERTIFICATE}\n{self.origin}\n{self.id}\n{self.time_s}\n{self.keys}\n{self.records}\n"


def erasure_signer(keys: LogKeys) -> Signer:
    """Signs certificates of erasure, and nothing else: `<origin>/erasures`."""
    name = f"{keys.origin}/erasures"
    return Signer(name, hmac.digest(keys.receipts.reveal(), f"clausegate erasure key v1\n{name}".encode(), "sha256"))


def names_of(given: str) -> tuple[str, ...]:
    """The subjects that a text may name: that text; the values of several fields when it is a JSON array of them."""
    try:
        values: Any = msgspec.json.decode(given, type=list[str | int | float | bool | None])
    except (msgspec.MsgspecError, RecursionError):
        return (given,)
    return tuple(dict.fromkeys((given, subject_text(tuple(values)))))


def find(sidecar: Path, names: Iterable[str], secret: Hidden[bytes]) -> Concerned:
    """Every key of a person in the files of all writers, destroyed ones of an erasure that was not finished included.

    A key is found by its handle wherever it lies, in damaged files too. Raises OSError.
    """
    handles = [handle_of(name, secret) for name in names]
    places: list[KeyPlace] = []
    commitments: set[bytes] = set()
    for file in all_files(sidecar):
        data = file.read_bytes()
        here = [KeyPlace(file, offset) for handle in handles for offset in _all_of(handle, data)]
        if here:
            places += here
            commitments |= _commitments(data, handles)
    return Concerned(tuple(places), frozenset(commitments))


def disclosed_to(log: Path, commitments: frozenset[bytes]) -> dict[str, int]:
    """How many records with these commitments each partner has, by partner. Raises CorruptLogError, OSError."""
    wanted = {commitment.hex() for commitment in commitments}
    found: dict[str, int] = {}
    kinds: tuple[type[_Sent], ...] = (_SentExchange, _SentPart) if wanted else ()
    for kind in kinds:
        for sent in read_as(log, kind):
            if sent.payload in wanted:
                found[sent.partner] = found.get(sent.partner, 0) + 1
    return dict(sorted(found.items()))


async def erase(
    concerned: Concerned, certificate: Certificate, signer: Signer, folder: Path, writer: Writer
) -> Path | LogFault:
    """Destroy what was found; the certificate's file in `folder`. Raises OSError; run again, it goes on."""
    begun = await _record(writer, "erasure-begun", certificate)
    if begun is not None:
        return begun
    destroy(concerned.places, "keys")
    text = certificate.text()
    note = Note(text, (signer.sign(text),)).encode()
    file = folder / f"{certificate.id}.note"
    _keep(folder / "vkey", f"{signer.verifier.text()}\n".encode())
    _keep(file, note)
    done = await _record(writer, "subject-erased", certificate, hashlib.sha256(note).hexdigest())
    if done is not None:
        return done
    destroy(concerned.places, "handles")
    return file


def destroy(places: Iterable[KeyPlace], what: Literal["keys", "handles"]) -> None:
    """Overwrite keys with zeros, or handles, in place and durably; also while a gateway appends. Raises OSError."""
    at, size = (HANDLE_BYTES, KEY_BYTES + CRC_BYTES) if what == "keys" else (0, HANDLE_BYTES)
    by_file: dict[Path, list[int]] = {}
    for place in places:
        by_file.setdefault(place.file, []).append(place.offset + at)
    for file, offsets in by_file.items():
        descriptor = os.open(file, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            end = os.fstat(descriptor).st_size
            for offset in offsets:
                zeros = bytes(min(size, end - offset))  # of a torn frame, what there is
                if os.pwrite(descriptor, zeros, offset) != len(zeros):
                    raise OSError(f"{file.name}: a short write")
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)


def _all_of(handle: bytes, data: bytes) -> list[int]:
    found, offset = [], data.find(handle)
    while offset >= 0:
        found.append(offset)
        offset = data.find(handle, offset + 1)
    return found


def _commitments(data: bytes, handles: list[bytes]) -> set[bytes]:
    """The commitments in one file that need the key of one of these handles."""
    ids: set[int] = set()
    found: set[bytes] = set()
    for frame in read_frames(data):
        if isinstance(frame, KeyFrame):
            if frame.handle in handles:
                ids.add(frame.id)
        elif not ids.isdisjoint(frame.ids):
            found.add(frame.commitment)
    return found


async def _record(writer: Writer, event: Event, certificate: Certificate, digest: str = "") -> LogFault | None:
    receipt = await writer.append_durable(Authority(certificate.time_s * 1_000_000, event, certificate.id, digest))
    return receipt if isinstance(receipt, LogFault) else None


def _keep(file: Path, content: bytes) -> None:
    """Write a file that is there whole or not at all. Raises OSError."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    new = file.with_name(f".{file.name}.new")
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "wb", closefd=False) as stream:
            stream.write(content)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    os.replace(new, file)
    parent = os.open(file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(parent)
    finally:
        os.close(parent)
