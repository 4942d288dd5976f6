"""Partner identity: certificates, JWKS URLs, uses, refusals, revoked tokens; people with a second factor or from elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    op.add_column("clients", sa.Column("jwks_url", sa.Text, nullable=False, server_default=""))
    op.add_column("clients", sa.Column("tls_subject_kind", sa.String(16), nullable=False, server_default=""))
    op.add_column("clients", sa.Column("tls_subject", sa.Text, nullable=False, server_default=""))
    op.add_column("client_keys", sa.Column("expires_s", sa.BigInteger, nullable=True))
    op.add_column("accounts", sa.Column("disabled", sa.Boolean, nullable=False, server_default=sa.false()))
    op.add_column("accounts", sa.Column("partner", sa.String(128), nullable=False, server_default=""))
    op.add_column("accounts", sa.Column("subject", sa.String(512), nullable=False, server_default=""))
    op.add_column("accounts", sa.Column("totp_secret", sa.LargeBinary, nullable=True))
    op.add_column("accounts", sa.Column("totp_step", sa.BigInteger, nullable=False, server_default="0"))
    from_elsewhere = sa.text("subject <> ''")
    op.create_index(
        "one_account_of_subject",
        "accounts",
        ["subject"],
        unique=True,
        sqlite_where=from_elsewhere,
        postgresql_where=from_elsewhere,
    )
    op.execute("UPDATE accounts SET role = 'admin' WHERE role = 'operator'")
    op.create_table(
        "client_certificates",
        sa.Column("client_id", sa.String(64), sa.ForeignKey("clients.client_id"), primary_key=True),
        sa.Column("thumbprint", sa.String(43), primary_key=True),
        sa.Column("pem", sa.Text, nullable=False),
        sa.Column("not_after_s", sa.BigInteger, nullable=False),
        sa.Column("created_s", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "credential_uses",
        sa.Column("client_id", sa.String(64), sa.ForeignKey("clients.client_id"), primary_key=True),
        sa.Column("credential", sa.String(160), primary_key=True),
        sa.Column("used_s", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "refusals",
        sa.Column("request_id", sa.String(64), primary_key=True),
        sa.Column("partner", sa.String(128), nullable=False),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("time_us", sa.BigInteger, nullable=False),
        sa.Column("door", sa.String(16), nullable=False),
        sa.Column("status", sa.Integer, nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("reason", sa.String(64), nullable=False),
        sa.Column("agreement", sa.String(128), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("clause", sa.String(32), nullable=False),
    )
    op.create_index("ix_refusals_time_us", "refusals", ["time_us"])
    op.create_index("refusals_of_partner", "refusals", ["partner", "time_us"])
    op.create_table(
        "revoked_tokens",
        sa.Column("jti", sa.String(128), primary_key=True),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("until_s", sa.BigInteger, nullable=False),
    )
    op.create_index("ix_revoked_tokens_until_s", "revoked_tokens", ["until_s"])
    op.create_table(
        "expiries_told",
        sa.Column("client_id", sa.String(64), sa.ForeignKey("clients.client_id"), primary_key=True),
        sa.Column("credential", sa.String(160), primary_key=True),
        sa.Column("days", sa.Integer, primary_key=True),
        sa.Column("told_us", sa.BigInteger, nullable=False),
    )
