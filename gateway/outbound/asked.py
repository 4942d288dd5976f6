"""What one of the hub's programs asks a partner for: parameters and body, held against the partner's document."""

import asyncio
import secrets
from collections.abc import Iterable

from contracts.json_strict import read_json
from contracts.plan import ServicePlan
from contracts.service_operation import Operation, Target
from contracts.service_schema import Schema, SchemaFault
from gateway.exchange.arrival import Arrival
from gateway.exchange.asked import parameters
from gateway.exchange.caller import Receive
from gateway.exchange.outcome import BodyError, Outcome, problem
from gateway.outbound.connection import Sending
from gateway.store.idempotency import read_key

BODY_BYTES_MAX = 256 * 1024
BODY_S_MAX = 30.0
_IN_THREAD_BYTES = 8 * 1024
"""From here on judging takes milliseconds, which other exchanges need not wait for."""
_NO_JSON = SchemaFault("", "json", {"zh": "不是严格的 JSON 文档", "en": "this is no strict JSON document"})
_NO_BODY = SchemaFault("", "body", {"zh": "该操作不接受请求体", "en": "this operation takes no body"})
_MISSING = SchemaFault("", "body", {"zh": "缺少请求体", "en": "the body is missing"})


async def read_call(plan: ServicePlan, arrival: Arrival, receive: Receive) -> Sending | Outcome:
    """The call as it will be sent; or every mistake of it, and nothing is sent."""
    operation = plan.operation
    given = parameters(arrival.query) if arrival.query else {}
    if given is None:
        return problem("invalid-parameter")
    if "access_token" in given:
        return problem("token-in-query")
    body = await _read(receive)
    if isinstance(body, Outcome):
        return body
    target = operation.target(given)
    faults = list(target) if isinstance(target, tuple) else []
    if body and operation.body is not None and not _is_json(arrival):
        return problem("unsupported-media-type", headers=((b"accept", b"application/json"),))
    faults += await _body_faults(operation, body)
    if faults or not isinstance(target, Target):
        return problem("outbound-invalid", errors=as_errors(faults))
    headers = _headers(operation, arrival, has_body=bool(body))
    if isinstance(headers, Outcome):
        return headers
    return Sending(operation.method, target.path, target.query, headers, body or None, repeatable=operation.repeatable)


async def faults_of(schema: Schema, body: bytes) -> tuple[SchemaFault, ...]:
    """Every mistake of a JSON body; a large one is judged beside the event loop."""
    return await asyncio.to_thread(_judged, schema, body) if len(body) > _IN_THREAD_BYTES else _judged(schema, body)


def as_errors(faults: Iterable[SchemaFault]) -> tuple[BodyError, ...]:
    """Faults as a problem document lists them."""
    return tuple(BodyError(fault.pointer, fault.code, fault.words) for fault in faults)


def _judged(schema: Schema, body: bytes) -> tuple[SchemaFault, ...]:
    try:
        value = read_json(body)
    except (ValueError, RecursionError):
        return (_NO_JSON,)
    return schema.faults(value)


async def _body_faults(operation: Operation, body: bytes) -> tuple[SchemaFault, ...]:
    if operation.body is None:
        return (_NO_BODY,) if body else ()
    if not body:
        return (_MISSING,) if operation.body_required else ()
    return await faults_of(operation.body, body)


def _is_json(arrival: Arrival) -> bool:
    media_type = (arrival.content_type or b"").decode("latin-1").partition(";")[0].strip().lower()
    return media_type == "application/json" and arrival.content_encoding is None


def _headers(operation: Operation, arrival: Arrival, *, has_body: bool) -> tuple[tuple[str, str], ...] | Outcome:
    """Whatever the partner is told; of the caller's own headers only what is meant to go further."""
    headers = [("Accept", "application/json"), ("Accept-Encoding", "identity"), ("X-Request-Id", arrival.request_id)]
    if has_body:
        headers.append(("Content-Type", "application/json"))
    if arrival.traceparent is not None:
        headers.append(("traceparent", arrival.traceparent.decode("latin-1")))
    if operation.keyed:
        given = arrival.idempotency_key
        key = secrets.token_urlsafe(18) if given is None else read_key(given)
        if key is None or not _is_plain(key):
            return problem("invalid-idempotency-key")
        headers.append(("Idempotency-Key", f'"{key}"'))
    return tuple(headers)


def _is_plain(key: str) -> bool:
    return key.isascii() and key.isprintable() and '"' not in key and "\\" not in key


async def _read(receive: Receive) -> bytes | Outcome:
    """The whole body, within its size and time."""
    pieces: list[bytes] = []
    size_bytes = 0
    try:
        async with asyncio.timeout(BODY_S_MAX):
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return problem("body-incomplete")
                pieces.append(message.get("body", b""))
                size_bytes += len(pieces[-1])
                if size_bytes > BODY_BYTES_MAX:
                    return problem("body-too-large", headers=((b"connection", b"close"),))
                if not message.get("more_body", False):
                    return b"".join(pieces)
    except TimeoutError:
        return problem("body-incomplete", headers=((b"connection", b"close"),))
