"""What is granted for a time, what was found in the traffic, and the measures that people took for it."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "allowances",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("partner", sa.String(128), nullable=False),
        sa.Column("agreement", sa.String(128), nullable=False),
        sa.Column("clause", sa.String(32), nullable=False),
        sa.Column("extra", sa.BigInteger, nullable=False),
        sa.Column("granted_us", sa.BigInteger, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("granted_by", sa.String(64), nullable=False),
        sa.Column("ended_us", sa.BigInteger, nullable=True),
        sa.Column("claimed_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "findings",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("partner", sa.String(128), nullable=False),
        sa.Column("agreement", sa.String(128), nullable=False),
        sa.Column("resource", sa.String(256), nullable=False),
        sa.Column("detector", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("json", sa.Text, nullable=False),
        sa.Column("reported", sa.Text, nullable=True),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
        sa.Column("claimed_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "measures",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("finding", sa.String(64), sa.ForeignKey("findings.id"), nullable=False),
        sa.Column("partner", sa.String(128), nullable=False),
        sa.Column("agreement", sa.String(128), nullable=False),
        sa.Column("clause", sa.String(32), nullable=False),
        sa.Column("product", sa.String(256), nullable=False),
        sa.Column("from_us", sa.BigInteger, nullable=False),
        sa.Column("until_us", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("lift_reason", sa.Text, nullable=False),
        sa.Column("ended_us", sa.BigInteger, nullable=True),
        sa.Column("claimed_us", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_allowances_ended_us", "allowances", ["ended_us"])
    op.create_index("ix_measures_ended_us", "measures", ["ended_us"])
