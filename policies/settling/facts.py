"""Facts: what happened in a period, as far as a clause needs it to say what is owed. Decoded from JSON as it stands.

A gateway makes the same values from what it counted, so that a lawyer's calculation and a statement are one.
"""

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct, field

Moment: TypeAlias = datetime
"""A point in time, with its offset from UTC."""
Cause: TypeAlias = Literal["announced_maintenance", "force_majeure"]
NoticeAbout: TypeAlias = Literal["deprecation", "change", "maintenance", "force_majeure"]
Month = Annotated[str, Meta(pattern=r"^[0-9]{4}-(0[1-9]|1[0-2])\Z")]
Count = Annotated[int, Meta(ge=0)]


class Prior(Struct, frozen=True, forbid_unknown_fields=True):
    """What an earlier month's fee was, and what was credited for it by this clause."""

    month: Month
    fee: Decimal
    credit: Decimal


class Slice(Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The requests of one slice. `excluded` of the `total` are left out, `good` are the good ones among the rest.

    `operation` is given where a clause counts operations apart or is about some of them only.
    """

    start: Moment
    total: Count
    good: Count
    excluded: Count = 0
    operation: str = ""


class Span(Struct, frozen=True, forbid_unknown_fields=True):
    """From a moment, inclusive, to another, exclusive."""

    from_: Moment = field(name="from")
    to: Moment


class Excluded(Struct, frozen=True, forbid_unknown_fields=True):
    """A span that a clause may leave out; the requests in it are those that slices count as `excluded`."""

    from_: Moment = field(name="from")
    to: Moment
    cause: Cause


class Interruption(Struct, frozen=True, forbid_unknown_fields=True):
    """The collaboration was suspended, from a moment to another; `announced` is when that was said, None: never."""

    from_: Moment = field(name="from")
    to: Moment
    announced: Moment | None = None


class Correction(Struct, frozen=True, forbid_unknown_fields=True):
    """A reported data error. `acknowledged` and `fixed` None: not until the end of the period.

    A report that was rejected with a reason that stands is no fact.
    """

    severity: str
    reported: Moment
    acknowledged: Moment | None = None
    fixed: Moment | None = None
    id: str = ""
    paused: tuple[Span, ...] = ()
    """When it was closed before it was reopened, in order: whether that time counts, the clause says."""


class Delivery(Struct, frozen=True, forbid_unknown_fields=True):
    """Data that were due at a moment; `arrived` is when they were complete, None: not until the end of the period."""

    due: Moment
    arrived: Moment | None = None


class Notice(Struct, frozen=True, forbid_unknown_fields=True):
    """A change that was announced at one moment and took effect at another; `about` says what it is a change of."""

    announced: Moment
    effective: Moment
    id: str = ""
    about: NoticeAbout = "deprecation"


class Facts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """What happened from `from_` to `to` (exclusive): one window of a clause, such as a month.

    Which of the rest a clause needs is its kind's affair; None: nothing is known of it. `slices` holds those with
    requests; `missing` are spans in which the hub was not there, so that slices without requests in them are no good
    ones; `deployed` is the part of the period in which the agreement was in force, None: all of it. `measured` replaces
    what would be measured from slices by a figure that is known. `within` maps thresholds (ISO 8601 durations) to how
    many of the answers that count took at most so long.
    """

    from_: Moment = field(name="from")
    to: Moment
    zone: str = "UTC"
    fee: Decimal | None = None
    currency: str = ""
    prior: tuple[Prior, ...] = ()
    slices: tuple[Slice, ...] | None = None
    durations_s: tuple[Decimal, ...] | None = None
    measured: Decimal | None = None
    within: dict[str, Count] | None = None
    missing: tuple[Span, ...] = ()
    excluded: tuple[Excluded, ...] = ()
    deployed: Span | None = None
    interruptions: tuple[Interruption, ...] | None = None
    corrections: tuple[Correction, ...] | None = None
    deliveries: tuple[Delivery, ...] | None = None
    notices: tuple[Notice, ...] | None = None
    causes: dict[str, Count] | None = None
    """How many bad answers there were by whose fault: hub, backend, partner. Shown, and nothing is settled by it."""


class FactFault(Struct, frozen=True):
    """A fact that is missing or nonsensical: which, as a path such as `slices[3].good`, and what is wrong with it."""

    fact: str
    message: str
