"""Every door shows the guard what a request shows, passes on what it says, and tells of known clients refused."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from adapters.base import Answer
from gateway.credentials.noted import RefusedCall
from gateway.exchange.arrival import Reception
from gateway.front_doors import front_doors
from gateway.oauth.certificates import Certificate
from gateway.oauth.grant import Admitted, Grant, Presented, Rejected
from gateway.partner.door import PartnerDoor, Visit, presented
from gateway.tlog.routes import LogPages, log_routes
from tests.unit.exchange.stage import GRANT, Stage, said
from tests.unit.exchange.wares import WARES, ware, wares
from tests.unit.outbound.stage import GRANT as PROGRAM
from tests.unit.outbound.stage import staged
from tests.unit.tlog.published import KEYS, MemoryTarget, publish

NEWER = ((b"dpop-nonce", b"newer"),)
CHALLENGE = (b"www-authenticate", b'DPoP error="use_dpop_nonce", algs="ES256"')
REJECTED = Rejected(
    "use_dpop_nonce", "use-dpop-nonce", (CHALLENGE, *NEWER), "swift", "swift-app", "proof-nonce-missing"
)
CERTIFICATE = Certificate("c" * 43, b"der")


class Guard:
    """Says what it is told to say, and remembers what it was shown."""

    def __init__(self, says: Admitted | Rejected) -> None:
        self.says = says
        self.shown: list[Presented] = []

    async def __call__(self, shown: Presented, now_s: float) -> Admitted | Rejected:
        self.shown.append(shown)
        return self.says


def noted(refused: list[RefusedCall]) -> tuple[Any, ...]:
    """The one refusal, without its time."""
    (one,) = refused
    return one.partner, one.client_id, one.door, one.status, one.code, one.reason


def as_noted(door: str) -> tuple[Any, ...]:
    return "swift", "swift-app", door, 401, "use-dpop-nonce", "proof-nonce-missing"


def test_an_arrival_says_what_it_shows_of_its_sender() -> None:
    reception = Reception(lambda: 0, lambda: 0, lambda _scope: "", lambda scope: scope["certificate"])
    headers = [(b"authorization", b"DPoP t"), (b"dpop", b"p"), (b"accept", b"a")]
    scope = {"method": "PATCH", "raw_path": b"/v1/a%2Fb", "query_string": b"q=1", "headers": headers}
    assert reception.receive({**scope, "certificate": CERTIFICATE}).presented() == Presented(
        b"DPoP t", "PATCH", b"/v1/a%2Fb", b"p", CERTIFICATE
    )
    bare = reception.receive({**scope, "headers": [], "certificate": None})
    assert bare.presented() == Presented(None, "PATCH", b"/v1/a%2Fb", None, None)


@pytest.mark.parametrize("twice", [b"authorization", b"dpop"])
def test_a_credential_that_is_given_twice_is_none_even_when_both_are_the_same(twice: bytes) -> None:
    headers = [(b"authorization", b"DPoP t"), (b"dpop", b"p"), (twice, b"p")]
    scope = {"method": "GET", "raw_path": b"/", "query_string": b"", "headers": headers}
    by_exchange = Reception(lambda: 0, lambda: 0, lambda _scope: "").receive(scope).presented()
    for shown in (by_exchange, presented(scope, lambda _scope: None)):
        assert (shown.authorization, shown.proof)[twice == b"dpop"] == b"repeated"
        assert (shown.authorization, shown.proof)[twice != b"dpop"] != b"repeated"


@pytest.mark.parametrize(
    ("target", "scopes", "status"),
    [
        ("/v1/shipments", GRANT.scopes, 200),
        ("/v1/shipments", frozenset[str](), 403),
        ("/v1/nothing", GRANT.scopes, 404),
    ],
)
async def test_a_newer_nonce_goes_with_the_answer_of_an_exchange_whatever_that_is(
    tmp_path: Path, target: str, scopes: frozenset[str], status: int
) -> None:
    stage = Stage(tmp_path)
    grant = Grant(GRANT.client, GRANT.partner, GRANT.audience, scopes, "jti", "kid", 0, 2**40)
    stage.verify = guard = Guard(Admitted(grant, NEWER))
    reply = await stage.get(target, authorization="DPoP t", dpop="p")
    assert (reply.status, reply.headers["dpop-nonce"]) == (status, "newer")
    assert guard.shown == [Presented(b"DPoP t", "GET", target.encode(), b"p")]


async def test_it_goes_with_an_answer_that_is_sent_piece_by_piece(tmp_path: Path) -> None:
    stage = Stage(tmp_path, wares())
    stage.verify = Guard(Admitted(WARES, NEWER))
    stage.adapter.says = page()
    reply = await stage.get("/v1/wares", accept="application/x-ndjson")
    assert (reply.status, reply.headers["content-type"]) == (200, "application/x-ndjson"), reply.body
    assert reply.headers["dpop-nonce"] == "newer"


def page() -> Answer:
    return said({"data": [ware("W-1")]})


async def test_an_exchange_that_is_rejected_says_what_the_guard_says_and_its_partner_may_ask_why(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path)
    stage.verify = Guard(REJECTED)
    reply = await stage.get("/v1/shipments")
    assert (reply.status, reply.code) == (401, "use-dpop-nonce")
    assert (reply.headers["www-authenticate"], reply.headers["dpop-nonce"]) == (CHALLENGE[1].decode(), "newer")
    assert noted(stage.refused) == as_noted("exchange")
    assert stage.refused[0].request_id == reply.headers["x-request-id"]
    assert (stage.adapter.asked, stage.records()) == ([], [])


async def test_of_a_stranger_who_is_rejected_nobody_hears(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.verify = Guard(Rejected("invalid_token", "invalid-token", (CHALLENGE,)))
    assert (await stage.get("/v1/shipments")).status == 401
    assert stage.refused == []


async def test_a_call_of_a_partners_interface_is_no_different(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        for grant, status in ((PROGRAM, 422), (GRANT, 404)):
            stage.verify = Guard(Admitted(grant, NEWER))
            told = await stage.ask("GET", "/out/swift/rate")
            assert (told.status, told.headers["dpop-nonce"]) == (status, "newer")
        stage.verify = Guard(REJECTED)
        told = await stage.ask("GET", "/out/swift/rate")
        assert (told.status, told.headers["www-authenticate"]) == (401, CHALLENGE[1].decode())
        assert noted(stage.refused) == as_noted("outbound")


@pytest.fixture(params=["/partner/things", "/partner/log/checkpoint"])
def behind(request: pytest.FixtureRequest) -> Iterator[tuple[str, Guard, list[RefusedCall], TestClient[Litestar]]]:
    """A path, the guard before it, who was refused, and a client. Routes of the framework's, of either door."""
    guard, refused = Guard(Admitted(GRANT, NEWER)), list[RefusedCall]()

    async def answer(visit: Visit) -> Any:
        return visit.problem("not-found") if "none" in visit.request.query_params else visit.answer({})

    def certificate_of(_scope: Any) -> Certificate:
        return CERTIFICATE

    target = MemoryTarget()
    publish(target, "partners/swift", [b"one"])
    door = PartnerDoor(guard, certificate_of=certificate_of, note=refused.append)
    pages = LogPages(target, KEYS, guard, tree_delay_ms=0, certificate_of=certificate_of, note=refused.append)
    handlers = [*door.routes("/partner/things", {"GET": answer}), *log_routes(pages)]
    with TestClient(front_doors(handlers)) as client:
        yield request.param, guard, refused, client


