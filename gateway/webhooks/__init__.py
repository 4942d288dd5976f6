"""Signed webhooks (Standard Webhooks): an outbox that retries, and remembers what could not be delivered."""
