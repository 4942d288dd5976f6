"""Where a request comes from: nobody but a proxy that is trusted can say it is somewhere else."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.source_address import peer_of, source_of

PROXIES = ["10.0.0.0/8", "2001:db8:aa::/48", "127.0.0.1/32"]
PROXY, PROXY_6, CALLER = "10.1.2.3", "2001:db8:aa::7", "198.51.100.9"

told = source_of(PROXIES)


def scope(peer: str | None, *values: bytes, name: bytes = b"x-forwarded-for") -> dict[str, Any]:
    return {
        "client": None if peer is None else (peer, 4711),
        "headers": [(b"host", b"gateway.example"), *((name, value) for value in values)],
    }


def test_without_trusted_proxies_it_is_the_peer_and_no_header_is_looked_at() -> None:
    assert source_of(()) is peer_of
    assert source_of(())(scope(CALLER, b"192.0.2.1")) == CALLER
    assert source_of(())({"client": None}) == ""


@pytest.mark.parametrize("text", ["", "10.0.0.0/33", "10.0.0.1/8", "proxy.example", "*"])
def test_a_trusted_proxy_that_is_no_network_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"network|host bits"):
        source_of([text])


@pytest.mark.parametrize("values", [(), (b"10.0.0.1",), (b"192.0.2.1", b"10.0.0.1"), (b"unknown",), (b"x" * 10_000,)])
def test_a_peer_that_is_not_trusted_says_nothing_about_itself(values: tuple[bytes, ...]) -> None:
    assert told(scope(CALLER, *values)) == CALLER


@pytest.mark.parametrize(
    ("values", "source"),
    [
        ((b"192.0.2.1",), "192.0.2.1"),
        ((b"192.0.2.1:51234",), "192.0.2.1"),
        ((b"[2001:db8::1]",), "2001:db8::1"),
        ((b"[2001:db8::1]:443",), "2001:db8::1"),
        ((b"2001:DB8:0:0::1",), "2001:db8::1"),
        ((b"::ffff:192.0.2.1",), "192.0.2.1"),
        ((b" \t192.0.2.1 \t",), "192.0.2.1"),
        # several hops, in one line or in several
        ((b"192.0.2.1, 10.9.9.9",), "192.0.2.1"),
        ((b"192.0.2.1", b"10.9.9.9"), "192.0.2.1"),
        ((b"192.0.2.1,2001:db8:aa::9,10.9.9.9:80",), "192.0.2.1"),
        ((b"192.0.2.1, ::ffff:10.9.9.9",), "192.0.2.1"),
        # what the caller wrote itself stands to the left of what a proxy wrote
        ((b"203.0.113.5, 192.0.2.1",), "192.0.2.1"),
        ((b"10.0.0.1, 192.0.2.1, 10.9.9.9",), "192.0.2.1"),
        ((b"unknown, <script>, 192.0.2.1",), "192.0.2.1"),
        ((b"10.0.0.1", b"192.0.2.1"), "192.0.2.1"),
        ((b"a" * 10_000 + b", 192.0.2.1",), "192.0.2.1"),
        # a caller inside
        ((b"10.7.7.7",), "10.7.7.7"),
        ((b"10.7.7.7, 10.9.9.9",), "10.7.7.7"),
    ],
)
@pytest.mark.parametrize("proxy", [PROXY, PROXY_6, f"::ffff:{PROXY}", "127.0.0.1"])
def test_a_trusted_proxy_is_believed_as_far_as_the_hops_are_trusted(
    proxy: str, values: tuple[bytes, ...], source: str
) -> None:
    assert told(scope(proxy, *values)) == source


@pytest.mark.parametrize(
    "values",
    [
        (),
        (b"",),
        (b"unknown",),
        (b"_hidden",),
        (b"192.0.2.1, unknown",),
        (b"192.0.2.1, ",),
        (b"192.0.2.1,,10.9.9.9",),
        (b"192.0.2.1, unknown, 10.9.9.9",),
        (b"192.0.2.1;10.0.0.1",),
        (b"192.0.2.1 10.0.0.1",),
        (b"192.0.2.256",),
        (b"192.0.2.01",),
        (b"192.0.2",),
        (b"3221225985",),
        (b"0x7f.0.0.1",),
        (b"192.0.2.1:",),
        (b"192.0.2.1:http",),
        (b"192.0.2.1:123456",),
        (b"192.0.2.1/32",),
        (b"[192.0.2.1]",),
        (b"[2001:db8::1",),
        (b"2001:db8::1]",),
        (b"[2001:db8::1]443",),
        (b"[2001:db8::1]:",),
        (b"[]",),
        (b"fe80::1%eth0",),
        (b'"192.0.2.1"',),
        (b"for=192.0.2.1",),
        (b"\xb2.0.2.1",),
        ("１.0.2.1".encode(),),
        (b"192.0.2.1\x00",),
        (b"192.0.2.1, " + b"9" * 10_000,),
        (b"10.0.0.1, " * 2_000 + b"10.0.0.1",),
        (b"," * 10_000,),
    ],
)
def test_a_trusted_proxy_that_says_nothing_readable_leaves_the_source_unknown(values: tuple[bytes, ...]) -> None:
    assert told(scope(PROXY, *values)) == ""


def test_another_header_is_not_believed() -> None:
    for name in (b"forwarded", b"x-real-ip", b"x-client-ip", b"x-forwarded-for-", b"x_forwarded_for"):
        assert told(scope(PROXY, b"192.0.2.1", name=name)) == ""


@pytest.mark.parametrize("peer", [None, "", "testclient", "unix:", "fe80::1%eth0", "/run/gateway.sock"])
def test_a_peer_that_is_no_address_is_not_trusted(peer: str | None) -> None:
    assert told(scope(peer, b"192.0.2.1")) == ""


ADDRESSES = st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6, network="2001:db8:bb::/48").map(str))


@given(st.lists(st.binary(max_size=40), max_size=4), ADDRESSES, st.lists(st.sampled_from([PROXY, PROXY_6]), max_size=4))
def test_whatever_a_caller_writes_the_source_is_what_the_outermost_proxy_saw(
    written: Sequence[bytes], caller: str, hops: Sequence[str]
) -> None:
    """The outermost proxy appends the caller's address to whatever came, each further one that of the one before."""
    seen = b", ".join([*written, caller.encode(), *(hop.encode() for hop in hops)])
    if told(scope(caller)) != caller:  # the caller is itself within the trusted networks
        return
    assert told(scope(PROXY, seen)) == caller
