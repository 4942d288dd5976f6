"""The port to a backend: what a plan asks for (Call, Query, Change), what comes back (Answer | Fault), who asks."""

from typing import Annotated, Any, ClassVar, Literal, Protocol, TypeAlias

from msgspec import Meta, Struct

Scalar: TypeAlias = str | int | float | bool
Path: TypeAlias = tuple[str, ...]


Operator: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]


class Field(Struct, frozen=True, gc=False):
    """One leaf of a record: its path in the product, its name in the backend, its ODCS logicalType."""

    path: Path
    physical_name: str
    logical_type: str


class Compare(Struct, frozen=True, gc=False, tag=True):
    """`field operator value`. Null or absent on the left makes the outcome unknown, as in SQL."""

    operator: Operator
    field: Field
    value: Scalar


class Within(Struct, frozen=True, tag=True):
    """`field in values`."""

    field: Field
    values: tuple[Scalar, ...]


class AllOf(Struct, frozen=True, tag=True):
    conditions: tuple["Condition", ...]


class AnyOf(Struct, frozen=True, tag=True):
    conditions: tuple["Condition", ...]


class Negation(Struct, frozen=True, tag=True):
    condition: "Condition"


class Constant(Struct, frozen=True, tag=True):
    value: bool


Condition: TypeAlias = Compare | Within | AllOf | AnyOf | Negation | Constant
"""A row filter in three-valued logic: a record is in only if the outcome is true, never if it is unknown."""


class Call(Struct, frozen=True, gc=False):
    """The part of a request to a backend that is known when the contract is compiled.

    `fields` are the leaves that are read and nothing else: those granted, and where the gateway decides about rows
    itself those that the decision needs. `condition` is the row filter with the partner's own values already bound;
    None when there is none or it has no such form. `resource` is a table name or a path below the backend's URL.
    """

    resource: str
    key: Field
    fields: tuple[Field, ...]
    condition: Condition | None
    timeout_ms: int
    max_bytes: int


class Order(Struct, frozen=True):
    """One criterion of a sorted list. Records whose value is null or absent come last, whichever the direction."""

    field: Field
    descending: bool = False


class Query(Struct, frozen=True):
    """The part that changes with each request: one record by `key`, or a page of `limit` records after `after`.

    `after` is the token of a page, as an earlier answer gave it for the same `where` and `order`. `where` is the
    caller's own filter, on top of the call's condition; an adapter whose backend `enforces_rows` applies it to every
    record, for others it is a hint. `order` sorts before the key does, which always decides last; empty for backends
    that do not sort. `traceparent` is the caller's trace context (W3C), for backends that can be told of it.
    """

    key: str | None = None
    limit: int = 1
    after: str | None = None
    where: Condition | None = None
    order: tuple[Order, ...] = ()
    traceparent: str | None = None


class Change(Struct, frozen=True):
    """What a caller wants changed: a record created, the fields named in `values` of one updated, or one deleted.

    `key` names the record, None for create unless the caller chooses the key, which is then among the `values` too.
    Each value is plain JSON: text, bool, int, Decimal, None, or a list or dict of them where the field is an array,
    object or map. An update or delete touches a record only if the call's condition holds for it. `idempotency_key`
    is the same for every try of one change, for backends that can be told of it.
    """

    action: Literal["create", "update", "delete"]
    key: str | None = None
    values: tuple[tuple[Field, Any], ...] = ()
    idempotency_key: str | None = None
    traceparent: str | None = None


class Answer(Struct, frozen=True):
    """What the backend said. A body is JSON in the backend's envelope; status 404 means no such record.

    To a Change: 200 or 201 with the record as it is now, 204 without one, 409 when it contradicts what is there (a
    key that exists, a reference that does not), 422 when the backend will not have such values.
    """

    status: int
    content_type: str
    body: bytes


class Fault(Struct, frozen=True):
    """The backend gave no usable answer. `detail` names no URL, credential or value."""

    kind: Literal["unreachable", "timeout", "too_large", "protocol"]
    detail: str


class Envelope(Struct, frozen=True):
    """Where a list answer keeps its records and the token of the next page; `items` None: the body is a bare array."""

    items: str | None = "data"
    next: str | None = "next"


class Backend(Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", kw_only=True):
    """One table of backends.toml. Subclasses add the driver's options.

    `enforces_rows` True says the adapter itself applies `Call.condition` and `Query.where` to every record it returns,
    and `Call.condition` to every record it changes; where it is False the gateway evaluates them again on every
    record, whatever the backend was asked. `selects` True says that answers hold the call's fields and nothing else.
    `nests` False says that values to be written are scalars only.
    """

    enforces_rows: ClassVar[bool] = False
    selects: ClassVar[bool] = False
    nests: ClassVar[bool] = True

    timeout_ms: Annotated[int, Meta(ge=1, le=120_000)] = 5_000
    """How long one call may take in all, connecting included; then the caller gets 504."""
    max_bytes: Annotated[int, Meta(ge=1_024, le=256 * 1024 * 1024)] = 8 * 1024 * 1024
    """The largest answer that is read; a larger one is refused with 502."""

    def envelope(self) -> Envelope:
        """The shape of this backend's list answers."""
        return Envelope()

    def sorts(self) -> bool:
        """Whether it can be asked for an order."""
        return self.enforces_rows

    def writes(self) -> bool:
        """Whether it takes changes."""
        return True


class Adapter(Protocol):
    """A live connection to one backend. Three methods, so that a double is a real small implementation."""

    async def answer(self, call: Call, query: Query) -> Answer | Fault:
        """Ask for one record or one page within `call.timeout_ms` and `call.max_bytes`.

        Trouble with the backend is a Fault, never an exception.
        """

    async def change(self, call: Call, change: Change) -> Answer | Fault:
        """Create, update or delete one record within `call.timeout_ms`; the answer as `Answer` says.

        A Fault may come after the change was made: who asked cannot know.
        """

    async def close(self) -> None:
        """Release every connection."""
