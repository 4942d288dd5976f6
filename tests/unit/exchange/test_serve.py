"""The exchange from end to end: each stage ends it as it should, and whatever happened is on the log."""

import json
from pathlib import Path

import pytest

from adapters.base import Answer, Fault
from gateway.audit.faults import LogFault
from gateway.oauth.grant import Grant, Rejected
from tests.unit.contracts.sample import compiled
from tests.unit.exchange.stage import GRANT, MIDSUMMER_2026_US, Reply, Stage

OWN = {
    "shipment_id": "S1",
    "carrier_code": "SWIFT",
    "weight_kg": 2.5,
    "customer": {"phone": "13812345678", "name": "张"},
}
FOREIGN = {"shipment_id": "S2", "carrier_code": "OTHER", "weight_kg": 3.5, "customer": {"phone": "canary-phone"}}
SEEN = {"shipment_id": "S1", "weight_kg": 2.5, "customer": {"phone": "*******5678"}}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_a_partner_sees_its_own_rows_masked_and_the_call_is_on_the_log(stage: Stage) -> None:
    stage.adapter.json({"data": [OWN, FOREIGN], "next": "S2"})
    reply = await stage.get("/v1/shipments?limit=2")
    assert reply.status == 200
    assert reply.json()["data"] == [SEEN]
    assert b"canary" not in reply.body
    (record,) = stage.records()
    assert (record.partner, record.client, record.status, record.code) == ("swift", "swift-app", 200, "")
    assert (record.records, record.route, record.bytes) == (1, "/v1/shipments", len(reply.body))
    assert f"seq={record_seq(stage)}" in reply.headers["clausegate-receipt"]
    assert record.contract in reply.headers["clausegate-agreement"]
    assert reply.headers["ratelimit-policy"] == '"4.1";q=1200;w=60'
    assert reply.headers["ratelimit"] == '"4.1";r=1199;t=60'
    assert reply.headers["cache-control"] == "private, no-cache"


def record_seq(stage: Stage) -> int:
    return stage.writer.state.seq


async def test_the_next_page_is_asked_for_where_this_one_ended_and_the_cursor_tells_nobody_where(stage: Stage) -> None:
    stage.adapter.json({"data": [OWN], "next": "S1-secret-place"})
    cursor = (await stage.get("/v1/shipments")).json()["next"]
    assert "S1-secret" not in cursor
    stage.adapter.json({"data": [OWN]})
    reply = await stage.get(f"/v1/shipments?cursor={cursor}&limit=7")
    assert reply.json()["next"] is None
    _, query = stage.adapter.asked[-1]
    assert (query.after, query.limit, query.key) == ("S1-secret-place", 7, None)


async def test_a_record_of_ones_own_is_served_and_a_foreign_one_answers_like_one_that_does_not_exist(
    stage: Stage,
) -> None:
    stage.adapter.json(OWN)
    assert (await stage.get("/v1/shipments/S1")).json() == SEEN
    stage.adapter.json(FOREIGN)
    foreign = await stage.get("/v1/shipments/S2")
    stage.adapter.json({"error": "canary"}, status=404)
    missing = await stage.get("/v1/shipments/S3")
    assert foreign.status == missing.status == 404
    assert foreign.json().keys() == missing.json().keys()
    assert without_its_own(foreign) == without_its_own(missing)
    assert [record.code for record in stage.records()] == ["", "record-not-found", "record-not-found"]
    _, left, right = stage.records()
    assert (left.records, left.subjects, left.withheld) == (right.records, right.subjects, right.withheld)


def without_its_own(reply: Reply) -> tuple[dict[str, str], bytes]:
    """An answer, byte for byte, without what every answer has of its own."""
    own = {
        reply.headers["x-request-id"],
        json.dumps(reply.headers["clausegate-receipt"])[1:-1],
    }
    body = reply.body
    for text in own:
        assert text.encode() in body
        body = body.replace(text.encode(), b"*")
    names = {"x-request-id", "clausegate-receipt", "ratelimit", "content-length"}
    return {name: value for name, value in reply.headers.items() if name not in names}, body


