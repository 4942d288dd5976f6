"""What was announced and which suspensions there were, as values: the same from the state store and from the log."""

import hashlib
from typing import Literal, TypeAlias

import msgspec
import rfc8785
from msgspec import Struct

from contracts.notice import AnyNotice, Deprecation, Notice
from contracts.plan import Contract, Plans
from contracts.workspace import Loaded

Side: TypeAlias = Literal["hub", "partner"]
"""Who suspended the collaboration."""


class Announced(Struct, frozen=True):
    """A notice and when it was announced: the time of its record on the log, in Unix microseconds.

    `withdrawn_us` is when it was said that it does not hold any more, None where that was not.
    """

    notice: Notice
    announced_us: int
    withdrawn_us: int | None = None


class Suspended(Struct, frozen=True):
    """The collaboration under an agreement, interrupted by one side. Unix microseconds; None: it still is."""

    id: str
    agreement: str
    by: Side
    begun_us: int
    ended_us: int | None = None


class Known(Struct, frozen=True):
    """Everything that was announced and suspended, in order of time. `unresolved` are ids of notices on the log whose
    documents are not there, or are others than the log says: nothing is known of them but that."""

    notices: tuple[Announced, ...] = ()
    suspensions: tuple[Suspended, ...] = ()
    unresolved: tuple[str, ...] = ()


def canonical(loaded: Loaded[Notice]) -> bytes:
    """A notice as it was written, in canonical JSON (RFC 8785): what its hash is of, and what is signed."""
    return rfc8785.dumps(loaded.source.data)


def hash_of(data: bytes) -> str:
    """SHA-256, in hex."""
    return hashlib.sha256(data).hexdigest()


def notice_of(data: bytes) -> Notice | None:
    """The notice that canonical JSON holds; None for anything else."""
    try:
        found: Notice = msgspec.json.decode(data, type=AnyNotice)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return found


def concerns(notice: Notice, contract: Contract) -> bool:
    """Whether a notice is for an agreement: it names the agreement or one of its products, or it names nobody."""
    if isinstance(notice, Deprecation):
        return notice.product in _names(contract) and (not notice.agreements or contract.agreement in notice.agreements)
    if not notice.agreements and not notice.products:
        return True
    return contract.agreement in notice.agreements or bool(_names(contract).intersection(notice.products))


def versions_of(plans: Plans, contract: Contract) -> dict[str, str]:
    """The products of an agreement and their versions, as its plans have them."""
    mine = (contract.agreement, contract.version)
    return {
        plan.product: plan.product_version
        for plan in plans.all_plans()
        if (plan.contract.agreement, plan.contract.version) == mine
    }


def _names(contract: Contract) -> frozenset[str]:
    return frozenset(contract.products)
