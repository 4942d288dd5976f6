"""An agreement is signed off by who proves anew who they are, for exactly what was shown; an open session is no one."""

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from msgspec.structs import replace

from contracts.plan import Contract, Plans
from gateway.console.cookies import CONFIRMED_COOKIE, SESSION_COOKIE
from gateway.console.wiring import Console
from gateway.people.confirmation import FRESH_S, Confirmations
from gateway.people.oidc import Oidc
from gateway.store.hidden import Hidden
from tests.unit.console.house import PASSWORD, House, Page, enter, form_token, house
from tests.unit.sla.hub import plans_of

PLANS = plans_of()
AGREEMENT = "swift-logistics-2026"
SIGN = f"/console/agreements/{AGREEMENT}/sign-off"
KEY = Hidden(b"k" * 32)


def contract_in(plans: Plans) -> Contract:
    return next(each for each in plans.contracts.values() if each.agreement == AGREEMENT)


HASH = contract_in(PLANS).hash


def legal(built: House) -> House:
    built.people.seat("ops", "legal")
    return built


@pytest.fixture(scope="module")
def hub() -> House:
    return legal(house(PLANS))


@pytest.fixture
def built(hub: House) -> House:
    hub.approvals.signed.clear()
    hub.approvals.fails = False
    hub.people.codes.clear()
    hub.clock.now_s += 1
    hub.door.asked.clear()
    return legal(hub)


@pytest.fixture
def client(built: House) -> Iterator[TestClient[Litestar]]:
    with TestClient(built.app) as client:
        enter(client)
        yield client


def signed(client: TestClient[Litestar], **fields: str) -> httpx.Response:
    """The answer to the form of the page, with these fields in it."""
    page = Page(client.get(SIGN).text)
    action = next(str(said["action"]) for tag, said in page.tags if tag == "form" and "sign-off" in str(said["action"]))
    form = {"form_token": page.inputs["form_token"], "contract": page.inputs["contract"], "password": PASSWORD}
    return client.post(action, data=form | fields, follow_redirects=False)


def test_the_page_shows_every_clause_in_both_languages_and_the_hash_that_is_signed(
    client: TestClient[Litestar],
) -> None:
    page, contract = client.get(SIGN).text, contract_in(PLANS)
    rows = Page(page).rows
    for clause in (*contract.clauses, contract.effective_clause, contract.products_clause):
        assert clause.id in rows
    assert "乙方调用接口每" in rows["4.1"]
    assert "The Partner makes at most 600 calls" in rows["4.1"]
    assert Page(page).inputs["contract"] == HASH
    assert page.count(HASH) == 3, "shown above, shown in what is said, and sent back"


def test_whoever_gives_the_password_has_signed_and_is_shown_so_everywhere(
    built: House, client: TestClient[Litestar]
) -> None:
    answer = signed(client)
    assert (answer.status_code, answer.headers["location"]) == (303, f"{SIGN}?version=1.0.0")
    assert [(name, one.username) for name, given in built.approvals.signed.items() for one in given] == [(HASH, "ops")]
    page = client.get(answer.headers["location"]).text
    assert "You have signed this version off" in page
    assert 'name="password"' not in page
    for path in (f"/console/agreements/{AGREEMENT}", "/console/sign-offs"):
        assert "ops, 20" in client.get(path).text


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"password": "wrong"}, 401, "do not go together"),
        ({"password": ""}, 401, "do not go together"),
        ({"code": "000000"}, 401, "do not go together"),
        ({"password": "x" * 300}, 401, "do not go together"),
        ({"contract": "0" * 64}, 409, "is another than the one that was shown"),
        ({"contract": ""}, 409, "is another than the one that was shown"),
        ({"form_token": "guessed"}, 403, "did not come from this console"),
        ({"form_token": ""}, 403, "did not come from this console"),
    ],
)
def test_a_form_with_something_wrong_in_it_signs_nothing(
    built: House, client: TestClient[Litestar], fields: dict[str, str], status: int, words: str
) -> None:
    answer = signed(client, **fields)
    assert answer.status_code == status
    assert words in answer.text
    assert "password" not in fields or not fields["password"] or fields["password"] not in answer.text
    assert built.approvals.by() == []


