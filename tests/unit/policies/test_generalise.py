"""generalise: what comes out is coarser, holds the value, and is never the value."""

import time
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from fractions import Fraction
from typing import Any

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET, Raw

from contracts.view import read_technique
from policies.generalising.address import CITY_LENGTH_MAX
from policies.generalising.places import MUNICIPALITIES, PROVINCES, REGIONS
from policies.technique import Target
from tests.unit.policies.masks import masker, technique

SPANS = ["day", "month", "quarter", "year"]
DECIMALS = st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**15), max_value=10**15, places=6)


def generalised(spec: Any, value: str) -> Any:
    """What comes out of `generalise`, a JSON number as its text."""
    found = masker({"generalise": spec})(value)
    return bytes(found).decode() if isinstance(found, Raw) else found


@given(st.dates(), st.sampled_from(SPANS))
def test_a_date_becomes_the_span_that_the_calendar_says(day: date, span: str) -> None:
    expected = {
        "day": f"{day.year:04}-{day.month:02}-{day.day:02}",
        "month": f"{day.year:04}-{day.month:02}",
        "quarter": f"{day.year:04}-Q{[1, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4][day.month - 1]}",
        "year": f"{day.year:04}",
    }
    assert generalised(span, day.isoformat()) == expected[span]


@given(st.datetimes(), st.integers(-14 * 60, 14 * 60), st.sampled_from(SPANS))
def test_a_timestamp_counts_in_the_offset_that_it_is_written_in(moment: datetime, minutes: int, span: str) -> None:
    written = moment.replace(tzinfo=timezone(timedelta(minutes=minutes))).isoformat()
    assert generalised(span, written) == generalised(span, moment.date().isoformat())


@given(st.dates(), st.dates(), st.sampled_from(SPANS))
def test_the_order_of_dates_is_kept(one: date, other: date, span: str) -> None:
    early, late = sorted((one, other))
    assert generalised(span, early.isoformat()) <= generalised(span, late.isoformat())


@pytest.mark.parametrize(
    "value",
    [
        *("", "2026-02-30", "2026-13-01", "0000-01-01", "14.03.2026", "2026-3-14", "2026-03-14T25:00:00Z"),
        *("2026-03-14\n", "２０２６-03-14", "2026-03-14T10:00:00+99:00", "2026-03-14 secret"),
    ],
)
@pytest.mark.parametrize("span", SPANS)
def test_what_is_no_date_is_withheld(value: str, span: str) -> None:
    assert generalised(span, value) is UNSET


@given(st.text(), st.sampled_from([*SPANS, "city", {"width": "10"}, {"grid": "0.1"}, {"edges": ["0"]}]))
def test_any_text_is_withheld_or_comes_out_as_the_schema_says(value: str, spec: Any) -> None:
    found = masker({"generalise": spec})(value)
    if found is not UNSET:
        schema = technique({"generalise": spec}).schema(Target("x", "number"))
        assert jsonschema.Draft202012Validator(schema).is_valid(msgspec.json.decode(msgspec.json.encode(found)))


def ends(band: str) -> tuple[Fraction, Fraction]:
    low, high = band.removeprefix("[").removesuffix(")").split(", ")
    return Fraction(low), Fraction(high)


@given(
    DECIMALS,
    st.decimals(min_value="0.001", max_value=10**6, places=3),
    st.one_of(st.none(), st.decimals(min_value=-1000, max_value=1000, places=2)),
)
def test_a_number_lies_in_its_band_and_the_bands_lie_side_by_side(
    value: Decimal, width: Decimal, bottom: Decimal | None
) -> None:
    spec = {"width": str(width)} | ({} if bottom is None else {"bottom": f"{bottom:f}"})
    band = generalised(spec, str(value))
    if bottom is not None and value < bottom:
        assert band == f"< {bottom if bottom else abs(bottom):f}"
        return
    low, high = ends(band)
    assert low <= Fraction(value) < high
    assert high - low == Fraction(width)
    assert ((low - Fraction(bottom or 0)) / Fraction(width)).denominator == 1


