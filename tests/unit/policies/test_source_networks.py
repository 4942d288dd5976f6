"""source_networks: an address is admitted when it is in one of the networks, and when in doubt it is not."""

import ipaddress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.gate import Held
from policies.kinds.source_networks import Network, Networks, NetworksGate
from tests.unit.policies.clauses import NETWORKS, binding, clause

HELD = Held("source-not-admitted")


def check(source: str, **changes: Any) -> Held | None:
    gate = clause(NETWORKS, **changes).effect(binding())
    assert isinstance(gate, NetworksGate)
    call: Any = SimpleNamespace(source=source)
    return gate.check(call)


@pytest.mark.parametrize(
    "source", ["192.0.2.0", "192.0.2.255", "2001:db8::1", "::ffff:192.0.2.7", "2001:0DB8:0:0::ffff", "::FFFF:C000:0207"]
)
def test_who_comes_from_one_of_the_networks_passes(source: str) -> None:
    assert check(source) is None


@pytest.mark.parametrize(
    "source",
    [
        *("192.0.3.0", "192.0.1.255", "2001:db9::", "::ffff:192.0.3.7", "::192.0.2.7"),
        *("", "unknown", "192.0.2.7:443", "192.0.2", "192.0.2.07", "192.0.2.7/32", "[2001:db8::1]", " 192.0.2.7"),
    ],
)
def test_who_comes_from_elsewhere_or_from_nobody_knows_where_does_not(source: str) -> None:
    assert check(source) == HELD


def test_no_wait_makes_another_network_pass() -> None:
    assert HELD.retry_after_s is None


def test_the_whole_of_ipv6_is_no_ipv4() -> None:
    assert check("::ffff:192.0.2.7", allowed=["::/0"]) == HELD
    assert check("192.0.2.7", allowed=["::/0"]) == HELD
    assert check("192.0.2.7", allowed=["0.0.0.0/0"]) is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("192.0.2.7/24", "write 192.0.2.0/24 for all of it"),
        ("2001:db8::1/32", "write 2001:db8::/32 for all of it"),
        ("::ffff:10.0.0.0/104", "write 10.0.0.0/8"),
        ("::ffff:10.0.0.1/128", "write 10.0.0.1/32"),
        ("300.0.0.0/8", "write it as"),
        ("10.0.0.0/33", "write it as"),
        ("10.0.0/8", "write it as"),
        ("10.0.0.0/08", None),
    ],
)
def test_a_network_that_is_written_wrongly_is_told_how_to_be_right(text: str, says: str | None) -> None:
    faults = clause(NETWORKS, allowed=["192.0.2.0/24", text]).faults()
    if says is None:
        assert faults == []
    else:
        ((name, message),) = faults
        assert name == "allowed"
        assert says in message
        assert text in message


def test_a_document_with_a_mistake_still_has_an_effect_which_admits_nobody_from_there() -> None:
    """Findings are collected over the whole workspace; compiling must not stop at the first."""
    assert check("10.0.0.7", allowed=["10.0.0.7/8", "10.0.0.0/33"]) == HELD


def network(version: int, number: int, length: int) -> Network:
    if version == 4:
        return ipaddress.IPv4Network((number >> 96, length % 33), strict=False)
    return ipaddress.IPv6Network((number, length), strict=False)


networks = st.builds(network, st.sampled_from([4, 6]), st.integers(0, 2**128 - 1), st.integers(0, 128))
near = st.integers(-2, 2)


@given(st.lists(networks, min_size=1, max_size=8), near, st.booleans(), st.data())
def test_membership_is_what_the_standard_library_says(
    admitted: list[Network], beside: int, mapped: bool, data: st.DataObject
) -> None:
    quick = Networks(admitted)
    chosen = data.draw(st.sampled_from(admitted))
    edge = data.draw(st.sampled_from([int(chosen.network_address), int(chosen.broadcast_address)])) + beside
    kind = type(chosen.network_address)
    if not 0 <= edge < 2**chosen.max_prefixlen:
        return
    address = kind(edge)
    text = f"::ffff:{address}" if mapped and isinstance(address, ipaddress.IPv4Address) else str(address)
    inner = getattr(address, "ipv4_mapped", None) or address
    expected = any(inner in each for each in admitted if each.version == inner.version)
    assert (text in quick) is expected
    assert (text in quick) is expected  # as it is remembered


def test_what_is_remembered_is_bounded() -> None:
    quick = Networks([ipaddress.IPv4Network("10.0.0.0/9")])
    for number in range(10_000):
        assert (str(ipaddress.IPv4Address((10 << 24) + number * 2003)) in quick) is (number * 2003 < 2**23)
    assert len(quick._known) <= 4_096


def test_gates_of_the_same_networks_are_equal_whatever_they_were_asked() -> None:
    one, other = (clause(NETWORKS).effect(binding()) for _ in range(2))
    assert isinstance(one, NetworksGate)
    assert "192.0.2.7" in one.networks
    assert one == other
    assert hash(one.networks) == hash(Networks(one.networks.networks))
    assert one != clause(NETWORKS, allowed=["192.0.2.0/25"]).effect(binding())
