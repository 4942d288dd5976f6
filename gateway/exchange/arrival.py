"""What came in: the few facts of an HTTP request that the stages need, read once from the ASGI scope."""

import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

from msgspec import Struct

from gateway.oauth.certificate import Certificate
from gateway.oauth.certificates import CertificateOf, no_certificate
from gateway.oauth.grant import REPEATED, Presented
from gateway.source_address import peer_of
from policies.limit import Moment
from policies.reference import Language

TARGET_BYTES_MAX = 8 * 1024
"""RFC 9110 section 4.1 asks for at least 8,000: no longer target is meaningful here."""
HEADERS_BYTES_MAX = 16 * 1024
"""A DPoP proof and a token of the largest sizes accepted, and as much again."""

_TRACEPARENT = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
"""W3C Trace Context, section 3.2: whatever else is in that header is not passed on."""

_READ = frozenset(
    {
        b"authorization",
        b"clausegate-purpose",
        b"traceparent",
        b"accept-language",
        b"accept",
        b"accept-encoding",
        b"if-none-match",
        b"if-match",
        b"content-type",
        b"content-encoding",
        b"idempotency-key",
        b"dpop",
        b"content-digest",
        b"accept-signature",
    }
)

_ONCE = frozenset({b"authorization", b"dpop"})
"""What shows who is calling: given twice, it is neither the one nor the other."""


class Arrival(Struct, frozen=True, gc=False):
    """One request. `start_ns` is monotonic, `time_us` Unix time; header values are as sent, None when absent.
    `source` is the address that it comes from, "" when that is not known; it is never written down.
    `certificate` is the client certificate that it came with, None without one.

    `headers` are those that few requests have; they are looked up only where one is asked for. `sent` are all, as they
    came, for whoever has to know what was signed.
    """

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
    source: str
    headers: Mapping[bytes, bytes]
    sent: Sequence[tuple[bytes, bytes]] = ()
    certificate: Certificate | None = None

    def presented(self) -> Presented:
        """What it shows of who sends it."""
        return Presented(self.authorization, self.method, self.path, self.headers.get(b"dpop"), self.certificate)

    @property
    def accept(self) -> bytes | None:
        """RFC 9110 section 12.5.1."""
        return self.headers.get(b"accept")

    @property
    def accept_encoding(self) -> bytes | None:
        """RFC 9110 section 12.5.3."""
        return self.headers.get(b"accept-encoding")

    @property
    def if_none_match(self) -> bytes | None:
        """RFC 9110 section 13.1.2."""
        return self.headers.get(b"if-none-match")

    @property
    def if_match(self) -> bytes | None:
        """RFC 9110 section 13.1.1."""
        return self.headers.get(b"if-match")

    @property
    def content_type(self) -> bytes | None:
        """RFC 9110 section 8.3."""
        return self.headers.get(b"content-type")

    @property
    def content_encoding(self) -> bytes | None:
        """RFC 9110 section 8.4."""
        return self.headers.get(b"content-encoding")

    @property
    def idempotency_key(self) -> bytes | None:
        """draft-ietf-httpapi-idempotency-key-header."""
        return self.headers.get(b"idempotency-key")


class Reception:
    """Turns ASGI scopes into arrivals; keeps the clock and the numbering of requests."""

    def __init__(
        self,
        now_us: Callable[[], int],
        monotonic_ns: Callable[[], int],
        source_of: Callable[[Any], str] = peer_of,
        certificate_of: CertificateOf = no_certificate,
    ) -> None:
        """`source_of` says from a scope which address a request comes from (gateway/source_address.py),
        `certificate_of` which client certificate it came with (gateway/oauth/certificates.py)."""
        self.now_us, self._monotonic_ns, self._source_of = now_us, monotonic_ns, source_of
        self._certificate_of = certificate_of
        self._prefix = secrets.token_hex(6)
        self._numbers = count(1)

    def moment(self) -> Moment:
        """Now, on both clocks."""
        return Moment(self.now_us(), self._monotonic_ns())

    def receive(self, scope: Any) -> Arrival:
        """Read a scope. A repeated Authorization or DPoP header counts as a malformed one."""
        kept: dict[bytes, bytes] = {}
        size_bytes = 0
        for name, value in scope["headers"]:
            size_bytes += len(name) + len(value)
            if name in _READ:
                kept[name] = value if name not in kept else _again(name, kept[name], value)
        path, query = scope["raw_path"], scope["query_string"]
        oversized = ""
        if len(path) + len(query) > TARGET_BYTES_MAX:
            oversized = "uri-too-long"
        elif size_bytes > HEADERS_BYTES_MAX:
            oversized = "headers-too-large"
        get = kept.get
        trace, language = get(b"traceparent"), get(b"accept-language")
        return Arrival(
            self.now_us(),
            self._monotonic_ns(),
            f"{self._prefix}-{next(self._numbers):x}",
            scope["method"],
            path,
            query,
            get(b"authorization"),
            get(b"clausegate-purpose"),
            trace if trace is not None and _TRACEPARENT.fullmatch(trace) else None,
            preferred_language(language) if language is not None else "en",
            oversized,
            self._source_of(scope),
            kept,
            scope["headers"],
            self._certificate_of(scope),
        )


def _again(name: bytes, before: bytes, value: bytes) -> bytes:
    """A header that came twice: one list of both (RFC 9110 section 5.3), but for credentials, which are then none."""
    return REPEATED if name in _ONCE else before + b", " + value


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
