"""What a partner may ask of its data, on the wire: pages, filters, order, fields, conditions, codings, media types."""

import asyncio
import csv
import io
import json
import random
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import zstandard

from tests.flows.desk import RAIL, Desk, Serving, desk
from tests.flows.service import Service, service
from tests.flows.wire import Reply, Wire

LEADS, CALLS = "/v1/leads", "/v1/calls"
MINE, OTHERS, SHARED, NOBODYS = 10, 11, 12, 9_999
NAMES = ["lead_id", "dealer", "city", "budget", "visit", "phone"]
ROWS: list[tuple[Any, ...]] = [
    (MINE, "SWIFT", "Wuhan", 10.5, "2026-03-01", "13800001111"),
    (OTHERS, "RAIL", "Changsha", 99.0, "2026-03-02", "13800002222"),
    (SHARED, "ALL", "Yichang", 2.25, None, "13800003333"),
    (13, "SWIFT", 'a, "b"\r\nc', None, "2026-01-31", None),
    (14, "SWIFT", "=1+1", 0, None, "13800004444"),
    (15, "SWIFT", "长沙", 12, "2025-12-31", "13800005555"),
]
OF_EACH_CALL = {"date", "x-request-id", "clausegate-receipt", "ratelimit", "content-length", "transfer-encoding"}


@pytest.fixture(scope="module")
def calls() -> Iterator[Service]:
    with service() as running:
        running.hold(MINE, "SWIFT")
        running.hold(OTHERS, "RAIL")
        yield running


