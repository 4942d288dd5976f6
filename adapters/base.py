"""The port to a backend: what a plan asks for (Call, Query), what comes back (Answer | Fault), who asks (Adapter)."""

from typing import Annotated, ClassVar, Literal, Protocol, TypeAlias

from msgspec import Meta, Struct

Scalar: TypeAlias = str | int | float | bool
Path: TypeAlias = tuple[str, ...]


Operator: TypeAlias = Literal["==", "!=", "<", "<=", ">", ">="]


class Field(Struct, frozen=True):
    """One leaf of a record: its path in the product, its name in the backend, its ODCS logicalType."""

    path: Path
    physical_name: str
    logical_type: str


class Compare(Struct, frozen=True, tag=True):
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


class Call(Struct, frozen=True):
    """The part of a request to a backend that is known when the contract is compiled.

    `fields` are the granted leaves and nothing else; `condition` is the row filter with the partner's
    own values already bound. `resource` is a table name or a path below the backend's URL.
    """

    resource: str
    key: Field
    fields: tuple[Field, ...]
    condition: Condition | None
    timeout_ms: int
    max_bytes: int


class Query(Struct, frozen=True):
    """The part that changes with each request: one record by `key`, or a page of `limit` records after `after`.

    `traceparent` is the caller's trace context (W3C), for backends that can be told of it.
    """

    key: str | None = None
    limit: int = 1
    after: str | None = None
    traceparent: str | None = None


class Answer(Struct, frozen=True):
    """What the backend said. A body is JSON in the backend's envelope; status 404 means no such record."""

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

    `enforces_rows` True says the adapter itself applies `Call.condition` to every record it returns; where it
    is False the gateway evaluates the condition again on every record, whatever the backend was asked.
    """

    enforces_rows: ClassVar[bool] = False

    timeout_ms: Annotated[int, Meta(ge=1, le=120_000)] = 5_000
    """How long one call may take in all, connecting included; then the caller gets 504."""
    max_bytes: Annotated[int, Meta(ge=1_024, le=256 * 1024 * 1024)] = 8 * 1024 * 1024
    """The largest answer that is read; a larger one is refused with 502."""

    def envelope(self) -> Envelope:
        """The shape of this backend's list answers."""
        return Envelope()


class Adapter(Protocol):
    """A live connection to one backend. Two methods, so that a double is a real small implementation."""

    async def answer(self, call: Call, query: Query) -> Answer | Fault:
        """Ask for one record or one page within `call.timeout_ms` and `call.max_bytes`.

        Trouble with the backend is a Fault, never an exception.
        """

    async def close(self) -> None:
        """Release every connection."""
