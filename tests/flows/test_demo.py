"""What partners of the demo get: real clients call the real command; every record is compared with the data files."""

import hashlib
import json
import re
import sqlite3
import struct
from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
from authlib.integrations.base_client import OAuthError
from msgspec import Struct

from gateway.audit.receipt import parse_receipt
from tests.flows.broken import READS, all_broken, ask, unspoken
from tests.flows.demo import PRODUCTS, Partner, Process, clausegate, exactly, make_room, running, written
from tests.flows.proving import Proving

pytestmark = pytest.mark.timeout(300)


class Demo(Struct, frozen=True):
    """The demo, up for a second time with roomier agreements, and a program of each partner."""

    folder: Path
    workspace: Path
    process: Process
    partners: dict[str, Partner]
    toured: list[dict[str, Any]]
    first_credentials: bytes

    def expected(self) -> list[dict[str, Any]]:
        """What the log has to say of exchanges: the tours', and those that were made since."""
        since = [
            {
                "partner": partner.name,
                "status": answer.status_code,
                "clause": clause_of(answer.json()),
                "records": records_in(answer.json()) if answer.status_code == 200 else 0,
                "bytes": len(answer.content) if answer.status_code == 200 else 0,
            }
            for partner in self.partners.values()
            for answer in partner.answers
        ]
        return [*self.toured, *since]


def clause_of(body: dict[str, Any]) -> str:
    return str(body.get("clause", {}).get("id", ""))


def records_in(body: dict[str, Any]) -> int:
    return len(body["data"]) if "data" in body else 1


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    folder = tmp_path_factory.mktemp("demo") / "d"
    first = clausegate("demo", "--dir", folder, "--port", 0, "--once")
    assert first.returncode == 0, first.stdout + first.stderr
    workspace, credentials = folder / "workspace", (folder / "credentials.json").read_bytes()
    make_room(workspace)
    with running(folder / "said", "demo", "--dir", folder, "--port", 0) as process:
        process.says("Ctrl-C ends the demo")
        listed = json.loads(credentials)
        partners = {credential["partner"]: Partner(process.url, credential) for credential in listed}
        toured = [leaf["entry"] for _, leaf in leaves(workspace / "log") if leaf["entry"]["type"] == "exchange"]
        yield Demo(folder, workspace, process, partners, toured, credentials)
        for partner in partners.values():
            partner.close()


