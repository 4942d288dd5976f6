"""Records as lines, read back by Python's own csv and json."""

import csv
import io
import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.exchange.lines import lines_of
from tests.unit.exchange.wares import SEEN, plan_of, ware

PLAN = plan_of("list")
COLUMNS = ["id", "pieces", "price", "active", "day", "seen", "name", "address.city", "address.street", "tags", "stops"]


def masked(*records: dict[str, Any]) -> list[Any]:
    body = json.dumps({"data": records}, ensure_ascii=False).encode()
    return PLAN.mask.page(body).records  # type: ignore[union-attr]


def table(*records: dict[str, Any], fields: tuple[str, ...] | None = None) -> list[list[str]]:
    header, lines = lines_of("csv", PLAN.view.record, fields)
    return list(csv.reader(io.StringIO((header + lines(masked(*records))).decode(), newline="")))


def test_a_column_for_each_scalar_and_arrays_whole_as_json() -> None:
    header, row = table(ware())
    assert header == COLUMNS
    seen = dict(zip(header, row, strict=True))
    assert seen["id"] == "W-1"
    assert seen["name"] == "张*"
    assert (seen["pieces"], seen["price"], seen["active"]) == ("3", "1.5", "true")
    assert (json.loads(seen["tags"]), json.loads(seen["stops"])) == (SEEN["tags"], SEEN["stops"])


def test_null_absent_and_withheld_are_empty() -> None:
    _, first, second, third = table(ware(pieces=None, address=None), {"id": "W-2"}, ware("W-3", price={"canary": 1}))
    assert (first[1], first[7], first[8]) == ("", "", "")
    assert second == ["W-2"] + [""] * (len(COLUMNS) - 1)
    assert third[2] == ""


@pytest.mark.parametrize("text", ["1.10", "12345678901234567890", "1e400", "-0.0", "0.1000000000000000055"])
def test_numbers_keep_their_exact_text(text: str) -> None:
    body = f'{{"data":[{{"id":"W-1","price":{text}}}]}}'.encode()
    records = PLAN.mask.page(body).records  # type: ignore[union-attr]
    _, lines = lines_of("csv", PLAN.view.record, ("price",))
    assert lines(records) == f"{text}\r\n".encode()
    _, lines = lines_of("ndjson", PLAN.view.record, None)
    assert json.loads(lines(records), parse_float=Decimal, parse_int=Decimal)["price"] == Decimal(text)


@given(st.lists(st.text(), min_size=1, max_size=5))
def test_any_text_reads_back_as_it_is(texts: list[str]) -> None:
    rows = table(*(ware(f"W-{number}", address={"city": text}) for number, text in enumerate(texts)))
    assert [row[7] for row in rows[1:]] == texts
    assert [len(row) for row in rows] == [len(COLUMNS)] * len(rows)


def test_text_that_a_spreadsheet_would_run_is_not_altered() -> None:
    # The data are the partner's to compute with: a quote put in front would be a wrong value everywhere else.
    _, row = table(ware(address={"city": "=1+1", "street": "@SUM(A1)"}))
    assert row[7:9] == ["=1+1", "@SUM(A1)"]


def test_lines_end_as_rfc_4180_says_and_only_what_must_be_is_quoted() -> None:
    header, lines = lines_of("csv", PLAN.view.record, ("id", "address.city"))
    assert header == b"id,address.city\r\n"
    assert lines(masked(ware(address={"city": 'a "b", c\nd'}))) == b'W-1,"a ""b"", c\nd"\r\n'
    assert lines([]) == b""


@pytest.mark.parametrize(
    ("fields", "columns"),
    [
        (("id",), ["id"]),
        (("address",), ["address.city", "address.street"]),
        (("address.city", "id"), ["id", "address.city"]),
        (("stops.town",), ["stops"]),
    ],
)
def test_only_the_columns_that_are_wanted(fields: tuple[str, ...], columns: list[str]) -> None:
    assert table(ware(), fields=fields)[0] == columns


def test_newline_delimited_json_is_a_record_a_line() -> None:
    header, lines = lines_of("ndjson", PLAN.view.record, None)
    said = header + lines(masked(ware(), ware("W-2", address={"city": "a\nb"})))
    assert said.endswith(b"\n")
    first, second = [json.loads(line) for line in said.splitlines()]
    assert first == SEEN
    assert second["address"] == {"city": "a\nb"}
    assert b"canary" not in said
    assert lines([]) == b""
