"""What records commit to: the data as they were sent, under keys of those whom they are about; else nothing."""

import gzip
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from gateway.audit.faults import LogFault
from gateway.audit.leaf import Exchange, Part
from gateway.audit.sidecar import handle_of, openings
from gateway.audit.sidecar_file import KeyFrame, all_files, read_frames
from gateway.store.store import Store
from tests.unit.audit import commitments
from tests.unit.exchange.stage import SECRET, Stage, said
from tests.unit.exchange.wares import WARES, ware, wares
from tests.unit.store.ready_file import ready_file

SUBJECT = (
    "- {name: hidden, logicalType: string}",
    "- {name: hidden, logicalType: string, customProperties: [{property: subject, value: true}]}",
)
TWO = (
    "- {name: hidden, logicalType: string}\n",
    SUBJECT[1] + "\n      - {name: born, logicalType: integer, customProperties: [{property: subject, value: true}]}\n",
)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(ready_file(tmp_path))
    yield opened
    await opened.close()


@pytest.fixture
def stage(tmp_path: Path, store: Store) -> Stage:
    return staged(tmp_path, store)


def staged(tmp_path: Path, store: Store, product: tuple[str, str] = SUBJECT) -> Stage:
    made = Stage(tmp_path / "log", wares(product=product), store=store)
    made.grant = WARES
    made.adapter.says = said({"data": [ware("W-1", hidden="li"), ware("W-2", hidden="wang")], "next": None})
    return made


def payloads(stage: Stage) -> list[str]:
    return [entry.payload for entry in stage.entries() if isinstance(entry, Exchange | Part)]


def opens(stage: Stage, body: bytes, at: int = -1) -> bool:
    """Whether the record at this place commits to this body."""
    wanted = {bytes.fromhex(payloads(stage)[at])}
    return any(commitments.opens(opening, body) for opening in openings(stage.folder / "sidecar", wanted))


def keys(stage: Stage) -> list[KeyFrame]:
    frames = [frame for file in all_files(stage.folder / "sidecar") for frame in read_frames(file.read_bytes())]
    return [frame for frame in frames if isinstance(frame, KeyFrame)]


def people(stage: Stage) -> set[bytes]:
    """The handles of all who have a key."""
    return {key.handle for key in keys(stage)}


def handles(*names: str) -> set[bytes]:
    return {handle_of(name, SECRET) for name in names}


async def test_a_list_is_committed_to_under_keys_of_those_whom_it_shows(stage: Stage) -> None:
    reply = await stage.get("/v1/wares")
    assert reply.status == 200
    assert opens(stage, reply.body)
    assert not opens(stage, reply.body.replace(b"W-1", b"W-9"))
    assert people(stage) == handles("li", "wang")


async def test_of_whom_the_partner_sees_nothing_there_is_no_key(stage: Stage) -> None:
    stage.adapter.json({"data": [ware(hidden="li"), ware(owner="OTHER", hidden="wang")], "next": None})
    reply = await stage.get("/v1/wares")
    assert opens(stage, reply.body)
    assert people(stage) == handles("li")


async def test_a_record_is_committed_to_and_an_empty_list_as_well(stage: Stage) -> None:
    stage.adapter.json(ware(hidden="li"))
    assert opens(stage, (await stage.get("/v1/wares/W-1")).body)
    stage.adapter.json({"data": [], "next": None})
    assert opens(stage, (await stage.get("/v1/wares")).body)
    assert people(stage) == handles("li")


async def test_what_is_committed_to_is_the_body_before_its_content_coding(stage: Stage) -> None:
    stage.adapter.json({"data": [ware(f"W-{number}") for number in range(40)], "next": None})
    reply = await stage.get("/v1/wares", accept_encoding="gzip")
    assert reply.headers["content-encoding"] == "gzip"
    assert opens(stage, gzip.decompress(reply.body))


async def test_a_narrowed_answer_is_committed_to_as_it_was_sent_and_concerns_the_same_people(stage: Stage) -> None:
    reply = await stage.get("/v1/wares?fields=id")
    assert opens(stage, reply.body)
    assert people(stage) == handles("li", "wang")


async def test_problems_and_what_the_caller_has_already_commit_to_nothing(stage: Stage) -> None:
    etag = (await stage.get("/v1/wares")).headers["etag"]
    assert (await stage.get("/v1/wares", if_none_match=etag)).status == 304
    assert (await stage.get("/v1/wares?limit=none")).status == 400
    assert [bool(payload) for payload in payloads(stage)] == [True, False, False]


