"""An agreement: the cover page. Partner, products and policies at exact versions, fees, dates."""

from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

from msgspec import Meta, Struct, field

from policies.clause import Language
from policies.library import Name, Version
from policies.promise import DecimalText

Ack: TypeAlias = Literal["sync", "write"]
"""When an answer may leave: once its record is on disk, or once it is with the kernel."""


class Partner(Struct, frozen=True, forbid_unknown_fields=True):
    """The other party. `code` is how the hub's own data names it, for row filters; `role` picks the view."""

    id: Name
    code: Annotated[str, Meta(min_length=1, max_length=64)]
    name: dict[Language, str]
    role: Name


class Effective(Struct, frozen=True, forbid_unknown_fields=True):
    """In force from the start of day `from` until the start of day `to`, in `time_zone` (an IANA name)."""

    from_: date = field(name="from")
    to: date
    time_zone: str


class ProductReference(Struct, frozen=True, forbid_unknown_fields=True):
    """One product at one version."""

    product: str
    version: str


class PolicyReference(Struct, frozen=True, forbid_unknown_fields=True):
    """One policy at one version; `set` changes parameters of its clauses for this agreement: clause id -> values."""

    policy: Name
    version: Version
    set: dict[str, dict[str, Any]] = {}


class Fees(Struct, frozen=True, forbid_unknown_fields=True):
    """What the partner pays: a decimal amount a month, and an ISO 4217 currency."""

    monthly: DecimalText
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]


class Volume(Struct, frozen=True, forbid_unknown_fields=True):
    """What the partner is expected to use; health is judged against it."""

    requests_per_day: Annotated[int, Meta(ge=1)]


class Agreement(Struct, frozen=True, forbid_unknown_fields=True):
    """The cover page of one partner's agreement.

    `ack` says when an answer may leave: `sync` once its record is on disk, `write` once it is with the kernel.
    """

    agreement: Name
    version: Version
    partner: Partner
    effective: Effective
    products: Annotated[tuple[ProductReference, ...], Meta(min_length=1)]
    policies: Annotated[tuple[PolicyReference, ...], Meta(min_length=1)]
    fees: Fees | None = None
    volume: Volume | None = None
    ack: Ack = "sync"