def test_a_form_from_another_site_signs_nothing(built: House, client: TestClient[Litestar]) -> None:
    token = form_token(client.get(SIGN).text)
    form = {"form_token": token, "contract": HASH, "password": PASSWORD}
    for said in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert client.post(SIGN, data=form, headers=said, follow_redirects=False).status_code == 403
    assert built.approvals.by() == []


def test_the_code_of_a_second_factor_is_asked_for(built: House, client: TestClient[Litestar]) -> None:
    built.people.codes["ops"] = "123456"
    assert signed(client).status_code == 401
    assert signed(client, code="123456").status_code == 303


def test_a_form_that_is_sent_twice_is_told_that_it_is_signed_and_not_that_it_is_not(
    built: House, client: TestClient[Litestar]
) -> None:
    page = Page(client.get(SIGN).text)
    form = {"form_token": page.inputs["form_token"], "contract": HASH, "password": PASSWORD}
    first = client.post(SIGN, data=form, follow_redirects=False)
    # As when the code was good once: the second click proves nothing.
    second = client.post(SIGN, data=form | {"password": "used"}, follow_redirects=False)
    assert [each.status_code for each in (first, second)] == [303, 303]
    assert first.headers["location"] == second.headers["location"]
    assert built.approvals.by() == ["ops"]


def test_an_agreement_that_changed_after_it_was_shown_is_shown_anew_and_not_signed() -> None:
    served = [PLANS]
    built = legal(house(PLANS, wrap=lambda console: replace(console, plans=lambda: served[0])))
    with TestClient(built.app) as client:
        enter(client)
        page = client.get(SIGN).text
        contract = contract_in(PLANS)
        edited = replace(contract, hash="e" * 64)
        served[0] = replace(PLANS, contracts={**PLANS.contracts, (AGREEMENT, contract.version): edited})
        form = {"form_token": form_token(page), "contract": HASH, "password": PASSWORD}
        answer = client.post(SIGN, data=form, follow_redirects=False)
    assert answer.status_code == 409
    assert Page(answer.text).inputs["contract"] == "e" * 64
    assert built.approvals.by() == []


def test_a_version_that_has_ended_has_no_form_and_is_not_signed_by_one_from_before() -> None:
    ended = replace(contract_in(PLANS), effective_until_s=contract_in(PLANS).effective_from_s + 1)
    plans = replace(PLANS, contracts={**PLANS.contracts, (AGREEMENT, ended.version): ended})
    built = legal(house(plans))
    with TestClient(built.app) as client:
        enter(client)
        page = client.get(SIGN).text
        assert "This version has ended" in page
        assert 'name="contract"' not in page
        assert "Read and sign off" not in client.get(f"/console/agreements/{AGREEMENT}").text
        form = {"form_token": form_token(client.get("/console/").text), "contract": HASH, "password": PASSWORD}
        assert client.post(SIGN, data=form, follow_redirects=False).status_code == 409
    assert built.approvals.by() == []


def test_guessing_the_password_there_is_slowed_down_as_a_login_is() -> None:
    built = legal(house(PLANS, allowed=2))
    with TestClient(built.app) as client:
        enter(client)
        assert signed(client, password="wrong").status_code == 401
        answer = signed(client)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    assert built.approvals.by() == []


def test_a_log_that_cannot_be_written_is_said_to_be_so(built: House, client: TestClient[Litestar]) -> None:
    built.approvals.fails = True
    client.cookies.set("clausegate_language", "zh")
    answer = signed(client)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "审计日志目前无法写入，未签核" in answer.text
    assert "disk-full" not in answer.text


def test_a_role_that_is_taken_away_meanwhile_signs_nothing(built: House, client: TestClient[Litestar]) -> None:
    page = client.get(SIGN).text
    built.people.seat("ops", "auditor")  # the session is not read anew within the same second
    form = {"form_token": form_token(page), "contract": HASH, "password": PASSWORD}
    answer = client.post(SIGN, data=form, follow_redirects=False)
    assert answer.status_code == 403
    assert built.approvals.by() == []


