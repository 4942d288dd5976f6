"""The tables of rollups: counted minutes of past days, and up to where the log is counted in them."""

from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String, Table, Text

from gateway.store.schema import metadata

rollup_state = Table(
    "rollup_state",
    metadata,
    Column("id", Integer, primary_key=True),
    # Grows with every change, so that of two processes that roll up the same records one does it in vain.
    Column("generation", BigInteger, nullable=False),
)

rollup_positions = Table(
    "rollup_positions",
    metadata,
    Column("writer", String(64), primary_key=True),
    Column("segment", BigInteger, nullable=False),
    Column("offset", BigInteger, nullable=False),
    # The place of the last record that is counted.
    Column("epoch", BigInteger, nullable=False),
    Column("seq", BigInteger, nullable=False),
    # Leaf hashes, parted by spaces, of records that were left out while what takes them back comes later.
    Column("skipped", Text, nullable=False),
)

rollup_agreements = Table(
    "rollup_agreements",
    metadata,
    Column("agreement", String(128), primary_key=True),
    Column("version", String(64), primary_key=True),
    # SHA-256 of all that decides what is counted where: rollups made under other terms are no use.
    Column("terms", String(64), nullable=False),
    Column("activated_us", BigInteger, nullable=True),
    # JSON: operations of the partner's API that were called, as [service, operation].
    Column("called", Text, nullable=False),
)

rollup_days = Table(
    "rollup_days",
    metadata,
    Column("agreement", String(128), primary_key=True),
    Column("version", String(64), primary_key=True),
    # SHA-256 of the lane as JSON, which has no length that a key could have.
    Column("lane", String(64), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("lane_json", Text, nullable=False),
    Column("packed", LargeBinary, nullable=False),
)

rollup_presence = Table(
    "rollup_presence",
    metadata,
    Column("day", Integer, primary_key=True, autoincrement=False),
    # 1,440 bits, little-endian, the lowest for the first minute of the UTC day.
    Column("minutes", LargeBinary(180), nullable=False),
)
