"""Alerts on promises that are being used up."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("partner", sa.String(128), nullable=False),
        sa.Column("agreement", sa.String(128), nullable=False),
        sa.Column("clause", sa.String(32), nullable=False),
        sa.Column("rule", sa.String(32), nullable=False),
        sa.Column("severity", sa.String(16), nullable=False),
        sa.Column("contract", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("evidence", sa.Text, nullable=False),
        sa.Column("raised_us", sa.BigInteger, nullable=False),
        sa.Column("recorded_us", sa.BigInteger, nullable=True),
        sa.Column("acknowledged_us", sa.BigInteger, nullable=True),
        sa.Column("acknowledged_by", sa.String(64), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("resolved_us", sa.BigInteger, nullable=True),
        sa.Column("told", sa.String(16), nullable=False),
        sa.Column("told_us", sa.BigInteger, nullable=True),
        sa.Column("claimed_us", sa.BigInteger, nullable=False),
    )
    op.create_index("alerts_by_what", "alerts", ["agreement", "clause", "rule"])
    unresolved = sa.text("state <> 'resolved'")
    op.create_index(
        "one_open_alert",
        "alerts",
        ["agreement", "clause", "rule"],
        unique=True,
        sqlite_where=unresolved,
        postgresql_where=unresolved,
    )
