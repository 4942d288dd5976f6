"""Introspection (RFC 7662): the owner of a token hears what it still gives; of anything else nobody hears anything."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.oauth.incoming import Incoming
from gateway.oauth.keys import rotate_signing_keys
from gateway.store.clients import Clients
from tests.unit.oauth.asking import GRANT, asserted, by_secret, incoming, said, token_of
from tests.unit.oauth.rights import RIGHTS
from tests.unit.oauth.stage import ISSUER, NOW_S, PROOF_KEY, Stage, assertion

SWIFT = "swift-logistics-app"
INACTIVE = {"active": False}


async def introspected(stage: Stage, client_id: str, token: str, **form: str) -> Mapping[str, Any]:
    parameters = {"token": token, **form}
    if client_id in stage.secrets:
        asked = incoming(parameters, [by_secret(stage, client_id)])
    else:
        asked = incoming(parameters | asserted(assertion(stage, client_id)))
    answer = await stage.server.introspect(asked)
    assert answer.status == 200, answer.body
    assert ("Cache-Control", "no-store") in answer.headers
    return said(answer)


async def test_the_owner_hears_all_that_a_token_says(stage: Stage) -> None:
    answer = dict(await introspected(stage, SWIFT, await token_of(stage, SWIFT), token_type_hint="refresh_token"))
    assert len(answer.pop("jti")) >= 16
    assert answer == {
        "active": True,
        "iss": ISSUER,
        "sub": SWIFT,
        "client_id": SWIFT,
        "partner": "swift-logistics",
        "aud": ISSUER,
        "scope": "partner shipments:get shipments:list",
        "iat": int(NOW_S),
        "exp": int(NOW_S) + 300,
        "token_type": "Bearer",
        "tier": "basic",
    }


async def test_of_a_bound_token_it_hears_what_it_is_bound_to_and_of_a_narrowed_one_its_details(stage: Stage) -> None:
    details = '[{"type":"data_contract","agreement":"vault-2026","products":["balances"]}]'
    token = await token_of(stage, "vault-app", authorization_details=details)
    answer = await introspected(stage, "vault-app", token)
    assert (answer["token_type"], answer["tier"]) == ("DPoP", "bound")
    assert answer["cnf"] == {"jkt": PROOF_KEY.thumbprint}
    assert answer["scope"] == "balances:read"
    assert answer["authorization_details"] == [
        {"type": "data_contract", "agreement": "vault-2026", "products": ["balances"], "actions": ["list"]}
    ]


async def test_a_token_that_is_bound_to_a_certificate_names_it(stage: Stage) -> None:
    shown = stage.certificates["vault-own"].shown
    form = GRANT | {"client_id": "vault-own"}
    token = said(await stage.server.token(incoming(form, certificate=shown)))["access_token"]
    asked = incoming({"client_id": "vault-own", "token": token}, certificate=shown)
    answer = said(await stage.server.introspect(asked))
    assert (answer["cnf"], answer["token_type"]) == ({"x5t#S256": shown.thumbprint}, "Bearer")
    assert answer["tier"] == "bound"


async def test_a_foreign_a_forged_and_an_unknown_token_are_told_apart_from_nothing(stage: Stage) -> None:
    token = await token_of(stage, SWIFT)
    assert await introspected(stage, "harbor-bank-app", token) == INACTIVE
    another_clients = await token_of(stage, "harbor-bank-eddsa")
    assert await introspected(stage, "harbor-bank-app", another_clients) == INACTIVE, "of the same partner"
    assert await introspected(stage, SWIFT, "nonsense") == INACTIVE
    assert await introspected(stage, SWIFT, token[:-3] + "AAA") == INACTIVE
    assert await introspected(stage, SWIFT, "é" * 2000) == INACTIVE
    another_kind = assertion(stage, "harbor-bank-app")
    assert await introspected(stage, "harbor-bank-app", another_kind) == INACTIVE


async def test_a_token_ends_in_its_second(stage: Stage) -> None:
    token = await token_of(stage, SWIFT)
    stage.clock.now_s += 299.9
    assert (await introspected(stage, SWIFT, token))["active"] is True
    stage.clock.now_s = NOW_S + 300
    assert await introspected(stage, SWIFT, token) == INACTIVE


async def test_what_was_revoked_together_is_not_active_before_any_worker_follows(stage: Stage) -> None:
    token = await token_of(stage, SWIFT)
    assert await Clients(stage.store).revoke(SWIFT, int(NOW_S))
    assert await introspected(stage, SWIFT, token) == INACTIVE
    assert (await introspected(stage, SWIFT, await token_of(stage, SWIFT)))["active"] is True


async def test_a_token_of_a_key_that_is_no_longer_ours_is_not_active(stage: Stage) -> None:
    token = await token_of(stage, SWIFT)
    await rotate_signing_keys(stage.store, int(NOW_S))
    await stage.refresh()
    assert (await introspected(stage, SWIFT, token))["active"] is True
    await rotate_signing_keys(stage.store, int(NOW_S) + 1000)
    stage.clock.now_s += 1000
    await stage.refresh()
    stage.clock.now_s = NOW_S
    assert await introspected(stage, SWIFT, token) == INACTIVE


async def test_only_what_is_still_given_is_shown(stage: Stage) -> None:
    token = await token_of(stage, SWIFT)
    details = '[{"type":"data_contract","agreement":"swift-2026"}]'
    narrowed = await token_of(stage, SWIFT, authorization_details=details)
    stage.rights["swift-logistics"] = RIGHTS["swift-logistics"][:1]
    assert (await introspected(stage, SWIFT, token))["scope"] == "partner shipments:get"
    assert (await introspected(stage, SWIFT, narrowed))["scope"] == "shipments:get"
    stage.rights["swift-logistics"] = ()  # suspended, or ended
    assert (await introspected(stage, SWIFT, token))["scope"] == "partner"
    assert await introspected(stage, SWIFT, narrowed) == INACTIVE


async def test_a_token_that_another_binding_is_wanted_of_by_now_gives_nothing_of_that(stage: Stage) -> None:
    token = await token_of(stage, SWIFT)
    clauses = RIGHTS["vault-bank"][0].authentication
    stage.rights["swift-logistics"] = tuple(replace(each, authentication=clauses) for each in RIGHTS["swift-logistics"])
    assert (await introspected(stage, SWIFT, token))["scope"] == "partner"


async def test_an_assertion_is_good_once_here_as_well(stage: Stage) -> None:
    text = assertion(stage, "harbor-bank-app")
    asked = incoming({"token": "x"} | asserted(text))
    assert [(await stage.server.introspect(asked)).status, (await stage.server.introspect(asked)).status] == [200, 401]


async def refused(stage: Stage, asked: Incoming) -> tuple[int, str]:
    answer = await stage.server.introspect(asked)
    return answer.status, said(answer)["error"]


async def test_whoever_is_not_authenticated_hears_so(stage: Stage) -> None:
    token = {"token": await token_of(stage, SWIFT)}
    assert await refused(stage, incoming(token)) == (401, "invalid_client")
    assert await refused(stage, incoming(token, [by_secret(stage, SWIFT, "wrong")])) == (401, "invalid_client")
    assert await refused(stage, incoming(token, [b"Bearer " + token["token"].encode()])) == (401, "invalid_client")
    await Clients(stage.store).set_disabled(SWIFT, True, int(NOW_S))
    assert await refused(stage, incoming(token, [by_secret(stage, SWIFT)])) == (401, "invalid_client")


async def test_without_a_token_the_request_is_malformed(stage: Stage) -> None:
    assert await refused(stage, incoming({}, [by_secret(stage, SWIFT)])) == (400, "invalid_request")
    asked = replace(incoming({"token": "a"}, [by_secret(stage, SWIFT)]), body=b"token=a&token=b")
    assert await refused(stage, asked) == (400, "invalid_request")


@pytest.mark.parametrize("table", ["clients", "revoked_tokens"])
async def test_a_store_that_is_gone_is_said_to_be_a_pause(stage: Stage, table: str) -> None:
    token = await token_of(stage, SWIFT)
    async with stage.store.write() as connection:
        await connection.exec_driver_sql(f"ALTER TABLE {table} RENAME TO gone")
    asked = incoming({"token": token}, [by_secret(stage, SWIFT)])
    assert await refused(stage, asked) == (503, "temporarily_unavailable")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300), header=st.none() | st.binary(max_size=60))
def test_nothing_that_is_sent_makes_an_endpoint_fail(stage: Stage, body: bytes, header: bytes | None) -> None:
    asked = replace(incoming({}, [] if header is None else [header]), body=body, proofs=[body])

    async def all_of_them() -> list[int]:
        server = stage.server
        return [(await each(asked)).status for each in (server.token, server.introspect, server.revoke)]

    assert set(asyncio.run(all_of_them())) <= {400, 401}
