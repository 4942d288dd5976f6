"""Changes that an agreement wants signed: before anything is claimed, announced or asked, and each signature once."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.plan import Plans
from gateway.audit.leaf import Intent
from gateway.credentials.noted import NoteUse, unnoted
from gateway.exchange.signed import SignedChanges
from gateway.oauth.replay import LocalReplayCache, ReplayCache
from gateway.store.clients import ClientKey
from gateway.store.store import Store
from policies.clause import Signing
from policies.kinds.signed_requests import ALGORITHMS, PARTS
from policies.reference import ClauseRef
from tests.unit.exchange.stage import MIDSUMMER_2026_US, Reply, Stage, said
from tests.unit.exchange.wares import WARES, ware, wares
from tests.unit.signatures.partner import BASE_URL, COVERED, Partner
from tests.unit.store.ready_file import ready_file

NOW_S = MIDSUMMER_2026_US // 1_000_000
BODY = b'{"id": "W-1", "pieces": 3, "price": 1.5, "name": "\xe5\xbc\xa0"}'
CLAUSE = ClauseRef("swift-2026", "1.0.0", "2.3", "signed_requests", {"zh": "须签名。", "en": "Signed."})
PARTNER = Partner("ES256", now_s=NOW_S)
JSON = {"content-type": "application/json", "authorization": "Bearer token"}


SIGNING = Signing(CLAUSE, PARTS, frozenset(ALGORITHMS), 60)


def signing_plans(signing: tuple[Signing, ...] = (SIGNING,)) -> Plans:
    """The wares, all changes of which have to be signed."""
    plans = wares()
    by_route = {
        route: tuple(
            replace(plan, signing=signing if plan.writing or plan.operation == "delete" else ()) for plan in each
        )
        for route, each in plans.by_route.items()
    }
    return replace(plans, by_route=by_route)


class Scene:
    """One gateway and what it knows of its client's keys."""

    def __init__(
        self,
        folder: Path,
        store: Store | None = None,
        note_use: NoteUse = unnoted,
        replay: ReplayCache | None = None,
        signing: tuple[Signing, ...] = (SIGNING,),
    ) -> None:
        self.keys: tuple[ClientKey, ...] | None = (PARTNER.key,)
        self.asked: list[tuple[str, str]] = []
        self.replay = replay or LocalReplayCache()
        signed = SignedChanges(BASE_URL, self.keys_of, self.replay, note_use)
        self.stage = Stage(folder, signing_plans(signing), store=store, signed=signed)
        self.stage.grant = WARES
        self.stage.adapter.says = said(ware())
        self.stage.adapter.changes_say = said(ware(), 201)

    async def keys_of(self, client_id: str, key_id: str, _now_s: float) -> tuple[ClientKey, ...] | None:
        self.asked.append((client_id, key_id))
        return self.keys

    async def create(self, headers: dict[str, str] | None = None, body: bytes = BODY) -> Reply:
        return await self.send("POST", "/v1/wares", signed() if headers is None else headers, body)

    async def send(self, method: str, target: str, headers: dict[str, str], body: bytes | None) -> Reply:
        sent = {name.replace("-", "_"): value for name, value in headers.items()}
        return await self.stage.ask(method, target, body, **sent)

    @property
    def untouched(self) -> bool:
        """Nothing was announced and the backend was not asked."""
        return not self.stage.adapter.changes and not any(isinstance(each, Intent) for each in self.stage.entries())


def signed(partner: Partner = PARTNER, body: bytes = BODY, **more: Any) -> dict[str, str]:
    headers = JSON | more.pop("headers", {})
    return partner.sign("POST", "/v1/wares", headers, body, covered=(*COVERED, "content-type"), **more)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path / "log")


@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[Scene]:
    """With a state store, for idempotency keys."""
    store = await Store.open(ready_file(tmp_path))
    yield Scene(tmp_path / "log", store)
    await store.close()


async def test_a_signed_change_is_made_and_its_record_is_as_of_any(scene: Scene) -> None:
    reply = await scene.create()
    assert (reply.status, len(scene.stage.adapter.changes)) == (201, 1)
    assert scene.asked == [("swift-app", "bank-1")]


async def test_one_that_nobody_signed_is_refused_by_its_clause_and_on_the_log(scene: Scene) -> None:
    reply = await scene.create(dict(JSON))
    assert (reply.status, reply.code) == (403, "signature-required")
    assert reply.json()["clause"] == {"agreement": "swift-2026", "version": "1.0.0", "id": "2.3", "text": "Signed."}
    assert scene.untouched
    (record,) = scene.stage.records()
    assert (record.status, record.clause) == (403, "2.3")


async def test_what_is_wrong_is_said_in_the_callers_language_and_never_what_was_sent(scene: Scene) -> None:
    wrong = signed() | {"signature": "sig1=:c2VjcmV0LXNlY3JldA==:"}
    english, chinese = await scene.create(wrong), await scene.create(wrong | {"accept-language": "zh"})
    assert (english.status, english.code) == (403, "signature-invalid")
    assert english.json()["detail"].startswith("The signature does not fit the request")
    assert BASE_URL in chinese.json()["detail"]
    assert chinese.json()["detail"].startswith("签名与请求不符")
    for reply in (english, chinese):
        assert b"c2VjcmV0" not in reply.body
        assert b"secret" not in reply.body
    assert scene.untouched


