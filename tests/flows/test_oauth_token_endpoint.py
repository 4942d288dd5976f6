"""The token endpoint on a real socket: every answer of the table, and what authlib's defaults would let through."""

import base64
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
import pytest_asyncio
import yaml
from joserfc.jwk import ECKey, Key
from litestar import Litestar

from gateway.oauth.certificate import Certificate
from gateway.oauth.credentials import ASSERTION_TYPE
from gateway.oauth.grant import Grant
from gateway.oauth.routes import oauth_routes
from tests.flows.served import served
from tests.unit.oauth.stage import ISSUER, Stage, assertion, client_key, open_stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

CASES = yaml.safe_load((Path(__file__).parent.parent / "cases" / "token-endpoint.yaml").read_text("utf-8"))["cases"]
FORM = "application/x-www-form-urlencoded"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    stage = await open_stage(tmp_path_factory.mktemp("oauth"))
    yield stage
    await stage.store.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def http(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    handlers = oauth_routes(stage.server, certificate_of=lambda scope: certificate_of(stage, scope))
    application = Litestar(handlers, openapi_config=None, logging_config=None)
    async with served(application) as url, httpx.AsyncClient(base_url=url) as client:
        yield client


def certificate_of(stage: Stage, scope: Any) -> Certificate | None:
    """Instead of a connection with a certificate: a header says whose it would be."""
    shown = [stage.certificates[value.decode()].shown for name, value in scope["headers"] if name == b"x-shows"]
    return shown[0] if shown else None


def proofs(stage: Stage, kind: str) -> list[str]:
    """The DPoP headers that a case sends."""
    if kind == "twice":
        return [stage.proof(), stage.proof()]
    if kind == "not a proof":
        return ["a.b.c"]
    if kind == "other path":
        return [stage.proof(path="/oauth/introspect")]
    return [stage.proof(nonce={"good": None, "no nonce": "", "other nonce": "n-1"}[kind])]


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{quote(client_id)}:{quote(secret)}".encode()).decode()


def shown_assertion(stage: Stage, given: dict[str, Any]) -> str:
    claims = dict(given.get("claims", {}))
    if "jti_characters" in given:
        claims["jti"] = "j" * given["jti_characters"]
    if "filler_characters" in claims:
        claims["filler"] = "f" * claims.pop("filler_characters")
    key: Key | bytes | None = None
    if given.get("key") == "another":
        key = client_key("ES256", 1)
    elif given.get("key") == "public-as-secret":
        registered = stage.keys[given["of"]]
        assert isinstance(registered, ECKey)
        key = registered.as_bytes(private=False)
    return assertion(
        stage, given["of"], claims=claims, header=given.get("header"), without=given.get("without", ()), key=key
    )


async def ask(http: httpx.AsyncClient, stage: Stage, case: dict[str, Any]) -> httpx.Response:
    headers = {"content-type": case.get("content_type", FORM)}
    if "certificate" in case:
        headers["x-shows"] = case["certificate"]
    if "basic" in case:
        given = case["basic"]
        own = isinstance(given, str)
        headers["authorization"] = (
            basic(given, stage.secrets[given]) if own else basic(given["client"], given["secret"])
        )
    if "authorization" in case:
        headers["authorization"] = case["authorization"]
    form = {"grant_type": "client_credentials", "resource": ISSUER}
    if "assertion" in case:
        form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": shown_assertion(stage, case["assertion"])}
    if "details" in case:
        form["authorization_details"] = json.dumps(case["details"])
    form |= case.get("form", {})
    body = urlencode({name: value for name, value in form.items() if value is not None})
    body = case.get("body", body)
    if "body_characters" in case:
        body += "&filler=" + "f" * (case["body_characters"] - len(body) - 8)
    if "body_parameters" in case:
        body += "".join(f"&p{number}=x" for number in range(case["body_parameters"]))
    url = "/oauth/token" + (f"?{case['query']}" if "query" in case else "")
    shown = [("dpop", proof) for proof in proofs(stage, case["dpop"])] if "dpop" in case else []
    return await http.post(url, content=body.encode(), headers=[*headers.items(), *shown])


@pytest.mark.parametrize("case", CASES, ids=[case["name"] for case in CASES])
async def test_the_token_endpoint_answers_as_the_table_says(
    case: dict[str, Any], http: httpx.AsyncClient, stage: Stage
) -> None:
    response = await ask(http, stage, case)
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    assert len(response.headers["x-request-id"]) == 16
    answer = response.json()
    if "scope" in case:
        assert response.status_code == 200, answer
        bound, granted = case.get("bound", "none"), case.get("granted")
        scheme = "DPoP" if bound == "dpop" else "Bearer"
        token = answer.pop("access_token")
        expected = {"token_type": scheme, "expires_in": 300, "scope": case["scope"]}
        assert answer == expected | ({"authorization_details": granted} if granted else {})
        grant = stage.verifier.verify(f"{scheme} {token}".encode(), stage.clock())
        assert isinstance(grant, Grant)
        assert grant.scopes == frozenset(case["scope"].split())
        assert (grant.audience, grant.binding) == (ISSUER, bound)
        assert len(grant.details or ()) == len(granted or ())
    else:
        assert (response.status_code, answer["error"]) == (case["status"], case["error"])
        assert set(answer) == {"error", "error_description"}
        assert answer["error_description"] == case.get("says", answer["error_description"])
        challenged = case["status"] == 401 and ("basic" in case or "authorization" in case)
        assert ("www-authenticate" in response.headers) == challenged
        assert ("dpop-nonce" in response.headers) == (case["error"] == "use_dpop_nonce")
        assert stage.refusals[-1].request_id == response.headers["x-request-id"]


async def test_every_failed_authentication_is_answered_with_the_same_bytes(
    http: httpx.AsyncClient, stage: Stage
) -> None:
    bodies = {(await ask(http, stage, case)).content for case in CASES if case.get("error") == "invalid_client"}
    assert bodies == {b'{"error":"invalid_client","error_description":"Client authentication failed."}'}


async def test_nothing_that_was_sent_is_repeated_in_an_error(http: httpx.AsyncClient, stage: Stage) -> None:
    form = {"grant_type": "<canary-1>", "scope": "canary-2", "client_id": "canary-3", "resource": "canary-4"}
    response = await ask(http, stage, {"authorization": "Basic Y2FuYXJ5", "form": form})
    assert response.status_code == 400
    assert "canary" not in response.text


@pytest.mark.parametrize(
    "sent", ["canary", "https://canary.example/", f"{ISSUER}/canary", 'canary\n\t"<>', "金丝雀canary"]
)
async def test_a_resource_that_is_not_the_gateway_is_repeated_neither_to_the_caller_nor_to_its_partner(
    http: httpx.AsyncClient, stage: Stage, sent: str
) -> None:
    response = await ask(http, stage, {"basic": "swift-logistics-app", "form": {"resource": sent}})
    assert (response.status_code, response.json()["error"]) == (400, "invalid_target")
    assert "canary" not in f"{response.text} {response.headers} {stage.refusals[-1]}"
    assert stage.refusals[-1].reason == "resource-other"


async def test_an_assertion_is_good_once_even_when_the_rest_of_the_request_was_wrong(
    http: httpx.AsyncClient, stage: Stage
) -> None:
    text = assertion(stage, "harbor-bank-app")
    form = {"client_assertion": text, "client_assertion_type": ASSERTION_TYPE}
    first = await ask(http, stage, {"form": form | {"scope": "no-such-scope"}})
    second = await ask(http, stage, {"form": form})
    assert (first.status_code, first.json()["error"]) == (400, "invalid_scope")
    assert (second.status_code, second.json()["error"]) == (401, "invalid_client")


async def test_a_client_that_is_asked_for_a_nonce_sends_the_same_assertion_once_more(
    http: httpx.AsyncClient, stage: Stage
) -> None:
    form = {"client_assertion": assertion(stage, "vault-app"), "client_assertion_type": ASSERTION_TYPE}
    asked = await ask(http, stage, {"form": form, "dpop": "no nonce"})
    assert asked.json()["error"] == "use_dpop_nonce"
    assert stage.nonces.age(asked.headers["dpop-nonce"], stage.clock()) == "fresh"
    given = await ask(http, stage, {"form": form, "dpop": "good"})
    again = await ask(http, stage, {"form": form, "dpop": "good"})
    assert [given.status_code, again.status_code] == [200, 401]
    assert "dpop-nonce" not in given.headers, "the one that was used is of this minute"


async def test_a_bad_proof_uses_up_the_assertion(http: httpx.AsyncClient, stage: Stage) -> None:
    form = {"client_assertion": assertion(stage, "vault-app"), "client_assertion_type": ASSERTION_TYPE}
    statuses = [(await ask(http, stage, {"form": form, "dpop": kind})).status_code for kind in ("not a proof", "good")]
    assert statuses == [400, 401]


async def test_a_forged_assertion_does_not_use_up_the_real_one(http: httpx.AsyncClient, stage: Stage) -> None:
    claims = {"jti": "the-same"}
    forged = assertion(stage, "harbor-bank-app", claims=claims, key=client_key("ES256", 1))
    real = assertion(stage, "harbor-bank-app", claims=claims)
    statuses = []
    for text in (forged, real):
        form = {"client_assertion": text, "client_assertion_type": ASSERTION_TYPE}
        statuses.append((await ask(http, stage, {"form": form})).status_code)
    assert statuses == [401, 200]


async def test_two_authorization_headers_are_two_methods(http: httpx.AsyncClient, stage: Stage) -> None:
    value = basic("swift-logistics-app", stage.secrets["swift-logistics-app"])
    headers = [("authorization", value), ("authorization", value), ("content-type", FORM)]
    response = await http.post("/oauth/token", content=b"grant_type=client_credentials", headers=headers)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")


async def test_a_body_without_an_end_is_not_read_to_its_end(http: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 200_000_000:
            sent += 65_536
            yield b"a" * 65_536

    try:
        response = await http.post("/oauth/token", content=endless(), headers={"content-type": FORM})
        assert response.json()["error"] == "invalid_request"
    except httpx.HTTPError:
        pass  # the server hung up on us, which is as good
    assert sent < 50_000_000


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
async def test_only_post_gets_a_token(http: httpx.AsyncClient, method: str) -> None:
    response = await http.request(method, "/oauth/token")
    assert response.status_code in ({204, 405} if method == "OPTIONS" else {405})
    assert "POST" in response.headers["allow"]
    assert b"access_token" not in response.content


async def test_the_key_set_holds_public_keys_only(http: httpx.AsyncClient) -> None:
    keys = json.loads((await http.get("/.well-known/jwks.json")).content)["keys"]
    assert len(keys) == 2
    for key in keys:
        assert set(key) == {"kty", "crv", "x", "y", "kid", "alg", "use"}
