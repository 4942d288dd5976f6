"""Revocation (RFC 7009): a client ends a token of its own; nobody learns from it which tokens there are."""

import asyncio
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from contracts.agreement import HUB
from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.authority_record import AuthorityError
from gateway.identity import announces_revoked
from gateway.oauth.grant import Grant
from gateway.oauth.verify import TokenVerifier
from gateway.store.clients import Client
from gateway.store.revocations import Revocations
from gateway.store.store import Store
from tests.unit.audit.doubles import opened
from tests.unit.oauth.asking import asserted, by_secret, incoming, said, token_of
from tests.unit.oauth.stage import NOW_S, Stage, assertion, in_silence

SWIFT = "swift-logistics-app"


async def revoke(stage: Stage, client_id: str, token: str, **form: str) -> None:
    parameters = {"token": token, **form}
    if client_id in stage.secrets:
        asked = incoming(parameters, [by_secret(stage, client_id)])
    else:
        asked = incoming(parameters | asserted(assertion(stage, client_id)))
    answer = await stage.server.revoke(asked)
    assert (answer.status, answer.body) == (200, b"")
    assert ("Cache-Control", "no-store") in answer.headers


def is_good(verifier: TokenVerifier, token: str) -> bool:
    return isinstance(verifier.verify(f"Bearer {token}".encode(), NOW_S), Grant)


async def test_a_revoked_token_is_refused_and_the_others_of_the_client_are_not(stage: Stage) -> None:
    token, other = await token_of(stage, SWIFT), await token_of(stage, SWIFT)
    assert is_good(stage.verifier, token)  # and is remembered
    await revoke(stage, SWIFT, token)
    asked = incoming({"token": token}, [by_secret(stage, SWIFT)])
    assert said(await stage.server.introspect(asked)) == {"active": False}, "at once: the store is asked"
    await stage.refresh()
    assert [is_good(stage.verifier, each) for each in (token, other)] == [False, True]


async def test_again_is_as_good_as_once_and_a_wrong_hint_does_not_matter(stage: Stage) -> None:
    token = await token_of(stage, SWIFT)
    await revoke(stage, SWIFT, token, token_type_hint="refresh_token")
    await revoke(stage, SWIFT, token, token_type_hint="no-such-type")
    await stage.refresh()
    assert not is_good(stage.verifier, token)


@pytest.mark.parametrize("token", ["nonsense", "a.b.c", "é", "x" * 10_000])
async def test_what_is_no_token_is_revoked_by_doing_nothing(stage: Stage, token: str) -> None:
    await revoke(stage, SWIFT, token)
    assert await Revocations(stage.store).live(int(NOW_S)) == frozenset()


async def test_nobody_ends_a_token_of_somebody_else(stage: Stage) -> None:
    token = await token_of(stage, SWIFT)
    another_clients = await token_of(stage, "harbor-bank-eddsa")
    for each in (token, another_clients):
        await revoke(stage, "harbor-bank-app", each)
    await stage.refresh()
    assert [is_good(stage.verifier, each) for each in (token, another_clients)] == [True, True]


async def test_a_token_that_was_forged_revokes_nothing(stage: Stage) -> None:
    token = await token_of(stage, SWIFT)
    await revoke(stage, SWIFT, token[:-4] + "AAAA")
    await stage.refresh()
    assert is_good(stage.verifier, token)


async def test_a_client_has_to_say_who_it_is(stage: Stage) -> None:
    token = await token_of(stage, SWIFT)
    answer = await stage.server.revoke(incoming({"token": token}, [by_secret(stage, SWIFT, "wrong")]))
    assert (answer.status, said(answer)["error"]) == (401, "invalid_client")
    await stage.refresh()
    assert is_good(stage.verifier, token)


async def test_a_store_that_is_gone_is_said_to_be_a_pause_and_not_a_success(stage: Stage) -> None:
    token = await token_of(stage, SWIFT)
    async with stage.store.write() as connection:
        await connection.exec_driver_sql("ALTER TABLE revoked_tokens RENAME TO gone")
    answer = await stage.server.revoke(incoming({"token": token}, [by_secret(stage, SWIFT)]))
    assert (answer.status, said(answer)["error"]) == (503, "temporarily_unavailable")