def leaves(log: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """(leaf hash in base64, leaf) of every frame, read by nothing of ours: length, CRC, bytes (RFC 6962 leaf hash)."""
    for segment in sorted(log.rglob("*.seg")):
        data, at = segment.read_bytes(), 0
        while at + 8 <= len(data) and (length := struct.unpack_from(">I", data, at)[0]):
            raw = data[at + 8 : at + 8 + length]
            yield b64encode(hashlib.sha256(b"\0" + raw).digest()).decode(), json.loads(raw)
            at += 8 + length


# What each partner may see, worked out by hand from its agreement.


def shipments(data: Path) -> Iterator[dict[str, Any]]:
    for line in (data / "shipments.jsonl").open(encoding="utf-8"):
        raw = exactly(line)
        if raw["carrier_code"] == "SWIFT":
            names = ("shipment_id", "carrier_code", "order_no", "status", "machine_model", "weight_kg", "eta")
            customer, address = raw["customer"], raw["customer"]["address"]
            yield {
                **{name: raw[name] for name in names},
                "route": {name: raw["route"][name] for name in ("origin", "destination", "distance_km")},
                "customer": {
                    "id": customer["id"],
                    "name": customer["name"][0] + "*" * (len(customer["name"]) - 1),
                    "name_en": customer["name_en"][0] + "*" * (len(customer["name_en"]) - 1),
                    "phone": "*" * (len(customer["phone"]) - 4) + customer["phone"][-4:],
                    "address": {name: address[name] for name in ("province", "city", "street")},
                },
                "nodes": [{name: node[name] for name in ("seq", "city", "event", "at")} for node in raw["nodes"]],
            }


def repayments(data: Path) -> Iterator[dict[str, Any]]:
    for line in (data / "repayments.jsonl").open(encoding="utf-8"):
        raw = exactly(line)
        if raw["bank_code"] == "HARBOR":
            for name in ("collection_note", "customer", "guarantor"):
                del raw[name]
            raw["credit_score"] = band(raw["credit_score"])
            for instalment in raw["instalments"]:
                del instalment["payer_ref"]
            yield raw


def band(score: int) -> str:
    for low, high in ((500, 600), (600, 700), (700, 800)):
        if low <= score < high:
            return f"[{low}, {high})"
    return "< 500" if score < 500 else ">= 800"


def with_pseudonyms(expected: list[dict[str, Any]], shown: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What is expected, each customer's number replaced by its pseudonym: always the same one, and nobody else's."""
    if not expected or "customer" not in expected[0]:
        return expected
    tokens: dict[str, str] = {}
    for record, answer in zip(expected, shown, strict=True):
        tokens.setdefault(record["customer"]["id"], answer["customer"]["id"])
    assert len(set(tokens.values())) == len(tokens)
    assert all(re.fullmatch(r"p1\.[A-Za-z0-9_-]{30}", token) for token in tokens.values())
    return [
        {**record, "customer": {**record["customer"], "id": tokens[record["customer"]["id"]]}} for record in expected
    ]


def rows(data: Path, statement: str) -> list[dict[str, Any]]:
    with closing(sqlite3.connect(f"{(data / 'hub.db').as_uri()}?mode=ro", uri=True)) as connection:
        connection.row_factory = sqlite3.Row
        return [
            {name: written(repr(value)) if isinstance(value, float) else value for name, value in dict(row).items()}
            for row in connection.execute(statement)
        ]


def parts(data: Path) -> Iterator[dict[str, Any]]:
    for row in rows(data, "SELECT * FROM spare_parts ORDER BY part_number"):
        names = ("part_number", "fits_model", "lead_time_days", "list_price", "updated_on")
        yield {
            **{name: row[name] for name in names},
            "name": {"zh": row["name_zh"], "en": row["name_en"]},
            "stock": {place: row[f"stock_{place}"] for place in ("changsha", "shenyang", "chengdu", "rotterdam")},
        }


def leads(data: Path) -> Iterator[dict[str, Any]]:
    names = (
        "lead_id",
        "dealer_code",
        "company",
        "machine_model",
        "quantity",
        "budget",
        "status",
        "source",
        "visit_on",
        "created_on",
    )
    for row in rows(data, "SELECT * FROM leads WHERE dealer_code = 'SUMMIT' ORDER BY lead_id"):
        contact = {"name": row["contact_name"], "phone": row["contact_phone"]}
        yield {**{name: row[name] for name in names}, "contact": contact}


OPEN_TO: dict[str, Callable[[Path], Iterator[dict[str, Any]]]] = {
    "swift-logistics": shipments,
    "harbor-bank": repayments,
    "delta-repair": parts,
    "summit-dealer": leads,
}
KEYS = {"shipments": "shipment_id", "repayments": "order_no", "parts": "part_number", "leads": "lead_id"}


def test_a_second_start_keeps_the_credentials_and_the_edited_documents(demo: Demo) -> None:
    assert (demo.folder / "credentials.json").read_bytes() == demo.first_credentials
    limit = demo.partners["swift-logistics"].get("/v1/shipments?limit=1").headers["ratelimit-policy"]
    assert limit.startswith('"4.1";q=6000;w=60, ')


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_partner_gets_every_record_that_it_may_see_as_it_may_see_it_and_no_other(demo: Demo, name: str) -> None:
    partner = demo.partners[name]
    expected = list(OPEN_TO[name](demo.folder / "data"))
    assert len(expected) > 100
    shown = partner.everything()
    assert shown == with_pseudonyms(expected, shown)
    assert [answer.url for answer in partner.answers if holds_canary(answer)] == []


def holds_canary(answer: Any) -> bool:
    return b"canary-" in answer.content or any(b"canary-" in part for pair in answer.headers.raw for part in pair)


@pytest.mark.parametrize("name", PRODUCTS)
def test_one_record_by_its_key_is_the_record_of_the_list(demo: Demo, name: str) -> None:
    partner = demo.partners[name]
    for expected in list(OPEN_TO[name](demo.folder / "data"))[7::150][:3]:
        answer = partner.get(f"/v1/{partner.product}/{expected[KEYS[partner.product]]}")
        shown = exactly(answer.text)
        assert (answer.status_code, [shown]) == (200, with_pseudonyms([expected], [shown]))
        assert not holds_canary(answer)


FOREIGN = {"swift-logistics": ("carrier_code", "SWIFT"), "harbor-bank": ("bank_code", "HARBOR")}


@pytest.mark.parametrize("name", ["swift-logistics", "harbor-bank", "summit-dealer"])
def test_somebody_elses_record_cannot_be_told_from_one_that_does_not_exist(demo: Demo, name: str) -> None:
    partner, data = demo.partners[name], demo.folder / "data"
    if name == "summit-dealer":
        foreign = rows(data, "SELECT lead_id FROM leads WHERE dealer_code <> 'SUMMIT' LIMIT 1")[0]["lead_id"]
        missing = 999_999
    else:
        field, own = FOREIGN[name]
        lines = (data / f"{partner.product}.jsonl").read_text().splitlines()
        foreign = next(record[KEYS[partner.product]] for record in map(json.loads, lines) if record[field] != own)
        missing = foreign[:-6] + "999999"
    found = [partner.get(f"/v1/{partner.product}/{key}") for key in (foreign, missing)]
    assert found[0].json()["type"] == "/problems/record-not-found"
    assert scrubbed(found[0].text) == scrubbed(found[1].text)
    own_values = {"x-request-id", "clausegate-receipt", "date", "content-length", "ratelimit"}
    heads = [
        [(name, value) for name, value in answer.headers.multi_items() if name not in own_values] for answer in found
    ]
    assert heads[0] == heads[1]


def scrubbed(text: str) -> str:
    """A problem's text without what is its own in every answer."""
    return re.sub(r'"(request_id|receipt)":"(?:[^"\\]|\\.)*"', "", text)


@pytest.mark.parametrize("name", PRODUCTS)
def test_a_partner_gets_nothing_of_the_products_of_others(demo: Demo, name: str) -> None:
    partner = demo.partners[name]
    for product in set(PRODUCTS.values()) - {partner.product}:
        for path in (f"/v1/{product}", f"/v1/{product}/1"):
            answer = partner.get(path)
            assert (answer.status_code, answer.json()["clause"]["id"]) == (404, "products"), path
            assert answer.json()["type"] == "/problems/unknown-product"


def test_the_bank_gets_no_contact_data(demo: Demo) -> None:
    bank = demo.partners["harbor-bank"]
    records = bank.everything()
    text = json.dumps(records, ensure_ascii=False)
    assert not re.search(r"customer|guarantor|payer|phone|address|name", text)
    assert not re.search(r"\d{11}|[一-鿿]", text)
    raw = (demo.folder / "data" / "repayments.jsonl").read_text()
    assert re.search(r"customer", raw)
    assert re.search(r"\d{11}", raw), "the data hold no such thing, so this test proves nothing"


def test_the_banks_token_opens_nothing_in_other_hands(demo: Demo) -> None:
    """Shown as anybody's, with another's proof, with a proof for another call, and with one that was used."""
    bank, path = demo.partners["harbor-bank"], "/v1/repayments?limit=1"
    assert bank.get(path).status_code == 200
    mine = bank.signed_in("GET", path)
    thief = Proving(demo.folder / "keys" / "harbor-bank-app.pem", bank.proving.nonce if bank.proving else "")
    shown = [
        {"Authorization": f"Bearer {bank.token}"},
        {"Authorization": f"DPoP {bank.token}"},
        mine | {"DPoP": thief.proof("GET", f"{bank.url}/v1/repayments", bank.token)},
        mine | {"DPoP": bank.signed_in("GET", "/v1/repayments/FO-000003")["DPoP"]},
        mine,
        mine,
    ]
    answers = [httpx.get(f"{bank.url}{path}", headers=headers, timeout=30) for headers in shown]
    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 200, 401]
    codes = [answer.json().get("type", "").removeprefix("/problems/") for answer in answers]
    bad = "invalid-dpop-proof"
    assert codes == ["invalid-token", bad, "invalid-token", bad, "", bad]
    assert not any(b"HARBOR" in answer.content for answer in answers if answer.status_code == 401)
    bank.answers.append(answers[4])


def test_the_bank_gets_no_token_that_is_bound_to_nothing_and_hears_of_the_clause(demo: Demo) -> None:
    listed = json.loads((demo.folder / "credentials.json").read_bytes())
    bank = next(one for one in listed if one["partner"] == "harbor-bank")
    with pytest.raises(OAuthError, match="invalid_request") as refused:
        Partner(demo.process.url, {name: value for name, value in bank.items() if name != "dpop_key_file"})
    assert "DPoP" in str(refused.value)
    done = clausegate("token", demo.folder, "harbor-bank-app")
    says = "clause 2.2 of harbor-bank-2026 says what a token is bound to: --dpop-key PEM or --certificate PEM"
    assert (done.returncode, done.stdout, says in done.stderr) == (2, "", True)


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_whatever_is_wrong_is_said_in_the_callers_language(demo: Demo, language: str) -> None:
    swift, wrong, codes = demo.partners["swift-logistics"], dict[str, list[str]](), set[str]()
    with httpx.Client(base_url=swift.url, timeout=30) as client:
        for each in all_broken():
            signed = swift.signed_in(each.method, each.path) | {"Accept-Language": language}
            answer = ask(client, each, signed)
            wrong[f"{each.method} {each.path} {each.body}"] = unspoken(answer, language)
            codes.add(answer.json()["type"])
    for added in READS:
        wrong[added] = unspoken(swift.get(f"/v1/shipments{added}", accept_language=language), language)
    assert {what: said for what, said in wrong.items() if said} == {}
    assert len(codes) > 15, "they get further than the door"


def test_every_answer_has_its_record_on_the_log(demo: Demo) -> None:
    partner = demo.partners["delta-repair"]
    partner.get("/v1/parts?limit=3")
    partner.get("/v1/parts?limit=0")
    partner.get("/v1/parts", Clausegate_Purpose="marketing")
    recorded = dict(leaves(demo.workspace / "log"))
    for each in demo.partners.values():
        for answer in each.answers:
            receipt = parse_receipt(answer.headers["clausegate-receipt"])
            assert receipt is not None, answer.headers
            leaf = recorded[b64encode(bytes.fromhex(receipt.leaf_hash)).decode()]
            assert leaf["at"]["writer"] == receipt.writer == "demo-1"
            assert (leaf["at"]["epoch"], leaf["at"]["seq"]) == (receipt.epoch, receipt.seq)
            entry = leaf["entry"]
            assert entry["partner"] == each.name
            assert entry["status"] == answer.status_code
            assert entry["request_id"] == answer.headers["x-request-id"]


def test_status_and_health_say_what_was_called(demo: Demo) -> None:
    demo.partners["summit-dealer"].get("/v1/leads?limit=5")
    demo.partners["summit-dealer"].get("/v1/parts")
    expected = demo.expected()
    status = {row["partner"]: row for row in printed("status", demo)}
    health = {row["partner"]: row for row in printed("health", demo)}
    assert status.keys() == health.keys() == PRODUCTS.keys()
    for name in PRODUCTS:
        own = [entry for entry in expected if entry["partner"] == name]
        row = status[name]
        assert row["requests"] == health[name]["requests"] == len(own)
        assert row["statuses"] == Counter(f"{entry['status'] // 100}xx" for entry in own)
        refusals = Counter(entry["clause"] for entry in own if entry["clause"])
        assert row["refusals"] == health[name]["refusals"] == refusals
        assert row["records"] == sum(entry["records"] for entry in own)
        assert row["bytes"] == sum(entry["bytes"] for entry in own)
        assert health[name]["good"] == health[name]["judged"] == sum(entry["status"] < 400 for entry in own)


def printed(command: str, demo: Demo) -> list[dict[str, Any]]:
    done = clausegate(command, demo.workspace, "--format", "json")
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)["rows"]
    return found


