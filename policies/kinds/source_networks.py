"""source_networks: from where a partner may call."""

from collections.abc import Iterable, Mapping
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    collapse_addresses,
    ip_address,
    ip_network,
)
from typing import Annotated, ClassVar, TypeAlias

from msgspec import Meta

from policies.clause import Binding, Clause
from policies.counted import ENFORCE, enforce_words, unsaid
from policies.direction import LOOSENS, NEITHER, TIGHTENS, Directions, Judge
from policies.gate import Call, Gate, Held
from policies.reference import Enforce, Words
from policies.wording import listed

Network: TypeAlias = IPv4Network | IPv6Network
NetworkText = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f:.]{2,45}/[0-9]{1,3}\Z")]
"""CIDR notation (RFC 4632, RFC 4291 section 2.3)."""

_NETWORKS_MAX = 256
_KNOWN_MAX = 4_096
"""Addresses whose answer is remembered: more are forgotten all at once, which costs a few microseconds each."""
_MAPPED = IPv6Network("::ffff:0:0/96")
"""IPv4 addresses as IPv6 sockets show them (RFC 4291 section 2.5.5.2)."""


class Networks:
    """A set of networks that knows quickly whether an address is in one of them."""

    __slots__ = ("_by_length", "_known", "networks")

    def __init__(self, networks: Iterable[Network]) -> None:
        self.networks = tuple(networks)
        by_length: dict[tuple[int, int], set[int]] = {}
        for network in self.networks:
            shift = network.max_prefixlen - network.prefixlen
            by_length.setdefault((network.version, shift), set()).add(int(network.network_address) >> shift)
        self._by_length = tuple((version, shift, frozenset(found)) for (version, shift), found in by_length.items())
        self._known: dict[str, bool] = {}

    def __contains__(self, source: str) -> bool:
        """Whether the address is in one of the networks; what is no address is in none."""
        known = self._known.get(source)
        if known is None:
            if len(self._known) >= _KNOWN_MAX:
                self._known.clear()
            known = self._known[source] = self._holds(source)
        return known

    def _holds(self, source: str) -> bool:
        try:
            address: IPv4Address | IPv6Address = ip_address(source)
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        version, number = address.version, int(address)
        return any(version == of and number >> shift in found for of, shift, found in self._by_length)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Networks) and self.networks == other.networks

    def __hash__(self) -> int:
        return hash(self.networks)


class NetworksGate(Gate, frozen=True, gc=False, kw_only=True):
    """Lets a call pass by the address that it comes from; one that is not known comes from nowhere."""

    reasons: ClassVar[tuple[str, ...]] = ("source-not-admitted",)

    networks: Networks

    def check(self, call: Call) -> Held | None:
        return None if call.source in self.networks else Held("source-not-admitted")


def _sound(texts: Iterable[str]) -> list[Network]:
    """The networks that are written rightly. Those that are not are faults; nobody comes from them."""
    found: list[Network] = []
    for text in texts:
        try:
            network = ip_network(text)
        except ValueError:
            continue
        found.append(network)
    return found


def _fault(text: str) -> str | None:
    """What is wrong with one network, None for nothing."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return f"{text} is no network: write it as 192.0.2.0/24 or 2001:db8::/32"
    address = text.partition("/")[0]
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        inner = IPv4Network((int(network.network_address) & 0xFFFF_FFFF, network.prefixlen - _MAPPED.prefixlen))
        return f"{text} holds IPv4 addresses: write {inner}"
    if ip_address(address) != network.network_address:
        return f"{text} is an address within a network: write {network} for all of it"
    return None


def _covering(old: tuple[str, ...], new: tuple[str, ...]) -> Directions:
    """More addresses are better for the partner, however they are divided into networks."""
    wider = LOOSENS if _beyond(_sound(new), _sound(old)) else NEITHER
    return wider | (TIGHTENS if _beyond(_sound(old), _sound(new)) else NEITHER)


def _beyond(networks: list[Network], others: list[Network]) -> bool:
    """Whether any address of `networks` is in none of `others`."""
    fours = list(collapse_addresses(each for each in others if isinstance(each, IPv4Network)))
    sixes = list(collapse_addresses(each for each in others if isinstance(each, IPv6Network)))
    return any(
        not any(each.subnet_of(other) for other in fours)
        if isinstance(each, IPv4Network)
        else not any(each.subnet_of(other) for other in sixes)
        for each in networks
    )


class SourceNetworks(Clause, frozen=True, forbid_unknown_fields=True, tag="source_networks", kw_only=True):
    """Calls are admitted from addresses in the networks `allowed`, and from nowhere else.

    An IPv4 address counts as one however it arrives. Behind a proxy, the gateway has to be told to trust it: a source
    that is not known is not admitted.
    """

    judges: ClassVar[Mapping[str, Judge]] = {"allowed": _covering, "enforce": ENFORCE}

    allowed: Annotated[tuple[NetworkText, ...], Meta(min_length=1, max_length=_NETWORKS_MAX)]
    """Networks in CIDR notation: `192.0.2.0/24`, `2001:db8::/32`; one address is `192.0.2.7/32`."""
    enforce: Enforce = "refuse"
    """`observe`: a call from elsewhere is admitted and recorded, not refused."""

    def unsaid(self) -> frozenset[str]:
        return unsaid(enforce=self.enforce)

    def faults(self) -> list[tuple[str, str]]:
        return [("allowed", fault) for fault in map(_fault, self.allowed) if fault is not None]

    def words(self) -> dict[str, Words]:
        return {"allowed": listed(self.allowed), "enforce": enforce_words(self.enforce)}

    def effect(self, binding: Binding) -> NetworksGate:
        return NetworksGate(clause=binding.clause, enforce=self.enforce, networks=Networks(_sound(self.allowed)))
