"""Puts a change of authority on the audit log, durably, before it is made."""

import time

from gateway.audit.events import Event
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Authority
from gateway.audit.writer import Writer


class AuthorityError(Exception):
    """Nothing was changed; the text is for the operator."""


async def record(
    writer: Writer, event: Event, subject: str, *, partner: str = "", contract: str = "", detail: str = ""
) -> Authority:
    """Put an event on the log, durably; what is there now. Raises AuthorityError."""
    entry = Authority(time.time_ns() // 1000, event, subject, contract, partner, detail)
    receipt = await writer.append_durable(entry)
    if isinstance(receipt, LogFault):
        raise AuthorityError(f"the record cannot be written: {receipt.kind}: {receipt.detail}")
    return entry