@pytest.mark.parametrize(("rows", "served"), [("'false'", []), ("partner.code == 'OTHER'", []), ("'true'", [SEEN])])
async def test_a_filter_that_reads_no_field_still_decides(tmp_path: Path, rows: str, served: list[object]) -> None:
    changes = {"products/shipments.odcs.yaml": ("rows: record.carrier_code == partner.code", f"rows: {rows}")}
    stage = Stage(tmp_path, compiled(changes)[1])
    stage.adapter.json({"data": [OWN]})
    assert (await stage.get("/v1/shipments")).json()["data"] == served
    stage.adapter.json(OWN)
    assert (await stage.get("/v1/shipments/S1")).status == (200 if served else 404)


@pytest.mark.parametrize("key", ["..", ".", "%2e%2e", "a%00b", "x" * 300, "%ff", ""])
async def test_a_key_that_can_be_no_key_never_reaches_the_backend(stage: Stage, key: str) -> None:
    assert (await stage.get(f"/v1/shipments/{key}")).status == 404
    assert stage.adapter.asked == []


async def test_a_key_arrives_at_the_backend_decoded(stage: Stage) -> None:
    await stage.get("/v1/shipments/a%2Fb%20%E4%B8%AD")
    assert stage.adapter.asked[0][1].key == "a/b 中"


@pytest.mark.parametrize(("error", "challenge"), [("", "Bearer"), ("invalid_token", 'Bearer error="invalid_token"')])
async def test_without_a_valid_token_nothing_is_asked_and_there_is_nobody_to_record_it_for(
    stage: Stage, error: str, challenge: str
) -> None:
    stage.grant = Rejected(error, "invalid-token" if error else "missing-token")
    reply = await stage.get("/v1/shipments")
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == challenge
    assert "clausegate-receipt" not in reply.headers
    assert stage.adapter.asked == []
    assert stage.records() == []


@pytest.mark.parametrize(
    ("target", "status", "code"),
    [
        ("/v1/", 404, "not-found"),
        ("/v1/shipments/S1/more", 404, "not-found"),
        ("/v2/shipments", 404, "not-found"),
        ("/v1/parts", 404, "unknown-product"),
        ("/v1/%ff", 404, "unknown-product"),
        ("/v1/shipments?limit=0", 400, "invalid-limit"),
        ("/v1/shipments?limit=201", 400, "invalid-limit"),
        ("/v1/shipments?limit=-1", 400, "invalid-limit"),
        ("/v1/shipments?limit=%D9%A1", 400, "invalid-limit"),
        ("/v1/shipments?limit=1e2", 400, "invalid-limit"),
        ("/v1/shipments?limit=", 400, "invalid-limit"),
        ("/v1/shipments?limit=1&limit=2", 400, "invalid-parameter"),
        ("/v1/shipments?colour=red", 400, "invalid-filter"),
        ("/v1/shipments?limit=%ff", 400, "invalid-parameter"),
        ("/v1/shipments/S1?limit=1", 400, "invalid-parameter"),
        ("/v1/shipments?access_token=xyz", 400, "token-in-query"),
        ("/v1/shipments?cursor=xyz", 400, "invalid-cursor"),
        ("/v1/shipments?cursor=", 400, "invalid-cursor"),
        ("/v1/shipments?cursor=" + "A" * 2000, 400, "invalid-cursor"),
        ("/v1/shipments?cursor=%E4%B8%AD", 400, "invalid-cursor"),
    ],
)
async def test_a_request_that_asks_for_nothing_we_have_is_told_so_and_recorded(
    stage: Stage, target: str, status: int, code: str
) -> None:
    reply = await stage.get(target)
    assert reply.status == status
    problem = reply.json()
    assert problem["type"] == f"/problems/{code}"
    assert problem["status"] == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert problem["receipt"] == reply.headers["clausegate-receipt"]
    assert reply.headers["clausegate-agreement"].startswith('swift-2026; version="1.2.0"; contract="')
    assert stage.adapter.asked == []
    (record,) = stage.records()
    assert (record.status, record.code, record.partner) == (status, code, "swift")
    assert "xyz" not in str(record)  # no hexadecimal digit among them, so that no random id holds it


