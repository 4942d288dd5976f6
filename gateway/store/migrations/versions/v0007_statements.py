"""Statements that were issued, and what partners say of them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.create_table(
        "statements",
        sa.Column("id", sa.String(192), primary_key=True),
        sa.Column("agreement", sa.String(128), nullable=False),
        sa.Column("partner", sa.String(128), nullable=False),
        sa.Column("period", sa.String(16), nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("figures_sha256", sa.String(64), nullable=False),
        sa.Column("json", sa.Text, nullable=False),
        sa.Column("issued_us", sa.BigInteger, nullable=False),
        sa.Column("issued_by", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("answered_us", sa.BigInteger, nullable=True),
        sa.Column("answered_by", sa.String(64), nullable=False),
        sa.Column("answer", sa.Text, nullable=False),
        sa.Column("claimed_us", sa.BigInteger, nullable=False),
    )
    op.create_index("one_statement_a_revision", "statements", ["agreement", "period", "revision"], unique=True)
    op.create_index("ix_statements_partner", "statements", ["partner"])
