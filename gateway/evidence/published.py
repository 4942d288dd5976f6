"""What is published of a partner: its tree as the checkpoint signs it, and where a period lies in it."""

import re
from collections.abc import Callable
from typing import Literal

import msgspec
from msgspec import Struct

from gateway.audit.period import Period
from gateway.evidence.bundle import is_within
from gateway.tlog.checkpoint import SignedCheckpoint, open_checkpoint
from gateway.tlog.layout import CHECKPOINT, VKEY
from gateway.tlog.note import VerifierKey, parse_vkey
from gateway.tlog.target import Target
from gateway.tlog.tiles import WIDTH, Fetch, TileError, TileTree


class _Timed(Struct, frozen=True, gc=False):
    time_us: int


class _Entry(Struct, frozen=True, gc=False):
    """Of a leaf no more than its time: a tree is looked through for a period."""

    entry: _Timed


_TIME = msgspec.json.Decoder(_Entry)


class NotMade(Struct, frozen=True):
    """Why there is no bundle. Nothing is left of it.

    `kind`: exists (the output), no-tree (nothing is published for this partner), no-records (none in the period),
    damaged (what is published does not verify), unreadable or unwritable (the disk or the object store).
    """

    kind: Literal["exists", "no-tree", "no-records", "damaged", "unreadable", "unwritable"]
    message: str


class StoppedError(Exception):
    """Ends the making of a bundle."""

    def __init__(self, why: NotMade) -> None:
        super().__init__(why.message)
        self.why = why


class Published(Struct, frozen=True):
    """A tree with the key and the checkpoint that were published with it."""

    key: VerifierKey
    signed: SignedCheckpoint
    tree: TileTree
    fetch: Fetch


_PARTNER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")


def is_partner_name(text: str) -> bool:
    """Whether a tree can be one of this partner: the name is a folder's, and goes into a path."""
    return _PARTNER.fullmatch(text) is not None


def read_published(target: Target, name: str) -> Published | None:
    """The tree of this name; None when it has no checkpoint yet. Raises StoppedError, TileError."""
    fetch = fetch_from(target, name)
    checkpoint = fetch(CHECKPOINT)
    if checkpoint is None:
        return None
    key = parse_vkey((fetch(VKEY) or b"").decode("utf-8", "replace").removesuffix("\n"))
    if key is None:
        raise TileError(f"{name}/{VKEY}", "no verifier key")
    signed = open_checkpoint(checkpoint, key)
    if signed is None:
        raise TileError(f"{name}/{CHECKPOINT}", "not signed by the key beside it")
    return Published(key, signed, TileTree(fetch, signed.checkpoint.size), fetch)


def fetch_from(target: Target, name: str) -> Fetch:
    """Reads files of one tree; a target that fails raises StoppedError."""

    def fetch(path: str) -> bytes | None:
        try:
            return target.read(f"{name}/{path}")
        except OSError as error:
            raise StoppedError(NotMade("unreadable", f"{name}/{path}: {type(error).__name__}")) from None

    return fetch


def entries_of(tree: TileTree, period: Period, step: Callable[[int, int], None]) -> tuple[int, int] | None:
    """Whole bundles of entries, [first, end), with every record of the period; None when there is no record in it.

    Records lie in the order in which they were sequenced, which is nearly that of their times: so the first and the
    last are looked for in all of them. On a side without a date all entries belong to it. `step` is told how many
    entries were read, and of how many. Raises TileError, StoppedError.
    """
    size = tree.size
    if period.from_us is None and period.until_us is None:
        return (0, size) if size else None
    first, last = -1, -1
    for index, raw in enumerate(tree.entries(0, size)):
        if index % WIDTH == 0:
            step(index, size)
        if is_within(_time_us(index, raw), period):
            first, last = (index if first < 0 else first), index
    if first < 0:
        return None
    start = 0 if period.from_us is None else first // WIDTH * WIDTH
    end = size if period.until_us is None else min(size, (last // WIDTH + 1) * WIDTH)
    return start, end


def _time_us(index: int, raw: bytes) -> int:
    try:
        return _TIME.decode(raw).entry.time_us
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise TileError(f"entry {index}", "no record") from None