async def test_a_cursor_of_another_partner_is_none_of_ours(stage: Stage, tmp_path: Path) -> None:
    other = Stage(tmp_path / "other", compiled({"agreements/swift-2026.yaml": ("id: swift,", "id: rival,")})[1])
    other.grant = Grant("rival-app", "rival", "", frozenset({"shipments:read"}), "", "", 0, 2**40)
    stage.adapter.json({"data": [], "next": "S9"})
    cursor = (await stage.get("/v1/shipments")).json()["next"]
    assert (await stage.get(f"/v1/shipments?cursor={cursor}")).status == 200
    assert (await other.get(f"/v1/shipments?cursor={cursor}")).status == 400
    last = "A" if cursor[-5] != "A" else "B"
    assert (await stage.get(f"/v1/shipments?cursor={cursor[:-5]}{last}{cursor[-4:]}")).status == 400


@pytest.mark.parametrize("method", ["POST", "DELETE", "PUT", "PATCH", "TRACE", "canary-METHOD"])
async def test_a_method_that_is_not_there_is_405_with_what_is(stage: Stage, method: str) -> None:
    reply = await stage.get("/v1/shipments", method=method)
    assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    (record,) = stage.records()
    assert record.method in {method, "OTHER"}
    assert "canary" not in str(record)