@given(DECIMALS | st.integers(-1, 5).map(lambda bands: Decimal(bands * 5000)))
def test_numbers_beyond_bottom_and_top_are_one_band_each(value: Decimal) -> None:
    band = generalised({"width": "5000", "bottom": "0", "top": "20000"}, str(value))
    possible = ["< 0", "[0, 5000)", "[5000, 10000)", "[10000, 15000)", "[15000, 20000)", ">= 20000"]
    assert possible.index(band) == (0 if value < 0 else 5 if value >= 20000 else int(value // 5000) + 1)


@given(st.lists(st.decimals(-1000, 1000, places=2), min_size=1, max_size=20, unique=True), DECIMALS)
def test_edges_put_a_number_between_the_two_beside_it(edges: list[Decimal], value: Decimal) -> None:
    edges = sorted(edge or abs(edge) for edge in edges)
    band = generalised({"edges": [f"{edge:f}" for edge in edges]}, str(value))
    below = [edge for edge in edges if edge <= value]
    above = [edge for edge in edges if edge > value]
    if not below:
        assert band == f"< {edges[0]:f}"
    elif not above:
        assert band == f">= {edges[-1]:f}"
    else:
        assert ends(band) == (Fraction(below[-1]), Fraction(above[0]))


@given(st.decimals(-180, 180, places=7), st.sampled_from(["0.01", "0.5", "0.025", "1", "10"]))
def test_a_coordinate_becomes_the_lower_edge_of_its_cell_with_the_decimals_of_the_grid(
    value: Decimal, grid: str
) -> None:
    found = generalised({"grid": grid}, str(value))
    size = Fraction(grid)
    assert Fraction(found) == Fraction(value) // size * size
    assert len(found.partition(".")[2]) == len(grid.partition(".")[2])
    assert not found.startswith("-0") or Fraction(found) < 0


def test_a_number_with_a_billion_digits_costs_nothing() -> None:
    began = time.process_time()
    for value in ("1e999999999", "-1e999999999", "1e-999999999", "-1e-999999999", "0e999999999", "9e999999999999999"):
        for spec in ({"width": "0.000000000001"}, {"grid": "0.01"}, {"edges": ["0"]}, {"width": "1", "bottom": "-5"}):
            generalised(spec, value)
    assert time.process_time() - began < 0.5
    assert generalised({"width": "5"}, "1e999999999") is UNSET
    assert generalised({"width": "5", "bottom": "0", "top": "10"}, "1e999999999") == ">= 10"
    assert generalised({"width": "5", "bottom": "0"}, "-1e999999999") == "< 0"
    assert generalised({"width": "5"}, "-1e-999999999") == "[-5, 0)"
    assert generalised({"width": "5", "bottom": "1"}, "1.00000000000000000000000000000000001") == "[1, 6)"
    assert generalised({"grid": "0.01"}, "0e999999999") == "0.00"
    assert generalised({"grid": "0.01"}, "1" * 2_000) is UNSET


def test_a_band_far_from_zero_is_exact() -> None:
    assert generalised({"width": "0.000001"}, "1234567890123456789012345678901234567890.1234567") == (
        "[1234567890123456789012345678901234567890.123456, 1234567890123456789012345678901234567890.123457)"
    )


PLACES = (
    {f"{name}市" for name in MUNICIPALITIES}
    | set(MUNICIPALITIES.values())
    | {name for pair in REGIONS.items() for name in pair}
    | {name for province in PROVINCES for name in (province.full, province.latin)}
    | {province.full + city.full for province in PROVINCES for city in province.cities}
    | {f"{city.latin}, {province.latin}" for province in PROVINCES for city in province.cities}
)
FRAGMENTS = [
    *(
        "江苏",
        "省",
        "苏州",
        "市",
        "上海",
        "浦东新区",
        "路",
        "100号",
        "张伟",
        "中国",
        " ",
        ", ",
        "Suzhou",
        "Jiangsu",
        "China",
    ),
    *("Zhang Wei", "215000", "Shanghai", "City", "州", "朝阳", "吉林", "区", "Hong Kong", "Province"),
]


@given(st.lists(st.sampled_from(FRAGMENTS), max_size=8).map("".join))
def test_nothing_but_names_of_places_comes_out_of_an_address(address: str) -> None:
    found = generalised("city", address)
    assert found is UNSET or found in PLACES


@pytest.mark.parametrize("province", PROVINCES, ids=lambda province: province.latin)
def test_every_city_is_found_behind_its_province_and_by_its_own_name(province: Any) -> None:
    for city in province.cities:
        expected = province.full + city.full
        assert generalised("city", f"中国{province.full}{city.full}某区某路1号") == expected
        assert generalised("city", f"{city.full}某区某路1号") == expected
        assert generalised("city", f"{province.stem}{city.stem}某路1号") == expected
        assert generalised("city", f"1 Some Road, {city.latin} City, {province.latin} Province, China") == (
            f"{city.latin}, {province.latin}"
        )
        assert len(expected) <= CITY_LENGTH_MAX


def test_no_name_stands_twice_and_no_province_is_missing() -> None:
    assert len(PROVINCES) + len(MUNICIPALITIES) + len(REGIONS) == 34  # GB/T 2260: divisions of province level
    names = [city.full for province in PROVINCES for city in province.cities]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("上海浦东新区世纪大道100号", "上海市"),
        ("200120 上海市浦东新区", "上海市"),
        ("延边州延吉市", "吉林省延边朝鲜族自治州"),
        ("香港特别行政区九龙", "香港特别行政区"),
        ("江苏省昆山市玉山镇", "江苏省"),
        ("1 Some Road, Hangzhou 310000, P.R. China", "Hangzhou, Zhejiang"),
        ("Zhang Wei, Jiangsu", "Jiangsu"),
        ("8 Queen's Road, Hong Kong", "Hong Kong"),
        ("上海路12号", UNSET),
        ("北京西路100号", UNSET),
        ("朝阳区建国路1号", UNSET),
        ("1 Some Road, Suzhou", UNSET),
        ("张伟", UNSET),
        ("", UNSET),
    ],
)
def test_an_address_is_read_where_addresses_name_the_city(address: str, expected: Any) -> None:
    assert generalised("city", address) == expected


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (None, "say how with one of"),
        ({}, "say how with one of"),
        ({"step": "day", "grid": "1"}, "say how with one of"),
        ({"grid": "1", "top": "5"}, "go with `width`"),
        ({"width": "0"}, "greater than 0"),
        ({"grid": "-1"}, "greater than 0"),
        ({"grid": 0.01}, "Expected `str"),
        ({"width": "1e5"}, "matching regex"),
        ({"edges": []}, "length >= 1"),
        ({"edges": ["1", "1.0"]}, "edges ascend"),
        ({"width": "5", "bottom": "10", "top": "0"}, "`top` is above `bottom`"),
        ({"width": "5", "bottom": "0", "top": "12"}, "a whole number of widths"),
        ({"width": "5", "top": "12"}, "a whole number of widths"),
        ("week", "Invalid enum value"),
    ],
)
def test_parameters_that_make_no_sense_are_told_why(spec: Any, said: str) -> None:
    read = read_technique({"generalise": spec})
    assert isinstance(read, str), read
    assert said in read


