"""A partner's interface called through the gateway: what goes out, what comes back, what is on the log."""

import errno
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.audit.leaf import Exchange, Intent
from gateway.oauth.grant import Detail
from tests.unit.outbound.partner_api import Reply, says
from tests.unit.outbound.stage import GRANT, PARTNERS, staged

GOOD = says({"price": "12.50", "note": "more than the document says"})


async def test_a_call_reaches_the_partner_and_its_answer_the_program_with_a_record_of_it(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.api.usual["/quotes"] = GOOD
        told = await stage.quote(authorization="Bearer mine", cookie="a=b", traceparent=f"00-{'1' * 32}-{'2' * 16}-01")
        assert (told.status, told.body, told.headers["content-type"]) == (200, GOOD.body, "application/json")
        (got,) = stage.api.got
        assert (got.method, got.target, json.loads(got.body)) == ("POST", "/quotes", {"lane": "a-b", "weight_kg": 1.1})
        assert {"authorization", "cookie"}.isdisjoint(got.headers)
        assert got.headers["traceparent"].startswith("00-1")
        intent, called = stage.entries()
        assert isinstance(intent, Intent)
        assert [called] == stage.calls() == stage.counted
        (one,) = stage.calls()
        assert intent.request_id == one.request_id == told.headers["x-request-id"]
        assert (one.partner, one.client, one.service, one.operation) == ("swift", "dispatch-app", "rates", "quote")
        assert (one.status, one.code, one.attempts, one.bytes) == (200, "", 1, len(GOOD.body))
        assert one.latency_us > 0
        assert one.contract == stage.plans.of_partner("swift")[0].hash
        assert one.contract in told.headers["clausegate-agreement"]
        assert told.headers["clausegate-receipt"].startswith("leaf=")


async def test_parameters_go_where_the_document_has_them(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.api.usual["/rates/%E9%95%BF%20%3F"] = GOOD
        told = await stage.ask("GET", "/out/swift/rate?weight_kg=1.50&lane=%E9%95%BF+%3F")
        assert told.status == 200
        assert stage.api.got[0].target == "/rates/%E9%95%BF%20%3F?weight_kg=1.50"
        assert [type(entry).__name__ for entry in stage.entries()] == ["Outbound"]  # nothing to announce


@pytest.mark.parametrize(
    ("method", "target", "body", "said"),
    [
        ("POST", "/out/swift/quote", {"lane": "A B"}, [("/lane", "pattern")]),
        ("POST", "/out/swift/quote", {"lane": "a", "weight_kg": 1.001}, [("/weight_kg", "multipleOf")]),
        ("POST", "/out/swift/quote", {"lane": "a", "secret-name": 1}, [("", "additionalProperties")]),
        ("POST", "/out/swift/quote", {"weight_kg": "x"}, [("", "required"), ("/weight_kg", "type")]),
        ("POST", "/out/swift/quote", b'{"lane":"a","lane":"b"}', [("", "json")]),
        ("POST", "/out/swift/quote", b'{"lane":NaN}', [("", "json")]),
        ("POST", "/out/swift/quote", b"[" * 100_000, [("", "json")]),
        ("POST", "/out/swift/quote", None, [("", "body")]),
        ("POST", "/out/swift/quote?x=1", {"lane": "a"}, [("", "unknown-parameter")]),
        ("GET", "/out/swift/rate?lane=a", None, [("/weight_kg", "required")]),
        ("GET", "/out/swift/rate?lane=a&weight_kg=0", None, [("/weight_kg", "exclusiveMinimum")]),
        ("GET", "/out/swift/rate?lane=a&weight_kg=many", None, [("/weight_kg", "type")]),
        ("GET", "/out/swift/rate?lane=..&weight_kg=1", None, [("/lane", "path")]),
        ("GET", "/out/swift/rate?lane=a%2Fb&weight_kg=1", None, [("/lane", "path")]),
        ("GET", "/out/swift/rate?lane=a&weight_kg=1", {"a": 1}, [("", "body")]),
    ],
)
async def test_what_the_document_does_not_allow_is_never_sent(
    tmp_path: Path, method: str, target: str, body: object, said: list[tuple[str, str]]
) -> None:
    async with staged(tmp_path) as stage:
        told = await stage.ask(method, target, body)
        assert told.status == 422
        assert [(error["pointer"], error["code"]) for error in told.json["errors"]] == said
        assert b"secret-name" not in told.body
        assert b"A B" not in told.body
        assert stage.api.got == []
        (one,) = stage.calls()
        assert (one.code, one.status, one.attempts) == ("outbound-invalid", 0, 0)


@pytest.mark.parametrize(
    ("reply", "status", "code"),
    [
        (says({"price": 12.5}), 502, "partner-error"),
        (says({}), 502, "partner-error"),
        (Reply(body=b"<html>12.50</html>", content_type="text/html"), 502, "partner-error"),
        (Reply(body=b'{"price":"12.50"}', content_type="text/plain"), 502, "partner-error"),
        (Reply(body=b'{"price":"12.50"'), 502, "partner-error"),
        (Reply(body=b'{"price":"1.00","price":"9.00"}'), 502, "partner-error"),
        (Reply(body=b'{"price":"\xff"}'), 502, "partner-error"),
        (says({"price": "1.00"}, 201), 502, "partner-error"),
        (says({"price": "1.00"}, 302, Location="http://elsewhere.example/"), 502, "partner-error"),
        (says({"reason": "no"}, 401), 502, "partner-error"),
        (says({}, 500), 502, "partner-error"),
        (says({"a": 1}, 503, Retry_After="7"), 502, "partner-error"),
        (says({}, 429, Retry_After="9"), 503, "partner-failing"),
        (Reply(body=b'{"price":"' + b"1" * 70_000 + b'.00"}'), 502, "partner-error"),
        (Reply(body=b'{"price":"' + b"1" * 70_000 + b'.00"}', chunked=True), 502, "partner-error"),
        (Reply(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"}), 502, "partner-error"),
        (Reply(body=b'{"price":"1.00"}', after_bytes=-4), 502, "partner-error"),
        (Reply(after_bytes=0), 502, "partner-error"),
    ],
)
async def test_an_answer_that_is_not_as_the_document_says_is_not_passed_on(
    tmp_path: Path, reply: Reply, status: int, code: str
) -> None:
    async with staged(tmp_path, max_bytes=65_536) as stage:
        stage.api.usual["/quotes"] = reply
        told = await stage.quote()
        assert (told.status, told.json["type"]) == (status, f"/problems/{code}")
        assert len(stage.api.got) == 1  # a POST is sent once, whatever comes of it
        (one,) = stage.calls()
        assert (one.code, one.attempts, one.bytes) == (code, 1, 0)
        if "Retry-After" in reply.headers:
            assert told.headers["retry-after"] == reply.headers["Retry-After"]


async def test_a_refusal_that_the_document_describes_is_an_answer(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.api.usual["/quotes"] = says({"reason": "too heavy"}, 422)
        told = await stage.quote()
        assert (told.status, told.json) == (422, {"reason": "too heavy"})
        (one,) = stage.calls()
        assert (one.status, one.code) == (422, "")


async def test_an_answer_without_content_is_one_if_the_document_says_so(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.api.first["/rates/a-b"] = [Reply(status=204, content_type="")]
        assert (await stage.rate()).status == 204


async def test_no_answer_is_passed_on_without_its_record(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.api.usual["/rates/a-b"] = GOOD
        stage.disk.fail("write", errno.ENOSPC)
        told = await stage.rate()
        assert (told.status, told.json["type"]) == (503, "/problems/log-unavailable")
        assert b"12.50" not in told.body
        assert stage.counted == []


async def test_nothing_that_changes_something_is_sent_before_the_log_knows(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.api.usual["/quotes"] = GOOD
        stage.disk.fail("write", errno.ENOSPC)
        assert (await stage.quote()).status == 503
        assert stage.api.got == []


async def test_a_partners_token_opens_nothing_here_and_its_visit_is_on_the_log(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.grant = PARTNERS
        for target in ("/out/swift/quote", "/out/other/anything"):
            told = await stage.ask("POST", target, {"lane": "a"})
            assert (told.status, told.json["type"]) == (404, "/problems/unknown-service")
        assert stage.api.got == []
        for entry in stage.entries():
            assert isinstance(entry, Exchange)
            assert (entry.partner, entry.code) == ("swift", "unknown-service")


async def test_a_token_needs_the_scope_of_the_operation(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.grant = replace(GRANT, scopes=frozenset({"out:swift:rate"}))
        told = await stage.quote()
        assert (told.status, told.json["type"]) == (403, "/problems/insufficient-scope")
        assert 'scope="out:swift:quote"' in told.headers["www-authenticate"]
        assert stage.api.got == []


async def test_a_token_that_was_narrowed_is_good_for_what_it_names_alone(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.api.usual["/quotes"] = GOOD
        agreement = stage.plans.of_partner("swift")[0].agreement
        narrowed = Detail(agreement, frozenset({"rates"}), frozenset({"quote"}))
        for details, status in (
            ((narrowed,), 200),
            ((), 403),
            ((replace(narrowed, actions=frozenset({"rate"})),), 403),
            ((replace(narrowed, products=frozenset({"shipments"})),), 403),
            ((replace(narrowed, agreement="another"),), 403),
        ):
            stage.grant = replace(GRANT, details=details, binding="dpop", thumbprint="t" * 43)
            told = await stage.quote()
            assert told.status == status
            if status == 403:
                assert told.json["type"] == "/problems/beyond-authorization-details"
                assert told.headers["www-authenticate"].startswith('DPoP error="insufficient_scope"')
        assert len(stage.api.got) == 1


async def test_the_hub_has_a_scope_for_each_operation_and_partners_have_none(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        assert stage.plans.scopes_of("hub") == GRANT.scopes
        assert all(not scope.startswith("out:") for scope in stage.plans.scopes_of("swift"))


@pytest.mark.parametrize("now_us", [1_760_000_000_000_000, 1_900_000_000_000_000])
async def test_outside_its_dates_an_agreement_opens_no_call(tmp_path: Path, now_us: int) -> None:
    async with staged(tmp_path) as stage:
        stage.now_us = now_us
        told = await stage.quote(accept_language="zh")
        assert (told.status, told.json["clause"]["id"]) == (403, "effective")
        assert stage.api.got == []


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [
        ("GET", "/out/swift/quote", 405),
        ("HEAD", "/out/swift/rate", 405),
        ("POST", "/out/swift/unnamed", 404),
        ("POST", "/out/swift", 404),
        ("POST", "/out/swift/quote/more", 404),
        ("POST", "/out//quote", 404),
        ("GET", "/out/swift/rate?access_token=x", 400),
        ("GET", "/out/swift/rate?lane=a&lane=b", 400),
    ],
)
async def test_what_is_no_call_is_said_to_be_none(tmp_path: Path, method: str, target: str, status: int) -> None:
    async with staged(tmp_path) as stage:
        assert (await stage.ask(method, target)).status == status
        assert stage.api.got == []