async def test_head_is_get_without_a_body_and_options_says_what_is_allowed(stage: Stage) -> None:
    stage.adapter.json({"data": [OWN]})
    got, head = await stage.get("/v1/shipments"), await stage.get("/v1/shipments", method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == got.headers["content-length"]
    options = await stage.get("/v1/shipments", method="OPTIONS")
    assert (options.status, options.body, options.headers["allow"]) == (204, b"", "GET, HEAD, OPTIONS")
    assert len(stage.adapter.asked) == 2
    assert len(stage.records()) == 3


async def test_a_refusal_names_its_clause_in_the_callers_language(stage: Stage) -> None:
    zh = await stage.get("/v1/shipments", clausegate_purpose="marketing", accept_language="zh-CN,zh;q=0.9,en;q=0.8")
    en = await stage.get("/v1/shipments", clausegate_purpose="marketing", accept_language="en-GB, zh;q=0.2")
    assert zh.status == en.status == 403
    assert zh.json()["clause"] == {
        "agreement": "swift-2026",
        "version": "1.2.0",
        "id": "2.1",
        "text": "数据仅限用于:delivery;未说明目的的调用视为上述首项目的。",
    }
    assert en.json()["clause"]["text"].startswith("Data may be used only for delivery;")
    assert (zh.headers["content-language"], en.headers["content-language"]) == ("zh", "en")
    assert stage.adapter.asked == []
    assert [(record.code, record.clause) for record in stage.records()] == [("purpose-not-covered", "2.1")] * 2


async def test_a_stated_purpose_that_is_covered_is_let_through(stage: Stage) -> None:
    assert (await stage.get("/v1/shipments", clausegate_purpose="delivery")).status == 200


async def test_a_token_without_the_scope_is_refused_with_the_scope_it_needs(stage: Stage) -> None:
    stage.grant = Grant("swift-app", "swift", "", frozenset({"parts:read"}), "", "", 0, 2**40)
    reply = await stage.get("/v1/shipments")
    assert reply.status == 403
    assert reply.headers["www-authenticate"] == 'Bearer error="insufficient_scope", scope="shipments:read"'
    assert stage.adapter.asked == []


@pytest.mark.parametrize(
    ("now_us", "status"),
    [
        (1_767_196_799_999_999, 403),  # 2025-12-31T23:59:59.999999+08:00
        (1_767_196_800_000_000, 200),  # 2026-01-01T00:00:00+08:00
        (1_798_732_799_999_999, 200),  # 2026-12-31T23:59:59.999999+08:00
        (1_798_732_800_000_000, 403),  # 2027-01-01T00:00:00+08:00
    ],
)
async def test_an_agreement_is_in_force_from_its_first_day_until_its_last_in_its_own_time_zone(
    stage: Stage, now_us: int, status: int
) -> None:
    stage.now_us = now_us
    reply = await stage.get("/v1/shipments")
    assert reply.status == status
    if status == 403:
        assert reply.json()["clause"]["id"] == "effective"


async def test_of_two_agreements_that_follow_each_other_the_one_in_force_decides(tmp_path: Path) -> None:
    text = compiled()[0].agreements[0].source
    assert text.file == "agreements/swift-2026.yaml"
    later = (
        "agreement: swift-2027\nversion: 1.0.0\n"
        "partner: {id: swift, code: SWIFT, name: {zh: 迅达物流, en: Swift Logistics}, role: logistics}\n"
        "effective: {from: 2027-01-01, to: 2028-01-01, time_zone: Asia/Shanghai}\n"
        "products:\n  - {product: shipments, version: 2.1.0}\n"
        "policies:\n  - {policy: logistics-standard, version: 3.0.0}\n"
    )
    stage = Stage(tmp_path, compiled(None, **{"swift-2027": later})[1])
    assert 'swift-2026; version="1.2.0"' in (await stage.get("/v1/shipments")).headers["clausegate-agreement"]
    stage.now_us = 1_800_000_000_000_000
    assert 'swift-2027; version="1.0.0"' in (await stage.get("/v1/shipments")).headers["clausegate-agreement"]


async def test_too_many_calls_are_refused_with_the_clause_and_the_wait_and_not_charged(stage: Stage) -> None:
    replies = [await stage.get("/v1/shipments") for _ in range(61)]
    assert [reply.status for reply in replies] == [200] * 60 + [429]
    refused = replies[-1]
    assert refused.json()["clause"]["id"] == "4.1"
    assert "1200" in refused.json()["clause"]["text"]
    assert refused.headers["retry-after"] == "1"
    assert refused.headers["ratelimit"] == '"4.1";r=0;t=1'
    for _ in range(50):
        await stage.get("/v1/shipments")
    assert len(stage.adapter.asked) == 60
    stage.now_ns += 1_000_000_000
    assert (await stage.get("/v1/shipments")).status == 200


@pytest.mark.parametrize(
    ("says", "status", "code"),
    [
        (Fault("unreachable", "connection refused"), 502, "backend-unreachable"),
        (Fault("timeout", "5000 ms"), 504, "backend-timeout"),
        (Fault("too_large", "9 MB"), 502, "backend-invalid"),
        (Fault("protocol", "bad chunk"), 502, "backend-invalid"),
        (Answer(500, "application/json", b'{"canary":1}'), 502, "backend-error"),
        (Answer(302, "text/html", b"canary"), 502, "backend-error"),
        (Answer(404, "application/json", b'{"canary":1}'), 502, "backend-error"),
        (Answer(200, "text/html", b"<html>canary</html>"), 502, "backend-invalid"),
        (Answer(200, "application/json; charset=gbk", b'{"data":[]}'), 502, "backend-invalid"),
        (Answer(200, "application/json", b'{"data":[{"shipment_id":"canary'), 502, "backend-invalid"),
        (Answer(200, "application/json", b'{"data":[{"shipment_id":"canary\xff"}]}'), 502, "backend-invalid"),
        (Answer(200, "application/json", b"[" * 100_000 + b"]" * 100_000), 502, "backend-invalid"),
        (Answer(200, "application/json", b'{"rows":["canary"]}'), 502, "backend-invalid"),
        (RuntimeError("canary: a defect of ours"), 500, "internal"),
    ],
    ids=str,
)
async def test_a_backend_in_trouble_gives_a_problem_and_nothing_of_what_it_said(
    stage: Stage, says: Answer | Fault | Exception, status: int, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.adapter.says = says
    reply = await stage.get("/v1/shipments")
    assert (reply.status, reply.json()["type"]) == (status, f"/problems/{code}")
    (record,) = stage.records()
    assert (record.status, record.code, record.bytes, record.records) == (status, code, 0, 0)
    assert b"canary" not in reply.body
    assert "canary" not in "".join(capsys.readouterr())


async def test_a_backend_that_gives_more_records_than_asked_for_gives_none(stage: Stage) -> None:
    stage.adapter.json({"data": [OWN, OWN, OWN]})
    assert (await stage.get("/v1/shipments?limit=3")).status == 200
    reply = await stage.get("/v1/shipments?limit=2")
    assert (reply.status, reply.json()["type"]) == (502, "/problems/backend-invalid")


@pytest.mark.parametrize(("size", "status"), [(512, 200), (513, 502)])
async def test_a_place_that_a_cursor_cannot_hold_is_no_answer_and_any_other_can_be_asked_for(
    stage: Stage, size: int, status: int
) -> None:
    stage.adapter.json({"data": [], "next": "x" * size})
    reply = await stage.get("/v1/shipments")
    assert reply.status == status
    if status == 200:
        assert (await stage.get(f"/v1/shipments?cursor={reply.json()['next']}")).status == 200
        assert stage.adapter.asked[-1][1].after == "x" * size


async def test_drift_is_withheld_counted_and_said_without_the_value(
    stage: Stage, capsys: pytest.CaptureFixture[str]
) -> None:
    stage.adapter.json({"data": [OWN | {"weight_kg": {"canary": 1}, "customer": {"phone": ["canary-2"]}}]})
    reply = await stage.get("/v1/shipments")
    assert reply.json()["data"] == [{"shipment_id": "S1", "customer": {}}]
    (record,) = stage.records()
    assert record.withheld == 2
    said = "".join(capsys.readouterr())
    assert "customer.phone" in said
    assert "weight_kg" in said
    assert "canary" not in said


async def test_without_a_record_there_are_no_data(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fail(_entry: object) -> LogFault:
        return LogFault("stopped", "fdatasync: EIO")

    monkeypatch.setattr(stage.writer, "append_durable", fail)
    stage.adapter.json({"data": [OWN]})
    reply = await stage.get("/v1/shipments")
    assert reply.status == 503
    assert reply.json()["type"] == "/problems/log-unavailable"
    assert b"S1" not in reply.body
    assert "clausegate-receipt" not in reply.headers


async def test_ack_write_answers_once_the_kernel_has_the_record(tmp_path: Path) -> None:
    stage = Stage(
        tmp_path, compiled({"agreements/swift-2026.yaml": ("version: 1.2.0", "version: 1.2.0\nack: write")})[1]
    )
    stage.adapter.json({"data": [OWN]})
    assert (await stage.get("/v1/shipments")).status == 200
    assert stage.writer.state.unsynced_bytes > 0
    assert len(stage.records()) == 1


async def test_oversized_requests_are_refused_before_anything_is_looked_at(stage: Stage) -> None:
    assert (await stage.get("/v1/" + "x" * 9000)).status == 414
    assert (await stage.get("/v1/shipments", cookie="x" * 20_000)).status == 431
    assert [record.code for record in stage.records()] == ["uri-too-long", "headers-too-large"]
    stage.grant = Rejected("", "missing-token")
    assert (await stage.get("/v1/shipments", cookie="x" * 20_000)).status == 431
    assert stage.adapter.asked == []
    assert len(stage.records()) == 2


async def test_traceparent_is_passed_on(stage: Stage) -> None:
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    assert (await stage.get("/v1/shipments", traceparent=trace)).headers["traceparent"] == trace
    assert stage.adapter.asked[-1][1].traceparent == trace


@pytest.mark.parametrize("trace", ["canary", "00-0-0-01", "00-" + "z" * 32 + "-" + "0" * 16 + "-01"])
async def test_a_traceparent_that_is_none_is_not_passed_on(stage: Stage, trace: str) -> None:
    assert "traceparent" not in (await stage.get("/v1/shipments", traceparent=trace)).headers
    assert stage.adapter.asked[-1][1].traceparent is None


async def test_the_record_says_when_the_request_came_and_how_long_it_took(stage: Stage) -> None:
    await stage.get("/v1/shipments")
    (record,) = stage.records()
    assert record.time_us == MIDSUMMER_2026_US
    assert record.latency_us == 0
    assert GRANT.partner == record.partner
