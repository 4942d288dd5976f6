"""Answers signed on request: another implementation verifies them, and nobody pays for what was not asked for."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from http_message_signatures import InvalidSignature
from joserfc.jwk import ECKey

from gateway.exchange.signing import Answers
from gateway.oauth.grant import Rejected
from gateway.oauth.keys import Signer
from tests.unit.exchange.stage import MIDSUMMER_2026_US, Reply, Stage, said
from tests.unit.exchange.wares import WARES, ware, wares
from tests.unit.signatures.partner import BASE_URL, Partner, read_answer

NOW_S = MIDSUMMER_2026_US // 1_000_000
KEY = ECKey.generate_key("P-256")
SIGNER = Signer("hub-1", KEY)
PUBLISHED: Mapping[str, Any] = {"hub-1": KEY.public_key}
ASK = "sig=();created"
REQUIRED = (
    "@status",
    "content-digest",
    "content-type",
    "clausegate-receipt",
    "clausegate-agreement",
    "x-request-id",
    '"@method";req',
    '"@target-uri";req',
)


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    made = Stage(tmp_path / "log", wares(), sign=Answers(BASE_URL, lambda: SIGNER, lambda: NOW_S).sign)
    made.grant = WARES
    made.adapter.says = said(ware())
    return made


async def get(stage: Stage, accept: str = ASK, **headers: str) -> Reply:
    return await stage.get("/v1/wares/W-1", accept_signature=accept, **headers)


def covered(reply: Reply, required: tuple[str, ...] = REQUIRED, **headers: str) -> dict[str, str]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return read_answer(PUBLISHED, ("GET", "/v1/wares/W-1", sent), (reply.status, reply.headers, reply.body), required)


async def test_another_implementation_verifies_it_against_the_published_key(stage: Stage) -> None:
    reply = await get(stage)
    found = covered(reply)
    assert found['"@status"'] == "200"
    assert found['"@target-uri";req'] == f"{BASE_URL}/v1/wares/W-1"
    assert found['"clausegate-receipt"'] == reply.headers["clausegate-receipt"]
    assert reply.headers["signature-input"].endswith(
        f';created={NOW_S};keyid="hub-1";alg="ecdsa-p256-sha256";tag="clausegate"'
    )


@pytest.mark.parametrize("name", ["clausegate-receipt", "content-digest", "content-type", "x-request-id"])
async def test_an_answer_that_was_changed_on_the_way_does_not_verify(stage: Stage, name: str) -> None:
    reply = await get(stage)
    for headers, body in ((reply.headers, reply.body + b" "), ({**reply.headers, name: "x"}, reply.body)):
        with pytest.raises(InvalidSignature):
            covered(Reply(reply.status, headers, body))
    with pytest.raises(InvalidSignature):
        covered(Reply(204, reply.headers, reply.body))


async def test_an_answer_of_another_request_does_not_verify(stage: Stage) -> None:
    reply = await get(stage)
    with pytest.raises(InvalidSignature):
        read_answer(PUBLISHED, ("GET", "/v1/wares/W-2", {}), (reply.status, reply.headers, reply.body), REQUIRED)


async def test_refusals_are_signed_as_data_are(stage: Stage) -> None:
    stage.adapter.says = said({}, 404)
    reply = await get(stage)
    assert reply.status == 404
    assert covered(reply)['"content-type"'] == "application/problem+json"


async def test_the_digest_is_of_the_bytes_that_are_sent(stage: Stage) -> None:
    stage.adapter.says = said(ware(name="张" * 1000))
    reply = await get(stage, accept_encoding="gzip")
    assert reply.headers["content-encoding"] == "gzip"
    assert json.loads(gzip.decompress(reply.body))["id"] == "W-1"
    assert '"content-encoding"' in covered(reply, (*REQUIRED, "content-encoding"))


@pytest.mark.parametrize("method", ["HEAD"])
async def test_an_answer_without_a_body_has_the_digest_of_none(stage: Stage, method: str) -> None:
    reply = await stage.get("/v1/wares/W-1", method, accept_signature=ASK)
    assert reply.headers["content-digest"] == "sha-256=:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=:"
    read_answer(PUBLISHED, ("HEAD", "/v1/wares/W-1", {}), (200, reply.headers, b""), REQUIRED)


async def test_the_answer_to_a_signed_request_covers_that_signature_and_its_digest(stage: Stage) -> None:
    partner = Partner("EdDSA", now_s=NOW_S)
    sent = partner.sign("GET", "/v1/wares/W-1", {"authorization": "Bearer x"}, b"")
    headers = {name.replace("-", "_"): value for name, value in sent.items()}
    reply = await get(stage, **headers)
    found = covered(reply, (*REQUIRED, '"signature";req', '"content-digest";req'), **headers)
    assert found['"signature";req'] == sent["signature"]


async def test_a_nonce_and_the_label_are_the_callers_and_what_it_asks_for_is_covered_too(stage: Stage) -> None:
    reply = await get(stage, 'mine=("etag" "@path";req);created;keyid="hub-1";nonce="n-1";tag="clausegate"')
    assert reply.headers["signature"].startswith("mine=:")
    assert 'nonce="n-1"' in reply.headers["signature-input"]
    found = covered(reply, (*REQUIRED, "etag", '"@path";req'))
    assert (found['"etag"'], found['"@path";req']) == (reply.headers["etag"], "/v1/wares/W-1")


async def test_once_another_key_signs_it_signs_answers_too(tmp_path: Path) -> None:
    following = ECKey.generate_key("P-256")
    active = [SIGNER]
    stage = Stage(tmp_path / "log", wares(), sign=Answers(BASE_URL, lambda: active[-1], lambda: NOW_S).sign)
    stage.grant = WARES
    active.append(Signer("hub-2", following))
    reply = await get(stage, 'old=();keyid="hub-1", new=();created')
    assert reply.headers["signature"].startswith("new=:")
    answer = (reply.status, reply.headers, reply.body)
    assert read_answer({"hub-2": following.public_key}, ("GET", "/v1/wares/W-1", {}), answer, ("@status",))


async def test_of_several_wishes_the_first_that_can_be_met_is(stage: Stage) -> None:
    reply = await get(stage, 'a=();alg="ed25519", b=();created, c=();created')
    assert reply.headers["signature"].startswith("b=:")


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "sig",
        "sig=1",
        'sig=("x-nothing");created',
        'sig=("@method");created',
        'sig=("authorization";req);created',
        'sig=("@status";req);created',
        'sig=("@query-param";req;name="x");created',
        'sig=("content-digest";sf);created',
        'sig=();keyid="other"',
        'sig=();alg="ed25519"',
        'sig=();tag="other"',
        "sig=();expires",
        "sig=();created=?0",
        "sig=();nonce",
        f'sig=();nonce="{"n" * 257}"',
        "sig=();created;x=1",
        "sig=();created, sig=();created",
        "\x00",
    ],
)
async def test_a_wish_that_is_not_written_rightly_or_cannot_be_met_is_passed_over(stage: Stage, accept: str) -> None:
    reply = await get(stage, accept, authorization="Bearer x")
    assert reply.status == 200
    assert not {"signature", "signature-input", "content-digest"} & reply.headers.keys()


async def test_nothing_is_signed_that_nobody_asked_for(stage: Stage) -> None:
    reply = await stage.get("/v1/wares/W-1")
    assert not {"signature", "signature-input", "content-digest"} & reply.headers.keys()


async def test_nothing_is_signed_for_somebody_whom_nobody_knows(stage: Stage) -> None:
    """Else anybody could let the gateway work."""
    stage.grant = Rejected("", "missing-token")
    reply = await get(stage)
    assert (reply.status, "signature" in reply.headers) == (401, False)


async def test_an_export_is_not_signed_for_its_digest_is_not_known_when_it_begins(stage: Stage) -> None:
    stage.adapter.says = said({"data": [ware()]})
    reply = await stage.get("/v1/wares", accept="text/csv", accept_signature=ASK)
    assert (reply.status, "signature" in reply.headers) == (200, False)
