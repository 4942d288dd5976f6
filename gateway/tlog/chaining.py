"""Follows a writer's chain through a segment's bytes: which records come next, of whom, with their leaf hashes."""

import re
from binascii import hexlify
from hashlib import sha256
from typing import Final

from msgspec import Struct

from gateway.audit.chain import Link, break_between
from gateway.audit.frames import frames
from gateway.audit.leaf import decode
from gateway.store.log_state import Position

_KIND: Final = b'"type":"'
_OPENING: Final = b'opening"'
_PARTNER: Final = b'"partner":"'
_PARTNER_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


class ChainFault(Struct, frozen=True):
    """Why the bytes are no continuation of the chain: numbers, hashes and kinds of entry."""

    detail: str


class Leaves(Struct, frozen=True):
    """Records of one tree: entries and their leaf hashes, one for one."""

    entries: list[bytes]
    hashes: list[bytes]


def follow(
    writer: str, at: Position, data: bytes, records_max: int, into: dict[str, Leaves]
) -> tuple[Position, ChainFault | None]:
    """Add the records in `data`, which begins behind `at`, to those of their partners; at most `records_max`.

    Ends before the first frame that is not whole, with the position behind the last record that follows.
    """
    run = _Run(writer, at, into)
    fault = run.over(data, records_max)
    return run.position, fault


class _Run:
    """Where the reading stands. A class, so that what is rare can be told apart from the loop over every record."""

    def __init__(self, writer: str, at: Position, into: dict[str, Leaves]) -> None:
        self._writer, self.position, self._into = writer, at, into
        self._by_name: dict[bytes, Leaves] = {}

    def over(self, data: bytes, records_max: int) -> ChainFault | None:
        """The bytes of a record that is like the one before it are compared, not decoded: that takes a third.

        A quotation mark within a JSON string has a backslash before it, so the bytes `"partner":"` are that field.
        """
        at = self.position
        base, version, epoch, seq, previous = at.offset, at.version, at.epoch, at.seq, at.hash.encode()
        start = self._start(version, epoch)
        frame, end, hasher, groups = at.frame, at.offset, sha256, self._by_name
        fault = None
        for offset, raw in frames(data):
            if records_max <= 0:
                break
            digest = hasher(b"\x00" + raw).digest()
            seq += 1
            kind = raw.find(_KIND)
            leaves = None
            if raw.startswith(b'%b%d,"prev":"%b"' % (start, seq, previous)) and not raw.startswith(_OPENING, kind + 8):
                place = raw.find(_PARTNER, kind)
                leaves = groups.get(raw[place + 11 : raw.find(b'"', place + 11)] if place >= 0 else b"")
            if leaves is None:
                now = Position(at.segment, end, frame, epoch, seq - 1, previous.decode(), version)
                judged = self._judge(now, raw)
                if isinstance(judged, ChainFault):
                    fault, seq = judged, seq - 1
                    break
                version, epoch, leaves = judged
                start = self._start(version, epoch)
            leaves.entries.append(raw)
            leaves.hashes.append(digest)
            previous = hexlify(digest)
            frame = base + offset
            end = frame + 8 + len(raw)
            records_max -= 1
        self.position = Position(at.segment, end, frame, epoch, seq, previous.decode(), version)
        return fault

    def _start(self, version: int, epoch: int) -> bytes:
        """How a record of this epoch begins; see leaf.Leaf."""
        return b'{"v":%d,"at":{"writer":"%b","epoch":%d,"seq":' % (version, self._writer.encode(), epoch)

    def _judge(self, at: Position, raw: bytes) -> tuple[int, int, Leaves] | ChainFault:
        """The version, the epoch and the place of a record that is not like the one before it."""
        leaf = decode(raw)
        if leaf is None:
            return ChainFault("not a record")
        if broken := break_between(Link(at.epoch, at.seq, at.hash, at.version), leaf, self._writer):
            return ChainFault(f"{broken.kind}: expected {broken.expected}, found {broken.found}")
        partner = str(getattr(leaf.entry, "partner", ""))
        if partner and _PARTNER_NAME.fullmatch(partner) is None:
            return ChainFault("a partner's name that no tree can have")
        leaves = self._into.setdefault(partner, Leaves([], []))
        self._by_name[partner.encode()] = leaves
        return leaf.v, leaf.at.epoch, leaves