@pytest.fixture(scope="module")
def serving(calls: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with desk(tmp_path_factory.mktemp("reading"), calls.url).serving() as up:
        yield up


@pytest.fixture
def swift(serving: Serving) -> httpx.Client:
    """SWIFT's program, over the table as it is written above."""
    serving.desk.fill(ROWS)
    return serving.partner()


def problem(answer: httpx.Response) -> tuple[int, str]:
    """Status and code; nothing that the view hides is named."""
    for hidden in ("phone", "margin", "canary", "RAIL", "Changsha", "13800"):
        assert hidden not in answer.text
        assert hidden not in str(answer.headers)
    return answer.status_code, answer.json()["type"].removeprefix("/problems/")


def keys(answer: httpx.Response) -> list[int]:
    assert answer.status_code == 200, answer.text
    return [record["lead_id"] for record in answer.json()["data"]]


# --- pages


def churn(made: Desk, moments: random.Random, lasting: set[int]) -> None:
    """Rows come and go: new ones at free places, and some of those that are there."""
    for _ in range(6):
        row = (moments.randrange(1, 4000), "SWIFT", moments.choice("abcdef") * 2, moments.choice([None, 1, 2, 3]))
        made.write("INSERT OR IGNORE INTO lead (lead_id, dealer, city, budget) VALUES (?, ?, ?, ?)", *row)
    present = [key for (key,) in made.rows("SELECT lead_id FROM lead WHERE dealer = 'SWIFT'")]
    for key in moments.sample(present, min(5, len(present))):
        made.write("DELETE FROM lead WHERE lead_id = ?", key)
        lasting.discard(key)


def many(moments: random.Random) -> list[tuple[Any, ...]]:
    """Rows of both dealers with gaps between them, and many that are equal in what they are sorted by."""
    return [
        (
            key,
            "SWIFT" if key % 3 else "RAIL",
            moments.choice("abcdef") * 2,
            moments.choice([None, 1, 2, 3]),
            None,
            None,
        )
        for key in range(10, 4000, 20)
    ]


@pytest.mark.parametrize("order", ["", "city", "-budget", "budget,-city", "-lead_id"])
def test_what_was_there_throughout_is_in_the_pages_once_whatever_comes_and_goes(
    serving: Serving, swift: httpx.Client, order: str
) -> None:
    moments = random.Random(order)  # noqa: S311  # not secrets
    serving.desk.fill(many(moments))
    lasting = {key for key, dealer, *_ in serving.desk.rows() if dealer == "SWIFT"}
    asked, read = {"limit": "7"} | ({"sort": order} if order else {}), list[dict[str, Any]]()
    while True:
        page = swift.get(LEADS, params=asked).json()
        read += page["data"]
        if page["next"] is None:
            break
        asked["cursor"] = page["next"]
        churn(serving.desk, moments, lasting)
    seen = [record["lead_id"] for record in read]
    assert len(seen) == len(set(seen))
    assert lasting < set(seen)
    assert len(lasting) > 20
    mine = [record for record in read if record["lead_id"] in lasting]
    assert [record["lead_id"] for record in mine] == in_order(mine, order)


def in_order(records: list[dict[str, Any]], order: str) -> list[int]:
    """The keys in the order that was asked for: the key decides last, null comes last."""
    ordered = sorted(records, key=lambda record: record["lead_id"])
    for part in reversed(order.split(",") if order else []):
        name = part.removeprefix("-")
        there = [record for record in ordered if record[name] is not None]
        there.sort(key=lambda record: record[name], reverse=part.startswith("-"))
        ordered = there + [record for record in ordered if record[name] is None]
    return [record["lead_id"] for record in ordered]


def test_a_cursor_is_good_after_a_restart_of_the_gateway(tmp_path: Path) -> None:
    made = desk(tmp_path)
    made.fill((key, "SWIFT", "Wuhan", key, None, None) for key in range(1, 31))
    with made.serving() as first:
        page = first.partner().get(LEADS, params={"limit": "10", "sort": "-budget"}).json()
        tag = first.partner().get(f"{LEADS}/1").headers["etag"]
    with made.serving() as second:
        asked = {"limit": "10", "sort": "-budget", "cursor": page["next"]}
        assert keys(second.partner().get(LEADS, params=asked)) == list(range(20, 10, -1))
        assert second.partner().get(f"{LEADS}/1", headers={"if-none-match": tag}).status_code == 304


def test_a_cursor_that_was_altered_anywhere_is_refused(swift: httpx.Client) -> None:
    cursor = swift.get(LEADS, params={"limit": "1"}).json()["next"]
    assert keys(swift.get(LEADS, params={"cursor": cursor})) == [SHARED, 13, 14, 15]
    for place, letter in enumerate(cursor):
        altered = cursor[:place] + ("B" if letter != "B" else "w") + cursor[place + 1 :]
        assert problem(swift.get(LEADS, params={"cursor": altered})) == (400, "invalid-cursor")
    for altered in (cursor[:-1], f"{cursor}A", f"{cursor}=", f"{cursor}\n", f"!{cursor}", cursor[::-1]):
        assert problem(swift.get(LEADS, params={"cursor": altered})) == (400, "invalid-cursor")


def test_a_cursor_is_good_for_its_list_filter_and_order_alone(serving: Serving, swift: httpx.Client) -> None:
    asked = {"limit": "1", "city[ne]": "x", "sort": "city"}
    cursor = swift.get(LEADS, params=asked).json()["next"]
    assert keys(swift.get(LEADS, params=asked | {"cursor": cursor, "limit": "2", "fields": "lead_id"}))
    for other in ({}, {"sort": "city"}, asked | {"city[ne]": "y"}, asked | {"sort": "-city"}):
        assert problem(swift.get(LEADS, params=other | {"cursor": cursor})) == (400, "invalid-cursor")
    of_another = serving.partner(RAIL).get(LEADS, params=asked | {"cursor": cursor})
    assert problem(of_another) == (400, "invalid-cursor")
    plain = swift.get(LEADS, params={"limit": "1"}).json()["next"]
    assert problem(serving.partner(RAIL).get(LEADS, params={"cursor": plain})) == (400, "invalid-cursor")
    assert problem(swift.get(CALLS, params={"cursor": plain})) == (400, "invalid-cursor")


# --- what is asked for


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"city": "Wuhan"}, [MINE]),
        ({"city": "Changsha"}, []),
        ({"city[ne]": "Wuhan", "budget[gte]": "2.25"}, [SHARED, 15]),
        ({"city[in]": "Wuhan,长沙"}, [MINE, 15]),
        ({"visit[lt]": "2026-02-01"}, [13, 15]),
        ({"budget": "0"}, [14]),
        ({"sort": "-visit"}, [MINE, 13, 15, SHARED, 14]),
        ({"sort": "budget", "visit[gte]": "2025-01-01"}, [MINE, 15, 13]),
    ],
)
def test_a_partner_filters_and_sorts_its_own_rows_by_what_it_sees(
    swift: httpx.Client, asked: dict[str, str], expected: list[int]
) -> None:
    assert keys(swift.get(LEADS, params=asked)) == expected


