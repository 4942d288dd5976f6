"""Two spellings of one URL are the same target, two URLs never are (RFC 3986 section 6.2.2, RFC 9449 section 4.3)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.oauth.target_uri import TargetUri, normalised_path, request_path, target_uri

SHIPMENTS = TargetUri("https://gateway.example", "/v1/shipments")


@pytest.mark.parametrize(
    "text",
    [
        "https://gateway.example/v1/shipments",
        "HTTPS://Gateway.Example/v1/shipments",
        "https://gateway.example:443/v1/shipments",
        "https://gateway.example:0443/v1/shipments",
        "https://gateway.example:/v1/shipments",
        "https://gateway.example/v1/shipments?limit=10",
        "https://gateway.example/v1/shipments#top",
        "https://gateway.example/v1/shipments?a=b#top?",
        "https://gateway.example/v1/./shipments",
        "https://gateway.example/v0/../v1/shipments",
        "https://gateway.example/../../v1/shipments",
        "https://gateway.example/%76%31/%73hipments",
        "https://gateway.example/v1/%2e%2E/v1/shipments",
    ],
)
def test_these_are_all_the_same(text: str) -> None:
    assert target_uri(text) == SHIPMENTS


@pytest.mark.parametrize(
    "text",
    [
        "http://gateway.example/v1/shipments",
        "https://gateway.example:8443/v1/shipments",
        "https://gateway.example.evil.example/v1/shipments",
        "https://gateway.example/v1/shipments/",
        "https://gateway.example/v1//shipments",
        "https://gateway.example/v1/Shipments",
        "https://gateway.example/v1%2Fshipments",
        "https://gateway.example/v1/shipments%3Flimit",
        "https://gateway.example/v1/shipments%20",
        "https://gateway.example",
    ],
)
def test_these_are_others(text: str) -> None:
    found = target_uri(text)
    assert found is not None
    assert found != SHIPMENTS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/v1/shipments",
        "//gateway.example/v1/shipments",
        "gateway.example/v1/shipments",
        "ftp://gateway.example/v1/shipments",
        "https:/gateway.example/v1/shipments",
        "https:///v1/shipments",
        "https://user@gateway.example/v1/shipments",
        "https://gateway.example@evil.example/v1/shipments",
        "https://gateway.example:abc/v1/shipments",
        "https://gateway.example:0/v1/shipments",
        "https://gateway.example:443:443/v1/shipments",
        "https://gate%77ay.example/v1/shipments",
        "https://gatewäy.example/v1/shipments",
        "https://gateway.example/v1/shipménts",
        "https://gateway.example/v1/ship ments",
        "https://gateway.example/v1/shipments\n",
        " https://gateway.example/v1/shipments",
        "https://gateway.example\\v1/shipments",
        "https://gateway.example/v1/shipments%",
        "https://gateway.example/v1/shipments%2",
        "https://gateway.example/v1/shipments%zz",
        "https://[::1/v1/shipments",
    ],
)
def test_these_are_no_targets_at_all(text: str) -> None:
    assert target_uri(text) is None


def test_an_empty_path_is_a_slash_and_an_address_in_brackets_is_a_host() -> None:
    assert target_uri("https://gateway.example?x") == TargetUri("https://gateway.example", "/")
    assert target_uri("http://[::1]:80/a") == TargetUri("http://[::1]", "/a")


@pytest.mark.parametrize(
    ("path", "normalised"),
    [
        ("/a/b/c/./../../g", "/a/g"),  # RFC 3986 section 5.2.4
        ("/mid/content=5/../6", "/mid/6"),
        ("/a/..", "/"),
        ("/a/b/.", "/a/b/"),
        ("/.well-known/jwks.json", "/.well-known/jwks.json"),
        ("/a//../b", "/a/b"),
        ("/a/...", "/a/..."),
        ("/%7euser/%c3%a9", "/~user/%C3%A9"),
    ],
)
def test_paths_are_normalised_as_rfc_3986_has_it(path: str, normalised: str) -> None:
    assert normalised_path(path) == normalised


@pytest.mark.parametrize("raw", [b"", b"*", b"v1", b"/v1?a", b"/v1#a", b"/v1\xff", b"/v1 2", b"/%"])
def test_a_request_for_what_no_url_has_is_no_target(raw: bytes) -> None:
    assert request_path(raw) is None


_SEGMENTS = st.lists(st.sampled_from(["a", "B", "..", ".", "", "%2e", "%2F", "%7E", "...", "%41"]), max_size=6)


@settings(max_examples=50)
@given(segments=_SEGMENTS)
def test_normalising_twice_changes_nothing_and_leaves_no_dots(segments: list[str]) -> None:
    once = normalised_path("/" + "/".join(segments))
    assert normalised_path(once) == once
    assert not {".", ".."} & set(once.split("/"))
    assert request_path(once.encode()) == once
