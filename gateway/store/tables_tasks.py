"""The tables of collaboration tasks, of webhook endpoints, and of what is to be delivered: the outbox."""

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, String, Table, Text

from gateway.store.schema import metadata

tasks = Table(
    "tasks",
    metadata,
    Column("id", String(32), primary_key=True),
    # The partner that it concerns, and who alone sees it besides the hub; empty for one within the hub.
    Column("partner", String(128), nullable=False),
    # Who made it: a partner's id, or empty for the hub; and the client, or the account of the operating system.
    Column("created_by", String(128), nullable=False),
    Column("creator", String(64), nullable=False),
    # A team of the hub, or a partner: which of the two, and its name.
    Column("assignee_kind", String(16), nullable=False),
    Column("assignee", String(128), nullable=False),
    Column("title_zh", Text, nullable=False),
    Column("title_en", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("agreement", String(128), nullable=False),
    Column("product", String(256), nullable=False),
    Column("correction", String(64), nullable=False),
    Column("zone", String(64), nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("state", String(16), nullable=False),
    # One more with each change: two people at once do not overwrite each other.
    Column("version", Integer, nullable=False),
    Column("note", Text, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("accepted_us", BigInteger, nullable=True),
    # When it was completed or cancelled.
    Column("ended_us", BigInteger, nullable=True),
    # When it was put on the log as overdue.
    Column("overdue_us", BigInteger, nullable=True),
    Column("claimed_us", BigInteger, nullable=False),
    Index("ix_tasks_partner", "partner"),
    Index("ix_tasks_state_due_us", "state", "due_us"),
)

webhook_endpoints = Table(
    "webhook_endpoints",
    metadata,
    Column("id", String(32), primary_key=True),
    # Whose it is; empty for the hub.
    Column("partner", String(128), nullable=False),
    Column("url", Text, nullable=False),
    # JSON: the event types that it takes; an empty list is all of them.
    Column("events", Text, nullable=False),
    # The secret that signs, sealed; and the one before, until its time is over.
    Column("secret", LargeBinary, nullable=False),
    Column("previous", LargeBinary, nullable=True),
    Column("previous_until_us", BigInteger, nullable=True),
    # enabled, or gone: it answered 410.
    Column("state", String(16), nullable=False),
    # Its receiver asked for silence until then.
    Column("held_until_us", BigInteger, nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("creator", String(64), nullable=False),
    Index("ix_webhook_endpoints_partner", "partner"),
)

deliveries = Table(
    "deliveries",
    metadata,
    Column("id", String(32), primary_key=True),
    # The webhook-id: the same for every endpoint and every attempt.
    Column("message", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    # The endpoint of a webhook; empty for an e-mail, which has a recipient.
    Column("endpoint", String(32), nullable=False),
    Column("recipient", String(320), nullable=False),
    Column("partner", String(128), nullable=False),
    Column("event", String(128), nullable=False),
    Column("body", Text, nullable=False),
    # pending, delivered, dead, cancelled.
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    # How the last attempt ended: an HTTP status or SMTP code, 0 for none; and a word for what went wrong.
    Column("status", Integer, nullable=False),
    Column("fault", String(32), nullable=False),
    Column("created_us", BigInteger, nullable=False),
    Column("due_us", BigInteger, nullable=False),
    Column("ended_us", BigInteger, nullable=True),
    Column("claimed_us", BigInteger, nullable=False),
    Index("ix_deliveries_state_due_us", "state", "due_us"),
    Index("ix_deliveries_endpoint", "endpoint", "created_us"),
)
