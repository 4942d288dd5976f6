"""The tables of corrections: reported data errors, and each step that was taken with one. Times are in microseconds."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from gateway.store.schema import metadata

corrections = Table(
    "corrections",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("partner", String(128), nullable=False),
    Column("agreement", String(128), nullable=False),
    Column("version", String(64), nullable=False),
    Column("contract", String(64), nullable=False),
    Column("clause", String(32), nullable=False),
    Column("owed_by", String(16), nullable=False),
    Column("severity", String(64), nullable=False),
    Column("product", String(256), nullable=False),
    Column("field", String(512), nullable=False),
    # The client, or the account of the operating system, that reported it.
    Column("reported_by", String(128), nullable=False),
    # Empty until the report is on the log.
    Column("state", String(16), nullable=False),
    Column("reported_us", BigInteger, nullable=False),
    # When it was last closed: fixed, rejected, withdrawn; null while it is open.
    Column("closed_us", BigInteger, nullable=True),
    # How many steps it has; who changes it has to know the number.
    Column("steps", Integer, nullable=False),
    # JSON: record key, expected value, evidence, and the salt of what the log commits to; empty once it is erased.
    Column("words", Text, nullable=False),
    # JSON: the step that is being put on the log; null between steps.
    Column("pending", Text, nullable=True),
    Column("pending_us", BigInteger, nullable=False),
    Index("corrections_of_partner", "partner", "reported_us"),
    Index("corrections_of_clause", "agreement", "clause"),
)

correction_steps = Table(
    "correction_steps",
    metadata,
    Column("correction", String(32), ForeignKey("corrections.id"), primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("action", String(16), nullable=False),
    # The time of its record on the log.
    Column("time_us", BigInteger, nullable=False),
    Column("taken_by", String(128), nullable=False),
    # JSON: why, what reading the record showed, and the salt; empty once it is erased.
    Column("words", Text, nullable=False),
)
