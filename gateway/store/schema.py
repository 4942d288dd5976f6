"""The tables of the state store. A change here needs a migration in migrations/versions; a test compares the two.

All times are Unix seconds, and microseconds where the name ends in `_us`.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
)

metadata = MetaData()

clients = Table(
    "clients",
    metadata,
    Column("client_id", String(64), primary_key=True),
    Column("partner", String(128), nullable=False),
    Column("auth_method", String(32), nullable=False),
    Column("created_s", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False),
    # Tokens issued at or before this time are revoked.
    Column("epoch_s", BigInteger, nullable=False),
    # Where its keys are published, for private_key_jwt; empty where they were registered by value.
    Column("jwks_url", Text, nullable=False, server_default=""),
    # What its certificate says, for tls_client_auth (RFC 8705 section 2.1.2): dn, san_dns, san_uri, san_ip, san_email.
    Column("tls_subject_kind", String(16), nullable=False, server_default=""),
    Column("tls_subject", Text, nullable=False, server_default=""),
)

client_secrets = Table(
    "client_secrets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("client_id", String(64), ForeignKey("clients.client_id"), nullable=False, index=True),
    # HMAC-SHA-256 under the server's pepper; the secret itself is nowhere.
    Column("digest", LargeBinary(32), nullable=False),
    Column("created_s", BigInteger, nullable=False),
    Column("expires_s", BigInteger, nullable=True),
)

client_keys = Table(
    "client_keys",
    metadata,
    Column("client_id", String(64), ForeignKey("clients.client_id"), primary_key=True),
    Column("kid", String(128), primary_key=True),
    Column("alg", String(16), nullable=False),
    Column("jwk", Text, nullable=False),
    Column("created_s", BigInteger, nullable=False),
    # From then on it verifies nothing; null: until it is removed.
    Column("expires_s", BigInteger, nullable=True),
)

signing_keys = Table(
    "signing_keys",
    metadata,
    Column("kid", String(128), primary_key=True),
    Column("private_jwk", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("created_s", BigInteger, nullable=False),
    Column("activated_s", BigInteger, nullable=True),
    Column("retired_s", BigInteger, nullable=True),
    # Two nodes that start at once cannot both make the one active key.
    Index(
        "one_active_signing_key",
        "state",
        unique=True,
        sqlite_where=text("state = 'active'"),
        postgresql_where=text("state = 'active'"),
    ),
    Index(
        "one_pending_signing_key",
        "state",
        unique=True,
        sqlite_where=text("state = 'pending'"),
        postgresql_where=text("state = 'pending'"),
    ),
)

accounts = Table(
    "accounts",
    metadata,
    Column("username", String(64), primary_key=True),
    Column("password_hash", Text, nullable=False),
    Column("role", String(32), nullable=False),
    Column("language", String(8), nullable=False),
    Column("created_s", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False, server_default=false()),
    # Whose developer the person is; empty for people of the hub.
    Column("partner", String(128), nullable=False, server_default=""),
    # `issuer subject` of the identity provider (OpenID Connect); empty for a local account.
    Column("subject", String(512), nullable=False, server_default=""),
    # The secret of the second factor (RFC 6238), sealed; null without one. And the last time step that was used up.
    Column("totp_secret", LargeBinary, nullable=True),
    Column("totp_step", BigInteger, nullable=False, server_default="0"),
    # Wrong codes since the last right one, and when the first of them came, for gateway/people/guesses.py.
    Column("code_misses", Integer, nullable=False, server_default="0"),
    Column("code_missed_s", BigInteger, nullable=False, server_default="0"),
    # A person who logs in for the first time at two nodes at once has one account.
    Index(
        "one_account_of_subject",
        "subject",
        unique=True,
        sqlite_where=text("subject <> ''"),
        postgresql_where=text("subject <> ''"),
    ),
)

console_sessions = Table(
    "console_sessions",
    metadata,
    # SHA-256 of the id in the cookie, which is random enough to need no more.
    Column("key", LargeBinary(32), primary_key=True),
    # An account that is deleted takes its sessions along: the next one of its name is somebody else.
    Column("username", String(64), ForeignKey("accounts.username", ondelete="CASCADE"), nullable=False),
    Column("begun_us", BigInteger, nullable=False),
    Column("used_us", BigInteger, nullable=False),
)

server_secrets = Table(
    "server_secrets",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", LargeBinary, nullable=False),
    Column("created_s", BigInteger, nullable=False),
)

idempotency_keys = Table(
    "idempotency_keys",
    metadata,
    # Derived from the server's secret, the client and its key, which is nowhere.
    Column("name", LargeBinary(32), primary_key=True),
    # Which change the key stands for; an HMAC under a key derived in the same way.
    Column("fingerprint", LargeBinary(32), nullable=False),
    # The process that makes the change; empty once it has given up without knowing.
    Column("owner", String(64), nullable=False),
    Column("created_s", BigInteger, nullable=False, index=True),
    # Status, headers and body, sealed; null until the change is made.
    Column("answer", LargeBinary, nullable=True),
)

# One row: what the sequencer has committed, and what it is about to. Only who knows its generation may change it.
log_state = Table(
    "log_state",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("generation", BigInteger, nullable=False),
    # The name under which checkpoints are signed: fixed with the first of them.
    Column("origin", String(256), nullable=False),
    # JSON: writer -> how far its log is in the trees.
    Column("positions", Text, nullable=False),
    # JSON: what is being put into the trees; null between steps.
    Column("intent", Text, nullable=True),
    # Why the last sequencer stopped; empty as soon as one goes on.
    Column("fault", Text, nullable=False),
    # Microseconds: times of checkpoints are compared with those of records.
    Column("updated_us", BigInteger, nullable=False),
)

log_trees = Table(
    "log_trees",
    metadata,
    Column("name", String(160), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("root", LargeBinary(32), nullable=False),
    # The signed note, without cosignatures.
    Column("checkpoint", Text, nullable=False),
    Column("committed_us", BigInteger, nullable=False),
    # How many checkpoints stand in the root log, and the size of the last of them.
    Column("anchors", BigInteger, nullable=False),
    Column("anchored_size", BigInteger, nullable=False),
    # Witnesses that were still wanted when the checkpoint was published.
    Column("missing", Integer, nullable=False),
)

allowances = Table(
    "allowances",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("partner", String(128), nullable=False),
    Column("agreement", String(128), nullable=False),
    Column("clause", String(32), nullable=False),
    Column("extra", BigInteger, nullable=False),
    Column("granted_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    # The account of the operating system that granted it.
    Column("granted_by", String(64), nullable=False),
    # When its end was recorded, by revocation or after its time; null until then.
    Column("ended_us", BigInteger, nullable=True, index=True),
    # When a process last began to record its end.
    Column("claimed_us", BigInteger, nullable=False),
)

findings = Table(
    "findings",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("partner", String(128), nullable=False),
    Column("agreement", String(128), nullable=False),
    Column("resource", String(256), nullable=False),
    Column("detector", String(64), nullable=False),
    Column("state", String(16), nullable=False),
    # What was found, as JSON, with the latest evidence until a person has judged it.
    Column("json", Text, nullable=False),
    # The same as it is on the log; null until it is.
    Column("reported", Text, nullable=True),
    # Why it was confirmed or dismissed.
    Column("reason", Text, nullable=False),
    Column("updated_us", BigInteger, nullable=False),
    Column("claimed_us", BigInteger, nullable=False),
)

measures = Table(
    "measures",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("finding", String(64), ForeignKey("findings.id"), nullable=False),
    Column("partner", String(128), nullable=False),
    Column("agreement", String(128), nullable=False),
    Column("clause", String(32), nullable=False),
    Column("product", String(256), nullable=False),
    Column("from_us", BigInteger, nullable=False),
    Column("until_us", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    # Why a person lifted it; empty where it ran out.
    Column("lift_reason", Text, nullable=False),
    # When its end was recorded, by lifting or after its time; null until then.
    Column("ended_us", BigInteger, nullable=True, index=True),
    Column("claimed_us", BigInteger, nullable=False),
)
