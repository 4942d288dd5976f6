"""The table of alerts: at most one that is not resolved for each agreement, clause and rule."""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text, text

from gateway.store.schema import metadata

alerts = Table(
    "alerts",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("partner", String(128), nullable=False),
    Column("agreement", String(128), nullable=False),
    Column("clause", String(32), nullable=False),
    Column("rule", String(32), nullable=False),
    Column("severity", String(16), nullable=False),
    Column("contract", String(64), nullable=False),
    # raised, acknowledged, resolved.
    Column("state", String(16), nullable=False),
    # The figures that it was raised for, as canonical JSON; `ended` in it says why it is over where data do not.
    Column("evidence", Text, nullable=False),
    Column("raised_us", BigInteger, nullable=False),
    # When its raising was put on the log; null until it is.
    Column("recorded_us", BigInteger, nullable=True),
    Column("acknowledged_us", BigInteger, nullable=True),
    # The account of the operating system that acknowledged it, and its words.
    Column("acknowledged_by", String(64), nullable=False),
    Column("note", Text, nullable=False),
    Column("resolved_us", BigInteger, nullable=True),
    # The last state that was told; empty before the first.
    Column("told", String(16), nullable=False),
    # When its raising was told; null where it was not.
    Column("told_us", BigInteger, nullable=True),
    Column("claimed_us", BigInteger, nullable=False),
    Index("alerts_by_what", "agreement", "clause", "rule"),
    # Of workers that see the same, one raises it.
    Index(
        "one_open_alert",
        "agreement",
        "clause",
        "rule",
        unique=True,
        sqlite_where=text("state <> 'resolved'"),
        postgresql_where=text("state <> 'resolved'"),
    ),
)