@pytest.mark.parametrize("name", ["phone", "margin", "nothing"])
def test_masked_hidden_and_unknown_fields_are_refused_in_the_same_words(swift: httpx.Client, name: str) -> None:
    def words(asked: dict[str, str]) -> tuple[str, str]:
        said = swift.get(LEADS, params=asked).json()
        return said["title"], said["detail"]

    for asked in ({name: "1"}, {f"{name}[gte]": "1"}, {f"{name}[in]": "13800001111"}):
        assert problem(swift.get(LEADS, params=asked)) == (400, "invalid-filter")
        assert words(asked) == words({"unheard-of": "1"})
    assert problem(swift.get(LEADS, params={"sort": f"-{name}"})) == (400, "invalid-sort")
    assert words({"sort": name}) == words({"sort": "unheard-of"})
    if name != "phone":  # which may be wanted: it is shown, masked
        assert problem(swift.get(LEADS, params={"fields": f"city,{name}"})) == (400, "invalid-fields")
        assert words({"fields": name}) == words({"fields": "unheard-of"})


def test_fields_narrow_a_list_and_a_record_and_their_tags_differ(swift: httpx.Client) -> None:
    page = swift.get(LEADS, params={"fields": "city,phone", "limit": "1"})
    assert page.json()["data"] == [{"city": "Wuhan", "phone": "*******1111"}]
    one = swift.get(f"{LEADS}/{MINE}", params={"fields": "budget"})
    assert one.json() == {"budget": 10.5}
    assert one.headers["etag"] != swift.get(f"{LEADS}/{MINE}").headers["etag"]


# --- conditions


@pytest.mark.parametrize("path", [LEADS, f"{LEADS}/{MINE}", f"{LEADS}?city=Wuhan&fields=city"])
@pytest.mark.parametrize("written", ["{}", "W/{}", '"x", {}', '"x" , W/{},"y"', "*"])
def test_what_the_caller_has_is_not_sent_again(swift: httpx.Client, path: str, written: str) -> None:
    first = swift.get(path)
    again = swift.get(path, headers={"if-none-match": written.format(first.headers["etag"])})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert "content-type" not in again.headers
    assert again.headers["vary"] == first.headers["vary"]
    assert again.headers["cache-control"] == "private, no-cache"


