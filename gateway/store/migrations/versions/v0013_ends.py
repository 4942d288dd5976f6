"""When a credential that is not registered ends, noted at its use; and told ends of what is no client's."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"

_NAMES = {"fk": "%(table_name)s_%(column_0_name)s_fkey"}
"""As PostgreSQL calls it by itself; SQLite's have no name."""


def upgrade() -> None:
    op.add_column("credential_uses", sa.Column("begins_s", sa.BigInteger, nullable=True))
    op.add_column("credential_uses", sa.Column("ends_s", sa.BigInteger, nullable=True))
    with op.batch_alter_table("expiries_told", naming_convention=_NAMES) as told:
        told.drop_constraint("expiries_told_client_id_fkey", type_="foreignkey")
