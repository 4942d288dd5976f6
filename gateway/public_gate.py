"""The door in front of what anybody may read, the published log, keys, metadata, problem pages: so much per source."""

import secrets
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

from litestar import Request, Response

from gateway.exchange.arrival import preferred_language
from gateway.problem_document import MEDIA_TYPE, document
from gateway.problems import PROBLEMS
from gateway.source_address import SourceOf, peer_of

_CODE = "too-many-requests"

Gate: TypeAlias = Callable[[Request[Any, Any, Any]], Awaitable[Response[bytes] | None]]
"""What a handler takes as `before_request`: an answer in its place, or None to go on."""


def public_gate(admit: Callable[[str], Awaitable[int | None]], source_of: SourceOf = peer_of) -> Gate:
    """A gate that asks `admit` about a source: seconds to wait, or None to go on (gateway/throttle.py)."""

    async def gate(request: Request[Any, Any, Any]) -> Response[bytes] | None:
        wait_s = await admit(source_of(request.scope))
        return None if wait_s is None else _wait(request, wait_s)

    return gate


def _wait(request: Request[Any, Any, Any], wait_s: int) -> Response[bytes]:
    """A problem document (RFC 9457) in the caller's language, with Retry-After (RFC 9110 section 10.2.3)."""
    language = preferred_language(request.headers.get("accept-language", "").encode("latin-1", "replace"))
    headers = {"Cache-Control": "no-store", "Content-Language": language, "Retry-After": str(wait_s)}
    body = document(_CODE, language, secrets.token_hex(8))
    return Response(body, status_code=PROBLEMS[_CODE].status, headers=headers, media_type=MEDIA_TYPE.decode())
