"""Endpoints and deliveries as their owner reads them; secrets are never among it."""

from typing import Any

from gateway.store.webhooks import Delivery, Endpoint
from gateway.webhooks.notify import rfc3339


def shown_endpoint(endpoint: Endpoint, now_us: int) -> dict[str, Any]:
    """One endpoint. `rotating_until` is when the secret from before the last one ends."""
    rotating = endpoint.previous_until_us if (endpoint.previous_until_us or 0) > now_us else None
    return {
        "id": endpoint.id,
        "url": endpoint.url,
        "events": list(endpoint.events),
        "state": endpoint.state,
        "created": rfc3339(endpoint.created_us),
        "rotating_until": None if rotating is None else rfc3339(rotating),
        "held_until": rfc3339(endpoint.held_until_us) if endpoint.held_until_us > now_us else None,
    }


def shown_delivery(delivery: Delivery) -> dict[str, Any]:
    """One delivery: `webhook_id` is the header by which its receiver knows it, `due` None once it has ended."""
    return {
        "id": delivery.id,
        "webhook_id": delivery.message,
        "endpoint": delivery.endpoint or None,
        "event": delivery.event,
        "state": delivery.state,
        "attempts": delivery.attempts,
        "status": delivery.status or None,
        "fault": delivery.fault or None,
        "created": rfc3339(delivery.created_us),
        "due": rfc3339(delivery.due_us) if delivery.state == "pending" else None,
        "ended": None if delivery.ended_us is None else rfc3339(delivery.ended_us),
    }
