"""What is shown is counted after masking: pages are cut at quotas of records, bytes and people, and lose nothing."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.base import Answer, Call, Change, Query
from contracts.plan import Plan, Plans
from gateway.audit.leaf import Exchange, Part
from policies.limit import Limit, Quota, Unit
from policies.reference import ClauseRef
from tests.unit.exchange.stage import Reply, Stage, said
from tests.unit.exchange.wares import SEEN, WARES, ware, wares

SUBJECT = (
    "- {name: hidden, logicalType: string}",
    "- {name: hidden, logicalType: string, customProperties: [{property: subject, value: true}]}",
)
LINES = "application/x-ndjson"


def quota(unit: Unit, limit: int, clause: str = "7.1", **more: Any) -> Quota:
    ref = ClauseRef("swift-2026", "1.0.0", clause, "quota", {"en": "So much.", "zh": "限量。"})
    named = {"clause": ref, "key": f"swift-2026/{clause}", "per": "partner", "on_outage": "refuse", "cost": 0}
    return Quota(**{**named, "unit": unit, "limit": limit, "period": "day", "zone": "Asia/Shanghai", **more})


def with_limits(plans: Plans, *limits: Limit) -> Plans:
    def limited(plan: Plan) -> Plan:
        return replace(plan, limits=plan.limits + limits)

    return replace(plans, by_route={route: tuple(map(limited, each)) for route, each in plans.by_route.items()})


class Pages:
    """A backend that pages by number and changes what it is told to."""

    def __init__(self, records: list[dict[str, Any]]) -> None:
        self.records = records
        self.asked: list[Query] = []

    async def answer(self, call: Call, query: Query) -> Answer:
        self.asked.append(query)
        if query.key is not None:
            return said(next(record for record in self.records if record["id"] == query.key))
        start = int(query.after or 0)
        end = start + query.limit
        following = str(end) if end < len(self.records) else None
        return said({"data": self.records[start:end], "next": following})

    async def change(self, call: Call, change: Change) -> Answer:
        record = next(record for record in self.records if record["id"] == change.key)
        record |= {field.path[0]: value for field, value in change.values}
        return said(record)

    async def close(self) -> None:
        return


class Paged(Stage):
    """A gateway whose backend is kept at hand."""

    kept: Pages


Made = Callable[..., Paged]


@pytest.fixture
def made(tmp_path: Path) -> Made:
    def make(*limits: Limit, people: int = 10, records: int = 10) -> Paged:
        backend = Pages([ware(f"W-{number:02}", hidden=f"P-{number % people}") for number in range(records)])
        stage = Paged(tmp_path / "log", with_limits(wares(None, SUBJECT), *limits), backend)
        stage.grant, stage.kept = WARES, backend
        return stage

    return make


def ids(reply: Reply) -> list[str]:
    return [record["id"] for record in reply.json()["data"]]


def last(stage: Stage) -> Exchange:
    found = [entry for entry in stage.entries() if isinstance(entry, Exchange)]
    return found[-1]


async def test_a_page_that_fits_goes_out_whole_and_says_nothing(made: Made) -> None:
    reply = await made(quota("records", 10), quota("bytes", 100_000, "7.2"), quota("subjects", 10, "7.3")).get(
        "/v1/wares?limit=4"
    )
    assert ids(reply) == ["W-00", "W-01", "W-02", "W-03"]
    assert "clausegate-cut" not in reply.headers


async def test_a_page_is_cut_at_a_quota_of_records_and_its_cursor_leads_to_the_very_next_record(made: Made) -> None:
    stage = made(quota("records", 7))
    first = await stage.get("/v1/wares?limit=5")
    second = await stage.get(f"/v1/wares?limit=5&cursor={first.json()['next']}")
    assert (ids(second), second.headers["clausegate-cut"]) == (["W-05", "W-06"], '"7.1"')
    entry = last(stage)
    assert (entry.status, entry.code, entry.clause, entry.records) == (200, "", "7.1", 2)
    refused = await stage.get("/v1/wares")
    assert (refused.status, refused.code) == (429, "quota-exceeded")
    stage.now_us += 24 * 3_600_000_000
    third = await stage.get(f"/v1/wares?limit=5&cursor={second.json()['next']}")
    assert ids(third) == ["W-07", "W-08", "W-09"]


async def test_the_last_page_of_a_list_is_not_said_to_be_cut_when_it_ends_at_the_quota(made: Made) -> None:
    reply = await made(quota("records", 10)).get("/v1/wares?limit=50")
    assert (len(ids(reply)), reply.json()["next"]) == (10, None)
    assert "clausegate-cut" not in reply.headers


async def test_what_a_quota_leaves_is_asked_for_at_once_and_not_cut_off_afterwards(made: Made) -> None:
    stage = made(quota("records", 3))
    await stage.get("/v1/wares?limit=5")
    assert [query.limit for query in stage.kept.asked] == [3]


async def test_a_page_is_cut_so_that_its_bytes_fit(made: Made) -> None:
    whole = 4 * len(json.dumps(SEEN, ensure_ascii=False, separators=(",", ":")).encode())
    stage = made(quota("bytes", whole - 1))
    reply = await stage.get("/v1/wares?limit=4")
    assert (ids(reply), reply.headers["clausegate-cut"]) == (["W-00", "W-01", "W-02"], '"7.1"')
    assert len(reply.body) <= whole - 1
    assert [query.limit for query in stage.kept.asked] == [4, 3]
    assert last(stage).bytes == len(reply.body)


async def test_people_count_once_however_often_they_are_read(made: Made) -> None:
    stage = made(quota("subjects", 2), people=2)
    for _ in range(3):
        assert len(ids(await stage.get("/v1/wares?limit=10"))) == 10


async def test_a_page_ends_before_the_first_person_who_is_one_too_many(made: Made) -> None:
    stage = made(quota("subjects", 3))
    assert len(ids(await stage.get("/v1/wares?limit=2"))) == 2
    reply = await stage.get("/v1/wares?limit=10")
    assert (ids(reply), reply.headers["clausegate-cut"]) == (["W-00", "W-01", "W-02"], '"7.1"')
    assert (await stage.get("/v1/wares/W-02")).status == 200  # counted already
    assert (await stage.get("/v1/wares/W-03")).status == 429


async def test_of_several_quotas_the_tightest_cuts_and_is_named(made: Made) -> None:
    reply = await made(quota("records", 6), quota("subjects", 4, "7.2")).get("/v1/wares?limit=10")
    assert (len(ids(reply)), reply.headers["clausegate-cut"]) == (4, '"7.2"')


async def test_one_record_is_whole_or_refused(made: Made) -> None:
    stage = made(quota("bytes", 10))
    refused = await stage.get("/v1/wares/W-01")
    assert (refused.status, refused.code) == (429, "quota-exceeded")
    assert refused.json()["clause"]["id"] == "7.1"
    assert int(refused.headers["retry-after"]) > 0


async def test_what_the_caller_has_already_counts_a_call_and_no_data(made: Made) -> None:
    stage = made(quota("records", 1))
    reply = await stage.get("/v1/wares/W-01")
    stage.now_us += 24 * 3_600_000_000
    for _ in range(3):
        assert (await stage.get("/v1/wares/W-01", if_none_match=reply.headers["etag"])).status == 304
    assert (await stage.get("/v1/wares/W-02")).status == 200


async def test_a_refused_page_charges_no_other_limit(made: Made) -> None:
    stage = made(quota("bytes", 10), quota("records", 5, "7.2"))
    assert (await stage.get("/v1/wares?limit=5")).status == 429
    stage.now_us += 1_000_000
    refused = await stage.get("/v1/wares?limit=5")
    assert '"7.2";r=5' in refused.headers["ratelimit"]


async def test_a_quota_that_only_watches_lets_the_page_pass_and_is_recorded(made: Made) -> None:
    stage = made(quota("records", 3, enforce="observe"))
    first = await stage.get("/v1/wares?limit=3")
    assert (len(ids(first)), last(stage).observed) == (3, "")
    second = await stage.get("/v1/wares?limit=4")
    assert (len(ids(second)), last(stage).observed) == (4, "7.1")
    assert '"7.1"' not in second.headers.get("ratelimit", "")


async def test_a_change_is_made_and_shows_nothing_when_nothing_more_may_be_shown(made: Made) -> None:
    stage = made(quota("bytes", 150))
    reply = await stage.ask("PATCH", "/v1/wares/W-01", {"pieces": 9}, content_type="application/merge-patch+json")
    assert (reply.status, reply.body, reply.headers["clausegate-cut"]) == (204, b"", '"7.1"')
    assert last(stage).records == 0


async def test_an_export_ends_visibly_broken_at_its_quota(made: Made) -> None:
    stage = made(quota("records", 250), records=500)
    reply = await stage.get("/v1/wares", accept=LINES)
    sent = [json.loads(line)["id"] for line in reply.body.splitlines()]
    assert (len(sent), reply.ended) == (250, False)
    ends = [entry for entry in stage.entries() if isinstance(entry, Part)]
    assert [(part.records, part.code, part.clause) for part in ends] == [(50, "", "7.1"), (0, "quota-exceeded", "7.1")]


async def test_an_export_that_began_with_the_last_of_a_quota_goes_on_with_whole_pages_when_there_is_more(
    made: Made,
) -> None:
    stage = made(quota("records", 401), records=602)
    assert (await stage.get("/v1/wares?limit=200")).status == 200
    assert (await stage.get("/v1/wares?limit=200")).status == 200

    def next_day(message: Any) -> None:
        if message["type"] == "http.response.start":
            stage.now_us += 24 * 3_600_000_000

    stage.sent = next_day
    reply = await stage.get("/v1/wares?limit=300", accept=LINES)
    assert (len(reply.body.splitlines()), reply.ended) == (300, True)
    assert [entry.records for entry in stage.entries() if isinstance(entry, Part)] == [200, 99]


async def test_what_only_watches_is_recorded_too_when_a_change_shows_nothing(made: Made) -> None:
    stage = made(quota("bytes", 300), quota("bytes", 300, "7.2", enforce="observe"))
    assert (await stage.get("/v1/wares/W-01")).status == 200
    assert (await stage.ask("PATCH", "/v1/wares/W-01", {"pieces": 9})).status == 204
    assert (last(stage).clause, last(stage).observed) == ("7.1", "7.2")