@pytest.mark.parametrize("path", ["/console/agreements/nothing/sign-off", f"{SIGN}?version=9.9.9"])
def test_what_is_not_there_cannot_be_signed(client: TestClient[Litestar], path: str) -> None:
    assert client.get(path).status_code == 404
    form = {"form_token": form_token(client.get("/console/").text), "contract": HASH, "password": PASSWORD}
    assert client.post(path, data=form, follow_redirects=False).status_code == 404


def from_provider(**settings: Any) -> House:
    """A console to which `oidc:li` comes by the provider. Nobody is sent there: the test makes the confirmations."""

    def wrap(console: Console) -> Console:
        oidc = Oidc(None, None, None, Confirmations(KEY))  # type: ignore[arg-type]
        return replace(console, **({"oidc": oidc} | settings))

    built = house(PLANS, wrap=wrap)
    built.people.seat("ops", "legal")
    built.people.people["oidc:li"] = (replace(built.people.people["ops"][0], username="oidc:li"), PASSWORD)
    built.people.seat("oidc:li", "legal")
    return built


def confirm(built: House, client: TestClient[Litestar], ago_s: int, token: str = "") -> None:
    """The cookie that a login at the provider so long ago would have left."""
    sealed = Confirmations(KEY).seal(int(built.clock.now_s) - ago_s, token or form_token(client.get("/console/").text))
    client.cookies.set(CONFIRMED_COOKIE, sealed)


def sent(client: TestClient[Litestar]) -> httpx.Response:
    """A whole form, whether or not the page has one; a password is of no use in it."""
    form = {"form_token": form_token(client.get("/console/").text), "contract": HASH, "password": PASSWORD}
    return client.post(SIGN, data=form, follow_redirects=False)


def test_somebody_from_the_provider_signs_after_proving_it_there_and_without_a_password() -> None:
    built = from_provider()
    with TestClient(built.app) as client:
        enter(client, "oidc:li")
        page = client.get(SIGN).text
        assert "/console/oidc?confirm=1&amp;next=/console/agreements/" in page
        assert 'name="contract"' not in page
        assert sent(client).status_code == 403
        assert built.approvals.by() == []
        confirm(built, client, FRESH_S - 1)
        page = client.get(SIGN).text
        assert 'name="password"' not in page
        assert sent(client).status_code == 303
    assert built.approvals.by() == ["oidc:li"]


def test_an_old_confirmation_and_that_of_another_session_or_key_sign_nothing() -> None:
    built = from_provider()
    with TestClient(built.app) as client:
        enter(client, "oidc:li")
        for ago_s, token in ((FRESH_S, ""), (3_600, ""), (-120, ""), (1, "f" * 64)):
            confirm(built, client, ago_s, token)
            answer = sent(client)
            assert (answer.status_code, "too long ago" in answer.text) == (403, True), (ago_s, token)
        sealed = Confirmations(Hidden(b"o" * 32)).seal(int(built.clock.now_s), form_token(client.get("/console/").text))
        for cookie in (sealed, "", "x", "é", "A" * 4_000):
            client.cookies.set(CONFIRMED_COOKIE, cookie.encode("ascii", "replace").decode())
            assert sent(client).status_code == 403
    assert built.approvals.by() == []


def test_a_confirmation_is_gone_with_the_next_login() -> None:
    built = from_provider()
    with TestClient(built.app) as client:
        enter(client, "oidc:li")
        confirm(built, client, 1)
        client.cookies.delete(SESSION_COOKIE)
        enter(client, "oidc:li")
        assert sent(client).status_code == 403
    assert built.approvals.by() == []


@pytest.mark.parametrize(("username", "settings"), [("oidc:li", {"oidc": None}), ("ops", {"local_login": False})])
def test_whose_login_is_switched_off_signs_nothing(username: str, settings: dict[str, Any]) -> None:
    begun = from_provider()
    built = from_provider(**settings, sessions=begun.logins)
    with TestClient(begun.app) as client:
        enter(client, username)
        cookies = dict(client.cookies)
    with TestClient(built.app, cookies=cookies) as client:
        assert "switched off" in client.get(SIGN).text
        assert sent(client).status_code == 403
    assert built.approvals.by() == []
