"""Whatever changes something comes from a page of ours, as far as the browser says."""

import pytest
from litestar.testing import TestClient
from msgspec.structs import replace

from gateway.console.cookies import SESSION_COOKIE
from gateway.console.origin import is_ours
from tests.unit.console.house import PASSWORD, enter, form_token, house
from tests.unit.sla.hub import plans_of

PLANS = plans_of()
PUBLIC = "https://gate.hengtai.example/"
OURS = [
    {},
    {"sec-fetch-site": "same-origin"},
    {"sec-fetch-site": "none"},
    {"origin": "https://gate.hengtai.example"},
    {"origin": "http://inner:8080", "host": "inner:8080"},
    {"origin": "https://gate.hengtai.example", "sec-fetch-site": "same-origin", "host": "inner:8080"},
]
FOREIGN = [
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},
    {"sec-fetch-site": ""},
    {"origin": "null"},
    {"origin": ""},
    {"origin": "https://evil.example"},
    {"origin": "https://other.hengtai.example"},
    {"origin": "http://gate.hengtai.example"},
    {"origin": "https://gate.hengtai.example:8443"},
    {"origin": "https://gate.hengtai.example.evil.example", "host": "inner:8080"},
    {"origin": "https://gate.hengtai.example", "sec-fetch-site": "cross-site"},
]


@pytest.mark.parametrize("headers", OURS)
def test_a_page_of_ours_is_known_by_what_the_browser_says(headers: dict[str, str]) -> None:
    assert is_ours(headers, "http", PUBLIC)


@pytest.mark.parametrize("headers", FOREIGN)
def test_a_page_of_others_is_too(headers: dict[str, str]) -> None:
    assert not is_ours(headers, "http", PUBLIC)


@pytest.mark.parametrize("public", ["https://gate.hengtai.example:443", "https://Gate.Hengtai.example/"])
def test_our_address_is_compared_as_browsers_write_it(public: str) -> None:
    assert is_ours({"origin": "https://gate.hengtai.example"}, "http", public)
    assert not is_ours({"origin": "https://gate.hengtai.example:8443"}, "http", public)


@pytest.mark.parametrize("site", ["console", "portal"])
@pytest.mark.parametrize("headers", [{"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}])
def test_a_form_of_another_site_is_refused_even_with_the_right_token(site: str, headers: dict[str, str]) -> None:
    built = house(PLANS, wrap=lambda console: replace(console, public_url=PUBLIC))
    with TestClient(built.app) as client:
        token = form_token(client.get(f"/{site}/login").text)
        form = {"form_token": token, "username": "ops", "password": PASSWORD}
        refused = client.post(f"/{site}/login", data=form, headers=headers, follow_redirects=False)
        assert refused.status_code == 403
        assert refused.headers["content-security-policy"]
        assert built.door.asked == []
        assert SESSION_COOKIE not in client.cookies
        allowed = client.post(f"/{site}/login", data=form, headers={"origin": PUBLIC.rstrip("/")})
        assert SESSION_COOKIE in client.cookies, allowed.text


def test_nobody_is_logged_out_by_another_site() -> None:
    with TestClient(house(PLANS).app) as client:
        enter(client)
        form = {"form_token": form_token(client.get("/console/").text)}
        headers = {"sec-fetch-site": "cross-site"}
        assert client.post("/console/logout", data=form, headers=headers, follow_redirects=False).status_code == 403
        assert client.get("/console/", follow_redirects=False).status_code == 200


def test_following_a_link_from_elsewhere_is_no_form() -> None:
    with TestClient(house(PLANS).app) as client:
        enter(client)
        assert client.get("/console/", headers={"sec-fetch-site": "cross-site"}).status_code == 200
