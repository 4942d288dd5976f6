"""Each role sees its own site and nothing of the other; local logins ask for the second factor in the same form."""

from collections.abc import Iterator

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from msgspec.structs import replace

from gateway.console.cookies import FORM_COOKIE, SESSION_COOKIE
from tests.unit.console.house import PASSWORD, House, enter, form_token, house
from tests.unit.sla.hub import plans_of

PLANS = plans_of()
SCREENS = ["/console/", "/console/ecosystem", "/console/agreements/swift-logistics-2026",
           "/console/agreements/swift-logistics-2026/clauses"]  # fmt: skip


@pytest.fixture
def built() -> House:
    return house(PLANS)


@pytest.fixture
def client(built: House) -> Iterator[TestClient[Litestar]]:
    with TestClient(built.app) as client:
        yield client


@pytest.mark.parametrize("role", ["ops", "legal", "admin", "auditor"])
def test_people_of_the_hub_see_the_console_and_not_the_portal(
    built: House, client: TestClient[Litestar], role: str
) -> None:
    built.people.seat("ops", role)
    assert enter(client).headers["location"] == "/console/"
    assert [client.get(path).status_code for path in SCREENS] == [200] * 4
    assert client.get("/portal/").status_code == 403


def test_a_partners_developer_sees_the_portal_and_nothing_of_the_console(
    built: House, client: TestClient[Litestar]
) -> None:
    built.people.seat("ops", "partner-developer", "swift-logistics")
    assert enter(client).headers["location"] == "/portal/"
    for path in SCREENS:
        refused = client.get(path)
        assert refused.status_code == 403, path
        assert "600" not in refused.text
        assert 'href="/portal/"' in refused.text
    assert client.get("/portal/").status_code == 200


def test_a_role_that_nobody_knows_sees_nothing(built: House, client: TestClient[Litestar]) -> None:
    built.people.seat("ops", "operator")
    enter(client)
    assert client.get("/console/").status_code == client.get("/portal/").status_code == 403


def test_a_role_that_is_taken_away_ends_what_is_seen_within_a_second(
    built: House, client: TestClient[Litestar]
) -> None:
    enter(client)
    assert client.get("/console/").status_code == 200
    built.people.seat("ops", "partner-developer", "swift-logistics")
    built.clock.now_s += 1
    assert client.get("/console/").status_code == 403


def test_nobody_sees_the_portal_without_logging_in_there(client: TestClient[Litestar]) -> None:
    asked = client.get("/portal/", follow_redirects=False)
    assert (asked.status_code, asked.headers["location"]) == (303, "/portal/login")
    assert 'action="/portal/login"' in client.get("/portal/login").text


@pytest.mark.parametrize(
    ("username", "password", "code"),
    [("ops", PASSWORD, ""), ("ops", PASSWORD, "000000"), ("ops", "wrong", "123456"), ("nobody", PASSWORD, "123456"),
     ("ops", PASSWORD, "123456" * 4)],
)  # fmt: skip
def test_a_wrong_code_gets_the_answer_of_a_wrong_password(
    built: House, client: TestClient[Litestar], username: str, password: str, code: str
) -> None:
    built.people.codes["ops"] = "123456"
    wrong = enter(client, username="ops", password="wrong", code="")
    answer = enter(client, username=username, password=password, code=code)
    assert answer.status_code == 401
    assert answer.text.replace("nobody", "ops") == wrong.text
    assert SESSION_COOKIE not in client.cookies


def test_the_right_code_opens_the_console(built: House, client: TestClient[Litestar]) -> None:
    built.people.codes["ops"] = "123456"
    assert enter(client, code="123456").status_code == 303


def test_where_local_logins_are_off_there_is_no_form_and_none_is_taken() -> None:
    built = house(PLANS, wrap=lambda console: replace(console, local_login=False))
    with TestClient(built.app) as client:
        page = client.get("/console/login")
        assert "password" not in page.text.lower()
        form = {"form_token": client.cookies[FORM_COOKIE], "username": "ops", "password": PASSWORD}
        answer = client.post("/console/login", data=form, follow_redirects=False)
        assert answer.status_code == 403
        assert SESSION_COOKIE not in client.cookies
        assert built.door.asked == []


@pytest.mark.parametrize("path", ["/console/oidc", "/console/oidc/callback?code=a&state=b", "/portal/oidc"])
def test_without_an_identity_provider_there_is_no_way_to_it(client: TestClient[Litestar], path: str) -> None:
    assert client.get(path, follow_redirects=False).status_code == 404


def test_the_portals_login_leads_to_pages_of_the_portal_alone(built: House, client: TestClient[Litestar]) -> None:
    built.people.seat("ops", "partner-developer", "swift-logistics")
    page = client.get("/portal/login?next=/console/")
    form = {"form_token": form_token(page.text), "username": "ops", "password": PASSWORD, "next": "/console/"}
    assert client.post("/portal/login", data=form, follow_redirects=False).headers["location"] == "/portal/"
