"""The statement as a document: what is computed, the seal around it, and the revision that it is. JSON is its form.

Amounts and percentages are decimal text; times are ISO 8601 with the offset of the agreement's time zone.
"""

from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias

import msgspec
import rfc8785
from msgspec import Struct

from policies.promise import OwedBy
from policies.reference import Words
from policies.settling.settled import Figure, Verdict

FORMAT: Final = "clausegate-statement/1"

SourceName: TypeAlias = Literal["rollups", "log"]


class Exclusion(Struct, frozen=True, kw_only=True):
    """An announced span, whether it was left out of the count, and what shows that it may be.

    `counts` False: it was not, as it was announced too late (for the notice clause `late_for`, if that is not ""), or
    is not about all that the clause is about.

    `notice` names it, `announced` is the time of its record on the log, `leaf` that record's hash and `seq` its place
    with `writer` ("" and -1 where the source does not know). `retroactive`: announced after it had begun.
    `without_measured` and `without_credit` are what the window would have come to if it counted.
    """

    notice: str
    cause: str
    from_: str = msgspec.field(name="from")
    to: str
    announced: str
    retroactive: bool
    counts: bool
    late_for: str
    leaf: str
    writer: str
    seq: int
    without_measured: str | None
    without_credit: str


class FaultyFact(Struct, frozen=True):
    """Why a window could not be settled."""

    fact: str
    message: str


class WindowResult(Struct, frozen=True, kw_only=True):
    """One clause in one calendar month.

    `fee` is what percentages are of, "" without one. `prior_credit` is what this clause was credited in the months
    before, as far as a rolling cap looks. `claim_until` is the last day of the claim, "" where nothing can be claimed.
    `causes` counts bad answers by whose fault they were. `fault` None: it could be settled.
    """

    month: str
    from_: str = msgspec.field(name="from")
    to: str
    provisional: bool
    verdict: Verdict
    measured: str | None
    unit: str
    percent: str
    fee: str
    credit: str
    currency: str
    capped_by: str
    prior_credit: str
    claim_until: str
    explanation: Words
    figures: tuple[Figure, ...]
    causes: dict[str, int]
    exclusions: tuple[Exclusion, ...]
    fault: FaultyFact | None = None


class ClauseResult(Struct, frozen=True, kw_only=True):
    """One clause of one version of the agreement, over the period."""

    clause: str
    kind: str
    owed_by: OwedBy
    version: str
    contract: str
    text: Words
    windows: tuple[WindowResult, ...]


class Total(Struct, frozen=True):
    """What one side owes the other, in one currency."""

    owed_by: OwedBy
    amount: str
    currency: str


class Named(Struct, frozen=True):
    """A partner by id and name."""

    id: str
    name: Words


class Settlement(Struct, frozen=True, kw_only=True):
    """Everything that was computed. The same facts give the same bytes.

    `provisional`: the period has not ended, and is computed up to `settled_until`. `totals` are what each side owes,
    `net` the difference, owed by whose amount is larger; nothing where both are even.
    """

    agreement: str
    partner: Named
    versions: tuple[str, ...]
    period: str
    from_: str = msgspec.field(name="from")
    to: str
    zone: str
    prevails: str
    provisional: bool
    settled_until: str
    clauses: tuple[ClauseResult, ...]
    totals: tuple[Total, ...]
    net: tuple[Total, ...]


class WriterRange(Struct, frozen=True):
    """What of one writer's log was at hand: its first and last sequence number, epoch and hash of the last."""

    writer: str
    first_seq: int
    last_seq: int
    last_epoch: int
    last_leaf: str


class TreeHead(Struct, frozen=True):
    """The partner's tree as it was published: origin, size, root in hex, and the signed checkpoint."""

    origin: str
    size: int
    root: str
    checkpoint: str


class Seal(Struct, frozen=True, kw_only=True):
    """What the statement was computed from. `tree` None: nothing was published of this partner yet.

    `sha256` is that of the canonical JSON (RFC 8785) of the statement without this member; `figures_sha256` that of
    `settlement` alone: two statements with the same have the same figures.
    """

    source: SourceName
    log: tuple[WriterRange, ...]
    tree: TreeHead | None
    figures_sha256: str
    sha256: str = ""


class Difference(Struct, frozen=True):
    """A figure that a revision changes: `what` names it (credit, verdict, measured, a count), `words` say it."""

    clause: str
    version: str
    month: str
    what: str
    words: Words
    before: str
    after: str


class Replaces(Struct, frozen=True):
    """The statement that a revision takes the place of, and in what they differ."""

    id: str
    sha256: str
    differences: tuple[Difference, ...]


class Statement(Struct, frozen=True, kw_only=True):
    """A sealed statement. `id` "" and `revision` 0: it was computed and not issued."""

    format: str = FORMAT
    id: str
    revision: int
    replaces: Replaces | None
    settlement: Settlement
    seal: Seal


def statement_id(agreement: str, period: str, revision: int) -> str:
    """The name under which a statement is issued."""
    return f"{agreement}.{period}.r{revision}"


def canonical(value: Any) -> bytes:
    """Canonical JSON (RFC 8785) of any of these values."""
    return rfc8785.dumps(msgspec.to_builtins(value))


def digest(value: Any) -> str:
    """SHA-256, in hex, of the canonical JSON."""
    return sha256(canonical(value)).hexdigest()


def sealed(statement: Statement) -> Statement:
    """The statement with its own hash in the seal."""
    found = digest(_without_hash(statement))
    return msgspec.structs.replace(statement, seal=msgspec.structs.replace(statement.seal, sha256=found))


def is_sealed(statement: Statement) -> bool:
    """Whether both hashes in the seal are those of what it holds."""
    right = digest(_without_hash(statement)) == statement.seal.sha256
    return right and digest(statement.settlement) == statement.seal.figures_sha256


def read_statement(text: str | bytes) -> Statement:
    """A statement from its JSON. Raises msgspec.ValidationError."""
    return msgspec.json.decode(text, type=Statement)


def _without_hash(statement: Statement) -> dict[str, Any]:
    value: dict[str, Any] = msgspec.to_builtins(statement)
    del value["seal"]["sha256"]
    return value
