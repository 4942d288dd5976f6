"""Which URLs lead anywhere."""

import pytest

from gateway.witness.address import parse_address


@pytest.mark.parametrize(
    ("url", "authority", "path"),
    [
        ("http://hub.example", "hub.example", ""),
        ("https://hub.example/", "hub.example", ""),
        ("https://hub.example:8443/log/", "hub.example:8443", "/log"),
        ("http://[::1]:80/partner/log", "[::1]", "/partner/log"),
    ],
)
def test_a_plain_url_leads_to_a_host_and_a_path(url: str, authority: str, path: str) -> None:
    found = parse_address(url)
    assert found is not None
    assert (found.origin.authority(), found.path) == (authority, path)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hub.example/log",
        "ftp://hub.example",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@hub.example",
        "https://hub.example/?token=secret",
        "https://hub.example/#part",
        "https://hub.example:0",
        "https://hub.example:99999",
        "https://hub example",
        "https://hub.example/a b",
        "https://hub.example/日志",
        "https://[::1",
    ],
)
def test_anything_else_leads_nowhere(url: str) -> None:
    assert parse_address(url) is None


@pytest.mark.parametrize(
    ("url", "private"),
    [
        ("https://hub.example", True),
        ("http://127.0.0.1:8080", True),
        ("http://localhost", True),
        ("http://[::1]", True),
        ("http://hub.example", False),
        ("http://127.0.0.1.evil.example", False),
    ],
)
def test_a_token_may_go_over_tls_or_stay_on_the_machine(url: str, private: bool) -> None:
    found = parse_address(url)
    assert found is not None
    assert found.is_private() is private