@pytest.mark.parametrize(
    ("spec", "fits"),
    [
        ("day", {"timestamp"}),
        ("month", {"date", "timestamp"}),
        ("city", {"string"}),
        ({"width": "1"}, {"number", "integer"}),
        ({"edges": ["1"]}, {"number", "integer"}),
        ({"grid": "1"}, {"number", "integer"}),
    ],
)
def test_it_fits_only_types_that_it_can_read(spec: Any, fits: set[str]) -> None:
    kinds = ("string", "date", "timestamp", "time", "number", "integer", "boolean")
    made = technique({"generalise": spec})
    assert {kind for kind in kinds if made.unfit(Target("x", kind)) is None} == fits


@pytest.mark.parametrize(
    ("spec", "en"),
    [
        ("quarter", "quarter only"),
        ({"width": "5", "bottom": "0", "top": "20"}, "bands of 5, all below 0 together, all from 20 on together"),
        ({"edges": ["0", "9"]}, "bands with edges 0, 9"),
        ({"grid": "0.01"}, "cell of a grid of 0.01"),
    ],
)
def test_the_words_name_every_number_that_is_executed(spec: Any, en: str) -> None:
    words = technique({"generalise": spec}).words()
    assert words["en"] == en
    assert [number for number in ("5", "0", "20", "9", "0.01") if number in en and number not in words["zh"]] == []
