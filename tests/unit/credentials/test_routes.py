"""/partner/clients: a partner looks after its own clients, rehearses changes, and never sees a secret twice."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as looking
from hypothesis import strategies as some
from msgspec.json import encode

from gateway.credentials.pacing import TIMES, WITHIN_S
from gateway.oauth.access import Right
from gateway.oauth.client_secret import digest_of, load_pepper
from gateway.oauth.clients import read_public_keys
from gateway.oauth.key_fetching import FetchedKeys, FetchFault
from gateway.store.clients import ClientKey
from tests.unit.credentials.stage import (
    BOUND_CLAUSE,
    DAY_S,
    ISSUER,
    NOW_S,
    Stage,
    certificate,
    jwk,
    key,
)
from tests.unit.oauth.stage import signed

BOUND_RIGHT = Right("swift-2026", "1.0.0", "shipments", "list", "shipments:read", frozenset(), (BOUND_CLAUSE,))


def assertion(name: str, **changed: Any) -> str:
    """A client assertion of key-app, made with the key of this name."""
    claims = {"iss": "key-app", "sub": "key-app", "aud": ISSUER, "iat": NOW_S, "exp": NOW_S + 60, "jti": "a"} | changed
    return signed({"alg": "ES256", "kid": name}, encode(claims), key(name))


async def test_a_partner_sees_its_clients_with_what_they_hold_and_no_secret(stage: Stage) -> None:
    stage.uses.note("key-app", "key:k1")
    shown = (await stage.call().get("/partner/clients")).json()["clients"]
    assert [(each["client_id"], each["tier"]) for each in shown] == [
        ("key-app", "bound"),
        ("secret-app", "basic"),
        ("tls-app", "bound"),
    ]
    assert [[each["kind"] for each in client["credentials"]] for client in shown] == [
        ["key"],
        ["secret"],
        ["certificate"],
    ]
    (used,) = shown[0]["credentials"]
    assert (used["id"], used["last_used"], used["expires"]) == ("k1", "2027-01-15T08:00:00Z", None)
    assert shown[2]["credentials"][0]["expires"] == "2027-04-25T08:00:00Z"
    assert "digest" not in str(shown)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", ""),
        ("POST", "/keys"),
        ("DELETE", "/keys/b1"),
        ("PUT", "/jwks-url"),
        ("POST", "/certificates"),
        ("DELETE", "/certificates/x"),
        ("POST", "/secrets"),
        ("DELETE", "/secrets/1"),
        ("POST", "/revocations"),
    ],
)
async def test_anothers_client_does_not_exist_and_nothing_is_changed(stage: Stage, method: str, path: str) -> None:
    for client in ("bank-app", "nobody"):
        answer = await stage.call().request(method, f"/partner/clients/{client}{path}", json={})
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/credential-not-found")
    assert stage.entries() == []


async def test_a_dry_run_says_of_each_key_whether_it_can_be_used_and_changes_nothing(stage: Stage) -> None:
    members = [jwk("k2"), key("k3").as_dict(private=True, kid="k3"), jwk("k1"), {"kty": "EC"}, jwk("k2")]
    body = {"jwks": {"keys": members}, "dry_run": True, "assertion": assertion("k2")}
    answer = (await stage.call().post("/partner/clients/key-app/keys", json=body)).json()
    assert [each.get("reason") for each in answer["keys"]] == [
        None,
        "private-key",
        "known-kid",
        "unreadable-key",
        "repeated-kid",
    ]
    assert answer["keys"][0] == {"kid": "k2", "alg": "ES256", "usable": True}
    assert (answer["assertion"], answer["changed"]) == ({"accepted": True}, False)
    assert [each.kid for each in (await stage.client("key-app")).keys] == ["k1"]
    assert stage.entries() == []


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (assertion("k3"), "assertion-key-unknown"),
        (assertion("k2", aud=["x"]), "assertion-audience"),
        (assertion("k2", exp=NOW_S + 301), "assertion-lifetime"),
        (assertion("k2", sub="other"), "assertion-issuer"),
        ("x", "assertion-malformed"),
    ],
)
async def test_an_assertion_that_would_be_refused_is_told_the_precise_reason_in_both_languages(
    stage: Stage, made: str, reason: str
) -> None:
    body = {"jwks": {"keys": [jwk("k2")]}, "dry_run": True, "assertion": made}
    said = {}
    for language in ("en", "zh"):
        answer = await stage.call().post(
            "/partner/clients/key-app/keys", json=body, headers={"accept-language": language}
        )
        told = answer.json()["assertion"]
        assert (told["accepted"], told["reason"]) == (False, reason)
        said[language] = told["detail"]
    assert said["en"] != said["zh"]
    refused = await stage.call().post("/partner/clients/key-app/keys", json=body | {"dry_run": False})
    assert (refused.status_code, refused.json()["type"]) == (422, "/problems/credential-invalid")
    assert [each.kid for each in (await stage.client("key-app")).keys] == ["k1"]


async def test_a_key_is_added_beside_the_old_one_and_the_old_one_removed_but_not_the_last(stage: Stage) -> None:
    call = stage.call()
    answer = await call.post("/partner/clients/key-app/keys", json={"jwks": {"keys": [jwk("a/b")]}, "overlap_days": 3})
    assert answer.status_code == 201
    shown = {each["id"]: each["expires"] for each in answer.json()["credentials"]}
    assert shown == {"k1": "2027-01-18T08:00:00Z", "a/b": None}
    assert (await call.delete("/partner/clients/key-app/keys/k1")).status_code == 200
    last = await call.delete("/partner/clients/key-app/keys/a%2Fb")
    assert (last.status_code, last.json()["type"]) == (409, "/problems/credential-state")
    assert (await call.delete("/partner/clients/key-app/keys/k1")).status_code == 404
    assert stage.entries() == [
        ("client-key-added", "key-app a/b", "swift"),
        ("client-key-removed", "key-app k1", "swift"),
    ]


async def test_keys_are_taken_from_a_url_when_there_are_some(stage: Stage) -> None:
    call, body = stage.call(), {"url": "https://keys.swift.example/jwks"}
    ended = ClientKey("k0", "ES256", "{}", NOW_S)
    for published, reason in (
        (FetchFault("keys-private"), "keys-private"),
        (FetchedKeys(()), "keys-none"),
        (FetchedKeys((ended,)), "keys-ended"),
    ):
        stage.published = published
        refused = await call.put("/partner/clients/key-app/jwks-url", json=body)
        assert (refused.status_code, refused.json()["errors"][0]["code"]) == (422, reason)
    found = read_public_keys({"keys": [jwk("k9")]}, NOW_S)
    assert isinstance(found, tuple)
    stage.published = FetchedKeys(found)
    rehearsed = await call.put("/partner/clients/key-app/jwks-url", json=body | {"dry_run": True})
    assert rehearsed.json() == {"keys": [{"kid": "k9", "alg": "ES256", "usable": True}], "changed": False}
    assert (await stage.client("key-app")).jwks_url == ""
    done = await call.put("/partner/clients/key-app/jwks-url", json=body)
    assert [(each["kind"], each["id"]) for each in done.json()["credentials"]] == [("jwks_url", body["url"])]
    assert stage.entries() == [("client-key-added", "key-app jwks_url", "swift")]
    asked = len(stage.asked)
    for language, said in (("en", "https://"), ("zh", "网址须以")):
        headers = {"Accept-Language": language}
        none = await call.put("/partner/clients/key-app/jwks-url", json={"url": "ftp://x"}, headers=headers)
        assert (none.status_code, said in none.json()["errors"][0]["detail"]) == (422, True)
    assert len(stage.asked) == asked


async def test_a_partner_cannot_make_the_gateway_fetch_as_often_as_it_likes(stage: Stage) -> None:
    call, body = stage.call(), {"url": "https://somebody.example/jwks", "dry_run": True}
    answers = [await call.put("/partner/clients/key-app/jwks-url", json=body) for _ in range(TIMES + 1)]
    assert [each.status_code for each in answers] == [422] * TIMES + [429]
    assert (answers[-1].headers["retry-after"], len(stage.asked)) == ("60", TIMES)
    stage.now_s += WITHIN_S
    assert (await call.put("/partner/clients/key-app/jwks-url", json=body)).status_code == 422


async def test_a_name_with_a_character_that_no_name_has_is_not_looked_up(stage: Stage) -> None:
    assert (await stage.call().get("/partner/clients/key%00app")).status_code == 404


async def test_a_certificate_is_rehearsed_added_and_removed(stage: Stage) -> None:
    call, path = stage.call(), "/partner/clients/tls-app/certificates"
    rehearsed = (await call.post(path, json={"pem": certificate("second"), "dry_run": True})).json()
    assert (rehearsed["certificate"]["usable"], rehearsed["changed"]) == (True, False)
    added = await call.post(path, json={"pem": certificate("second"), "overlap_days": 7})
    assert added.status_code == 201
    ends = [each["expires"] for each in added.json()["credentials"]]
    assert sorted(ends) == ["2027-01-22T08:00:00Z", "2028-01-15T08:00:00Z"]
    again = await call.post(path, json={"pem": certificate("second")})
    assert (again.status_code, again.json()["errors"][0]["code"]) == (422, "known-certificate")
    first = next(each["id"] for each in added.json()["credentials"] if each["expires"] == "2027-01-22T08:00:00Z")
    assert (await call.delete(f"{path}/{first}")).status_code == 200
    assert [event for event, _, _ in stage.entries()] == ["client-certificate-added", "client-certificate-removed"]
    other = await call.post("/partner/clients/key-app/certificates", json={"pem": certificate("second")})
    assert (other.status_code, other.json()["type"]) == (422, "/problems/credential-invalid")


async def test_a_secret_is_rotated_with_an_overlap_and_shown_once(stage: Stage) -> None:
    call, path = stage.call("swift/secret-app/none/partner"), "/partner/clients/secret-app/secrets"
    made = await call.post(path, json={"overlap_s": DAY_S})
    assert made.status_code == 201
    pepper, secret = await load_pepper(stage.store, NOW_S), made.json()["client_secret"]
    client = await stage.client("secret-app")
    assert digest_of(secret, pepper) in [each.digest for each in client.secrets]
    assert sorted(each.expires_s or 0 for each in client.secrets) == [0, NOW_S + DAY_S]
    assert secret not in (await call.get("/partner/clients")).text
    third = await call.post(path)
    assert (third.status_code, third.json()["type"]) == (409, "/problems/credential-state")
    assert (await call.post(path, json={"overlap_s": 30 * DAY_S})).status_code == 422
    first = next(each["id"] for each in made.json()["credentials"] if each["id"] != made.json()["id"])
    assert (await call.delete(f"{path}/{first}")).status_code == 200
    assert (await call.delete(f"{path}/{made.json()['id']}")).status_code == 409
    assert (await call.delete(f"{path}/x")).status_code == 404
    assert stage.entries() == [
        ("client-secret-added", "secret-app", "swift"),
        ("client-secret-removed", "secret-app", "swift"),
    ]
    written = b"".join(each.read_bytes() for each in (stage.folder / "log").rglob("*.seg"))
    assert secret.encode() not in written


async def test_all_tokens_of_a_client_are_revoked(stage: Stage) -> None:
    answer = await stage.call().post("/partner/clients/secret-app/revocations")
    assert answer.json()["tokens_revoked_until"] == "2027-01-15T08:00:00Z"
    assert (await stage.client("secret-app")).epoch_s == NOW_S
    assert stage.entries() == [("client-tokens-revoked", "secret-app", "swift")]


@pytest.mark.parametrize(
    ("token", "client", "code", "clause"),
    [
        ("swift/key-app/dpop/shipments:read", "key-app", "insufficient-scope", None),
        ("swift/key-app/none/partner", "key-app", "authentication-not-admitted", "2.2"),
        ("swift/secret-app/dpop/partner", "secret-app", "authentication-not-admitted", "2.2"),
    ],
)
async def test_a_token_that_is_weaker_than_the_agreement_asks_changes_nothing(
    stage: Stage, token: str, client: str, code: str, clause: str | None
) -> None:
    stage.own = BOUND_RIGHT
    for path in ("revocations", "keys", "secrets"):
        answer = await stage.call(token).post(f"/partner/clients/{client}/{path}", json={})
        assert (answer.status_code, answer.json()["type"]) == (403, f"/problems/{code}")
        assert answer.json().get("clause", {}).get("id") == clause
    if code == "insufficient-scope":
        assert answer.headers["www-authenticate"] == 'DPoP error="insufficient_scope", scope="partner"'
    assert (await stage.call(token).get(f"/partner/clients/{client}")).status_code == 200
    assert stage.entries() == []


async def test_a_client_with_a_secret_does_not_change_a_stronger_one_whatever_agreements_say(stage: Stage) -> None:
    call = stage.call("swift/secret-app/none/partner")
    answer = await call.post("/partner/clients/key-app/keys", json={"jwks": {"keys": [jwk("k2")]}})
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/authentication-not-admitted")
    assert (await call.post("/partner/clients/secret-app/revocations")).status_code == 200


async def test_without_the_log_nothing_is_changed(stage: Stage) -> None:
    stage.writer.close()
    answer = await stage.call().post("/partner/clients/key-app/keys", json={"jwks": {"keys": [jwk("k2")]}})
    assert (answer.status_code, answer.json()["type"]) == (503, "/problems/log-unavailable")
    assert [each.kid for each in (await stage.client("key-app")).keys] == ["k1"]


_JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text(max_size=20),
    lambda each: some.lists(each, max_size=3) | some.dictionaries(some.text(max_size=8), each, max_size=3),
    max_leaves=6,
)
_BODIES = some.fixed_dictionaries(
    {},
    optional={
        "jwks": _JSON | some.fixed_dictionaries({"keys": some.lists(_JSON | some.just(jwk("k2")), max_size=9)}),
        "pem": _JSON,
        "url": _JSON | some.just("https://keys.example/"),
        "assertion": _JSON,
        "overlap_s": _JSON,
        "overlap_days": some.integers(),
        "dry_run": some.booleans(),
    },
)
_PATHS = some.sampled_from(["POST keys", "PUT jwks-url", "POST certificates", "POST secrets", "DELETE keys/x"])


async def test_nothing_that_is_sent_is_a_fault_of_ours(stage: Stage) -> None:
    call = stage.call()

    @looking(max_examples=25)
    @given(_PATHS, some.sampled_from(["key-app", "tls-app", "secret-app", "none"]), _BODIES)
    async def sent(what: str, client: str, body: Any) -> None:
        method, path = what.split()
        answer = await call.request(method, f"/partner/clients/{client}/{path}", json=body)
        assert answer.status_code in {200, 201, 404, 409, 422}, answer.text

    loop = asyncio.get_running_loop()
    looked: Any = sent
    inner = looked.hypothesis.inner_test

    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run_coroutine_threadsafe(inner(*args, **kwargs), loop).result(30)

    looked.hypothesis.inner_test = run
    await asyncio.to_thread(sent)
