"""What a hostile partner or backend tries: each once told too much, never ended, or was answered wrongly."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import zstandard
from msgspec.structs import replace

from adapters.memory import MemoryAdapter
from contracts.plan import Plans
from gateway.audit.leaf import Exchange, Part
from gateway.oauth.grant import Grant
from gateway.store.store import Store
from tests.unit.exchange.stage import GRANT, Reply, Stage, said
from tests.unit.exchange.wares import WARES, Database, ware, wares
from tests.unit.store.ready_file import ready_file

LINES = "application/x-ndjson"
OWN_ROWS = "rows: record.owner == partner.code"
NO_CONDITION = (OWN_ROWS, "rows: record.owner.startsWith(partner.code)")
"""A row filter that no database is asked, so that the gateway decides."""
BODY = {"id": "W-1", "pieces": 3}


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(ready_file(tmp_path))
    yield opened
    await opened.close()


def staged(folder: Path, plans: Plans | None = None, *, grant: Grant = WARES, **more: Any) -> Stage:
    stage = Stage(folder, plans or wares(), **more)
    stage.grant = grant
    return stage


async def trace(stage: Stage, query: str) -> list[tuple[int, bool]]:
    """How a list looks from outside: records and whether there is more, page by page."""
    found: list[tuple[int, bool]] = []
    cursor = ""
    while not found or found[-1][1]:
        page = (await stage.get(f"/v1/wares?limit=1&{query}{cursor}")).json()
        found.append((len(page["data"]), page["next"] is not None))
        cursor = f"&cursor={page['next']}"
    return found


async def test_a_filter_tells_nothing_of_records_outside_the_rows(tmp_path: Path) -> None:
    records = [ware(f"W-{number}", owner="OTHER", price=7000 + number) for number in range(3)] + [ware("W-9")]
    adapter = MemoryAdapter({"ware": records})
    stage = staged(tmp_path / "log", wares(Database(), NO_CONDITION), adapter=adapter)
    assert await trace(stage, "price[gte]=7000") == await trace(stage, "price[gte]=9000")
    assert sum(records for records, _ in await trace(stage, "price=1.5")) == 1


@pytest.mark.parametrize("circle", [1, 2, 5])
async def test_an_export_from_a_backend_that_leads_in_a_circle_is_broken_off(tmp_path: Path, circle: int) -> None:
    stage = staged(tmp_path / "log")
    pages = [said({"data": [ware()], "next": f"page-{number % circle}"}) for number in range(1000)]
    stage.adapter.first = list(pages)
    export = await stage.get("/v1/wares", accept=LINES)
    assert not export.ended
    assert len(stage.adapter.asked) < 4 * circle + 2
    last = stage.entries()[-1]
    assert isinstance(last, Part)
    assert (last.code, last.last, last.records) == ("backend-invalid", True, 0)


@pytest.mark.parametrize(("opened", "closed"), [('{"a":', "}"), ("[", "]")])
async def test_what_nests_deeply_in_an_array_of_unique_items_is_a_mistake_of_the_body(
    tmp_path: Path, opened: str, closed: str
) -> None:
    before = "name: tags, logicalType: array,"
    plans = wares(product=(before, f"{before} logicalTypeOptions: {{uniqueItems: true}},"))
    stage = staged(tmp_path / "log", plans)
    for depth in range(100, 1000, 20):
        item = f"{opened * depth}1{closed * depth}"
        reply = await stage.ask("POST", "/v1/wares", f'{{"id":"W-1","tags":[{item}]}}'.encode())
        assert (reply.status, reply.code) == (422, "invalid-body")
    assert stage.adapter.changes == []


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("tag", ["*", "ETAG"])
async def test_a_change_that_is_wanted_only_of_another_record_is_not_made(
    tmp_path: Path, method: str, tag: str
) -> None:
    stage = staged(tmp_path / "log")
    stage.adapter.says = said(ware())
    known = (await stage.get("/v1/wares/W-1")).headers["etag"]
    body = {"pieces": 1} if method == "PATCH" else None
    reply = await stage.ask(method, "/v1/wares/W-1", body, if_none_match=known if tag == "ETAG" else tag)
    assert (reply.status, reply.code) == (412, "precondition-failed")
    assert stage.adapter.changes == []
    other = await stage.ask(method, "/v1/wares/W-1", body, if_none_match='"0"')
    assert other.status < 300


@pytest.mark.parametrize("accepted", ["zstd, identity;q=0", "zstd, *;q=0"])
async def test_a_small_answer_is_compressed_where_it_is_not_wanted_as_it_is(tmp_path: Path, accepted: str) -> None:
    stage = staged(tmp_path / "log")
    stage.adapter.json(ware())
    reply = await stage.get("/v1/wares/W-1", accept_encoding=accepted)
    assert reply.headers["content-encoding"] == "zstd"
    assert json.loads(zstandard.decompress(reply.body))["id"] == "W-1"
    assert "content-encoding" not in (await stage.get("/v1/wares/W-1", accept_encoding="zstd")).headers


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("text/csv;header=absent", 406),
        ("text/csv; charset=gb18030", 406),
        ("text/csv;header=present;charset=UTF-8", 200),
        ('application/json;charset="utf-8"', 200),
        ("application/json;q=0.5, text/csv;header=absent", 200),
    ],
)
async def test_a_form_that_cannot_be_had_is_not_passed_off_as_another(tmp_path: Path, accept: str, status: int) -> None:
    stage = staged(tmp_path / "log")
    stage.adapter.json({"data": [ware()], "next": None})
    assert (await stage.get("/v1/wares", accept=accept)).status == status


@pytest.mark.parametrize("query", ["day=20260314", "day=2026-W11-6", "day[lt]=20270101", "seen=20260314T080000Z"])
async def test_moments_that_would_compare_as_other_text_are_no_filter(tmp_path: Path, query: str) -> None:
    stage = staged(tmp_path / "log")
    reply = await stage.get(f"/v1/wares?{query}")
    assert (reply.status, reply.code) == (400, "invalid-filter")


async def created(stage: Stage) -> Reply:
    return await stage.ask("POST", "/v1/wares", BODY, idempotency_key="k-1")


async def test_a_repeated_answer_counts_the_person_that_it_is_about(tmp_path: Path, store: Store) -> None:
    personal = ("name: id, logicalType", "name: id, customProperties: [{property: subject, value: true}], logicalType")
    stage = staged(tmp_path / "log", wares(product=personal), store=store)
    stage.adapter.says = said(ware(), 201)
    first, again = await created(stage), await created(stage)
    assert (first.body, len(stage.adapter.changes)) == (again.body, 1)
    counts = [(entry.records, entry.subjects) for entry in stage.entries() if isinstance(entry, Exchange)]
    assert counts == [(1, 1), (1, 1)]


async def test_an_answer_is_not_repeated_once_other_rows_are_the_partners(tmp_path: Path, store: Store) -> None:
    before = staged(tmp_path / "before", store=store)
    before.adapter.says = said(ware(), 201)
    assert (await created(before)).json()["id"] == "W-1"
    fewer = wares(product=(OWN_ROWS, "rows: record.owner == partner.code && record.id != 'W-7'"))
    reply = await created(staged(tmp_path / "after", fewer, store=store))
    assert (reply.status, reply.body) == (201, b"")


async def test_a_client_of_another_partner_repeats_nothing_though_it_has_the_name(tmp_path: Path, store: Store) -> None:
    first = staged(tmp_path / "first", store=store)
    first.adapter.says = said(ware(), 201)
    await created(first)
    plans = wares()
    moved = {("other", resource, operation): found for (_, resource, operation), found in plans.by_route.items()}
    other = staged(
        tmp_path / "other", replace(plans, by_route=moved), grant=replace(WARES, partner="other"), store=store
    )
    other.adapter.says = said(ware("W-2"), 201)
    assert (await created(other)).json()["id"] == "W-2"


async def test_a_body_of_another_kind_is_told_which_kinds_there_are(tmp_path: Path) -> None:
    stage = staged(tmp_path / "log")
    patched = await stage.ask("PATCH", "/v1/wares/W-1", b"<a/>", content_type="application/xml")
    assert (patched.status, patched.headers["accept-patch"]) == (415, "application/json, application/merge-patch+json")
    packed = await stage.ask("POST", "/v1/wares", BODY, content_encoding="gzip")
    assert (packed.status, packed.headers["accept-encoding"]) == (415, "identity")


async def test_a_caller_that_hangs_up_while_it_waits_was_not_refused(tmp_path: Path) -> None:
    plans = wares(rate='"4.1": {limit: 2, window: PT1M, burst: 1}')
    stage = staged(tmp_path / "log", plans)
    stage.adapter.json({"data": [ware()], "next": "more"})
    stage.gone.set()
    await stage.get("/v1/wares", accept=LINES)
    assert [type(entry) for entry in stage.entries()] == [Exchange]


async def test_who_may_not_read_learns_nothing_from_any_question(tmp_path: Path) -> None:
    stage = staged(tmp_path / "log", grant=replace(GRANT, scopes=frozenset({"wares:write"})))
    stage.adapter.json(ware())
    for target in ("/v1/wares", "/v1/wares/W-1", "/v1/wares?price=1"):
        for method in ("GET", "HEAD"):
            assert (await stage.get(target, method, if_none_match="*")).status == 403
    assert stage.adapter.asked == []
