"""While the state store cannot be used the console says so: nobody is logged in by accident, and nobody out."""

from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from msgspec.structs import replace

from gateway.console.pages import SECURITY_HEADERS
from gateway.console.sessions import KNOWN_NS
from gateway.console.visitor import SESSION_COOKIE
from gateway.console.wiring import Console
from gateway.store.faults import StoreError
from tests.unit.console.house import PASSWORD, House, Logins, People, Person, enter, form_token, house
from tests.unit.sla.hub import plans_of

PLANS = plans_of()
PATHS = [
    *("/console/", "/console/ecosystem", "/console/login", "/console/nowhere"),
    *("/console/agreements/swift-logistics-2026", "/console/agreements/swift-logistics-2026/clauses"),
]


@pytest.fixture
def built() -> House:
    return house(PLANS)


@pytest.fixture
def client(built: House) -> Iterator[TestClient[Litestar]]:
    with TestClient(built.app) as client:
        yield client


def outage(built: House) -> None:
    """Nothing is remembered any more, and nothing can be read."""
    built.clock.now_s += KNOWN_NS / 1_000_000_000
    built.logins.fails = True


@pytest.mark.parametrize("path", PATHS)
def test_whoever_was_logged_in_is_asked_to_try_again_and_sees_nothing(
    built: House, client: TestClient[Litestar], path: str
) -> None:
    enter(client)
    outage(built)
    answer = client.get(path, follow_redirects=False)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert answer.headers["content-security-policy"] == SECURITY_HEADERS["Content-Security-Policy"]
    assert answer.headers["cache-control"] == "no-store"
    assert "cannot tell who is logged in" in answer.text
    assert "Swift" not in answer.text
    assert "db.example" not in answer.text
    assert "set-cookie" not in answer.headers


def test_it_is_said_in_the_language_that_the_browser_asks_for(built: House, client: TestClient[Litestar]) -> None:
    enter(client)
    outage(built)
    assert "网关暂时无法确认登录状态" in client.get("/console/", headers={"accept-language": "zh-CN"}).text


def test_the_session_goes_on_once_the_store_does(built: House, client: TestClient[Litestar]) -> None:
    enter(client)
    outage(built)
    assert client.get("/console/").status_code == 503
    built.logins.fails = False
    assert client.get("/console/", follow_redirects=False).status_code == 200


def test_a_cookie_that_nobody_was_given_gets_the_same_answer(built: House, client: TestClient[Litestar]) -> None:
    outage(built)
    client.cookies.set(SESSION_COOKIE, "guessed")
    assert client.get("/console/", follow_redirects=False).status_code == 503


def test_the_right_password_logs_nobody_in(built: House, client: TestClient[Litestar]) -> None:
    outage(built)
    answer = enter(client)
    assert answer.status_code == 503
    assert SESSION_COOKIE not in client.cookies
    assert built.logins.kept == {}


def test_an_account_that_cannot_be_read_is_no_login_either() -> None:
    class Unreadable(People):
        async def check(self, username: str, password: str, code: str = "") -> None:
            raise StoreError("locked", "db.example", "locked by another process")

    def unreadable(console: Console) -> Console:
        return replace(console, accounts=Unreadable(ops=PASSWORD))

    with TestClient(house(PLANS, wrap=unreadable).app) as client:
        assert enter(client).status_code == 503
        assert SESSION_COOKIE not in client.cookies


def test_nobody_is_told_to_be_logged_out_who_is_not(built: House, client: TestClient[Litestar]) -> None:
    enter(client)
    token = form_token(client.get("/console/").text)
    built.logins.fails = True
    answer = client.post("/console/logout", data={"form_token": token}, follow_redirects=False)
    assert answer.status_code == 503
    assert "set-cookie" not in answer.headers
    built.logins.fails = False
    assert client.get("/console/", follow_redirects=False).status_code == 200


def test_an_account_deleted_between_its_password_and_its_session_is_like_a_wrong_password() -> None:
    class Deleted(People):
        """Deletes an account as soon as its password has been checked."""

        async def check(self, username: str, password: str, code: str = "") -> Person | None:
            found = await super().check(username, password, code)
            self.people.clear()
            return found

    people = Deleted(ops=PASSWORD)
    with TestClient(house(PLANS, wrap=lambda to: replace(to, accounts=people, sessions=Logins(people))).app) as client:
        assert enter(client).status_code == 401
        assert SESSION_COOKIE not in client.cookies


def test_pages_without_a_session_do_not_need_the_store(built: House, client: TestClient[Litestar]) -> None:
    outage(built)
    assert client.get("/console/login").status_code == 200
    assert client.get("/console/", follow_redirects=False).status_code == 303
    assert client.get("/console/static/console.css").status_code == 200


def test_leaving_without_a_session_writes_nothing(built: House, client: TestClient[Litestar]) -> None:
    client.cookies.set(SESSION_COOKIE, "guessed")
    assert client.post("/console/logout", data={}, follow_redirects=False).status_code == 303
    assert built.logins.writes == 0
