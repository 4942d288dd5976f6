"""If-None-Match and If-Match: weak comparison where nothing can be lost, strong where something could."""

import pytest

from gateway.exchange.conditional import coded, fresh, matches
from gateway.exchange.outcome import Outcome, problem
from tests.unit.exchange.stage import Stage
from tests.unit.exchange.wares import WARES, ware, wares

TAG = b'"0123456789abcdef0123456789abcdef"'
FULL = Outcome(
    200, body=b"data", headers=((b"etag", TAG), (b"vary", b"Accept"), (b"ratelimit", b"r")), records=3, subjects=2
)
ZIPPED = TAG[:-1] + b'-gzip"'


@pytest.mark.parametrize(
    "given",
    [TAG, b"W/" + TAG, b"*", b' "x" , ' + TAG + b', W/"y"', ZIPPED, b"W/" + ZIPPED, TAG[:-1] + b'-zstd"', b" * "],
)
def test_what_the_caller_has_already_is_not_sent_again(given: bytes) -> None:
    outcome = fresh(FULL, given)
    assert (outcome.status, outcome.body, outcome.records, outcome.subjects) == (304, b"", 0, 0)
    known = next((tag for tag in (ZIPPED, TAG[:-1] + b'-zstd"') if tag in given), TAG)
    assert outcome.headers == ((b"etag", known), (b"vary", b"Accept"))


@pytest.mark.parametrize(
    "given", [b"", b'"other"', TAG[1:-1], TAG[:-2] + b'"', b"w/" + TAG, b'"*"', b"x" * 5000 + b"," + TAG]
)
def test_anything_else_is_sent(given: bytes) -> None:
    assert fresh(FULL, given) is FULL


def test_a_problem_is_never_304() -> None:
    refused = problem("record-not-found")
    assert fresh(refused, b"*") is refused


@pytest.mark.parametrize(
    ("given", "same"),
    [
        (TAG, True),
        (b'"x", ' + TAG, True),
        (b"*", True),
        (ZIPPED, True),
        (b"W/" + TAG, False),
        (b'"x"', False),
        (b"", False),
    ],
)
def test_a_change_wants_the_very_record_that_the_caller_knows(given: bytes, same: bool) -> None:
    assert matches(FULL, given) is same


def test_a_coding_names_other_bytes() -> None:
    assert coded(TAG, "gzip") == ZIPPED
    assert fresh(FULL, coded(TAG, "zstd")).status == 304


async def test_an_etag_is_of_what_is_seen_after_masking_and_of_one_partner_alone(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    stage = Stage(tmp_path_factory.mktemp("log"), wares())
    stage.grant = WARES
    stage.adapter.json(ware())
    first = await stage.get("/v1/wares/W-1")
    stage.adapter.json(ware(hidden="canary-changed", name="张四"))  # withheld, and masked to the same
    same = await stage.get("/v1/wares/W-1", if_none_match=first.headers["etag"])
    assert (same.status, same.body, same.headers["etag"]) == (304, b"", first.headers["etag"])
    assert "content-length" not in same.headers
    stage.adapter.json(ware(pieces=4))
    changed = await stage.get("/v1/wares/W-1", if_none_match=first.headers["etag"])
    assert changed.status == 200
    assert changed.headers["etag"] != first.headers["etag"]
    other = Stage(tmp_path_factory.mktemp("log"), wares(rate='"4.1": {limit: 1100}'))
    other.grant = WARES
    other.adapter.json(ware(pieces=4))
    assert (await other.get("/v1/wares/W-1")).headers["etag"] != changed.headers["etag"]


async def test_a_304_is_recorded_with_nothing_disclosed_and_keeps_its_headers(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    stage = Stage(tmp_path_factory.mktemp("log"), wares())
    stage.grant = WARES
    stage.adapter.json({"data": [ware()], "next": "W-1"})
    first = await stage.get("/v1/wares")
    second = await stage.get("/v1/wares", if_none_match=f'"x", W/{first.headers["etag"]}')
    assert second.status == 304
    assert second.headers["cache-control"] == "private, no-cache"
    assert second.headers["vary"] == "Accept, Accept-Encoding"
    assert "ratelimit" in second.headers
    assert [(record.status, record.records, record.bytes) for record in stage.records()] == [
        (200, 1, len(first.body)),
        (304, 0, 0),
    ]
