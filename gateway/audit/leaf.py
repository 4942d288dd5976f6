"""What one audit record says. A leaf is this, as JSON, with the writer's place in the hash chain added.

A leaf never holds a raw path, a query, an address, a token, a payload or free text (DESIGN.md section 5).
"""

from typing import TypeAlias

from msgspec import Struct


class Exchange(Struct, frozen=True, tag="exchange"):
    """One request and its answer.

    `time_us` is when the request arrived, Unix microseconds; `latency_us` counts from there until the answer is
    ready to be recorded; `code` is the problem code of a refusal or fault, "" otherwise; `clause` is the id of the clause
    that refused, "" otherwise; `withheld` counts values withheld for drift; `mask` names the set of masked fields.
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


class Authority(Struct, frozen=True, tag="authority"):
    """A change of who may do what: `event` such as agreement-activated, key-created, client-added; `subject` is its id."""

    time_us: int
    event: str
    subject: str
    contract: str = ""


class Opening(Struct, frozen=True, tag="opening"):
    """First record of an epoch: names the last record of the one before (seq -1 and 64 zeros when there is none).

    `truncated_bytes` is the size of a torn tail that was cut off when the writer started.
    """

    time_us: int
    last_epoch: int
    last_seq: int
    last_hash: str
    truncated_bytes: int


Entry: TypeAlias = Exchange | Authority | Opening


class Place(Struct, frozen=True):
    """Where a record stands: the writer's name, its epoch, the sequence number in the writer's whole life, the previous leaf's hash."""

    writer: str
    epoch: int
    seq: int
    prev: str


class Leaf(Struct, frozen=True):
    """The bytes that are framed and hashed: `{"v":1,"at":Place,"entry":Entry}` in this order, UTF-8 JSON."""

    v: int
    at: Place
    entry: Entry


class Receipt(Struct, frozen=True):
    """The caller's proof: the leaf's hash (RFC 6962, hex) and its place in the log."""

    leaf_hash: str
    writer: str
    epoch: int
    seq: int
