"""A clause about signatures that only watches: changes are made, and the record says which it would have refused."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.audit.leaf import Exchange
from gateway.oauth.replay import LocalReplayCache
from policies.clause import Signing
from tests.unit.exchange.stage import Reply
from tests.unit.exchange.test_signed import BODY, CLAUSE, JSON, NOW_S, SIGNING, Scene, signed
from tests.unit.signatures.partner import Partner

WATCHING = replace(SIGNING, clause=replace(CLAUSE, id="2.4"), enforce="observe")
BRIEF = replace(WATCHING, clause=replace(CLAUSE, id="2.5"), max_age_s=10)
STRANGER = Partner("ES256", now_s=NOW_S)


def aged(seconds: int) -> dict[str, str]:
    return signed(created=datetime.fromtimestamp(NOW_S - seconds, UTC))


def watched(folder: Path, *signing: Signing, replay: LocalReplayCache | None = None) -> Scene:
    return Scene(folder / "log", replay=replay, signing=signing or (WATCHING,))


def last(scene: Scene) -> Exchange:
    return scene.stage.records()[-1]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return watched(tmp_path)


async def is_let_through(scene: Scene, reply: Reply, observed: str) -> None:
    assert (reply.status, len(scene.stage.adapter.changes)) == (201, 1)
    assert (last(scene).status, last(scene).code, last(scene).clause, last(scene).observed) == (201, "", "", observed)


async def test_a_change_that_nobody_signed_is_made_and_the_record_names_the_clause(scene: Scene) -> None:
    await is_let_through(scene, await scene.create(dict(JSON)), "2.4")


@pytest.mark.parametrize(
    "headers",
    [
        signed() | {"signature": "sig1=:AAAA:"},
        signed(STRANGER),
        aged(60),
        signed() | {"signature": ""},
    ],
    ids=["garbled", "by another key", "too old", "malformed"],
)
async def test_a_change_that_is_signed_badly_likewise(scene: Scene, headers: dict[str, str]) -> None:
    await is_let_through(scene, await scene.create(headers), "2.4")


async def test_a_good_signature_is_used_as_ever_and_there_is_nothing_to_say(tmp_path: Path) -> None:
    used: list[tuple[str, str]] = []
    scene = Scene(
        tmp_path / "log",
        note_use=lambda client, credential, *_: used.append((client, credential)),
        signing=(WATCHING,),
    )
    await is_let_through(scene, await scene.create(), "")
    assert used == [("swift-app", "key:bank-1")]


async def test_one_that_is_used_again_is_not_good_again(scene: Scene) -> None:
    captured = signed()
    assert [(await scene.create(captured)).status for _ in range(2)] == [201, 201]
    assert [each.observed for each in scene.stage.records()] == ["", "2.4"]


async def test_while_nobody_can_say_whose_it_is_the_change_is_made_and_the_clause_is_named(scene: Scene) -> None:
    scene.keys = None
    await is_let_through(scene, await scene.create(), "2.4")


async def test_while_nobody_can_say_whether_it_was_used_likewise(tmp_path: Path) -> None:
    scene = watched(tmp_path, replay=LocalReplayCache(entries_max=0))
    await is_let_through(scene, await scene.create(), "2.4")


async def test_a_body_that_is_not_the_one_that_was_digested_is_refused_all_the_same(scene: Scene) -> None:
    reply = await scene.create(signed(), BODY + b" ")
    assert (reply.status, reply.code) == (400, "digest-mismatch")
    assert scene.untouched


async def test_what_was_observed_is_on_the_record_of_a_change_that_is_refused_for_another_reason(scene: Scene) -> None:
    assert (await scene.create(dict(JSON), b"{")).code == "invalid-body"
    assert last(scene).observed == "2.4"


async def test_beside_one_that_refuses_it_refuses_nothing_and_makes_nothing_good(tmp_path: Path) -> None:
    scene = watched(tmp_path, BRIEF, SIGNING)
    reply = await scene.create(dict(JSON))
    assert (reply.code, reply.json()["clause"]["id"]) == ("signature-required", "2.3")
    old = aged(30)
    assert (await scene.create(old)).status == 201
    assert last(scene).observed == "2.5"
    assert (await scene.create(old)).code == "signature-invalid"


async def test_a_signature_that_the_one_that_refuses_does_not_take_is_not_used_up(tmp_path: Path) -> None:
    strict = replace(SIGNING, algorithms=frozenset({"ed25519"}))
    replay = LocalReplayCache()
    captured = signed()
    refused = Scene(tmp_path / "refused", replay=replay, signing=(strict, WATCHING))
    assert (await refused.create(captured)).code == "signature-invalid"
    await is_let_through(taken := Scene(tmp_path / "taken", replay=replay), await taken.create(captured), "")


async def test_of_several_that_watch_each_is_named_that_would_have_refused(tmp_path: Path) -> None:
    scene = watched(tmp_path, WATCHING, BRIEF)
    await scene.create(dict(JSON))
    await scene.create(aged(30))
    await scene.create(aged(5))
    assert [each.observed for each in scene.stage.records()] == ["2.4 2.5", "2.5", ""]


async def test_a_signature_is_remembered_for_as_long_as_any_clause_would_take_it(tmp_path: Path) -> None:
    scene = watched(tmp_path, replace(WATCHING, max_age_s=120), BRIEF)
    captured = signed()
    await scene.create(captured)
    scene.stage.now_us += 119_000_000
    await scene.replay.claim("somebody", "else", NOW_S + 119, NOW_S + 120)
    await scene.create(captured)
    assert [each.observed for each in scene.stage.records()] == ["", "2.4 2.5"]
