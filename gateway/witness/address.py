"""A URL in which paths are asked for: a witness's submission prefix, or a log's."""

from urllib.parse import urlsplit

from msgspec import Struct

from adapters.http_client import HttpClient, Origin

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


class Address(Struct, frozen=True):
    """`path` is "" or begins with a slash and ends with none."""

    origin: Origin
    path: str

    def is_private(self) -> bool:
        """Whether nobody between can read what is sent: TLS, or this very machine."""
        return self.origin.scheme == "https" or self.origin.host in _LOOPBACK


def parse_address(url: str) -> Address | None:
    """Where a URL leads; None unless it is http or https with a host, and has no user, query or fragment."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or "@" in parts.netloc or "?" in url or "#" in url or port == 0:
        return None
    if not parts.path.isascii() or not parts.path.isprintable() or " " in parts.path:
        return None
    https, host = parts.scheme == "https", parts.hostname or ""
    try:
        HttpClient(Origin("http", host, 80), {}, 1)  # it knows which hosts can be connected to
    except ValueError:
        return None
    return Address(Origin("https" if https else "http", host, port or (443 if https else 80)), parts.path.rstrip("/"))
