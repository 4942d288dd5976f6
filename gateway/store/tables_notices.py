"""The tables of what was announced and of suspensions (gateway/store/notices.py)."""

from sqlalchemy import BigInteger, Column, Index, String, Table, Text, text

from gateway.store.schema import metadata

notices = Table(
    "notices",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("kind", String(16), nullable=False),
    # As it was written, in canonical JSON, and the SHA-256 of that.
    Column("json", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    # The signed note (C2SP) about it.
    Column("note", Text, nullable=False),
    # When its record was put on the log.
    Column("announced_us", BigInteger, nullable=False),
    # The account of the operating system that published it.
    Column("published_by", String(64), nullable=False),
    Column("withdrawn_us", BigInteger, nullable=True),
    Column("withdraw_reason", Text, nullable=False),
)

suspensions = Table(
    "suspensions",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("partner", String(128), nullable=False),
    Column("agreement", String(128), nullable=False),
    # Who interrupts the collaboration: hub or partner.
    Column("side", String(16), nullable=False),
    Column("begun_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("begun_by", String(64), nullable=False),
    # Null while it lasts.
    Column("ended_us", BigInteger, nullable=True),
    Column("end_reason", Text, nullable=False),
    # Of one side an agreement has at most one at a time, also when two commands begin one at once.
    Index(
        "one_suspension_of_a_side",
        "agreement",
        "side",
        unique=True,
        sqlite_where=text("ended_us IS NULL"),
        postgresql_where=text("ended_us IS NULL"),
    ),
)
