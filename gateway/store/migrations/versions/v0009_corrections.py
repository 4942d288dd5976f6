"""Reported data errors and what became of them."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "corrections",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("partner", sa.String(128), nullable=False),
        sa.Column("agreement", sa.String(128), nullable=False),
        sa.Column("version", sa.String(64), nullable=False),
        sa.Column("contract", sa.String(64), nullable=False),
        sa.Column("clause", sa.String(32), nullable=False),
        sa.Column("owed_by", sa.String(16), nullable=False),
        sa.Column("severity", sa.String(64), nullable=False),
        sa.Column("product", sa.String(256), nullable=False),
        sa.Column("field", sa.String(512), nullable=False),
        sa.Column("reported_by", sa.String(128), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reported_us", sa.BigInteger, nullable=False),
        sa.Column("closed_us", sa.BigInteger, nullable=True),
        sa.Column("steps", sa.Integer, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("pending", sa.Text, nullable=True),
        sa.Column("pending_us", sa.BigInteger, nullable=False),
    )
    op.create_index("corrections_of_partner", "corrections", ["partner", "reported_us"])
    op.create_index("corrections_of_clause", "corrections", ["agreement", "clause"])
    op.create_table(
        "correction_steps",
        sa.Column("correction", sa.String(32), sa.ForeignKey("corrections.id"), primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("taken_by", sa.String(128), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
    )