async def test_every_piece_of_an_export_is_committed_to_by_its_own_record(stage: Stage) -> None:
    stage.adapter.first = [
        said({"data": [ware("W-1", hidden="li")], "next": "more"}),
        said({"data": [ware("W-2", hidden="wang")], "next": None}),
    ]
    reply = await stage.get("/v1/wares", accept="application/x-ndjson")
    assert len(reply.pieces) == 2
    assert [opens(stage, piece, at) for at, piece in enumerate(reply.pieces)] == [True, True]
    assert people(stage) == handles("li", "wang")


async def test_csv_is_committed_to_with_its_header(stage: Stage) -> None:
    reply = await stage.get("/v1/wares?fields=id", accept="text/csv")
    assert reply.body.startswith(b"id\r\n")
    assert opens(stage, reply.body)


async def test_the_result_of_a_change_is_committed_to_and_a_deletion_has_none(stage: Stage) -> None:
    stage.adapter.changes_say = said(ware(hidden="li"), 201)
    reply = await stage.ask("POST", "/v1/wares", {"id": "W-1", "pieces": 3, "price": 1.5, "name": "张三"})
    assert (reply.status, opens(stage, reply.body)) == (201, True)
    stage.adapter.changes_say = said(ware(), 204)
    stage.adapter.says = said(ware())
    assert (await stage.ask("DELETE", "/v1/wares/W-1", None)).status == 204
    assert payloads(stage)[-1] == ""
    assert people(stage) == handles("li")


async def test_a_repeated_answer_is_committed_to_anew_and_concerns_the_same_person(stage: Stage) -> None:
    stage.adapter.changes_say = said(ware(hidden="li"), 201)
    body = {"id": "W-1", "pieces": 3, "price": 1.5, "name": "张三"}
    first = await stage.ask("POST", "/v1/wares", body, idempotency_key='"k-1"')
    stage.sidecar.tick()  # the person is forgotten: whom the repetition is about must come from what was kept
    assert len(keys(stage)) == 1
    again = await stage.ask("POST", "/v1/wares", body, idempotency_key='"k-1"')
    assert (again.status, again.body) == (201, first.body)
    assert not any(name.startswith("clausegate-people") for name in again.headers)
    one, other = payloads(stage)
    assert one != other
    assert opens(stage, first.body, 0)
    assert opens(stage, first.body, 1)
    assert len(keys(stage)) == 2
    assert people(stage) == handles("li")


async def test_a_person_whom_several_fields_name_has_one_key(tmp_path: Path, store: Store) -> None:
    stage = staged(tmp_path, store, TWO)
    stage.adapter.json({"data": [ware(hidden="li", born=1971), ware("W-2", hidden="li", born=1980)], "next": None})
    assert opens(stage, (await stage.get("/v1/wares")).body)
    assert people(stage) == handles('["li","1971"]', '["li","1980"]')


@pytest.mark.parametrize("subject", [None, "absent", {"no": "scalar"}])
async def test_who_cannot_be_told_has_no_key_and_the_rest_has(stage: Stage, subject: Any) -> None:
    unknown = ware("W-2", hidden=subject)
    if subject == "absent":
        del unknown["hidden"]
    stage.adapter.json({"data": [ware(hidden="li"), unknown], "next": None})
    reply = await stage.get("/v1/wares")
    assert opens(stage, reply.body)
    assert people(stage) == handles("li")


async def test_without_a_commitment_there_are_no_data_and_the_log_says_so(stage: Stage) -> None:
    stage.sidecar.close()
    reply = await stage.get("/v1/wares")
    assert (reply.status, reply.code) == (503, "log-unavailable")
    assert b"W-1" not in reply.body
    (recorded,) = stage.records()
    assert (recorded.status, recorded.code, recorded.payload) == (503, "log-unavailable", "")
    assert (recorded.records, recorded.bytes) == (0, 0)


async def test_an_export_ends_where_a_piece_cannot_be_committed_to(stage: Stage) -> None:
    stage.adapter.first = [said({"data": [ware("W-1")], "next": "more"}), said({"data": [ware("W-2")], "next": None})]
    stage.sent = lambda message: stage.sidecar.close() if message.get("body") else None
    reply = await stage.get("/v1/wares", accept="application/x-ndjson")
    assert (b"W-1" in reply.body, b"W-2" in reply.body, reply.ended) == (True, False, False)
    assert len(payloads(stage)) == 1
    assert isinstance(stage.sidecar.commit(bytes(32), ()), LogFault)


async def test_two_answers_with_the_same_data_have_one_etag_and_two_commitments(stage: Stage) -> None:
    first, second = await stage.get("/v1/wares"), await stage.get("/v1/wares")
    assert first.headers["etag"] == second.headers["etag"]
    assert len(set(payloads(stage))) == 2
