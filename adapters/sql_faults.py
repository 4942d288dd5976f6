"""What the errors of database drivers mean. Their words may quote values, so nothing of them is passed on."""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from adapters.base import Fault


class Refusal(Struct, frozen=True):
    """The database will not have a value: 422 for what it is, 409 for what is there or is not there already.

    To a read it is a parameter of a form that the column's type does not know, such as `x` where uuids are.
    """

    status: Literal[409, 422]


TIMEOUT = Fault("timeout", "the database took too long")
LOCKED = Fault("unreachable", "the database is locked")
LOST = Fault("protocol", "the connection broke while a record was being changed")
_UNREACHABLE = Fault("unreachable", "the database cannot be reached")
_REFUSED = Fault("protocol", "the database refused the statement")

_SQLITE_FAULTS: Mapping[str, Fault] = {
    "SQLITE_INTERRUPT": TIMEOUT,
    "SQLITE_CANTOPEN": _UNREACHABLE,
    "SQLITE_BUSY": LOCKED,
    "SQLITE_IOERR": _UNREACHABLE,
}
_SQLITE_REFUSALS: Mapping[str, Refusal] = {
    "SQLITE_CONSTRAINT_UNIQUE": Refusal(409),
    "SQLITE_CONSTRAINT_PRIMARYKEY": Refusal(409),
    "SQLITE_CONSTRAINT_ROWID": Refusal(409),
    "SQLITE_CONSTRAINT_FOREIGNKEY": Refusal(409),
    "SQLITE_CONSTRAINT": Refusal(422),  # of any other kind: check, not null, a strict table's type, a trigger's own
    "SQLITE_MISMATCH": Refusal(422),
    "SQLITE_TOOBIG": Refusal(422),
}
_BAD_VALUES = frozenset({"22000", "22P02", "22003", "22007", "22008", "22021"})
_STATE_REFUSALS: Mapping[str, Refusal] = {
    "23505": Refusal(409),  # unique
    "23503": Refusal(409),  # foreign key
    "23001": Refusal(409),  # restrict: something refers to it
    "23P01": Refusal(409),  # exclusion
    "23": Refusal(422),  # check, not null
    "22": Refusal(422),  # what the column's type does not hold
    "44": Refusal(422),  # WITH CHECK OPTION of a view
    "P0001": Refusal(422),  # a trigger's own RAISE
}


def meaning(error: Exception, *, writing: bool) -> Refusal | Fault | None:
    """What an error of a driver or of SQLAlchemy says; None where it is no such error."""
    if isinstance(error, DBAPIError):
        return _of_driver(error, writing)
    if isinstance(error, OSError | TimeoutError):
        return _UNREACHABLE
    if isinstance(error, PoolTimeout):
        return TIMEOUT
    if isinstance(error, SQLAlchemyError):
        return Fault("protocol", "the statement cannot be written for this database")
    if state := _sqlstate(error):  # asyncpg raises its own before SQLAlchemy has a connection to speak of
        return _of_state(state, writing)
    if type(error).__module__.startswith("asyncpg"):
        return _UNREACHABLE
    if isinstance(error, ValueError | OverflowError):  # asyncpg, of a year before 1 or after 9999
        return Fault("protocol", "the database holds a value that cannot be read")
    return None


def _of_driver(error: DBAPIError, writing: bool) -> Refusal | Fault:
    name = getattr(error.orig, "sqlite_errorname", "")
    for prefix, fault in _SQLITE_FAULTS.items():
        if name.startswith(prefix):
            return fault
    if writing:
        for prefix, refusal in _SQLITE_REFUSALS.items():
            if name.startswith(prefix):
                return refusal
    state = _sqlstate(error.orig) or _sqlstate(getattr(error.orig, "__cause__", None))
    if state:
        return _of_state(state, writing)
    return _UNREACHABLE if error.connection_invalidated else _REFUSED


def _sqlstate(error: BaseException | None) -> str:
    return getattr(error, "sqlstate", None) or ""


def _of_state(state: str, writing: bool) -> Refusal | Fault:
    """PostgreSQL's classes of errors (its manual, appendix A)."""
    if state == "57014":
        return TIMEOUT
    if state[:2] in {"08", "28", "3D", "53", "57"}:
        return _UNREACHABLE
    if writing:
        return _STATE_REFUSALS.get(state) or _STATE_REFUSALS.get(state[:2]) or _REFUSED
    return Refusal(422) if state in _BAD_VALUES else _REFUSED
