"""Which address a request comes from: the peer's, or what a proxy that is trusted says."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any, Final, TypeAlias

_HEADER: Final = b"x-forwarded-for"
_HOPS_MAX: Final = 16
"""So many proxies, one behind another, nobody has; a longer list of trusted ones is somebody's invention."""
_KNOWN_MAX: Final = 4096

Address: TypeAlias = IPv4Address | IPv6Address
SourceOf: TypeAlias = Callable[[Any], str]
"""Says from an ASGI scope which address a request comes from; "" when that is not known."""


def peer_of(scope: Any) -> str:
    """The address at the other end of the connection; "" when the server does not know it (ASGI: `client`)."""
    client = scope.get("client")
    return str(client[0]) if client else ""


def source_of(trusted: Sequence[str]) -> SourceOf:
    """How to tell sources when proxies in these networks (CIDR) are believed. Raises ValueError for one that is none.

    X-Forwarded-For is read from its right end, where the nearest proxy writes, and only as far as each hop is itself
    trusted: what stands to the left of the first address that is not was written by whoever sent it. From a peer that
    is not trusted the header is not read at all. A trusted peer that sends none, or one that cannot be read up to
    there, says nothing: the source is "", which no clause about networks admits.
    """
    networks = [ip_network(text) for text in trusted]
    if not networks:
        return peer_of

    @lru_cache(_KNOWN_MAX)
    def is_trusted(address: Address) -> bool:
        return any(address in network for network in networks if network.version == address.version)

    @lru_cache(_KNOWN_MAX)
    def peer_named(text: str) -> Address | None:
        return _address(text)

    def source(scope: Any) -> str:
        text = peer_of(scope)
        peer = peer_named(text)
        if peer is None:
            return ""
        return _forwarded(scope["headers"], is_trusted) if is_trusted(peer) else str(peer)

    return source


def _forwarded(headers: Sequence[tuple[bytes, bytes]], is_trusted: Callable[[Address], bool]) -> str:
    """The first address from the right that is not trusted; of a list of trusted ones the leftmost."""
    values = [value for name, value in headers if name == _HEADER]
    if not values:
        return ""
    rest = b",".join(values)  # several lines are one list (RFC 9110 section 5.3)
    for _ in range(_HOPS_MAX):
        rest, comma, text = rest.rpartition(b",")
        hop = _hop(text.strip(b" \t"))
        if hop is None:
            return ""
        if not comma or not is_trusted(hop):
            return str(hop)
    return ""


def _hop(text: bytes) -> Address | None:
    """One element: an address, or one with a port: `192.0.2.1:4711`, `[2001:db8::1]:4711`, `[2001:db8::1]`."""
    host = text
    if text.startswith(b"["):
        host, bracket, port = text[1:].partition(b"]")
        if not bracket or b":" not in host or not (port == b"" or _is_port(port)):
            return None
    elif text.count(b":") == 1:
        host, _, port = text.partition(b":")
        if not _is_port(b":" + port):
            return None
    return _address(host.decode("latin-1"))


def _is_port(text: bytes) -> bool:
    return text[:1] == b":" and 1 <= len(text) - 1 <= 5 and text[1:].isdigit()


def _address(text: str) -> Address | None:
    """An address as it is written; an IPv4 one that is mapped into IPv6 is that IPv4 one. No zone: it says nothing."""
    if "%" in text:
        return None
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
