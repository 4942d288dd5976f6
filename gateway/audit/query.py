"""Questions to the index of the log: which records, of whom, when, under which clause."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from gateway.audit.index import COLUMNS, Row


class Question(Struct, frozen=True, kw_only=True):
    """What is asked for; everything that is said has to be true of a record. Times are Unix microseconds.

    `from_us` is included, `until_us` is not. `clause`: it refused, or cut the answer short. `let_pass`: a clause that
    let the call pass and is named all the same, since it only watches, or could not be counted with everybody.
    `refused`: exchanges that a clause refused, or that were refused without one (a 4xx).
    """

    partner: str | None = None
    client: str | None = None
    agreement: str | None = None
    product: str | None = None
    operation: str | None = None
    clause: str | None = None
    let_pass: str | None = None
    status: int | None = None
    kind: str | None = None
    event: str | None = None
    request_id: str | None = None
    writer: str | None = None
    refused: bool = False
    failed: bool = False
    from_us: int | None = None
    until_us: int | None = None


_EQUAL = {
    "partner": "partner",
    "client": "client",
    "agreement": "agreement",
    "product": "product",
    "operation": "operation",
    "clause": "clause",
    "status": "status",
    "kind": "type",
    "event": "event",
    "request_id": "request_id",
    "writer": "writer",
}


def ask(file: Path, question: Question, limit: int | None = None) -> Iterator[Row]:
    """The records that fit, oldest first; at most `limit`, and then the latest of them. Raises sqlite3.Error."""
    where, values = _where(question)
    names = ", ".join(("writer", "epoch", "seq", "lower(hex(leaf_hash))", *COLUMNS))
    order = "ORDER BY time_us, writer, seq"
    text = f"SELECT {names} FROM records WHERE {where} {order}"  # noqa: S608 - names of ours, values bound
    if limit is not None:
        newest = f"SELECT * FROM records WHERE {where} ORDER BY time_us DESC, writer DESC, seq DESC LIMIT ?"  # noqa: S608
        text, values = f"SELECT {names} FROM ({newest}) {order}", [*values, limit]  # noqa: S608
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=30)
    try:
        for row in connection.execute(text, values):
            yield Row(*row)
    finally:
        connection.close()


def count(file: Path, question: Question) -> int:
    """How many records fit. Raises sqlite3.Error."""
    where, values = _where(question)
    connection = sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=30)
    try:
        (found,) = connection.execute(f"SELECT count(*) FROM records WHERE {where}", values).fetchone()  # noqa: S608
    finally:
        connection.close()
    return int(found)


def _where(question: Question) -> tuple[str, list[object]]:
    conditions, values = ["1"], list[object]()
    for field, column in _EQUAL.items():
        value = getattr(question, field)
        if value is not None:
            conditions.append(f"{column} = ?")
            values.append(value)
    if question.refused:
        conditions.append("type = 'exchange' AND (clause <> '' AND status >= 400 OR status BETWEEN 400 AND 499)")
    if question.failed:
        conditions.append("type = 'exchange' AND status >= 500")
    if question.clause:  # without it the partial index could not be used
        conditions.append("clause <> ''")
    if question.let_pass is not None:
        # the first half is the partial index's; ids stand between spaces, so that 4.1 is not found in 14.1
        conditions.append("(observed <> '' OR uncounted <> '')")
        conditions.append("instr(' ' || trim(observed || ' ' || uncounted) || ' ', ' ' || ? || ' ') > 0")
        values.append(question.let_pass)
    for bound, sign in ((question.from_us, ">="), (question.until_us, "<")):
        if bound is not None:
            conditions.append(f"time_us {sign} ?")
            values.append(bound)
    return " AND ".join(conditions), values
