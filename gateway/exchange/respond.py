"""respond: say it. Status, headers and body go to the server."""

from msgspec import UNSET

from gateway.exchange.arrival import Arrival
from gateway.exchange.caller import Caller, Send
from gateway.exchange.compressing import COMPRESS_BYTES_MIN, compress
from gateway.exchange.conditional import coded
from gateway.exchange.locate import Located
from gateway.exchange.negotiate import MEDIA_TYPES, Coding, Media, coding_of, refuses_identity
from gateway.exchange.outcome import Header, Outcome
from gateway.exchange.signing import SignAnswer, unsigned
from gateway.problem_document import MEDIA_TYPE, document
from gateway.server import send_whole

_CLOSING = (b"connection", b"close")


async def respond(
    send: Send,
    arrival: Arrival,
    located: Located | None,
    outcome: Outcome,
    receipt: str | None,
    *,
    sign: SignAnswer = unsigned,
) -> None:
    """Send an answer that is complete; `sign` signs it if its caller, who is known, asks for that."""
    headers = _headers(arrival, located, outcome, receipt)
    if outcome.body is UNSET:
        body = _problem(arrival, outcome, receipt)
        headers += [(b"content-type", MEDIA_TYPE), (b"content-language", arrival.language.encode())]
    else:
        body = outcome.body
        if body:
            accepted = arrival.accept_encoding
            if accepted is not None and (len(body) >= COMPRESS_BYTES_MIN or refuses_identity(accepted)):
                coding = coding_of(accepted)
                if coding is not None:
                    headers, body = _coded(headers, coding), await compress(body, coding)
            headers.append((b"content-type", MEDIA_TYPES["json"]))
    bodiless = outcome.status in (204, 304)
    if not bodiless:
        headers.append((b"content-length", str(len(body)).encode()))
    sent = None if bodiless or arrival.method == "HEAD" else body
    headers += sign(arrival, outcome.status, headers, sent or b"")
    if _CLOSING in headers:  # the server itself has to know of it
        await send({"type": "http.response.start", "status": outcome.status, "headers": headers})
        await send({"type": "http.response.body", "body": sent or b""})
        return
    await send_whole(send, outcome.status, headers, sent)


async def begin(caller: Caller, located: Located, outcome: Outcome, receipt: str | None, media: Media) -> Coding | None:
    """Send the head of an answer whose body follows piece by piece; the coding that the body is to have."""
    arrival = caller.arrival
    headers = _headers(arrival, located, outcome, receipt)
    headers.append((b"content-type", MEDIA_TYPES[media]))
    coding = coding_of(arrival.accept_encoding)
    if coding is not None:
        headers.append((b"content-encoding", coding.encode()))
    await caller.send({"type": "http.response.start", "status": outcome.status, "headers": headers})
    return coding


def _headers(arrival: Arrival, located: Located | None, outcome: Outcome, receipt: str | None) -> list[Header]:
    """What every answer says. Nobody on the way stores partner data; a client of the partner's may, but asks each time
    whether they are still right (RFC 9111 section 5.2.2)."""
    kept = outcome.status in (200, 304) and arrival.method in ("GET", "HEAD") and outcome.rest is None
    headers: list[Header] = [
        (b"x-request-id", arrival.request_id.encode()),
        (b"cache-control", b"private, no-cache" if kept and outcome.body is not UNSET else b"no-store"),
    ]
    if arrival.traceparent is not None:
        headers.append((b"traceparent", arrival.traceparent))
    if located is not None and located.plan is not None:
        named = {name for name, _ in outcome.headers}
        headers += [header for header in located.plan.headers if header[0] not in named]
    elif located is not None and located.contract is not None:
        headers.append(located.contract.header())
    headers += outcome.headers
    if receipt is not None:
        headers.append((b"clausegate-receipt", receipt.encode()))
    return headers


def _coded(headers: list[Header], coding: Coding) -> list[Header]:
    """Headers of the same answer in a coding: its ETag names other bytes."""
    changed = [(name, coded(value, coding) if name == b"etag" else value) for name, value in headers]
    return [*changed, (b"content-encoding", coding.encode())]


def _problem(arrival: Arrival, outcome: Outcome, receipt: str | None) -> bytes:
    errors = [
        {"pointer": error.pointer, "code": error.code, "detail": error.words[arrival.language]}
        for error in outcome.errors
    ]
    return document(
        outcome.code,
        arrival.language,
        arrival.request_id,
        detail=outcome.detail,
        clause=outcome.clause,
        receipt=receipt,
        errors=errors,
    )