async def test_a_revocation_is_kept_for_as_long_as_the_token_could_be_used(stage: Stage) -> None:
    revocations = Revocations(stage.store)
    await revoke(stage, SWIFT, await token_of(stage, SWIFT))
    now_s = int(NOW_S)
    assert len(await revocations.live(now_s + 300)) == 1, "a clock that runs behind still takes the token"
    assert await revocations.live(now_s + 310) == frozenset()
    assert await rows(stage) == 1
    await revocations.revoke("another", SWIFT, now_s + 900, now_s + 310, in_silence)
    assert await rows(stage) == 1, "what has ended goes when the next one comes"


async def test_it_is_announced_once_for_each_token_however_often_it_is_asked_for(stage: Stage) -> None:
    token, other = await token_of(stage, SWIFT), await token_of(stage, SWIFT)
    for each in (token, token, other, token):
        await revoke(stage, SWIFT, each)
    assert stage.announced.told == [(SWIFT, token_id(stage, each)) for each in (token, other)]


async def test_what_ends_nothing_is_not_announced(stage: Stage) -> None:
    token, ended = await token_of(stage, SWIFT), await token_of(stage, "harbor-bank-eddsa")
    await revoke(stage, "harbor-bank-app", token)
    await revoke(stage, SWIFT, token[:-4] + "AAAA")
    await revoke(stage, SWIFT, "nonsense")
    stage.clock.now_s += 301
    await revoke(stage, "harbor-bank-eddsa", ended)
    assert (stage.announced.told, await rows(stage)) == ([], 0)


async def test_while_the_log_is_closed_it_is_put_off_and_the_token_goes_on(stage: Stage) -> None:
    token = await token_of(stage, SWIFT)
    stage.announced.closed = True
    with capture_logs() as logged:
        answer = await stage.server.revoke(incoming({"token": token}, [by_secret(stage, SWIFT)]))
    assert [each["event"] for each in logged] == ["log unavailable"]
    assert token not in str(logged)
    assert (answer.status, said(answer)["error"]) == (503, "temporarily_unavailable")
    assert "Retry-After" in dict(answer.headers)
    await stage.refresh()
    assert is_good(stage.verifier, token)
    stage.announced.closed = False
    await revoke(stage, SWIFT, token)
    assert len(stage.announced.told) == 1
    await stage.refresh()
    assert not is_good(stage.verifier, token)


async def test_nobody_sees_it_revoked_before_it_is_announced(stage: Stage) -> None:
    revocations, seen = Revocations(stage.store), list[bool]()

    async def announce() -> None:
        seen.append(await revocations.is_revoked("one"))

    await revocations.revoke("one", SWIFT, int(NOW_S) + 300, int(NOW_S), announce)
    assert (seen, await revocations.is_revoked("one")) == ([False], True)


async def test_of_several_processes_that_revoke_it_at_once_one_announces_it(stage: Stage) -> None:
    stores = [await Store.open(f"sqlite:///{stage.store.place}") for _ in range(2)]
    announced = list[int]()

    async def revoked(number: int) -> None:
        async def announce() -> None:
            announced.append(number)
            await asyncio.sleep(0)

        await Revocations(stores[number % 2]).revoke("one", SWIFT, int(NOW_S) + 300, int(NOW_S), announce)

    await asyncio.gather(*map(revoked, range(8)))
    assert len(announced) == 1
    for store in stores:
        await store.close()


@pytest.mark.parametrize(("partner", "tree"), [("swift-logistics", "swift-logistics"), (HUB, "")])
async def test_it_is_on_the_log_of_its_partner_and_one_of_the_hubs_own_on_none(
    tmp_path: Path, partner: str, tree: str
) -> None:
    writer = opened(tmp_path / "log")
    announce = announces_revoked(writer)
    client = Client("an-app", partner, "client_secret_basic", 0, False, 0)
    await announce(client, "jti-1")
    writer.close()
    with pytest.raises(AuthorityError):
        await announce(client, "jti-2")
    told = [(each.event, each.subject, each.partner) for each in read_as(tmp_path / "log", Authority)]
    assert told == [("token-revoked", "an-app jti-1", tree)]


def token_id(stage: Stage, token: str) -> str:
    grant = stage.verifier.verify(f"Bearer {token}".encode(), NOW_S)
    assert isinstance(grant, Grant)
    return grant.token_id


async def rows(stage: Stage) -> int:
    async with stage.store.read() as connection:
        return int((await connection.exec_driver_sql("SELECT count(*) FROM revoked_tokens")).scalar_one())
