"""Who is logged in at the console, for every process of a gateway to know."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.create_table(
        "console_sessions",
        sa.Column("key", sa.LargeBinary(32), primary_key=True),
        sa.Column("username", sa.String(64), sa.ForeignKey("accounts.username", ondelete="CASCADE"), nullable=False),
        sa.Column("begun_us", sa.BigInteger, nullable=False),
        sa.Column("used_us", sa.BigInteger, nullable=False),
    )