def test_the_log_verifies_while_the_demo_is_up(demo: Demo) -> None:
    done = clausegate("verify", demo.workspace, "--format", "json")
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(done.stdout)["intact"] is True


def test_neither_the_log_nor_what_the_server_says_holds_anything_personal_or_secret(demo: Demo) -> None:
    partner = demo.partners["summit-dealer"]
    name = partner.get("/v1/leads?limit=1").json()["data"][0]["contact"]["name"]
    partner.get(f"/v1/leads/{name}")
    partner.get(f"/v1/leads?name={name}")
    log = "".join(json.dumps(leaf, ensure_ascii=False) for _, leaf in leaves(demo.workspace / "log"))
    texts = {"log": log, "stderr": demo.process.stderr}
    assert texts["stderr"], "nothing was captured, so this test proves nothing"
    credentials = json.loads((demo.folder / "credentials.json").read_bytes())
    secrets = [one["client_secret"] for one in credentials if "client_secret" in one]
    secrets += [each.token for each in demo.partners.values()]
    secrets += [json.loads((demo.folder / "console.json").read_bytes())["password"]]
    english = {json.loads(line)["customer"]["name_en"] for line in (demo.folder / "data" / "shipments.jsonl").open()}
    for where, text in texts.items():
        assert not re.search(r"[一-鿿]", text), f"{where} holds Chinese text: a name or an address"
        assert not re.search(r"(?<![\w.])1[3-9]\d{9}(?!\w)", text), f"{where} holds a phone number"
        assert not re.search(r"(?<!\w)\d{6}(19|20)\d{9}[\dX](?!\w)", text), f"{where} holds an identity number"
        assert [name for name in english if name in text] == [], where
        assert "canary-" not in text, where
        assert [secret for secret in secrets if secret in text] == [], where
        assert "eyJ" not in text, f"{where} holds a token"
        assert "limit=" not in text, f"{where} holds a query"
