"""Notices that were announced, and suspensions of the collaboration."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_table(
        "notices",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("json", sa.Text, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("note", sa.Text, nullable=False),
        sa.Column("announced_us", sa.BigInteger, nullable=False),
        sa.Column("published_by", sa.String(64), nullable=False),
        sa.Column("withdrawn_us", sa.BigInteger, nullable=True),
        sa.Column("withdraw_reason", sa.Text, nullable=False),
    )
    op.create_table(
        "suspensions",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("partner", sa.String(128), nullable=False),
        sa.Column("agreement", sa.String(128), nullable=False),
        sa.Column("side", sa.String(16), nullable=False),
        sa.Column("begun_us", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("begun_by", sa.String(64), nullable=False),
        sa.Column("ended_us", sa.BigInteger, nullable=True),
        sa.Column("end_reason", sa.Text, nullable=False),
    )
    op.create_index(
        "one_suspension_of_a_side",
        "suspensions",
        ["agreement", "side"],
        unique=True,
        sqlite_where=sa.text("ended_us IS NULL"),
        postgresql_where=sa.text("ended_us IS NULL"),
    )
