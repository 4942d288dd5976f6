"""By https every cookie is a `__Host-` one, and only such a one counts; over plain http there is no prefix."""

from collections.abc import Callable
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from msgspec.structs import replace

from gateway.console.cookies import FORM_COOKIE, SESSION_COOKIE
from tests.unit.console.house import PASSWORD, House, form_token, house
from tests.unit.sla.hub import plans_of

PLANS = plans_of()


def behind_tls() -> House:
    return house(PLANS, wrap=lambda console: replace(console, secure=True))


def logged_in(client: TestClient[Litestar]) -> list[str]:
    """Set-Cookie headers of a login."""
    page = client.get("/console/login")
    form = {"form_token": form_token(page.text), "username": "ops", "password": PASSWORD}
    answer = client.post("/console/login", data=form, follow_redirects=False)
    assert answer.status_code == 303
    return [*page.headers.get_list("set-cookie"), *answer.headers.get_list("set-cookie")]


def parts(cookie: str) -> set[str]:
    return {part.strip().lower() for part in cookie.split(";")[1:]}


def through_a_proxy(app: Litestar) -> Any:
    """What ends TLS in front of the gateway, and speaks plain http to it."""

    async def proxy(scope: Any, receive: Any, send: Any) -> None:
        await app(scope | {"scheme": "http"} if scope["type"] == "http" else scope, receive, send)

    return proxy


@pytest.mark.parametrize(
    ("made", "base", "prefix"),
    [
        (lambda: through_a_proxy(behind_tls().app), "https://testserver.local", "__Host-"),
        (lambda: house(PLANS).app, "https://testserver.local", "__Host-"),
        (lambda: house(PLANS).app, "http://testserver.local", ""),
    ],
    ids=["behind-a-proxy", "https", "http"],
)
def test_cookies_have_the_prefix_wherever_people_come_by_https(made: Callable[[], Any], base: str, prefix: str) -> None:
    with TestClient(made(), base_url=base) as client:
        cookies = logged_in(client)
    assert {cookie.partition("=")[0] for cookie in cookies} == {prefix + SESSION_COOKIE, prefix + FORM_COOKIE}
    for cookie in cookies:
        assert {"httponly", "path=/", "samesite=lax"} <= parts(cookie)
        assert ("secure" in parts(cookie)) == bool(prefix)
        assert "domain" not in cookie.lower()


def test_by_https_a_cookie_without_the_prefix_is_nobodys_session() -> None:
    """A neighbouring host, or anybody on a plain connection, could have set it."""
    with TestClient(house(PLANS).app, base_url="https://testserver.local") as client:
        logged_in(client)
        session = client.cookies[f"__Host-{SESSION_COOKIE}"]
        client.cookies.clear()
        client.cookies.set(SESSION_COOKIE, session)
        assert client.get("/console/", follow_redirects=False).status_code == 303
