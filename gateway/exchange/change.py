"""change: ask the backend to create, update or delete one record, once, and only what the agreement lets be written."""

import asyncio
import hashlib
import hmac
from typing import Any
from urllib.parse import quote

from msgspec import Struct
from msgspec.structs import replace

from adapters.base import Adapter, Answer, Change, Fault, Query
from contracts.facts import Value
from contracts.plan import Plan
from contracts.selecting import masked_getter
from contracts.writing import BodyFault, Written
from gateway.exchange.arrival import Arrival
from gateway.exchange.asked import Asked
from gateway.exchange.call import FAULTS, is_json
from gateway.exchange.caller import Caller, Receive
from gateway.exchange.conditional import allows
from gateway.exchange.outcome import BodyError, Disclosed, Outcome, problem
from gateway.exchange.shape import etag, select

BODY_BYTES_MAX = 1024 * 1024
BODY_S_MAX = 30.0
_DRAINED_BYTES_MAX = 8 * 1024 * 1024
"""A body that is too large is read on that far and thrown away: who is hung up on while it still sends sees a broken
connection, and never the answer that says why (RFC 9112 section 9.6)."""
_IN_THREAD_BYTES = 8 * 1024
"""From here on reading takes milliseconds, which other exchanges need not wait for."""
_MEDIA_TYPES = {
    "create": frozenset({"application/json"}),
    "update": frozenset({"application/json", "application/merge-patch+json"}),
}
_WANTED = {
    "create": ((b"accept", b"application/json"), (b"accept-encoding", b"identity")),
    "update": ((b"accept-patch", b"application/json, application/merge-patch+json"), (b"accept-encoding", b"identity")),
}
"""What a 415 says of bodies that can be had (RFC 9110 section 15.5.16, RFC 5789 section 2.2)."""


class Wish(Struct, frozen=True):
    """A change as it was asked for and found in order. `body` is what a repetition must equal."""

    change: Change
    written: Written | None
    body: bytes


async def read_body(plan: Plan, caller: Caller) -> bytes | Outcome:
    """The body of a change, within its size and time; empty for one without. Nothing of it is looked at yet."""
    if plan.writing is None:
        return b""
    arrival = caller.arrival
    media_type = (arrival.content_type or b"").decode("latin-1").partition(";")[0].strip().lower()
    if media_type not in _MEDIA_TYPES[plan.operation] or arrival.content_encoding is not None:
        return problem("unsupported-media-type", headers=_WANTED[plan.operation])
    return await _read(caller.receive)


async def read_wish(plan: Plan, asked: Asked, body: bytes) -> Wish | Outcome:
    """The change that a body asks for; or every mistake of it."""
    action = plan.operation
    assert action in ("create", "update", "delete")  # noqa: S101 - narrows the type
    trace = asked.query.traceparent
    if plan.writing is None:
        return Wish(Change(action, asked.query.key, traceparent=trace), None, b"")
    if len(body) > _IN_THREAD_BYTES:
        written = await asyncio.to_thread(plan.writing.read, body, plan.partner_values)
    else:
        written = plan.writing.read(body, plan.partner_values)
    if not isinstance(written, Written):
        return problem("invalid-body", errors=tuple(map(_body_error, written)))
    if action == "create" and plan.rows is not None and not plan.rows.admits(_scalars(written)):
        return problem("outside-rows", plan.contract.products_clause)
    return Wish(Change(action, asked.query.key, written.values, traceparent=trace), written, body)


async def _read(receive: Receive) -> bytes | Outcome:
    """The whole body, within its size and time."""
    try:
        async with asyncio.timeout(BODY_S_MAX):
            return await _pieces(receive)
    except TimeoutError:
        return problem("body-incomplete", headers=((b"connection", b"close"),))


async def _pieces(receive: Receive) -> bytes | Outcome:
    pieces: list[bytes] = []
    size_bytes = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return problem("body-incomplete")
        piece, more = message.get("body", b""), message.get("more_body", False)
        size_bytes += len(piece)
        if size_bytes <= BODY_BYTES_MAX:
            pieces.append(piece)
        else:
            pieces.clear()
        if more and size_bytes <= _DRAINED_BYTES_MAX:
            continue
        if size_bytes > BODY_BYTES_MAX:
            return problem("body-too-large", headers=((b"connection", b"close"),))
        return b"".join(pieces)


def _body_error(fault: BodyFault) -> BodyError:
    return BodyError(fault.pointer, fault.code, fault.words)


