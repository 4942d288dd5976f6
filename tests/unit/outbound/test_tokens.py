"""Tokens of a partner's authorization server, over sockets: kept, renewed, dropped, and in no message."""

import base64
import logging
from pathlib import Path

import pytest
import structlog
from joserfc import jwt
from joserfc.jwk import ECKey

from gateway.outbound.tokens import TokenFault, TokenSource
from tests.unit.outbound.partner_api import Reply, says
from tests.unit.outbound.stage import staged, together

SECRET = "s3cr3t-of-the-hub"
BASIC = {"auth": "client_secret_basic", "client_id": "hub", "client_secret": SECRET}
GOOD = says({"price": "12.50"})


async def test_one_token_serves_many_calls_that_come_at_once(tmp_path: Path) -> None:
    async with staged(tmp_path, **BASIC, scope="quotes") as stage:
        stage.api.usual["/quotes"] = GOOD
        assert {one.status for one in await together(*(stage.quote() for _ in range(8)))} == {200}
        assert stage.api.paths().count("/token") == 1
        asked, *calls = stage.api.got
        assert asked.headers["authorization"] == "Basic " + base64.b64encode(f"hub:{SECRET}".encode()).decode()
        assert asked.body == b"grant_type=client_credentials&scope=quotes"
        assert {call.headers["authorization"] for call in calls} == {"Bearer token-1"}


async def test_what_the_token_is_for_is_said_where_the_partner_wants_to_know(tmp_path: Path) -> None:
    async with staged(tmp_path, **BASIC, resource="https://api.bank.example/v1") as stage:
        stage.api.usual["/quotes"] = GOOD
        stage.api.first["/quotes"] = [says({}, 401)]
        assert (await stage.quote()).status == 200
        asked = [each.body for each in stage.api.got if each.target == "/token"]
        assert asked == [b"grant_type=client_credentials&resource=https%3A%2F%2Fapi.bank.example%2Fv1"] * 2


async def test_a_token_that_is_not_taken_any_more_is_replaced_once_also_for_a_change(tmp_path: Path) -> None:
    async with staged(tmp_path, **BASIC) as stage:
        stage.api.first["/quotes"] = [says({}, 401)]
        stage.api.usual["/quotes"] = GOOD
        assert (await stage.quote()).status == 200
        assert stage.api.paths() == ["/token", "/quotes", "/token", "/quotes"]
        assert stage.api.got[-1].headers["authorization"] == "Bearer token-2"
        stage.api.usual["/quotes"] = says({}, 401)
        assert (await stage.quote()).status == 502
        assert stage.api.paths()[4:] == ["/quotes", "/token", "/quotes"]


@pytest.mark.parametrize(
    ("reply", "status", "attempts"),
    [
        (says({"error": "invalid_client", "error_description": SECRET}, 401), 502, 0),
        (says({"access_token": "x"}), 502, 0),
        (says({"access_token": "x\r\ny", "token_type": "Bearer"}), 502, 0),
        (says({"access_token": "x", "token_type": "mac"}), 502, 0),
        (Reply(body=b"x" * 70_000), 502, 0),
        (says({}, 302, Location="http://elsewhere.example/"), 502, 0),
        (Reply(stall=True), 504, 1),
    ],
)
async def test_without_a_token_the_partner_is_not_called(
    tmp_path: Path, reply: Reply, status: int, attempts: int
) -> None:
    async with staged(tmp_path, **BASIC, timeout_ms=300, connect_timeout_ms=100) as stage:
        stage.api.usual |= {"/token": reply, "/quotes": GOOD}
        told = await stage.quote()
        assert told.status == status
        assert "/quotes" not in stage.api.paths()
        assert stage.calls()[0].attempts == attempts
        assert SECRET.encode() not in told.body


async def test_a_private_key_signs_what_the_token_endpoint_gets(tmp_path: Path) -> None:
    key = ECKey.generate_key("P-256")
    file = tmp_path / "key.pem"
    file.write_bytes(key.as_pem(private=True))
    mine = {"auth": "private_key_jwt", "client_id": "hub", "private_key_file": str(file)}
    async with staged(tmp_path / "log", **mine) as stage:
        stage.api.usual["/quotes"] = GOOD
        assert (await stage.quote()).status == 200
        form = dict(pair.split("=") for pair in stage.api.got[0].body.decode().split("&"))
        token = jwt.decode(form["client_assertion"], key, algorithms=["ES256"])
        assert (token.claims["iss"], token.claims["sub"]) == ("hub", "hub")
        assert token.claims["aud"] == f"http://127.0.0.1:{stage.api.port}/token"


async def test_user_and_password_go_with_every_request(tmp_path: Path) -> None:
    async with staged(tmp_path, auth="basic", client_id="hub", client_secret=SECRET) as stage:
        stage.api.usual["/quotes"] = GOOD
        assert (await stage.quote()).status == 200
        assert stage.api.got[0].headers["authorization"].startswith("Basic ")


async def test_no_secret_token_or_payload_is_on_any_log_at_any_level(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    async with staged(tmp_path, **BASIC) as stage:
        with structlog.testing.capture_logs() as said:
            stage.api.first["/quotes"] = [says({}, 401), says({"price": "personal-7"}), Reply(after_bytes=0)]
            for _ in range(3):
                await stage.quote()
            stage.api.usual["/token"] = says({"error": SECRET}, 400)
            stage.api.usual["/quotes"] = says({}, 401)
            await stage.quote()
            await stage.ask("GET", "/out/swift/rate?lane=personal-7&weight_kg=1")
        written = str(stage.entries())
        assert len(said) >= 4
        for text in (caplog.text, str(said), written, *capfd.readouterr()):
            assert SECRET not in text
            assert "token-" not in text
            assert "personal-7" not in text
            assert base64.b64encode(f"hub:{SECRET}".encode()).decode() not in text


class Clock:
    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.mark.parametrize(
    ("lifetime_s", "good_s"), [(3600, 3540), (300, 240), (100, 80), (10, 8), (0, 0), (None, 240), ("x", 240)]
)
async def test_a_token_is_renewed_before_it_ends(lifetime_s: object, good_s: float) -> None:
    clock, fetched = Clock(), 0

    async def fetch() -> object:
        nonlocal fetched
        fetched += 1
        said = {} if lifetime_s is None else {"expires_in": lifetime_s}
        return {"access_token": f"t{fetched}", "token_type": "bearer", **said}

    source = TokenSource(fetch, now_s=clock)
    assert await source.token() == "t1"
    clock.now_s += max(good_s - 0.01, 0)
    assert await source.token() == ("t1" if good_s else "t2")
    clock.now_s += 0.02
    assert await source.token() == ("t2" if good_s else "t3")


async def test_a_token_that_was_fetched_since_is_not_dropped_for_an_old_one() -> None:
    fetched = iter(["old", "new", "newer"])

    async def fetch() -> object:
        return {"access_token": next(fetched), "token_type": "Bearer"}

    source = TokenSource(fetch, now_s=Clock())
    assert await source.token() == "old"
    source.drop("old")
    assert await source.token() == "new"
    source.drop("old")
    assert await source.token() == "new"


async def test_whatever_goes_wrong_is_a_value_without_words_of_the_server() -> None:
    async def fetch() -> object:
        raise KeyError(SECRET)

    assert await TokenSource(fetch, now_s=Clock()).token() == TokenFault("refused")
