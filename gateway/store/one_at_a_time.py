"""What is looked at first and written then, by one transaction at a time: a lock that has a name and no row.

A limit on how many rows there are, or on what they have in common, cannot always be said as a unique index. SQLite lets
one transaction write at a time anyway. PostgreSQL lets two look at once, and neither sees what the other writes.
"""

import hashlib

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_LOCK = text("SELECT pg_advisory_xact_lock(:lock)")


async def one_at_a_time(connection: AsyncConnection, *what: str) -> None:
    """Wait until nobody else is in a transaction that asked for the same, and keep others out until this one ends.

    Ask before the first look, for a statement sees what was committed when it began. Two names with one hash merely
    wait for each other. A wait that takes too long fails as the store does.
    """
    if connection.dialect.name == "postgresql":
        name = hashlib.sha256("\n".join(what).encode()).digest()
        await connection.execute(_LOCK, {"lock": int.from_bytes(name[:8], signed=True)})