def _scalars(written: Written) -> dict[tuple[str, ...], Value]:
    """The values that a row filter can read."""
    return {
        field.path: value if isinstance(value, str | bool | int) or value is None else float(value)
        for field, value in written.values
        if not isinstance(value, list | dict)
    }


async def still_as_known(plan: Plan, adapter: Adapter, key: str, arrival: Arrival) -> Outcome | None:
    """What has to be seen before a record is changed: that it is the partner's, and is as the caller knows it.

    None: go on. A backend that enforces rows does so as part of the change; others are asked for the record first.
    """
    if arrival.if_match is None and arrival.if_none_match is None and plan.keeps is None:
        return None
    answer = await adapter.answer(plan.call, Query(key=key, traceparent=None))
    if isinstance(answer, Fault):
        return problem(FAULTS[answer.kind])
    if answer.status == 404:
        return problem("record-not-found")
    if answer.status != 200 or not is_json(answer.content_type):
        return problem("backend-error")
    shown = select(plan, Asked(Query(key=key)), answer)
    if isinstance(shown, Outcome):
        return shown
    if not shown.records:
        return problem("record-not-found")
    digest = hashlib.sha256(plan.mask.encode(shown.records[0])).digest()
    current = Outcome(200, headers=((b"etag", etag(plan, key.encode(), digest)),))
    return None if allows(current, arrival.if_match, arrival.if_none_match) else problem("precondition-failed")


async def change(plan: Plan, adapter: Adapter, wish: Wish) -> tuple[Outcome, bool]:
    """Ask for the change. True beside the outcome: it is certain, whether it was made or not."""
    answer = await adapter.change(plan.call, wish.change)
    if isinstance(answer, Fault):
        return problem(FAULTS[answer.kind]), answer.kind == "unreachable"
    match answer.status:
        case 200 | 201 | 204:
            return _done(plan, wish, answer), True
        case 404 if wish.change.action != "create":
            return problem("record-not-found"), True
        case 409:
            return problem("conflict"), True
        case 422:
            return problem("backend-refused"), True
    return problem("backend-error"), answer.status < 500


def _done(plan: Plan, wish: Wish, answer: Answer) -> Outcome:
    """The record as it is now, as far as the partner sees it; none where the backend sent none that can be shown."""
    status = 201 if wish.change.action == "create" else 200
    if wish.change.action == "delete":
        return Outcome(204, body=b"")
    if not answer.body or not is_json(answer.content_type):
        return Outcome(201, body=b"") if status == 201 else Outcome(204, body=b"")
    shown = select(plan, Asked(Query(key="")), answer)
    if isinstance(shown, Outcome) or not shown.records:
        return Outcome(201, body=b"") if status == 201 else Outcome(204, body=b"")
    data = plan.mask.encode(shown.records[0])
    digest = hashlib.sha256(data).digest()
    headers: tuple[tuple[bytes, bytes], ...] = ()
    key = _key(plan, shown.records[0]) if status == 201 else wish.change.key
    if key is not None:
        headers += ((b"etag", etag(plan, key.encode("utf-8", "surrogatepass"), digest)),)
        if status == 201:
            headers += ((b"location", f"/v1/{plan.resource}/{quote(key, safe='')}".encode()),)
    return Outcome(
        status,
        body=data,
        headers=headers,
        records=1,
        subjects=shown.subjects,
        drift=shown.drift,
        disclosed=Disclosed(digest, shown.people),
    )


def _key(plan: Plan, record: Any) -> str | None:
    """The key of a created record, if the view shows it: where the record is, and what its ETag is of."""
    if ".".join(plan.call.key.path) not in plan.offer.clear:
        return None
    key = masked_getter(plan.view.record, plan.call.key.path)(record)
    return None if key is None else str(key)


def fingerprint(arrival: Arrival, wish: Wish) -> bytes:
    """What makes two requests with one idempotency key the same: SHA-256 of method, path and body."""
    parts = (arrival.method.encode(), arrival.path, arrival.if_match or b"", wish.body)
    return hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).digest()


def passed_on(wish: Wish, client: str, key: str, secret: bytes) -> Wish:
    """The wish with a key for the backend: the same for every try, another for every client, and nobody's own key."""
    derived = hmac.digest(secret, f"{client}\n{key}".encode(), "sha256").hex()
    return Wish(replace(wish.change, idempotency_key=derived), wish.written, wish.body)
