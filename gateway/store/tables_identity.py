"""Tables of partner identity: certificates, what was used when, what was refused and why, what was revoked and told."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, Table, Text

from gateway.store.schema import metadata

client_certificates = Table(
    "client_certificates",
    metadata,
    Column("client_id", String(64), ForeignKey("clients.client_id"), primary_key=True),
    # x5t#S256 (RFC 8705 section 3.1): base64url of the SHA-256 of the DER, without padding.
    Column("thumbprint", String(43), primary_key=True),
    Column("pem", Text, nullable=False),
    Column("not_after_s", BigInteger, nullable=False),
    Column("created_s", BigInteger, nullable=False),
)

credential_uses = Table(
    "credential_uses",
    metadata,
    Column("client_id", String(64), ForeignKey("clients.client_id"), primary_key=True),
    # `key:<kid>`, `certificate:<thumbprint>` or `secret:<number>`; written some seconds late, for all uses at once.
    Column("credential", String(160), primary_key=True),
    Column("used_s", BigInteger, nullable=False),
    # Of what is registered nowhere: since when it is good, or was used first where that is not known; null: from before
    # these were noted.
    Column("begins_s", BigInteger, nullable=True),
    # Until when it is good, as it said at its last use; null: not by itself, or it is registered, which says it.
    Column("ends_s", BigInteger, nullable=True),
)

refusals = Table(
    "refusals",
    metadata,
    Column("request_id", String(64), primary_key=True),
    Column("partner", String(128), nullable=False),
    Column("client_id", String(64), nullable=False),
    Column("time_us", BigInteger, nullable=False, index=True),
    # Which door: token, exchange, partner, outbound.
    Column("door", String(16), nullable=False),
    Column("status", Integer, nullable=False),
    # The problem code, or the OAuth error.
    Column("code", String(64), nullable=False),
    # A word of a closed list that says more than the caller was told; never what was sent.
    Column("reason", String(64), nullable=False),
    Column("agreement", String(128), nullable=False),
    Column("version", String(32), nullable=False),
    Column("clause", String(32), nullable=False),
    Index("refusals_of_partner", "partner", "time_us"),
)

revoked_tokens = Table(
    "revoked_tokens",
    metadata,
    Column("jti", String(128), primary_key=True),
    Column("client_id", String(64), nullable=False),
    # When the token would have ended by itself: after it the row means nothing.
    Column("until_s", BigInteger, nullable=False, index=True),
)

expiries_told = Table(
    "expiries_told",
    metadata,
    # `hub` where it is the hub's own, which no client holds.
    Column("client_id", String(64), primary_key=True),
    Column("credential", String(160), primary_key=True),
    # So many days ahead it was told: 30, 14, 7 or 1.
    Column("days", Integer, primary_key=True),
    Column("told_us", BigInteger, nullable=False),
)
