"""The files of `client_crl_files`: read at the start, looked at again every second, and taken over when they changed.

A file that cannot be used changes nothing, and operators hear of it once. What counts of the others, and for how long,
gateway/oauth/crl_book.py says.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, TypeAlias

import structlog
from cryptography import x509
from msgspec import Struct

from gateway.file_stamp import Stamp, read_stamped, stamp_of
from gateway.oauth.certificates import Authorities
from gateway.oauth.crl import CRL_BYTES_MAX, Crl, read_crls
from gateway.oauth.crl_book import CrlBook, NamedCrl

FOLLOW_S: Final = 1.0
"""So often the files are looked at."""
_ENDING_SHARE: Final = 0.25
"""Of a list's life, the last part in which it should have been replaced."""

Age: TypeAlias = Literal["ending", "ended"]

_log = structlog.get_logger(__name__)


class CrlFileError(Exception):
    """A file cannot be used. The text names it as the setting does, and says what is wrong with it."""


class CrlFile(Struct, frozen=True):
    """What is in a file, by the name that the setting gives it; `stamp` tells whether it was changed since, `digest`
    (SHA-256) whether to something else."""

    name: str
    stamp: Stamp
    digest: bytes
    crls: tuple[Crl, ...]


def read_crl_file(folder: Path, name: str, anchors: Iterable[x509.Certificate]) -> CrlFile:
    """Read a file whose name is relative to `folder`. Raises CrlFileError.

    A list that has the name of one of the authorities (`anchors`) has to be signed by it: else it is about nobody, and
    would leave everybody without a list. One of an authority below them can be held against it only when it is shown.
    """
    try:
        stamp, data = read_stamped(folder / name, CRL_BYTES_MAX)
        crls = read_crls(data)
    except OSError as error:
        raise CrlFileError(f"{name} cannot be read: {error.strerror or type(error).__name__}") from None
    except ValueError as error:
        raise CrlFileError(f"{name} {error}") from None
    for crl in crls:
        named = [anchor for anchor in anchors if anchor.subject == crl.issuer]
        if named and not any(crl.is_signed_by(anchor) for anchor in named):
            raise CrlFileError(f"{name} is not signed by the authority of client_ca_file whose name it has")
    return CrlFile(name, stamp, hashlib.sha256(data).digest(), crls)


def aged(lists: Iterable[NamedCrl], now_s: float) -> Iterator[tuple[str, Crl, Age]]:
    """Lists, with the files they are in, that have ended, or of whose life less than a quarter is left.

    Only the newest of each authority and scope counts.
    """
    newest: dict[object, tuple[str, Crl]] = {}
    for name, crl in lists:
        known = newest.get(_whose(crl))
        if known is None or known[1].this_update_s < crl.this_update_s:
            newest[_whose(crl)] = name, crl
    for name, crl in newest.values():
        left_s = crl.next_update_s - now_s
        if left_s <= 0:
            yield name, crl, "ended"
        elif left_s < _ENDING_SHARE * (crl.next_update_s - crl.this_update_s):
            yield name, crl, "ending"


class CrlFiles:
    """Follows the files, and makes `authorities` look at what counts of them. Belongs to one event loop.

    Raises CrlFileError for a file that cannot be used at the start.
    """

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        authorities: Authorities,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._folder, self._authorities, self._now = folder, authorities, now
        self._files = {name: read_crl_file(folder, name, authorities.anchors) for name in names}
        self._faults: dict[str, Stamp | None] = {}
        self._told: set[tuple[object, float, Age]] = set()
        self._book = CrlBook(authorities.anchors)
        for file in self._files.values():
            self._book.enter(file.name, file.digest, file.crls, now())
        self._hand_over()

    async def follow(self) -> None:
        """Look at each file once. Raises nothing that is expected."""
        changed = False
        for file in tuple(self._files.values()):
            stamp = await asyncio.to_thread(stamp_of, self._folder / file.name)
            if stamp == file.stamp:
                if file.name in self._faults:
                    del self._faults[file.name]
                    _log.info("a list of revoked certificates is what it was again", file=file.name)
            elif file.name not in self._faults or stamp != self._faults[file.name]:
                changed |= await self._take(file, stamp)
        if changed:
            self._hand_over()
        self._tell()

    async def _take(self, file: CrlFile, stamp: Stamp | None) -> bool:
        """Whether a file that was changed was taken over."""
        try:
            read = await asyncio.to_thread(read_crl_file, self._folder, file.name, self._authorities.anchors)
            entered = self._book.enter(read.name, read.digest, read.crls, self._now())
            if entered == "older":  # it would give back what was revoked since
                raise CrlFileError(f"{read.name} is older than what was there before")
        except CrlFileError as error:
            self._faults[file.name] = stamp
            _log.error("a list of revoked certificates cannot be used: the one before stays", reason=str(error))
            return False
        self._faults.pop(file.name, None)
        self._files[file.name] = read
        if entered == "unknown-key":
            _log.warning(
                "a list of revoked certificates is by another key than is known of its authority: it waits until a "
                "client shows a certificate by that key, and the one before stays",
                file=file.name,
            )
        else:
            _log.info("a list of revoked certificates was read", file=file.name, revoked=_count(read))
        return True

    def _hand_over(self) -> None:
        self._authorities.look_in(self._book.lists_of)

    def _tell(self) -> None:
        """Say once of each list that it ends, and once that it has ended."""
        for name, crl, age in aged(self._book.named(), self._now()):
            told = (_whose(crl), crl.this_update_s, age)
            if told not in self._told:
                self._told.add(told)
                if age == "ended":
                    _log.error("a list of revoked certificates has ended: whom it is about gets no token", file=name)
                else:
                    _log.warning("a list of revoked certificates ends soon and was not replaced", file=name)


def _whose(crl: Crl) -> object:
    return crl.issuer, crl.authority_key, crl.scope


def _count(file: CrlFile) -> int:
    return sum(len(crl.serials) for crl in file.crls)
