"""Webhooks: signed, delivered at least once, to where they may go; e-mail by the same outbox."""
