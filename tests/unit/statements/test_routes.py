"""/partner/statements: a partner reads its own, answers the latest once, and nobody else's are there."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient, Response
from joserfc import jws
from joserfc.jwk import OKPKey

from gateway.audit.leaf import Authority
from gateway.audit.reader import read_as
from gateway.authority import Administration
from gateway.front_doors import front_doors
from gateway.oauth.clients import read_public_keys
from gateway.oauth.grant import Grant, Rejected
from gateway.oauth.jose import OneAlgorithm
from gateway.oauth.verify import INVALID, MISSING
from gateway.partner.door import PartnerDoor
from gateway.statements.answering import Answering
from gateway.statements.document import Statement, read_statement
from gateway.statements.html import content_security_policy
from gateway.statements.revise import first, following
from gateway.statements.routes import statement_routes
from gateway.store.clients import Client, ClientKey, Clients
from gateway.store.statements import Statements
from tests.unit.exchange.judging import judged_by
from tests.unit.statements.conftest import Told, settings_in
from tests.unit.statements.hub import GivenFacts, computed, outage, settled
from tests.unit.statements.keeping import kept_of

ONE = first(computed(settled(GivenFacts({("5.1", "2026-10"): outage(3, 12)}))))
TWO = following(computed(settled(GivenFacts({}))), ONE)
assert isinstance(TWO, Statement)
AT, PATH = "/partner/statements", f"/partner/statements/{ONE.id}"
SHA = {"sha256": ONE.seal.sha256}
DISPUTE = {"reasons": [{"clause": "5.1", "reason": "The gateway was there.\nOur own logs show it."}]}
KEY = OKPKey.generate_key("Ed25519")
TOKENS = {
    b"Bearer swift": Grant("swift-app", "swift-logistics", "", frozenset(), "", "", 0, 1 << 40),
    b"Bearer other": Grant("bank-app", "harbor-bank", "", frozenset(), "", "", 0, 1 << 40),
}


def _verify(authorization: bytes | None, now_s: float) -> Grant | Rejected:
    return MISSING if authorization is None else TOKENS.get(authorization, INVALID)


@pytest.fixture
async def client(administration: Administration, told: Told) -> AsyncIterator[AsyncClient]:
    async def notify(event: str, partner: str, data: Mapping[str, Any]) -> None:
        told.append((event, partner, data))

    store = administration.store
    keys = read_public_keys({"keys": [KEY.as_dict(private=False, kid="k1")]}, 0)
    assert isinstance(keys, tuple)
    registered: tuple[ClientKey, ...] = keys
    await Clients(store).add(Client("swift-app", "swift-logistics", "private_key_jwt", 1, False, 0, keys=registered))
    await Statements(store).add(kept_of(ONE))
    door = PartnerDoor(judged_by(_verify), now_us=lambda: 1_900_000_000_000_000)
    answering = Answering(store, administration.writer, notify, lambda: 1_900_000_000_000_000)
    app = front_doors(statement_routes(door, Statements(store), answering))
    headers = {"authorization": "Bearer swift"}
    transport = ASGITransport(app)  # type: ignore[arg-type]  # the framework's own types of the same thing
    async with AsyncClient(transport=transport, base_url="http://hub", headers=headers) as made:
        yield made


def recorded(folder: Path) -> list[Authority]:
    return [each for each in read_as(settings_in(folder).log_path(folder), Authority) if "statement" in each.event]


def code(answer: Response) -> tuple[int, str]:
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


async def revise(administration: Administration) -> None:
    assert isinstance(TWO, Statement)
    await Statements(administration.store).add(kept_of(TWO))


def signature(statement: str = ONE.id, sha256: str = ONE.seal.sha256, key: OKPKey = KEY, kid: str = "k1") -> str:
    payload = json.dumps({"statement": statement, "sha256": sha256}).encode()
    return jws.serialize_compact({"alg": "EdDSA", "kid": kid}, payload, key, registry=OneAlgorithm("EdDSA"))


async def test_a_list_names_each_with_its_totals_and_state(client: AsyncClient, administration: Administration) -> None:
    await revise(administration)
    listed = (await client.get(AT)).json()["statements"]
    assert isinstance(TWO, Statement)
    assert [(each["id"], each["state"], each["replaced_by"]) for each in listed] == [
        (TWO.id, "issued", None),
        (ONE.id, "issued", TWO.id),
    ]
    assert listed[1]["net"] == [{"owed_by": "hub", "amount": "2000.00", "currency": "CNY"}]


async def test_one_is_given_as_it_was_sealed(client: AsyncClient) -> None:
    answer = (await client.get(PATH)).json()
    assert read_statement(json.dumps(answer["statement"])) == ONE
    assert (answer["state"], answer["answer"], answer["replaced_by"]) == ("issued", None, None)


@pytest.mark.parametrize("form", ["md", "html", "pdf"])
async def test_people_get_it_in_their_form_and_language(client: AsyncClient, form: str) -> None:
    answer = await client.get(f"{PATH}?format={form}&language=zh")
    begins = {"md": "# 服务水平结算单".encode(), "html": b"<!doctype html>", "pdf": b"%PDF-"}
    assert answer.content.startswith(begins[form])
    assert answer.headers["content-language"] == "zh"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert (answer.headers.get("content-security-policy") == content_security_policy()) == (form == "html")


@pytest.mark.parametrize("query", ["?format=exe", "?language=fr", "?form=pdf", "?format=pdf&format=md"])
async def test_a_query_that_says_something_else_is_refused(client: AsyncClient, query: str) -> None:
    assert code(await client.get(PATH + query)) == (400, "invalid-parameter")


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", PATH, None),
        ("GET", PATH + "?format=pdf", None),
        ("POST", PATH + "/countersign", SHA),
        ("POST", PATH + "/dispute", DISPUTE),
    ],
)
async def test_to_another_partner_it_is_not_there(
    client: AsyncClient, folder: Path, method: str, path: str, body: object
) -> None:
    answer = await client.request(method, path, json=body, headers={"authorization": "Bearer other"})
    unknown = await client.request(method, path.replace(ONE.id, "swift-2026.2026-10.r9"), json=body)
    assert code(answer) == code(unknown) == (404, "statement-not-found")
    assert answer.json()["detail"] == unknown.json()["detail"]
    assert recorded(folder) == []
    assert (await client.get(AT, headers={"authorization": "Bearer other"})).json() == {"statements": []}


async def test_a_countersignature_is_recorded_kept_and_told(client: AsyncClient, folder: Path, told: Told) -> None:
    answer = await client.post(PATH + "/countersign", json=SHA)
    assert (answer.status_code, answer.json()["state"], answer.json()["answered_by"]) == (
        200,
        "countersigned",
        "swift-app",
    )
    (record,) = recorded(folder)
    assert (record.event, record.subject, record.contract) == ("statement-countersigned", ONE.id, ONE.seal.sha256)
    assert len(record.detail) == 64
    assert [(event, partner) for event, partner, _ in told] == [("statement.countersigned", "")]
    assert (await client.get(PATH)).json()["answered"] == datetime.fromtimestamp(1_900_000_000, UTC).isoformat()


async def test_the_same_answer_again_is_answered_the_same_and_recorded_once(client: AsyncClient, folder: Path) -> None:
    first_answer = await client.post(PATH + "/dispute", json=DISPUTE)
    again = await client.post(PATH + "/dispute", json=DISPUTE)
    assert first_answer.json() == again.json()
    assert first_answer.json()["answer"]["reasons"] == DISPUTE["reasons"]
    assert [record.event for record in recorded(folder)] == ["statement-disputed"]


async def test_another_answer_afterwards_is_refused(client: AsyncClient, folder: Path) -> None:
    await client.post(PATH + "/dispute", json=DISPUTE)
    other = {"reasons": [{"clause": "6.1", "reason": "And this."}]}
    assert code(await client.post(PATH + "/countersign", json=SHA)) == (409, "statement-answered")
    assert code(await client.post(PATH + "/dispute", json=other)) == (409, "statement-answered")
    assert len(recorded(folder)) == 1


async def test_of_two_answers_at_once_one_is_taken_and_recorded(client: AsyncClient, folder: Path) -> None:
    answers = await asyncio.gather(
        client.post(PATH + "/countersign", json=SHA),
        client.post(PATH + "/dispute", json=DISPUTE),
        client.post(PATH + "/countersign", json=SHA),
    )
    (record,) = recorded(folder)
    state = (await client.get(PATH)).json()["state"]
    assert record.event == f"statement-{state}"
    assert {answer.status_code for answer in answers} <= {200, 409}
    assert all(answer.json()["state"] == state for answer in answers if answer.status_code == 200)


async def test_only_the_latest_revision_is_answered_but_a_repeat_still_is(
    client: AsyncClient, administration: Administration, folder: Path
) -> None:
    before = await client.post(PATH + "/countersign", json=SHA)
    await revise(administration)
    assert (await client.post(PATH + "/countersign", json=SHA)).json()["answer"] == before.json()["answer"]
    assert code(await client.post(PATH + "/dispute", json=DISPUTE)) == (409, "statement-answered")
    assert len(recorded(folder)) == 1


async def test_a_replaced_one_takes_no_answer(
    client: AsyncClient, administration: Administration, folder: Path
) -> None:
    await revise(administration)
    assert code(await client.post(PATH + "/countersign", json=SHA)) == (409, "statement-answered")
    assert recorded(folder) == []


async def test_the_hash_of_another_text_is_refused(client: AsyncClient, folder: Path) -> None:
    for path, body in (("/countersign", {}), ("/dispute", DISPUTE)):
        answer = await client.post(PATH + path, json={**body, "sha256": "0" * 64})
        assert code(answer) == (409, "statement-answered")
    assert recorded(folder) == []


async def test_a_good_signature_of_a_registered_key_is_kept(client: AsyncClient) -> None:
    answer = await client.post(PATH + "/countersign", json={**SHA, "signature": signature()})
    assert answer.json()["answer"]["kid"] == "k1"


@pytest.mark.parametrize(
    "bad",
    [
        "nonsense",
        signature(sha256="0" * 64),
        signature(statement="swift-2026.2026-11.r1"),
        signature(key=OKPKey.generate_key("Ed25519")),
        signature(kid="k2"),
        signature()[:-4] + "AAAA",
    ],
)
async def test_any_other_signature_is_refused(client: AsyncClient, folder: Path, bad: str) -> None:
    answer = await client.post(PATH + "/countersign", json={**SHA, "signature": bad})
    assert code(answer)[1] == "invalid-body"
    assert answer.json()["errors"][0]["pointer"] == "/signature"
    assert recorded(folder) == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"reasons": []}, "/reasons"),
        ({"reasons": [{"clause": "5.1", "reason": "x"}] * 51}, "/reasons"),
        ({"reasons": [{"clause": "5.1", "reason": "x" * 2_001}]}, "/reasons/0/reason"),
        ({"reasons": [{"clause": "5.1", "reason": ""}]}, "/reasons/0/reason"),
        ({"reasons": [{"clause": "5.1", "reason": "  \n "}]}, "/reasons/0/reason"),
        ({"reasons": [{"clause": "5.1", "reason": "a\u202eb"}]}, "/reasons/0/reason"),
        ({"reasons": [{"clause": "9.9", "reason": "x"}]}, "/reasons/0/clause"),
        ({"reasons": [{"clause": "5.1", "reason": "x", "amount": 1}]}, "/reasons/0"),
        ({"reasons": [{"clause": "5.1"}]}, "/reasons/0"),
    ],
)
async def test_reasons_are_few_short_readable_and_of_its_clauses(
    client: AsyncClient, folder: Path, body: object, pointer: str
) -> None:
    answer = await client.post(PATH + "/dispute", json=body)
    assert code(answer)[1] == "invalid-body"
    assert answer.json()["errors"][0]["pointer"].replace("...", "0") == pointer
    assert recorded(folder) == []


async def test_a_body_that_is_too_large_is_not_read(client: AsyncClient) -> None:
    answer = await client.post(PATH + "/dispute", json={"reasons": [{"clause": "5.1", "reason": "x" * 70_000}]})
    assert code(answer) == (413, "body-too-large")


async def test_what_cannot_be_recorded_is_not_taken(client: AsyncClient, administration: Administration) -> None:
    administration.writer.close()
    assert code(await client.post(PATH + "/countersign", json=SHA)) == (503, "log-unavailable")
    assert (await client.get(PATH)).json()["state"] == "issued"
