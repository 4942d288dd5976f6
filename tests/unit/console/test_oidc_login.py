"""Whatever comes back from the way to the identity provider is answered by a page, and logs nobody in by accident."""

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from litestar import Litestar
from litestar.testing import TestClient
from msgspec.structs import replace

from gateway.authority_record import AuthorityError
from gateway.console.cookies import OIDC_COOKIE, SESSION_COOKIE
from gateway.people.confirmation import Confirmations
from gateway.people.oidc import Oidc
from gateway.people.provider import Provider, ProviderSettings
from gateway.people.transaction import Transactions
from gateway.store.hidden import Hidden
from tests.flows.identity_provider import new_key, signed
from tests.unit.console.house import Door, House, Person, enter, house
from tests.unit.sla.hub import NOON_S, plans_of

PLANS = plans_of()
ISSUER = "https://login.hengtai.example"
METADATA = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/authorize?tenant=1",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/keys",
}
SECRET = "the-secret-there"


class Arrivals:
    """Whose log cannot be written."""

    async def account(self, issuer: str, person: object, language: str) -> Person | None:
        raise AuthorityError("the record cannot be written: disk-full")


def away(answers: dict[str, httpx.Response] | None = None, door: Door | None = None) -> House:
    """A console whose provider gives these answers by path, and 404 to all else."""
    said = {} if answers is None else answers
    said["/.well-known/openid-configuration"] = httpx.Response(200, json=METADATA)

    def handle(request: httpx.Request) -> httpx.Response:
        found = said.get(request.url.path, httpx.Response(404))
        return httpx.Response(found.status_code, headers=found.headers, content=found.content)

    known = ProviderSettings(ISSUER, "clausegate", Hidden(SECRET), "https://gate.example/console/oidc/callback")
    provider = Provider(known, now=lambda: NOON_S, transport=httpx.MockTransport(handle))
    key = Hidden(b"k" * 32)
    oidc = Oidc(provider, Transactions(key), Arrivals(), Confirmations(key))  # type: ignore[arg-type]
    return house(PLANS, wrap=lambda console: replace(console, oidc=oidc), allowed=door.allowed if door else 100)


def begun(client: TestClient[Litestar]) -> dict[str, str]:
    """The parameters with which the person was sent away."""
    sent = client.get("/console/oidc", follow_redirects=False)
    assert sent.status_code == 303
    return dict(httpx.URL(sent.headers["location"]).params)


def test_the_person_is_sent_away_with_a_challenge_and_without_what_only_we_know() -> None:
    with TestClient(away().app) as client:
        asked = begun(client)
        again = begun(client)
    assert asked["tenant"] == "1", "what the endpoint has of its own stays"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert asked["redirect_uri"] == "https://gate.example/console/oidc/callback"
    assert SECRET not in str(asked)
    assert "code_verifier" not in asked
    assert not {asked[name] for name in ("state", "nonce", "code_challenge")} & set(again.values())


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["code", "state", "iss", "error", "x"]), st.text(max_size=20)), max_size=6))
def test_whatever_comes_back_is_answered_by_a_page(parameters: list[tuple[str, str]]) -> None:
    client = CLIENT
    sent = begun(client)
    said: list[tuple[str, str | int | float | bool | None]]
    said = [(name, sent["state"] if name == "state" and value > "m" else value) for name, value in parameters]
    answer = client.get("/console/oidc/callback", params=said, follow_redirects=False)
    assert answer.status_code in {403, 503}
    assert answer.headers["cache-control"] == "no-store"
    assert SECRET not in answer.text
    assert SESSION_COOKIE not in client.cookies
    assert OIDC_COOKIE not in client.cookies


CLIENT = TestClient(away({"/token": httpx.Response(200, json={"id_token": "a.b.c", "token_type": "Bearer"})}).app)


@pytest.mark.parametrize(
    "given_by_the_provider",
    [
        httpx.Response(500, content=b"\xff"),
        httpx.Response(200, content=b"not JSON"),
        httpx.Response(200, json=[]),
        httpx.Response(200, json={"access_token": "a", "token_type": "Bearer"}),
        httpx.Response(200, json={"id_token": 7, "token_type": "Bearer"}),
        httpx.Response(200, json={"id_token": "a.b.c"}),
        httpx.Response(400, json={"error": "invalid_grant", "error_description": SECRET}),
        httpx.Response(302, headers={"location": f"{ISSUER}/keys"}),
        httpx.Response(200, content=b" " * 300_000),
    ],
)
def test_an_answer_of_the_token_endpoint_without_a_token_logs_nobody_in(given_by_the_provider: httpx.Response) -> None:
    with TestClient(away({"/token": given_by_the_provider}).app) as client:
        sent = begun(client)
        answer = client.get("/console/oidc/callback", params={"code": "c", "state": sent["state"]})
        assert answer.status_code in {403, 503}
        assert SECRET not in answer.text
        assert SESSION_COOKIE not in client.cookies


def test_logins_by_the_provider_are_throttled_by_address_before_it_is_asked() -> None:
    built = away(door=Door(allowed=0))
    with TestClient(built.app) as client:
        sent = begun(client)
        answer = client.get("/console/oidc/callback", params={"code": "c", "state": sent["state"]})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "60")


def test_whoever_is_logged_in_stays_so_when_another_login_fails() -> None:
    with TestClient(away().app) as client:
        enter(client)
        sent = begun(client)
        client.get("/console/oidc/callback", params={"error": "access_denied", "state": sent["state"]})
        assert client.get("/console/", follow_redirects=False).status_code == 200


def test_where_the_arrival_cannot_be_recorded_nobody_arrives() -> None:
    key = new_key("ES256")
    answers = {"/keys": httpx.Response(200, json={"keys": [key.as_dict(private=False)]})}
    built = away(answers)
    with TestClient(built.app) as client:
        sent, now_s = begun(client), built.clock.now_s
        claims = {
            "iss": ISSUER,
            "sub": "a",
            "aud": "clausegate",
            "iat": now_s,
            "exp": now_s + 60,
            "nonce": sent["nonce"],
        }
        token = signed(claims, key, "ES256")
        answers["/token"] = httpx.Response(200, json={"id_token": token, "token_type": "Bearer"})
        answer = client.get("/console/oidc/callback", params={"code": "c", "state": sent["state"]})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert "disk-full" not in answer.text
        assert SESSION_COOKIE not in client.cookies