def test_a_condition_is_over_once_the_record_is_another(serving: Serving, swift: httpx.Client) -> None:
    tag = swift.get(f"{LEADS}/{MINE}").headers["etag"]
    seen = {"if-none-match": tag}
    serving.desk.write("UPDATE lead SET margin = 'canary-other' WHERE lead_id = ?", MINE)
    assert swift.get(f"{LEADS}/{MINE}", headers=seen).status_code == 304  # nothing that the partner sees
    serving.desk.write("UPDATE lead SET city = 'Xiangtan' WHERE lead_id = ?", MINE)
    changed = swift.get(f"{LEADS}/{MINE}", headers=seen)
    assert (changed.status_code, changed.json()["city"]) == (200, "Xiangtan")
    assert swift.get(f"{LEADS}/{MINE}", headers={"if-none-match": f'"x{tag[1:]}'}).status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_the_tag_of_a_compressed_answer_is_known_again(serving: Serving, swift: httpx.Client, coding: str) -> None:
    serving.desk.fill(many(random.Random(1)))  # noqa: S311  # not secrets
    plain, asked = swift.get(LEADS), {"accept-encoding": coding}
    packed = swift.get(LEADS, headers=asked)
    assert packed.headers["etag"] == f'{plain.headers["etag"][:-1]}-{coding}"'
    again = swift.get(LEADS, headers=asked | {"if-none-match": packed.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == packed.headers["etag"]  # a cache looks for what it has by it (RFC 9111 4.3.4)


def test_two_partners_never_share_a_tag_for_the_same_record(serving: Serving, swift: httpx.Client) -> None:
    rail = serving.partner(RAIL)
    for path in (f"{LEADS}/{SHARED}", f"{LEADS}?city=Yichang"):
        ours, theirs = swift.get(path), rail.get(path)
        assert ours.content == theirs.content
        assert ours.headers["etag"] != theirs.headers["etag"]
        assert rail.get(path, headers={"if-none-match": ours.headers["etag"]}).status_code == 200


# --- codings and media types


def test_both_codings_hold_the_same_json(serving: Serving, swift: httpx.Client) -> None:
    serving.desk.fill(many(random.Random(2)))  # noqa: S311  # not secrets
    plain = swift.get(LEADS)
    unpack: dict[str, Callable[[bytes], bytes]] = {
        "gzip": lambda data: zlib.decompress(data, 31),
        "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    }
    for coding, unpacked in unpack.items():
        with swift.stream("GET", LEADS, headers={"accept-encoding": coding}) as answer:
            raw = b"".join(answer.iter_raw())
        assert answer.headers["content-encoding"] == coding
        assert len(raw) == int(answer.headers["content-length"]) < len(plain.content)
        assert unpacked(raw) == plain.content
        assert swift.get(LEADS, headers={"accept-encoding": f"{coding};q=0.5, br"}).content == plain.content
        asked = {"accept-encoding": coding, "accept": "application/x-ndjson"}
        lines = swift.get(LEADS, params={"limit": "50"}, headers=asked)
        assert lines.headers["content-encoding"] == coding
        assert [json.loads(line) for line in lines.text.splitlines()] == plain.json()["data"]
    assert "content-encoding" not in swift.get(f"{LEADS}/10", headers={"accept-encoding": "gzip"}).headers


def test_csv_is_read_back_by_a_reader_that_is_not_ours(swift: httpx.Client) -> None:
    answer = swift.get(LEADS, headers={"accept": "text/csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert "etag" not in answer.headers
    header, *rows = csv.reader(io.StringIO(answer.content.decode(), newline=""), strict=True)
    assert header == NAMES
    listed = swift.get(LEADS).json()["data"]
    assert rows == [["" if record[name] is None else str(record[name]) for name in NAMES] for record in listed]
    assert len(rows) == len(ROWS) - 1
    narrowed = swift.get(
        LEADS, params={"fields": "city", "sort": "-visit", "limit": "2"}, headers={"accept": "text/csv"}
    )
    assert narrowed.content == b'city\r\nWuhan\r\n"a, ""b""\r\nc"\r\n'


def test_lines_of_json_are_the_records_of_the_list(swift: httpx.Client) -> None:
    answer = swift.get(LEADS, headers={"accept": "application/x-ndjson"})
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert answer.content.endswith(b"}\n")
    assert [json.loads(line) for line in answer.content.split(b"\n")[:-1]] == swift.get(LEADS).json()["data"]


@pytest.mark.parametrize(
    ("path", "accept"),
    [(LEADS, "image/png"), (LEADS, "application/json;q=0"), (f"{LEADS}/{MINE}", "text/csv"), (LEADS, "text/csv;q=0")],
)
def test_what_cannot_be_had_is_not_sent(swift: httpx.Client, path: str, accept: str) -> None:
    assert problem(swift.get(path, headers={"accept": accept})) == (406, "not-acceptable")


@pytest.mark.parametrize("path", [LEADS, f"{LEADS}/{MINE}"])
def test_a_range_is_not_taken_and_that_is_said(swift: httpx.Client, path: str) -> None:
    whole = swift.get(path)
    part = swift.get(path, headers={"range": "bytes=0-9", "if-range": whole.headers["etag"]})
    assert (part.status_code, part.content) == (200, whole.content)
    assert part.headers["accept-ranges"] == whole.headers["accept-ranges"] == "none"
    assert "content-range" not in part.headers


@pytest.mark.parametrize("accept", ["application/json", "text/csv", "application/x-ndjson", "image/png"])
def test_head_is_the_head_of_get_and_the_connection_stays_in_step(
    serving: Serving, swift: httpx.Client, accept: str
) -> None:
    async def both(asked: list[tuple[str, str]]) -> tuple[Reply, Reply]:
        async with await Wire.open(serving.url) as wire:
            return await wire.ask(LEADS, asked, method="HEAD"), await wire.ask(f"{LEADS}/{MINE}", asked[:1])

    got = swift.get(LEADS, headers={"accept": accept})
    head, following = asyncio.run(both([serving.bearer, ("accept", accept)]))
    assert (head.status, head.body) == (got.status_code, b"")
    volatile = OF_EACH_CALL - ({"content-length"} if got.status_code == 200 else set())
    assert steady(httpx.Headers(head.headers), volatile) == steady(got.headers, volatile)
    assert (following.status, json.loads(following.body)["lead_id"]) == (200, MINE)


def steady(headers: httpx.Headers, volatile: set[str]) -> dict[str, str]:
    """The headers without those that each call has of its own."""
    return {name: value for name, value in headers.items() if name not in volatile}


# --- what is not the partner's is not there


@pytest.mark.parametrize("product", [LEADS, CALLS], ids=["sql", "http"])
@pytest.mark.parametrize(
    ("method", "more"),
    [
        ("GET", {}),
        ("GET", {"if-none-match": "*"}),
        ("HEAD", {}),
        ("PATCH", {}),
        ("PATCH", {"if-match": '"x"'}),
        ("PATCH", {"if-match": "*"}),
        ("DELETE", {}),
        ("DELETE", {"if-match": '"x"', "idempotency-key": "one-for-each"}),
    ],
)
def test_a_record_of_another_answers_exactly_like_one_that_is_not_there(
    serving: Serving, swift: httpx.Client, product: str, method: str, more: dict[str, str]
) -> None:
    def asked(key: int, language: str) -> tuple[int, dict[str, str], str, tuple[Any, ...]]:
        headers = {"accept-language": language} | more
        if "idempotency-key" in headers:
            headers["idempotency-key"] = f"{product[4:]}-{language}-{key}"
        body = {"city": "Zhuzhou"} if method == "PATCH" else None
        answer = swift.request(method, f"{product}/{key}", headers=headers, json=body)
        recorded = serving.desk.exchange(answer)
        said = (recorded.status, recorded.code, recorded.bytes, recorded.records, recorded.subjects, recorded.route)
        return answer.status_code, steady(answer.headers, OF_EACH_CALL), unnamed(answer), said

    for language in ("en", "zh"):
        missing, outside = asked(NOBODYS, language), asked(OTHERS, language)
        assert missing[0] == 404
        assert outside == missing
    assert (OTHERS, "RAIL", "Changsha", 99, "2026-03-02", "13800002222", "canary-margin") in serving.desk.rows()


def unnamed(answer: httpx.Response) -> str:
    """A body without its request id and its receipt."""
    receipt = json.dumps(answer.headers["clausegate-receipt"])
    return answer.text.replace(answer.headers["x-request-id"], "").replace(receipt, "")
