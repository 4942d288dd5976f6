"""Counts of past days, so that a statement need not read the whole log."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "rollup_state",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("generation", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "rollup_positions",
        sa.Column("writer", sa.String(64), primary_key=True),
        sa.Column("segment", sa.BigInteger, nullable=False),
        sa.Column("offset", sa.BigInteger, nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("skipped", sa.Text, nullable=False),
    )
    op.create_table(
        "rollup_agreements",
        sa.Column("agreement", sa.String(128), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("terms", sa.String(64), nullable=False),
        sa.Column("activated_us", sa.BigInteger, nullable=True),
        sa.Column("called", sa.Text, nullable=False),
    )
    op.create_table(
        "rollup_days",
        sa.Column("agreement", sa.String(128), primary_key=True),
        sa.Column("version", sa.String(64), primary_key=True),
        sa.Column("lane", sa.String(64), primary_key=True),
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("lane_json", sa.Text, nullable=False),
        sa.Column("packed", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "rollup_presence",
        sa.Column("day", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("minutes", sa.LargeBinary(180), nullable=False),
    )
