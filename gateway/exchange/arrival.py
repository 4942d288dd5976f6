"""What came in: the few facts of an HTTP request that the stages need, read once from the ASGI scope."""

import re
import secrets
from collections.abc import Callable
from itertools import count
from typing import Any

from msgspec import Struct

from policies.clause import Language

TARGET_BYTES_MAX = 8 * 1024
"""RFC 9110 section 4.1 asks for at least 8,000: no longer target is meaningful here."""
HEADERS_BYTES_MAX = 16 * 1024
"""A DPoP proof and a token of the largest sizes accepted, and as much again."""

_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, section 3.2: whatever else is in that header is not passed on."""


class Arrival(Struct, frozen=True, gc=False):
    """One request. `start_ns` is monotonic, `time_us` Unix time; header values are as sent, None when absent."""

    time_us: int
    start_ns: int
    request_id: str
    method: str
    path: bytes
    query: bytes
    authorization: bytes | None
    purpose: bytes | None
    traceparent: bytes | None
    language: Language
    oversized: str


class Reception:
    """Turns ASGI scopes into arrivals; keeps the clock and the numbering of requests."""

    def __init__(self, now_us: Callable[[], int], monotonic_ns: Callable[[], int]) -> None:
        self._now_us, self._monotonic_ns = now_us, monotonic_ns
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)

    def receive(self, scope: Any) -> Arrival:
        """Read a scope. A repeated Authorization header counts as a malformed one."""
        authorization = purpose = traceparent = None
        language: Language = "en"
        size_bytes = 0
        for name, value in scope["headers"]:
            size_bytes += len(name) + len(value)
            if name == b"authorization":
                authorization = value if authorization is None else b"repeated"
            elif name == b"accept-language":
                language = preferred_language(value)
            elif name == b"clausegate-purpose":
                purpose = value
            elif name == b"traceparent":
                traceparent = value if _TRACEPARENT.fullmatch(value) else None
        path, query = scope["raw_path"], scope["query_string"]
        oversized = ""
        if len(path) + len(query) > TARGET_BYTES_MAX:
            oversized = "uri-too-long"
        elif size_bytes > HEADERS_BYTES_MAX:
            oversized = "headers-too-large"
        return Arrival(
            self._now_us(),
            self._monotonic_ns(),
            f"{self._prefix}-{next(self._numbers):x}",
            scope["method"],
            path,
            query,
            authorization,
            purpose,
            traceparent,
            language,
            oversized,
        )


def preferred_language(accept: bytes) -> Language:
    """zh when Accept-Language (RFC 9110 section 12.5.4) ranks a Chinese above every English; else en."""
    best: dict[str, float] = {}
    for position, part in enumerate(accept[:256].decode("latin-1").lower().split(",")):
        tag, _, weight = part.partition(";")
        primary = tag.strip().split("-")[0]
        quality = _quality(weight)
        if primary in {"zh", "en"} and quality > 0:
            best.setdefault(primary, quality - position * 1e-6)
    return "zh" if best.get("zh", 0.0) > best.get("en", 0.0) else "en"


def _quality(weight: str) -> float:
    text = weight.strip().removeprefix("q=")
    try:
        return float(text) if text else 1.0
    except ValueError:
        return 0.0
