"""What may go wrong with the state store, as one error with a kind."""

import sqlite3
from typing import Literal, TypeAlias

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

FaultKind: TypeAlias = Literal[
    "locked",  # someone else holds the database longer than we wait
    "newer",  # written by a later version of Clausegate: its tables are unknown here
    "sealed",  # a secret in it is sealed under a key that is not given, or that cannot be asked
    "unreadable",  # no such place, no permission, not a database, damaged
    "unreachable",  # the database server does not answer or refuses us
]

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_LOCK_NOT_AVAILABLE = ("55P03", "57014")  # PostgreSQL: lock timeout, statement cancelled


class StoreError(Exception):
    """The store cannot be used. The text names the place without credentials, never a stored value."""

    def __init__(self, kind: FaultKind, place: str, detail: str) -> None:
        super().__init__(f"state store {place}: {detail}")
        self.kind: FaultKind = kind
        self.place = place


def fault_of(error: SQLAlchemyError | OSError, place: str) -> StoreError:
    """What a driver's error means. Its text is left out where it could quote a statement's values."""
    original: BaseException | None = error.orig if isinstance(error, DBAPIError) else error
    chain: list[BaseException] = []
    while original is not None and len(chain) < 5:
        chain.append(original)
        original = original.__cause__
    for each in chain:
        if isinstance(each, sqlite3.Error):
            if (getattr(each, "sqlite_errorcode", 0) & 0xFF) in _BUSY:
                return StoreError("locked", place, "locked by another process")
            name = getattr(each, "sqlite_errorname", type(each).__name__)
            return StoreError("unreadable", place, f"cannot be used as a SQLite database ({name})")
        if getattr(each, "sqlstate", None) in _LOCK_NOT_AVAILABLE:
            return StoreError("locked", place, "locked by another process")
    return StoreError("unreachable", place, f"the database does not answer ({type(chain[-1]).__name__})")
