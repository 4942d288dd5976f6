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
    clause that refused, or cut the page where `code` is "", and "" otherwise; `withheld` counts values withheld for
    drift; `mask` names the set of masked fields; `payload` commits to the data that were sent
    (gateway/audit/sidecar.py), "" where none were.
    `observed` are ids, parted by spaces, of clauses that would have refused and only watch; `uncounted` of limits that
    let it pass while the shared counters could not be reached.
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
    payload: str = ""
    observed: str = ""
    uncounted: str = ""


class Intent(Struct, frozen=True, tag="intent", forbid_unknown_fields=True, gc=False):
    """A change that a backend is about to be asked for: durable before it is. Its Exchange, or its
    Outbound where it is a partner that is asked, has the same request_id.

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
    `code` is the problem code of what broke the answer off, "" where it was sent; `clause`, `observed` and `uncounted`
    are as in an Exchange.
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
    payload: str = ""
    clause: str = ""
    observed: str = ""
    uncounted: str = ""


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

    `event` is one of gateway/audit/events.py; `subject` is the id of what changed; `contract` is a contract hash, or
    that of another document which the event is about; `partner` is whom it concerns, "" when it is no one partner.
    `detail` is the SHA-256, in hex, of the canonical JSON (RFC 8785) of what the state store keeps about the event in
    words, "" where it keeps nothing.
    """

    time_us: int
    event: str
    subject: str
    contract: str = ""
    partner: str = ""
    detail: str = ""


class Undelivered(Struct, frozen=True, tag="undelivered", forbid_unknown_fields=True, gc=False):
    """Takes back what an earlier record says of its answer: it was not sent, its caller got 503.

    The disk did not confirm that record in time; it was confirmed later. `leaf` is that record's leaf hash,
    `retracted` the tag of its entry (exchange, part, intent, outbound); the other fields are those of that entry.
    """

    time_us: int
    request_id: str
    partner: str
    agreement: str
    version: str
    leaf: str
    retracted: str


class Opening(Struct, frozen=True, tag="opening", forbid_unknown_fields=True, gc=False):
    """First record of an epoch: names the last record of the one before (seq -1 and 64 zeros when there is none).

    `truncated_bytes` is the size of a torn tail that was cut off when the writer started.
    """

    time_us: int
    last_epoch: int
    last_seq: int
    last_hash: str
    truncated_bytes: int


class Counters(Struct, frozen=True, tag="counters", forbid_unknown_fields=True, gc=False):
    """How many records of each partner a writer had written before this segment: (partner, count), hub's own as "".

    First in every segment but a writer's first, so that a start need not read earlier ones. `more` True: the list
    goes on in the next record.
    """

    time_us: int
    counts: tuple[tuple[str, int], ...]
    more: bool


class Pulse(Struct, frozen=True, tag="pulse", forbid_unknown_fields=True, gc=False):
    """A gateway is up and its log can be written: at least one a minute, so that a minute without any record is one in
    which it was not."""

    time_us: int


class Outbound(Struct, frozen=True, tag="outbound", forbid_unknown_fields=True, gc=False):
    """A partner's own API, called through the gateway.

    `partner` is whose API it is, `agreement`, `version` and `contract` what it is promised under; `client` is who of
    the hub asked. `operation` is the name that the agreement gives it. `status` is the partner's answer, 0 when there
    was none; `code` the problem code of what the hub's caller got instead of an answer, "" otherwise. `latency_us`
    counts from the request to the partner, all attempts of it, until its whole answer.
    """

    time_us: int
    request_id: str
    partner: str
    client: str
    agreement: str
    version: str
    contract: str
    service: str
    operation: str
    method: str
    status: int
    code: str
    latency_us: int
    attempts: int
    bytes: int


Entry: TypeAlias = (
    Exchange | Intent | Part | Observation | Authority | Undelivered | Opening | Counters | Pulse | Outbound
)


class Place(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Where a record stands: writer, epoch, sequence number in the writer's whole life, hash of the leaf before it.

    `partner_seq` counts the records of the same partner by the same writer from 0, so that the partner, who sees no
    others, sees a gap; -1 in records of version 1, which were not counted.
    """

    writer: str
    epoch: int
    seq: int
    prev: str
    partner_seq: int = -1


class Leaf(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The bytes that are framed and hashed: `{"v":2,"at":Place,"entry":Entry}` in this order, UTF-8 JSON.

    Version 1 had no partner_seq, payload, Undelivered or Counters; such records are read, and never written again.
    """

    v: int
    at: Place
    entry: Entry


class Receipt(Struct, frozen=True, gc=False):
    """The caller's proof: the leaf's hash (RFC 6962, hex) and its place in the log."""

    leaf_hash: str
    writer: str
    epoch: int
    seq: int

    @property
    def place(self) -> tuple[str, str, int, int]:
        """What receipts of the same record have in common, promised or not."""
        return (self.leaf_hash, self.writer, self.epoch, self.seq)


class Promised(Receipt, frozen=True, gc=False):
    """A receipt that is signed: the record will be in its partner's tree by `due_s` (Unix seconds).

    Records that became durable together are promised together: `root` is the RFC 6962 root over their leaf hashes,
    `index`, `size` and `path` place this one among them. `signature` is a note signature (Ed25519) by the key named
    `<origin>/receipts` over the text of gateway/audit/promise.py.
    """

    due_s: int
    index: int
    size: int
    path: tuple[bytes, ...]
    signature: bytes


LEAF_VERSION = 2
"""What is written. VERSIONS is what is read."""
VERSIONS = (1, 2)

encode = Encoder().encode
"""The bytes of a leaf."""

_DECODER = Decoder(Leaf)


def decode(leaf: bytes) -> Leaf | None:
    """The leaf that these bytes are, or None: not JSON, a field missing, unknown or of another type."""
    try:
        return _DECODER.decode(leaf)
    except (MsgspecError, UnicodeDecodeError, RecursionError):
        return None
