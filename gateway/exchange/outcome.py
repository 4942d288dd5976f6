"""How an exchange ends: the status and what goes with it, decided by whichever stage ends it."""

from msgspec import UNSET, Struct, UnsetType

from gateway.problems import PROBLEMS
from policies.clause import ClauseRef

Header = tuple[bytes, bytes]


class Outcome(Struct, frozen=True, gc=False):
    """An answer before it is recorded. `body` is masked data; without it the problem document for `code` is sent.

    `records` and `subjects` count what the body discloses; `drift` are the paths, in the product, of values withheld
    because they were of another type than declared.
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


def problem(code: str, clause: ClauseRef | None = None, headers: tuple[Header, ...] = (), detail: str = "") -> Outcome:
    """The exchange ends with a problem document."""
    return Outcome(PROBLEMS[code].status, code, clause=clause, headers=headers, detail=detail)
