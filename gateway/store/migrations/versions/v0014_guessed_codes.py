"""Wrong codes of the second factor are counted with the account: by all processes together, and beyond a restart."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.add_column("accounts", sa.Column("code_misses", sa.Integer, nullable=False, server_default="0"))
    op.add_column("accounts", sa.Column("code_missed_s", sa.BigInteger, nullable=False, server_default="0"))
