"""What one audit record says. A leaf is this, as JSON, with the writer's place in the hash chain added.

A leaf never holds a raw path, a query, an address, a token, a payload or free text (DESIGN.md section 5).
"""

from typing import Literal, TypeAlias

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


class Intent(Struct, frozen=True, tag="intent", forbid_unknown_fields=True, gc=False):
    """A change that a backend is about to be asked for: durable before it is. Its Exchange has the same request_id.

    An intent without an exchange says that the gateway failed in between: the change may have been made or not.
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


class Part(Struct, frozen=True, tag="part", forbid_unknown_fields=True, gc=False):
    """A further piece of an answer that is sent piece by piece: on the log before the piece is sent.

    The Exchange with the same request_id tells of the first piece; `number` counts from 2. `last` True: none follows.
    `code` is the problem code of what broke the answer off, "" where it was sent.
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
    number: int
    code: str
    last: bool
    bytes: int
    records: int
    subjects: int
    withheld: int


class Measured(Struct, frozen=True, array_like=True, forbid_unknown_fields=True, gc=False):
    """How one quality rule fared on the samples of an observation; `rule` is its id (contracts/quality.py).

    `checked` and `failed` count values, records or lists, as the rule does. `judged` counts the samples that could tell
    whether the rule was kept, `broken` those in which it was not.
    """

    rule: str
    checked: int
    failed: int
    judged: int
    broken: int


class Observation(Struct, frozen=True, tag="observation", forbid_unknown_fields=True, gc=False):
    """What samples of the data of one agreement and product showed, in counts alone. Nothing was asked or sent for it.

    `direction` is "out" for data that a backend gave, "in" for data that a partner wrote. `samples` counts the bodies
    looked at, `records` those in them that the partner may see. `drift` counts, by declared path, answers from which
    values there were withheld, all of them and not the samples only. `undeclared` counts, in samples, fields that the
    product does not declare, by the declared path of what they were found in ("" for the record): their names are
    unknown text.
    """

    time_us: int
    partner: str
    agreement: str
    version: str
    contract: str
    product: str
    direction: Literal["out", "in"]
    samples: int
    records: int
    measured: tuple[Measured, ...]
    drift: tuple[tuple[str, int], ...]
    undeclared: tuple[tuple[str, int], ...]


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


Entry: TypeAlias = Exchange | Intent | Part | Observation | Authority | Opening


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
