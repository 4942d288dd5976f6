"""What one audit record says. A leaf is this, as JSON, with the writer's place in the hash chain added.

A leaf never holds a raw path, a query, an address, a token, a payload or free text (DESIGN.md section 5).
"""

from typing import TypeAlias

from msgspec import MsgspecError, Struct
from msgspec.json import Decoder, Encoder


class Exchange(Struct, frozen=True, tag="exchange", forbid_unknown_fields=True, gc=False):
    """One request and its answer.

    `time_us` is when the request arrived, Unix microseconds; `latency_us` counts from there until the answer is
    ready to be recorded; `code` is the problem code of a refusal or fault, "" otherwise; `clause` is the id of the
    clause that refused, "" otherwise; `withheld` counts values withheld for drift; `mask` names the set of masked
    fields.
    """

    time_us: int
    request_id: str
    partner: str
    client: str
    agreement: str
    version: str
    contract: str
    plan: str
    product: str
    operation: str
    route: str
    method: str
    status: int
    code: str
    clause: str
    latency_us: int
    bytes: int
    records: int
    subjects: int
    withheld: int
    mask: str


class Authority(Struct, frozen=True, tag="authority", forbid_unknown_fields=True, gc=False):
    """A change of who may do what.

    `event` is a word such as agreement-activated, key-created, client-added; `subject` is the id of what changed.
    """

    time_us: int
    event: str
    subject: str
    contract: str = ""


class Opening(Struct, frozen=True, tag="opening", forbid_unknown_fields=True, gc=False):
    """First record of an epoch: names the last record of the one before (seq -1 and 64 zeros when there is none).

    `truncated_bytes` is the size of a torn tail that was cut off when the writer started.
    """

    time_us: int
    last_epoch: int
    last_seq: int
    last_hash: str
    truncated_bytes: int


Entry: TypeAlias = Exchange | Authority | Opening


class Place(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Where a record stands: writer, epoch, sequence number in the writer's whole life, hash of the leaf before it."""

    writer: str
    epoch: int
    seq: int
    prev: str


class Leaf(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The bytes that are framed and hashed: `{"v":1,"at":Place,"entry":Entry}` in this order, UTF-8 JSON."""

    v: int
    at: Place
    entry: Entry


class Receipt(Struct, frozen=True, gc=False):
    """The caller's proof: the leaf's hash (RFC 6962, hex) and its place in the log."""

    leaf_hash: str
    writer: str
    epoch: int
    seq: int


encode = Encoder().encode
"""The bytes of a leaf."""

_DECODER = Decoder(Leaf)


def decode(leaf: bytes) -> Leaf | None:
    """The leaf that these bytes are, or None: not JSON, a field missing, unknown or of another type."""
    try:
        return _DECODER.decode(leaf)
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        return None
