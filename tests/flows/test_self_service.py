"""A partner changes a key without an outage: rehearses it, adds it, uses it, and asks why it was refused."""

import json
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from joserfc.jwk import ECKey, Key
from msgspec.json import encode

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from tests.flows.backend import backend
from tests.flows.demo import clausegate, until
from tests.flows.hub import Gateway, Hub, hub
from tests.unit.credentials.stage import DAY_S, certificate
from tests.unit.oauth.stage import signed

ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


def assertion(issuer: str, key: Key, kid: str, jti: str, lifetime_s: int = 60) -> str:
    now_s = int(time.time())
    claims = {"iss": "dev-app", "sub": "dev-app", "aud": issuer, "iat": now_s, "exp": now_s + lifetime_s, "jti": jti}
    return signed({"alg": "ES256", "kid": kid, "typ": "client-authentication+jwt"}, encode(claims), key)


def asked(gateway: Gateway, text: str) -> httpx.Response:
    form = {"grant_type": "client_credentials", "resource": gateway.url}
    form |= {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text}
    return httpx.post(f"{gateway.url}/oauth/token", data=form, timeout=30)


def jwks(key: Key, kid: str) -> dict[str, Any]:
    return {"keys": [key.as_dict(private=False, kid=kid)]}


def registered(running: Hub, folder: Path, key: Key) -> None:
    """dev-app with a key, and soon-app with a certificate that ends in six days."""
    (folder / "jwks.json").write_text(json.dumps(jwks(key, "k1")))
    now_s = int(time.time())
    (folder / "soon.pem").write_text(certificate("soon", now_s - DAY_S, now_s + 6 * DAY_S))
    for client_id, option, file in (("dev-app", "--jwks", "jwks.json"), ("soon-app", "--certificate", "soon.pem")):
        added = clausegate("client", "add", running.folder, client_id, "--partner", "swift", option, folder / file)
        assert added.returncode == 0, added.stderr


@pytest.mark.slow
def test_a_key_is_changed_without_an_outage_and_a_refusal_is_explained(tmp_path: Path) -> None:
    first, second = ECKey.generate_key("P-256"), ECKey.generate_key("P-256")
    with backend() as records, hub(tmp_path, records.url) as running:
        registered(running, tmp_path, first)
        with running.serving() as gateway:
            answer = asked(gateway, assertion(gateway.url, first, "k1", "a-1"))
            assert answer.status_code == 200, answer.text
            headers = {"authorization": f"Bearer {answer.json()['access_token']}", "accept-language": "en"}
            with httpx.Client(base_url=gateway.url, headers=headers, timeout=30) as developer:
                _is_told_why(gateway, developer, running, assertion(gateway.url, first, "k1", "a-2", 301))
                _changes_its_key(gateway, developer, first, second)
            log = running.log

            def told() -> bool:
                return any(
                    entry.event == "credential-expiring" and entry.subject.startswith("soon-app certificate")
                    for entry in read_as(log, Authority)
                )

            until(told)


def _is_told_why(gateway: Gateway, developer: httpx.Client, running: Hub, wrong: str) -> None:
    refused = asked(gateway, wrong)
    assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
    request_id = refused.headers["x-request-id"]
    shown = developer.get(f"/partner/refusals/{request_id}").json()
    assert (shown["door"], shown["client_id"], shown["reason"]) == ("token", "dev-app", "assertion-lifetime")
    assert developer.get("/partner/refusals").json()["refusals"][0]["request_id"] == request_id
    said = clausegate("why", running.folder, request_id, "--lang", "en")
    assert (said.returncode, "more than 5 minutes after its `iat`" in said.stdout) == (0, True), said
    assert wrong not in said.stdout + json.dumps(shown)


def _changes_its_key(gateway: Gateway, developer: httpx.Client, first: Key, second: Key) -> None:
    keys, made = "/partner/clients/dev-app/keys", assertion(gateway.url, second, "k2", "a-3")
    assert asked(gateway, made).status_code == 401
    body = {"jwks": jwks(second, "k2"), "assertion": made}
    rehearsed = developer.post(keys, json=body | {"dry_run": True}).json()
    assert (rehearsed["keys"][0]["usable"], rehearsed["assertion"]["accepted"]) == (True, True), rehearsed
    assert asked(gateway, made).status_code == 401
    assert developer.post(keys, json=body).status_code == 201
    assert asked(gateway, made).status_code == 200
    assert asked(gateway, assertion(gateway.url, first, "k1", "a-4")).status_code == 200
    assert developer.delete(f"{keys}/k1").status_code == 200
    assert asked(gateway, assertion(gateway.url, first, "k1", "a-5")).status_code == 401
    (held,) = developer.get("/partner/clients/dev-app").json()["credentials"]
    assert (held["id"], held["last_used"] is not None) == ("k2", True)
    assert developer.post("/partner/clients/dev-app/revocations").status_code == 200
    until(lambda: developer.get("/partner/clients").status_code == 401)
