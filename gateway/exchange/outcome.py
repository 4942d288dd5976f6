"""How an exchange ends: the status and what goes with it, decided by whichever stage ends it."""

from collections.abc import Set as AbstractSet

from msgspec import UNSET, Struct, UnsetType

from adapters.base import Query
from gateway.audit.sidecar import Subject
from gateway.problems import PROBLEMS
from policies.reference import ClauseRef, Words

Header = tuple[bytes, bytes]


class BodyError(Struct, frozen=True):
    """One mistake in a request's body: where (RFC 6901), a code, and what is wrong, never the value."""

    pointer: str
    code: str
    words: Words


class Disclosed(Struct, frozen=True, gc=False):
    """Masked data that go out, for the commitment to them: SHA-256 of their bytes before any content coding, and the
    people whom they are about, as far as they can be told apart."""

    digest: bytes
    people: AbstractSet[Subject]


class Outcome(Struct, frozen=True, gc=False):
    """An answer before it is recorded. `body` is masked data; without it the problem document for `code` is sent.

    `records` and `subjects` count what the body discloses; `disclosed` is for the commitment to it, None without data.
    `clause` is the one that refused, or cut the page. `observed` and `uncounted` are numbers of clauses, as
    policies/clause.py has them of what was granted.
    `drift` are the paths, in the product, of values withheld because they were of another type than declared. `rest` is
    what follows a body that is sent piece by piece. `reason` says more of a refusal than its code, in a word of a
    closed list (gateway/credentials/reasons.py).
    """

    status: int
    code: str = ""
    body: bytes | UnsetType = UNSET
    clause: ClauseRef | None = None
    headers: tuple[Header, ...] = ()
    detail: str = ""
    records: int = 0
    subjects: int = 0
    drift: tuple[str, ...] = ()
    errors: tuple[BodyError, ...] = ()
    rest: Query | None = None
    disclosed: Disclosed | None = None
    observed: tuple[str, ...] = ()
    uncounted: tuple[str, ...] = ()
    reason: str = ""


def problem(
    code: str,
    clause: ClauseRef | None = None,
    headers: tuple[Header, ...] = (),
    detail: str = "",
    errors: tuple[BodyError, ...] = (),
    *,
    observed: tuple[str, ...] = (),
    reason: str = "",
) -> Outcome:
    """The exchange ends with a problem document."""
    status = PROBLEMS[code].status
    return Outcome(
        status, code, clause=clause, headers=headers, detail=detail, errors=errors, observed=observed, reason=reason
    )


def together(first: tuple[str, ...], second: tuple[str, ...]) -> tuple[str, ...]:
    """Numbers of clauses, each once: an exchange may be decided about before the backend is asked and after."""
    return tuple(dict.fromkeys((*first, *second))) if second else first