async def test_a_client_without_keys_is_told_that_it_cannot_sign(scene: Scene) -> None:
    scene.keys = ()
    reply = await scene.create()
    assert reply.code == "signature-invalid"
    assert "basic tier" in reply.json()["detail"]


async def test_a_body_that_is_not_the_one_that_was_digested_is_told_so_before_it_is_read(scene: Scene) -> None:
    reply = await scene.create(signed(), BODY + b"}")
    assert (reply.status, reply.code) == (400, "digest-mismatch")
    assert scene.untouched
    assert not scene.asked


async def test_a_digest_that_was_sent_is_compared_though_nothing_has_to_be_signed(scene: Scene) -> None:
    stage = Stage(scene.stage.folder.parent / "other", wares())
    stage.grant = WARES
    stage.adapter.says = said(ware())
    fitting = await stage.ask("POST", "/v1/wares", BODY, content_digest=signed()["content-digest"])
    other = await stage.ask("POST", "/v1/wares", BODY + b" ", content_digest=signed()["content-digest"])
    assert (fitting.status, other.code) == (201, "digest-mismatch")


async def test_a_body_that_nobody_signed_is_not_even_parsed(scene: Scene) -> None:
    assert (await scene.create(dict(JSON), b"{")).code == "signature-required"
    assert (await scene.create(signed(body=b"{"), b"{")).code == "invalid-body"


async def test_a_captured_request_is_good_once_even_with_its_idempotency_key(stored: Scene) -> None:
    captured = signed(headers={"idempotency-key": "k-1"})
    assert (await stored.create(captured)).status == 201
    again = await stored.create(captured)
    assert (again.status, again.code) == (403, "signature-invalid")
    assert "used before" in again.json()["detail"]
    assert len(stored.stage.adapter.changes) == 1


async def test_a_retry_that_is_signed_anew_is_the_same_change(stored: Scene) -> None:
    first = await stored.create(signed(headers={"idempotency-key": "k-1"}, nonce="n-1"))
    retry = await stored.create(signed(headers={"idempotency-key": "k-1"}, nonce="n-2"))
    assert (first.status, retry.status, len(stored.stage.adapter.changes)) == (201, 201, 1)


async def test_a_signature_of_another_client_is_used_up_for_that_one_alone(scene: Scene) -> None:
    captured = signed()
    scene.stage.grant = replace(WARES, client="other-app")
    assert (await scene.create(captured)).status == 201
    scene.stage.grant = WARES
    assert (await scene.create(captured)).status == 201


async def test_while_nobody_can_say_whose_it_is_nothing_is_changed(scene: Scene) -> None:
    scene.keys = None
    await is_put_off(scene)


async def test_while_nobody_can_say_whether_it_was_used_nothing_is_changed(tmp_path: Path) -> None:
    await is_put_off(Scene(tmp_path / "log", replay=LocalReplayCache(entries_max=0)))


async def is_put_off(scene: Scene) -> None:
    reply = await scene.create()
    assert (reply.status, reply.code) == (503, "state-unavailable")
    assert reply.headers["retry-after"] == "5"
    assert scene.untouched


async def test_a_slow_copy_finds_its_signature_still_remembered(scene: Scene) -> None:
    """A request is judged as of its beginning; its body may take half a minute more."""
    captured, later_us = signed(), 59_000_000
    assert (await scene.create(captured)).status == 201
    scene.stage.now_us += 80_000_000
    await scene.replay.claim("somebody", "else", scene.stage.now_us / 1e6, scene.stage.now_us / 1e6 + 1)
    scene.stage.now_us = MIDSUMMER_2026_US + later_us
    assert (await scene.create(captured)).code == "signature-invalid"


async def test_a_delete_has_no_body_to_digest_and_is_signed_all_the_same(scene: Scene) -> None:
    headers = PARTNER.sign(
        "DELETE", "/v1/wares/W-1", {"authorization": "Bearer token"}, b"", ("@method", "@target-uri", "authorization")
    )
    assert "content-digest" not in headers
    reply = await scene.send("DELETE", "/v1/wares/W-1", headers, None)
    assert reply.status == 204
    assert (await scene.send("DELETE", "/v1/wares/W-1", dict(JSON), None)).code == "signature-required"


async def test_reading_needs_no_signature(scene: Scene) -> None:
    assert (await scene.stage.get("/v1/wares/W-1")).status == 200


async def test_which_key_was_used_is_told_and_only_once_it_was(tmp_path: Path) -> None:
    used: list[tuple[str, str]] = []
    scene = Scene(tmp_path / "log", note_use=lambda client, credential, *_: used.append((client, credential)))
    await scene.create(dict(JSON))
    await scene.create(signed() | {"signature": "sig1=:AAAA:"})
    assert used == []
    await scene.create()
    assert used == [("swift-app", "key:bank-1")]


async def test_a_gateway_that_has_no_keys_changes_nothing_that_has_to_be_signed(tmp_path: Path) -> None:
    stage = Stage(tmp_path / "log", signing_plans())
    stage.grant = WARES
    headers = {name.replace("-", "_"): value for name, value in signed().items()}
    assert (await stage.ask("POST", "/v1/wares", BODY, **headers)).code == "state-unavailable"
    assert not stage.adapter.changes
