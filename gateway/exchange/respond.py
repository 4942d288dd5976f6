"""respond: say it. Status, headers and body go to the server."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import UNSET

from gateway.exchange.arrival import Arrival
from gateway.exchange.locate import Located
from gateway.exchange.outcome import Header, Outcome
from gateway.problems import MEDIA_TYPE, document
from gateway.server import send_whole

Send = Callable[[Any], Awaitable[None]]


async def respond(send: Send, arrival: Arrival, located: Located | None, outcome: Outcome, receipt: str | None) -> None:
    """Send the answer. Partner data are never stored on the way (RFC 9111 no-store)."""
    headers: list[Header] = [(b"x-request-id", arrival.request_id.encode()), (b"cache-control", b"no-store")]
    if arrival.traceparent is not None:
        headers.append((b"traceparent", arrival.traceparent))
    if located is not None and located.plan is not None:
        headers += located.plan.headers
    elif located is not None and located.contract is not None:
        headers.append(located.contract.header())
    headers += outcome.headers
    if receipt is not None:
        headers.append((b"clausegate-receipt", receipt.encode()))
    if outcome.body is UNSET:
        body = document(
            outcome.code,
            arrival.language,
            arrival.request_id,
            detail=outcome.detail,
            clause=outcome.clause,
            receipt=receipt,
        )
        headers += [(b"content-type", MEDIA_TYPE), (b"content-language", arrival.language.encode())]
    else:
        body = outcome.body
        if body:
            headers.append((b"content-type", b"application/json"))
    if outcome.status != 204:
        headers.append((b"content-length", str(len(body)).encode()))
    bodiless = arrival.method == "HEAD" or outcome.status == 204
    await send_whole(send, outcome.status, headers, None if bodiless else body)
