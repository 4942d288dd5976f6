"""Where webhooks may go: nobody who names a URL gets the gateway to call what only the gateway can reach (SSRF).

A URL is https and without credentials. Its host is resolved for each attempt; every address found has to be public, or
in a network that a setting admits; and the connection is made to an address that was looked at: a name that means
something else a moment later changes nothing. Plain http goes to admitted networks alone. What is admitted for the hub
is not for partners: an endpoint of the hub in a private network is one that no partner's URL may lead to.
"""

import asyncio
import socket
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias

import httpx
from msgspec import Struct

from policies.reference import Words

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network
Lookup: TypeAlias = Callable[[str, int], Iterable[str]]
"""The addresses of a host name and a port. Raises OSError."""

URL_CHARACTERS_MAX: Final = 2048
_PORT_MAX: Final = 65_535
_THREADS_MAX: Final = 32
"""Names that are being looked up at once. Threads of their own: a name server that hangs holds up nothing else."""
_FAULTS: Final[Mapping[str, Words]] = {
    "long": {"zh": f"网址至多 {URL_CHARACTERS_MAX} 个字符", "en": f"a URL has at most {URL_CHARACTERS_MAX} characters"},
    "characters": {"zh": "网址须为可打印的 ASCII 字符，不含空格", "en": "a URL is printable ASCII without spaces"},
    "none": {"zh": "这不是网址", "en": "this is no URL"},
    "scheme": {"zh": "网址须以 https:// 加主机名开头", "en": "a URL begins with https:// and a host"},
    "credentials": {"zh": "网址不得含用户名与密码", "en": "a URL holds no credentials"},
    "port": {"zh": f"端口为 1 至 {_PORT_MAX}", "en": f"a port is from 1 to {_PORT_MAX}"},
    "fragment": {"zh": "网址不得含片段（#）", "en": "a URL has no fragment (#)"},
}
_NAT64: Final = IPv6Network("64:ff9b::/96")
"""RFC 6052: an address of IPv4 in one of IPv6, which reaches it where there is a translator."""


class Place(Struct, frozen=True):
    """Where to connect: `urls` with an address each in place of the name; `host` is what the receiver is called."""

    urls: tuple[httpx.URL, ...]
    host: str
    sni: str


def url_fault(url: str, *, plain: bool = True) -> Words | None:
    """What keeps a URL from being an endpoint, before anything is resolved; None for nothing.

    `plain`: whether there are networks that http without TLS may go to.
    """
    if len(url) > URL_CHARACTERS_MAX:
        return _FAULTS["long"]
    if not url.isascii() or not url.isprintable() or " " in url:
        return _FAULTS["characters"]
    try:
        parsed = httpx.URL(url)
    except httpx.InvalidURL:
        return _FAULTS["none"]
    if parsed.scheme not in ({"https", "http"} if plain else {"https"}) or not parsed.host:
        return _FAULTS["scheme"]
    if parsed.userinfo:
        return _FAULTS["credentials"]
    if parsed.port is not None and not 0 < parsed.port <= _PORT_MAX:
        return _FAULTS["port"]
    if parsed.fragment:
        return _FAULTS["fragment"]
    return None


def networks_of(setting: Iterable[str]) -> tuple[Network, ...]:
    """A setting that admits networks. Raises ValueError for what is no network."""
    return tuple(ip_network(text) for text in setting)


class Resolver:
    """Finds where a URL leads, and refuses what may not be called. `lookup` asks the name server."""

    def __init__(self, networks: Iterable[Network] = (), lookup: Lookup | None = None) -> None:
        self._networks, self._lookup = tuple(networks), lookup or _system_lookup
        self._threads = ThreadPoolExecutor(_THREADS_MAX, thread_name_prefix="webhook-names")

    def close(self) -> None:
        """Look nothing up any more; what is being looked up is left to end by itself."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def place_of(self, url: str) -> Place | None:
        """Where to connect; None where the name leads nowhere, or to any address that may not be called."""
        if url_fault(url) is not None:
            return None
        parsed = httpx.URL(url)
        port = parsed.port or (443 if parsed.scheme == "https" else 80)
        try:
            loop = asyncio.get_running_loop()
            found = await loop.run_in_executor(self._threads, self._lookup, parsed.raw_host.decode(), port)
            addresses = [ip_address(text.partition("%")[0]) for text in dict.fromkeys(found)]
        except (OSError, ValueError, UnicodeError):
            return None
        if not addresses or not all(self._admitted(each, parsed.scheme) for each in addresses):
            return None
        urls = tuple(parsed.copy_with(host=str(address)) for address in addresses)
        return Place(urls, parsed.netloc.decode(), parsed.raw_host.decode())

    def _admitted(self, address: Address, scheme: str) -> bool:
        meant = _meant(address)
        inside = any(meant in network for network in self._networks if network.version == meant.version)
        return inside or (scheme == "https" and _public(meant) and _public(address))


class Resolvers(Struct, frozen=True):
    """Two that admit other networks: for endpoints of the hub itself, and for those of all partners."""

    hub: Resolver
    partners: Resolver

    def of(self, partner: str) -> Resolver:
        """The one for endpoints of a partner; "" is the hub."""
        return self.partners if partner else self.hub

    def close(self) -> None:
        """Look nothing up any more."""
        self.hub.close()
        self.partners.close()


def _public(address: Address) -> bool:
    return address.is_global and not address.is_multicast and not address.is_reserved


def _meant(address: Address) -> Address:
    """The address of IPv4 that one of IPv6 stands for, where it does; else itself."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)


def _system_lookup(host: str, port: int) -> Iterable[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
