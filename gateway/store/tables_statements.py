"""The table of issued statements; a migration (v0007) makes the same. Times are Unix microseconds."""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from gateway.store.schema import metadata

statements = Table(
    "statements",
    metadata,
    # <agreement>.<period>.r<revision>
    Column("id", String(192), primary_key=True),
    Column("agreement", String(128), nullable=False),
    Column("partner", String(128), nullable=False),
    Column("period", String(16), nullable=False),
    Column("revision", Integer, nullable=False),
    # SHA-256, hex: of the whole statement but this, and of what was computed alone.
    Column("sha256", String(64), nullable=False),
    Column("figures_sha256", String(64), nullable=False),
    # The statement as it was sealed, never changed.
    Column("json", Text, nullable=False),
    Column("issued_us", BigInteger, nullable=False),
    Column("issued_by", String(64), nullable=False),
    # issued, countersigned, disputed
    Column("state", String(16), nullable=False),
    Column("answered_us", BigInteger, nullable=True),
    # The partner's client that answered; empty until one does.
    Column("answered_by", String(64), nullable=False),
    # What the partner said, as JSON; empty until it does.
    Column("answer", Text, nullable=False),
    # When a process last began to record an answer.
    Column("claimed_us", BigInteger, nullable=False),
    Index("one_statement_a_revision", "agreement", "period", "revision", unique=True),
    Index("ix_statements_partner", "partner"),
)
