"""An agreement: the cover page. Partner, products and policies at exact versions, fees, dates."""

from datetime import date
from typing import Annotated, Any, Final, Literal, TypeAlias

from msgspec import Meta, Struct, field

from policies.library import Name, Version
from policies.promise import DecimalText
from policies.reference import Language

Ack: TypeAlias = Literal["sync", "write"]
"""When an answer may leave: once its record is on disk, or once it is with the kernel."""
OperationName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")]
"""An operation of a service. It goes into URLs, scopes and records, so it is held to what may stand there."""
HUB: Final = "hub"
"""The id that the hub's own programs have in place of a partner's: no agreement may have it."""


class Partner(Struct, frozen=True, forbid_unknown_fields=True):
    """The other party. `code` is how the hub's own data names it, for row filters; `role` picks the view."""

    id: Name
    """The partner's name in the gateway."""
    code: Annotated[str, Meta(min_length=1, max_length=64)]
    """How the hub's own data name the partner; row filters compare with it."""
    name: dict[Language, str]
    """Its legal name in each language."""
    role: Name
    """Which view of each product it gets."""


class Effective(Struct, frozen=True, forbid_unknown_fields=True):
    """In force from the start of day `from` until the start of day `to`, in `time_zone` (an IANA name)."""

    from_: date = field(name="from")
    """The first day in force."""
    to: date
    """The first day no longer in force."""
    time_zone: str
    """In which zone days begin, an IANA name."""


class ProductReference(Struct, frozen=True, forbid_unknown_fields=True):
    """One product at one version."""

    product: str
    """The product's name."""
    version: str
    """Its exact version."""


class ServiceReference(Struct, frozen=True, forbid_unknown_fields=True):
    """An interface of the partner's own that the hub calls, and which of its operations (OpenAPI `operationId`)."""

    service: Name
    """The service's name."""
    version: Version
    """The exact version of its document."""
    operations: Annotated[tuple[OperationName, ...], Meta(min_length=1, max_length=100)]
    """Which operations the hub may call."""


class PolicyReference(Struct, frozen=True, forbid_unknown_fields=True):
    """One policy at one version; `set` changes parameters of its clauses for this agreement: clause id -> values."""

    policy: Name
    """The policy's name."""
    version: Version
    """Its exact version."""
    set: dict[str, dict[str, Any]] = {}
    """Parameters changed for this agreement alone: clause number to values."""


class Fees(Struct, frozen=True, forbid_unknown_fields=True):
    """What the partner pays: a decimal amount a month, and an ISO 4217 currency."""

    monthly: DecimalText
    """Amount a month, a decimal number in quotes."""
    currency: Annotated[str, Meta(pattern=r"^[A-Z]{3}\Z")]
    """Its ISO 4217 code."""


class Volume(Struct, frozen=True, forbid_unknown_fields=True):
    """What the partner is expected to use; health is judged against it."""

    requests_per_day: Annotated[int, Meta(ge=1)]
    """Requests a day that are expected."""


class Agreement(Struct, frozen=True, forbid_unknown_fields=True):
    """The cover page of one partner's agreement.

    `ack` says when an answer may leave: `sync` once its record is on disk, `write` once it is with the kernel.
    """

    agreement: Name
    """Its name."""
    version: Version
    """Its own version."""
    partner: Partner
    """The other party."""
    effective: Effective
    """When it is in force."""
    products: Annotated[tuple[ProductReference, ...], Meta(min_length=1)]
    """What it covers, each at an exact version."""
    policies: Annotated[tuple[PolicyReference, ...], Meta(min_length=1)]
    """The terms, each at an exact version."""
    services: tuple[ServiceReference, ...] = ()
    """Interfaces of the partner's own that the hub calls, each at an exact version."""
    fees: Fees | None = None
    """What the partner pays."""
    volume: Volume | None = None
    """What use is expected."""
    ack: Ack = "sync"
    """When an answer may leave: `sync`, once its record is on disk; `write`, once it is with the kernel."""
