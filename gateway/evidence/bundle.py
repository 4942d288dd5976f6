"""What an evidence bundle consists of: names of members, the manifest, the lines of its tables.

A bundle is a zip file that says what a partner's tree holds of a period, so that nobody need believe whoever made it:
the entries and their hashes lead to the root that a checkpoint signs.
"""

import re
from base64 import b64decode
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from gateway.audit.leaf import Authority, Entry
from gateway.audit.period import Period
from gateway.tlog.anchors import Anchor
from gateway.tlog.layout import tree_of
from gateway.tlog.spelling import base64_text

FORMAT: Final = "clausegate-evidence/v1"
README = "README.md"
MANIFEST = "manifest.json"
CHECKPOINT = "checkpoint"
VKEY = "vkey"
RECORDS = "records.jsonl"
PARQUET = "records.parquet"
PROOFS = "proofs.jsonl"
ROOT_CHECKPOINT = "root/checkpoint"
ROOT_VKEY = "root/vkey"
ANCHORS = "anchors.jsonl"
ANCHOR_KEY = "anchors/key"
RECEIPTS_VKEY = "receipts-vkey"
OPENINGS = "openings.jsonl"
POLICY = "policy"
REQUIRED = frozenset({README, CHECKPOINT, VKEY, RECORDS, PARQUET, PROOFS})
"""In every bundle, besides the manifest, tiles, entries and contracts."""
OPTIONAL = frozenset({ROOT_CHECKPOINT, ROOT_VKEY, ANCHORS, ANCHOR_KEY, RECEIPTS_VKEY, OPENINGS, POLICY})

ANCHORS_MAX: Final = 1000
"""Anchors in one bundle, besides the latest: those of a long period are thinned evenly."""
LINE_BYTES_MAX: Final = 1 << 17
"""A record's line is its leaf (65,535 bytes at most) and little else."""

Progress: TypeAlias = Callable[[int, int], None]
"""Called with (bytes or records done, in all) now and then."""
Hex: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Count: TypeAlias = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]

_CONTRACT_EVENTS = ("agreement-activated", "agreement-signed-off", "allowance-granted", "measure-imposed")
_HASH = re.compile(r"[0-9a-f]{64}")
_CONTRACT = re.compile(r"contracts/([0-9a-f]{64})\.json")


class FileEntry(Struct, frozen=True, forbid_unknown_fields=True):
    """One member of the zip: its size in bytes and its SHA-256 in hex."""

    path: str
    bytes: Count
    sha256: Hex


class Manifest(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """`manifest.json`: what the bundle says of itself. Nothing signs it, so a checker recomputes all of it.

    `from_time` and `until_time` are the period, from included, until not: ISO 8601 with offset, "" for an open end.
    Entries [`first_entry`, `end_entry`) of the tree are in the bundle, whole bundles of 256; `records` of them are of
    the period, and are in the tables. `contracts_missing` are hashes that records name and nobody kept a document of.
    """

    format: Literal["clausegate-evidence/v1"]
    made_by: Annotated[str, Meta(max_length=100)]
    partner: Annotated[str, Meta(min_length=1, max_length=200)]
    origin: str
    from_time: Annotated[str, Meta(max_length=40)]
    until_time: Annotated[str, Meta(max_length=40)]
    tree_size: Count
    root: str
    first_entry: Count
    end_entry: Count
    records: Count
    contracts_missing: tuple[Hex, ...]
    anchors: Count
    openings: Count
    files: tuple[FileEntry, ...]

    def encode(self) -> bytes:
        """The file's bytes, the only ones that are this manifest."""
        return msgspec.json.format(msgspec.json.encode(self), indent=1) + b"\n"


class ProofLine(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of `proofs.jsonl`: base64 hashes from the leaf's sibling to the root's child (RFC 6962, 2.1.1)."""

    index: Count
    leaf_hash: Hex
    proof: list[str]


class AnchorLine(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of `anchors.jsonl`: the tree's `number`-th checkpoint is entry `root_index` of the root log.

    `entry` is that entry as text, `proof` its inclusion in the tree of `root/checkpoint`.
    """

    number: Count
    size: Count
    root_index: Count
    entry: str
    proof: list[str]


class OpeningLine(Struct, frozen=True, forbid_unknown_fields=True):
    """A line of `openings.jsonl`: `payload` of the record at `index` is HMAC-SHA-256(`key`, SHA-256(body))."""

    index: Count
    payload: Hex
    key: Hex


def parse_manifest(data: bytes) -> Manifest | None:
    """The manifest; None for bytes that are none, or are spelt otherwise."""
    try:
        found = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found if found.encode() == data else None


def record_line(index: int, leaf_hash: bytes, leaf: bytes) -> bytes:
    """A line of `records.jsonl`; the leaf stands in it as it is, so that whoever cuts it out can hash it."""
    return b'{"index":%d,"leaf_hash":"%b","leaf":%b}\n' % (index, leaf_hash.hex().encode(), leaf)


def proof_line(index: int, leaf_hash: bytes, proof: list[str]) -> bytes:
    """A line of `proofs.jsonl`."""
    return line(ProofLine(index, leaf_hash.hex(), proof))


def anchor_line(anchor: Anchor, entry: bytes, proof: Sequence[bytes]) -> bytes:
    """A line of `anchors.jsonl`."""
    siblings = [base64_text(sibling) for sibling in proof]
    return line(AnchorLine(anchor.number, anchor.size, anchor.root_index, entry.decode(), siblings))


def line(value: Struct) -> bytes:
    """A value as one line of JSON."""
    return msgspec.json.encode(value) + b"\n"


def hashes_of(texts: Sequence[str]) -> list[bytes] | None:
    """The hashes of a proof; None when one of them is no 32 bytes in base64."""
    try:
        found = [b64decode(text, validate=True) for text in texts]
    except ValueError:
        return None
    return found if all(len(value) == 32 for value in found) else None


def contract_path(contract_hash: str) -> str:
    """Where a contract's document lies."""
    return f"contracts/{contract_hash}.json"


def contract_of(path: str) -> str | None:
    """The contract hash in a member's name; None for other names."""
    found = _CONTRACT.fullmatch(path)
    return found[1] if found else None


def contract_named(entry: Entry) -> str:
    """The contract hash that a record names; "" when it names none. Other events are about documents of other kinds."""
    if isinstance(entry, Authority) and entry.event not in _CONTRACT_EVENTS:
        return ""
    named = getattr(entry, "contract", "")
    return named if _HASH.fullmatch(named) else ""


def names_partner(origin: str, partner: str) -> bool:
    """Whether this is the origin of the partner's tree, whatever the log is called."""
    return origin.endswith(f"/{tree_of(partner)}")


def period_of(from_time: str, until_time: str) -> Period | None:
    """The period in microseconds; None when a text is no time with an offset, or it ends before it begins."""
    bounds: list[int | None] = []
    for text in (from_time, until_time):
        bounds.append(_moment_us(text) if text else None)
        if text and bounds[-1] is None:
            return None
    start, end = bounds
    return None if start is not None and end is not None and end <= start else Period(start, end)


def is_within(time_us: int, period: Period) -> bool:
    """From included, until not."""
    after = period.from_us is None or time_us >= period.from_us
    return after and (period.until_us is None or time_us < period.until_us)


def _moment_us(text: str) -> int | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if found.tzinfo is None else int(found.timestamp()) * 1_000_000 + found.microsecond
