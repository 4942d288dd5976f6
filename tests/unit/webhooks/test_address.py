"""Webhooks go to public addresses and to networks that the hub admits; a name that leads elsewhere too goes nowhere."""

from collections.abc import AsyncIterator, Iterable

import pytest

from gateway.webhooks.address import Place, Resolver, networks_of, url_fault

PUBLIC = "93.184.215.14"


class Names:
    """A name server with one answer, which counts the questions."""

    def __init__(self, *addresses: str) -> None:
        self.addresses, self.asked = addresses, 0

    def __call__(self, host: str, port: int) -> Iterable[str]:
        self.asked += 1
        if not self.addresses:
            raise OSError("no such name")
        return self.addresses


async def place(url: str, *addresses: str, admitted: Iterable[str] = ()) -> Place | None:
    resolver = Resolver(networks_of(admitted), Names(*addresses))
    try:
        return await resolver.place_of(url)
    finally:
        resolver.close()


@pytest.fixture
async def system() -> AsyncIterator[Resolver]:
    resolver = Resolver()
    yield resolver
    resolver.close()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "0.0.0.0",  # noqa: S104 - an address that is refused
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "192.0.2.1",
        "198.18.0.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "2001:db8::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:7f00:1::1",
        "2002:a00:1::1",
    ],
)
async def test_an_address_that_is_not_public_is_refused_alone_and_beside_a_public_one(address: str) -> None:
    assert await place("https://hooks.example/in", address) is None
    assert await place("https://hooks.example/in", PUBLIC, address) is None


async def test_a_public_address_takes_the_place_of_the_name_and_the_name_stays_what_the_receiver_is_called() -> None:
    found = await place("https://hooks.example:8443/in?key=1", PUBLIC, "2606:2800:21f:cb07:6820:80da:af6b:8b2c")
    assert found is not None
    assert [str(url) for url in found.urls] == [
        f"https://{PUBLIC}:8443/in?key=1",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:8443/in?key=1",
    ]
    assert (found.host, found.sni) == ("hooks.example:8443", "hooks.example")


async def test_plain_http_goes_to_admitted_networks_alone() -> None:
    assert await place("http://hooks.example/in", PUBLIC) is None
    assert await place("http://hooks.example/in", "10.1.2.3", admitted=["10.0.0.0/8"]) is not None
    assert await place("http://hooks.example/in", PUBLIC, admitted=["10.0.0.0/8"]) is None


async def test_a_network_is_admitted_and_its_neighbour_is_not() -> None:
    assert await place("https://hooks.example/", "10.255.255.255", admitted=["10.0.0.0/8"]) is not None
    assert await place("https://hooks.example/", "11.0.0.0", "192.168.0.1", admitted=["10.0.0.0/8"]) is None
    assert await place("https://hooks.example/", "fd00::1", admitted=["10.0.0.0/8"]) is None
    assert await place("https://hooks.example/", "::ffff:10.0.0.1", admitted=["10.0.0.0/8"]) is not None


async def test_a_name_without_an_address_leads_nowhere() -> None:
    assert await place("https://hooks.example/") is None


@pytest.mark.parametrize(
    "url",
    ["https://2130706433/", "https://0x7f.0.0.1/", "https://127.1/", "https://[::1]/", "https://localhost/"],
)
async def test_no_spelling_of_loopback_gets_through(system: Resolver, url: str) -> None:
    assert await system.place_of(url) is None


@pytest.mark.parametrize(
    "url",
    [
        "ftp://hooks.example/",
        "hooks.example",
        "https://",
        "https://user:password@hooks.example/",
        "https://hooks.example/#part",
        "https://hooks.example/a b",
        "https://hooks.example/\r\nHost: other",
        "https://hooks.example/\u7248",
        "file:///etc/passwd",
        "https://hooks.example/" + "a" * 2048,
        "https://hooks.example:99999/",
    ],
)
async def test_what_is_no_url_of_an_endpoint_is_refused_before_any_name_is_looked_up(url: str) -> None:
    assert url_fault(url) is not None
    names = Names(PUBLIC)
    resolver = Resolver(lookup=names)
    assert await resolver.place_of(url) is None
    assert names.asked == 0
    resolver.close()


def test_a_setting_that_is_no_network_is_refused() -> None:
    with pytest.raises(ValueError, match="not-a-network"):
        networks_of(["not-a-network"])
