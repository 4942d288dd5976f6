"""Logging in: guarded, throttled, and saying no more than it must."""

from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from msgspec.structs import replace

from gateway.console.pages import SECURITY_HEADERS
from gateway.console.sessions import IDLE_S
from gateway.console.site import safe_next
from gateway.console.visitor import SESSION_COOKIE
from gateway.console.wiring import Console
from tests.unit.console.house import PASSWORD, House, enter, form_token, house
from tests.unit.sla.hub import plans_of

PLANS = plans_of()


@pytest.fixture
def built() -> House:
    return house(PLANS)


@pytest.fixture
def client(built: House) -> Iterator[TestClient[Litestar]]:
    with TestClient(built.app) as client:
        yield client


@pytest.mark.parametrize("path", ["/console/", "/console", "/console/agreements/swift-logistics-2026"])
def test_nobody_sees_a_screen_without_logging_in(client: TestClient[Litestar], path: str) -> None:
    answer = client.get(path, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/console/login")
    assert "Swift" not in answer.text


@pytest.mark.parametrize("path", ["/console/ecosystem", "/console/agreements/swift-logistics-2026/clauses"])
def test_a_refreshing_part_without_a_session_sends_the_whole_page_to_the_login(
    client: TestClient[Litestar], path: str
) -> None:
    answer = client.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/console/login")
    assert answer.text == ""


def test_the_right_password_opens_the_page_that_was_asked_for(client: TestClient[Litestar]) -> None:
    asked = client.get("/console/agreements/swift-logistics-2026", follow_redirects=False)
    page = client.get(asked.headers["location"])
    form = {"form_token": form_token(page.text), "username": "ops", "password": PASSWORD}
    answer = client.post(
        "/console/login", data=form | {"next": "/console/agreements/swift-logistics-2026"}, follow_redirects=False
    )
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/agreements/swift-logistics-2026")
    assert client.get(answer.headers["location"]).status_code == 200


def test_a_wrong_name_and_a_wrong_password_get_the_same_answer(client: TestClient[Litestar]) -> None:
    name = enter(client, username="nobody", password=PASSWORD)
    word = enter(client, username="ops", password="wrong")
    assert name.status_code == word.status_code == 401
    assert name.text.replace("nobody", "ops") == word.text
    assert SESSION_COOKIE not in client.cookies
    assert PASSWORD not in name.text


def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(client: TestClient[Litestar]) -> None:
    cookie = next(value for value in enter(client).headers.get_list("set-cookie") if value.startswith(SESSION_COOKIE))
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= {part.strip() for part in cookie.split(";")}
    assert "Secure" not in cookie


def test_behind_tls_cookies_are_for_tls_only() -> None:
    def behind_tls(console: Console) -> Console:
        return Console(
            plans=console.plans,
            tally=console.tally,
            counters=console.counters,
            accounts=console.accounts,
            sessions=console.sessions,
            sign_offs=console.sign_offs,
            allow_login=console.allow_login,
            now=console.now,
            secure=True,
        )

    with TestClient(house(PLANS, wrap=behind_tls).app) as client:
        cookies = client.get("/console/login").headers.get_list("set-cookie")
    assert cookies
    assert all("Secure" in cookie for cookie in cookies)


def test_a_login_form_from_another_site_is_refused(built: House, client: TestClient[Litestar]) -> None:
    client.get("/console/login")
    form = {"form_token": "guessed", "username": "ops", "password": PASSWORD}
    assert client.post("/console/login", data=form, follow_redirects=False).status_code == 403
    client.cookies.clear()
    assert client.post("/console/login", data=form | {"form_token": ""}, follow_redirects=False).status_code == 403
    assert built.door.asked == [], "not even counted as an attempt"


def test_logging_out_needs_the_sessions_own_token(client: TestClient[Litestar]) -> None:
    enter(client)
    assert client.post("/console/logout", data={"form_token": "guessed"}, follow_redirects=False).status_code == 403
    token = form_token(client.get("/console/").text)
    session = client.cookies[SESSION_COOKIE]
    assert client.post("/console/logout", data={"form_token": token}, follow_redirects=False).status_code == 303
    client.cookies.set(SESSION_COOKIE, session)
    assert client.get("/console/", follow_redirects=False).status_code == 303, "the id itself is dead"


def test_logging_in_again_ends_the_session_before(client: TestClient[Litestar]) -> None:
    enter(client)
    first = client.cookies[SESSION_COOKIE]
    client.cookies.delete(SESSION_COOKIE)
    token = form_token(client.get("/console/login").text)
    client.cookies.set(SESSION_COOKIE, first)
    form = {"form_token": token, "username": "li", "password": PASSWORD}
    client.post("/console/login", data=form, follow_redirects=False)
    client.cookies.clear()
    client.cookies.set(SESSION_COOKIE, first)
    assert client.get("/console/", follow_redirects=False).status_code == 303


def test_too_many_attempts_are_told_to_wait_before_any_password_is_checked() -> None:
    with TestClient(house(PLANS, allowed=2).app) as client:
        assert [enter(client, password="wrong").status_code for _ in range(2)] == [401, 401]
        answer = enter(client)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert "60 seconds" in answer.text


def test_an_idle_session_has_to_log_in_again(built: House, client: TestClient[Litestar]) -> None:
    enter(client)
    built.clock.now_s += IDLE_S
    assert client.get("/console/", follow_redirects=False).status_code == 303


def test_figures_that_refresh_do_not_keep_a_forgotten_screen_logged_in(
    built: House, client: TestClient[Litestar]
) -> None:
    enter(client)
    statuses = []
    for _ in range(3):
        built.clock.now_s += IDLE_S / 2
        statuses.append(client.get("/console/ecosystem").status_code)
    assert statuses == [200, 401, 401]


def test_a_form_that_is_too_large_is_refused(client: TestClient[Litestar]) -> None:
    answer = client.post("/console/login", data={"username": "x" * 20_000}, follow_redirects=False)
    assert answer.status_code == 413
    assert answer.headers["content-security-policy"] == SECURITY_HEADERS["Content-Security-Policy"]


@pytest.mark.parametrize("body", [b"\xff\xfe=%zz&&&", b"", b"form_token", b"form_token=%ff&form_token=b"])
def test_a_form_that_makes_no_sense_is_refused(client: TestClient[Litestar], body: bytes) -> None:
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/console/login", content=body, headers=headers).status_code == 403


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ("/console/agreements/a?version=1", "/console/agreements/a?version=1"),
        (None, "/console/"),
        ("https://elsewhere.example/console/", "/console/"),
        ("//elsewhere.example/console/", "/console/"),
        ("/console//elsewhere.example", "/console/"),
        ("/console/\\elsewhere.example", "/console/"),
        ("/console/a\r\nSet-Cookie: b=c", "/console/"),
        ("/console/logout", "/console/"),
        ("/elsewhere", "/console/"),
    ],
)
def test_a_form_leads_to_a_page_of_the_console_and_nowhere_else(asked: str | None, given: str) -> None:
    assert safe_next(asked) == given


def test_who_is_at_the_form_is_told_by_the_source_of_the_console(built: House) -> None:
    behind = house(PLANS, wrap=lambda console: replace(console, source_of=lambda scope: "192.0.2.7"))
    with TestClient(behind.app) as client:
        enter(client)
    assert behind.door.asked == [("ops", "192.0.2.7")]
