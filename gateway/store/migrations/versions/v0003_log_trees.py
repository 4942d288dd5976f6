"""What the sequencer has put into the transparency log's trees."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "log_state",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("generation", sa.BigInteger, nullable=False),
        sa.Column("origin", sa.String(256), nullable=False),
        sa.Column("positions", sa.Text, nullable=False),
        sa.Column("intent", sa.Text, nullable=True),
        sa.Column("fault", sa.Text, nullable=False),
        sa.Column("updated_us", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "log_trees",
        sa.Column("name", sa.String(160), primary_key=True),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("root", sa.LargeBinary(32), nullable=False),
        sa.Column("checkpoint", sa.Text, nullable=False),
        sa.Column("committed_us", sa.BigInteger, nullable=False),
        sa.Column("anchors", sa.BigInteger, nullable=False),
        sa.Column("anchored_size", sa.BigInteger, nullable=False),
        sa.Column("missing", sa.Integer, nullable=False),
    )
