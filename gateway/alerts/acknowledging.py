"""A person has seen an alert: on the log first, then in the state store."""

import time
from collections.abc import Callable

from gateway.alerts.telling import acknowledged_detail, subject_of
from gateway.authority import Administration, AuthorityError, record
from gateway.store.alerts import KeptAlert, KeptAlerts

NOTE_MAX = 500
"""Characters of a note."""


async def acknowledge(
    administration: Administration,
    alert_id: str,
    by: str,
    note: str,
    now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
) -> KeptAlert:
    """Say that somebody sees to it. Raises AuthorityError and StoreError; then nothing changed."""
    kept = KeptAlerts(administration.store)
    alert = await kept.find(alert_id)
    if alert is None:
        raise AuthorityError(f"there is no alert {alert_id}; `clausegate alerts` lists those that are not resolved")
    if alert.state != "raised":
        raise AuthorityError(f"alert {alert_id} is {alert.state} already")
    if not await kept.claim_acknowledge(alert_id, now_us()):
        raise AuthorityError(f"alert {alert_id} is being changed by another process right now: look again in a minute")
    detail = acknowledged_detail(by, note)
    try:
        await record(
            administration.writer,
            "alert-acknowledged",
            subject_of(alert),
            partner=alert.partner,
            contract=alert.contract,
            detail=detail,
        )
    except AuthorityError:
        await kept.disclaim(alert_id)
        raise
    if not await kept.acknowledge(alert_id, now_us(), by, note):
        raise AuthorityError(f"alert {alert_id} was resolved at the same moment")
    return alert