def test_a_door_of_the_framework_shows_and_passes_on_the_same(behind: Any) -> None:
    path, guard, refused, client = behind
    sent = {"authorization": "DPoP t", "dpop": "p"}
    answer = client.get(f"{path}?a=b", headers=sent)
    assert (answer.status_code, answer.headers["dpop-nonce"]) == (200, "newer")
    assert guard.shown == [Presented(b"DPoP t", "GET", path.encode(), b"p", CERTIFICATE)]
    assert refused == []


def test_a_problem_behind_such_a_door_has_the_newer_nonce_as_well(behind: Any) -> None:
    path, _, _, client = behind
    answer = client.get(f"{path}?none=1" if path == "/partner/things" else "/partner/receipts/nonsense")
    assert (answer.status_code >= 400, answer.headers["dpop-nonce"]) == (True, "newer")


def test_who_is_rejected_at_such_a_door_is_told_the_same(behind: Any) -> None:
    path, guard, refused, client = behind
    guard.says = REJECTED
    answer = client.get(path)
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/use-dpop-nonce")
    assert (answer.headers["www-authenticate"], answer.headers["dpop-nonce"]) == (CHALLENGE[1].decode(), "newer")
    assert noted(refused) == as_noted("partner")
    assert refused[0].request_id == answer.json()["request_id"]
    guard.says = Rejected("", "state-unavailable", ((b"retry-after", b"5"),), "swift", "swift-app", "proof-unavailable")
    answer = client.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
