"""Idempotency keys of changes, with the sealed answers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        sa.Column("name", sa.LargeBinary(32), primary_key=True),
        sa.Column("fingerprint", sa.LargeBinary(32), nullable=False),
        sa.Column("owner", sa.String(64), nullable=False),
        sa.Column("created_s", sa.BigInteger, nullable=False, index=True),
        sa.Column("answer", sa.LargeBinary, nullable=True),
    )
