"""Reading YAML: what is read, what is refused, and that refusing is quick."""

import time
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.finding import Finding
from contracts.source import DEPTH_MAX, SIZE_MAX_BYTES, UNREAD, VALUES_MAX, Source, read_source, scan_source

FILE = "policies/standard.yaml"
WELL_UNDER_A_SECOND_S = 0.9


def read(text: str) -> Source:
    source = read_source(text.encode(), FILE)
    assert isinstance(source, Source), source
    return source


def refused(data: str | bytes) -> list[Finding]:
    found = read_source(data.encode() if isinstance(data, str) else data, FILE)
    assert isinstance(found, list)
    return found


def places(findings: list[Finding]) -> list[tuple[str, int]]:
    return [(finding.code, finding.line) for finding in findings]


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-12", -12),
        ("9007199254740991", 9007199254740991),
        ("1.50", 1.5),
        ("-2e3", -2000.0),
        ('"1"', "1"),
        ("'true'", "true"),
    ],
)
def test_a_scalar_of_the_core_is_read_as_its_type(written: str, value: object) -> None:
    found = read(f"a: {written}").data["a"]
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    "written",
    ["yes", "No", "on", "off", "True", "NULL", "0123", "0o17", "0x1F", "1_000", "1:30", "+86", "2026-01-01", "1.", "=",
     "2026-01-01T10:00:00Z", "2.1.0", ".5"],
)  # fmt: skip
def test_everything_else_stays_the_text_it_is(written: str) -> None:
    assert read(f"a: {written}").data == {"a": written}


def test_each_key_and_item_knows_its_line() -> None:
    source = read("a: 1\nb:\n  - c: 2\n    d: 3\n  - 4\n")
    assert source.line_of(("a",)) == 1
    assert source.line_of(("b", 0, "d")) == 4
    assert source.line_of(("b", 1)) == 5
    assert source.line_of(("b", 0, "missing", 7)) == 3


def test_a_byte_order_mark_and_windows_line_ends_are_read() -> None:
    source = read("\ufeffa: 1\r\nb: 2\r\n")
    assert source.data == {"a": 1, "b": 2}
    assert source.line_of(("b",)) == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n---\nb: 2\n", [("several-documents", 2)]),
        ("a: &x 1\nb: *x\n", [("anchor", 1), ("anchor", 2)]),
        ("a: 1\n<<: {b: 2}\n", [("merge-key", 2)]),
        ("a: !!str 1\nb: !python/object:os.system x\n", [("yaml-tag", 1), ("yaml-tag", 2)]),
        ("a: 1\nb: 2\na: 3\nb: 4\n", [("duplicate-key", 3), ("duplicate-key", 4)]),
        ("a: 1\n2: b\ntrue: c\n", [("key-not-text", 2), ("key-not-text", 3)]),
        ("a: 1\n? [x, y]\n: {z: 1}\n", [("key-not-text", 2)]),
        ("a: 9007199254740992\nb: " + "9" * 5000, [("number-too-large", 1), ("number-too-large", 2)]),
        (
            "a: .nan\nb: -.inf\nc: 1e999\n",
            [("number-not-finite", 1), ("number-not-finite", 2), ("number-not-finite", 3)],
        ),
        ("- a\n", [("not-a-mapping", 1)]),
        ("", [("not-a-mapping", 1)]),
        ("a: [1, 2\nb: 3\n", [("yaml-syntax", 2)]),
        ("a: 1\nb: \x07\n", [("yaml-syntax", 2)]),
        ('a: 1\nb: "x\\0y"\n', [("nul-byte", 2)]),
    ],
)
def test_what_could_be_read_two_ways_is_refused_with_its_line(text: str, expected: list[tuple[str, int]]) -> None:
    assert places(refused(text)) == expected


def test_bytes_that_are_no_text_are_refused_with_their_line() -> None:
    assert places(refused(b"a: 1\nb: \xff\n")) == [("not-utf8", 2)]
    assert places(refused(b"a: 1\nb: \0\n")) == [("nul-byte", 2)]


def test_nesting_is_bounded_exactly() -> None:
    deepest = "a: " + "[" * (DEPTH_MAX - 1) + "]" * (DEPTH_MAX - 1)
    assert isinstance(read_source(deepest.encode(), FILE), Source)
    assert places(refused("a: " + "[" * DEPTH_MAX + "]" * DEPTH_MAX)) == [("nested-too-deeply", 1)]


def test_several_kinds_of_mistake_are_reported_together() -> None:
    assert places(refused("a: &x 1\na: 2\nb: !t 3\n4: 5\n")) == [
        ("anchor", 1),
        ("duplicate-key", 2),
        ("yaml-tag", 3),
        ("key-not-text", 4),
    ]


def test_the_rest_of_a_document_with_small_mistakes_can_still_be_judged() -> None:
    source, findings = scan_source(b"a: 1\na: {b: 2}\nc: .nan\nd: 3\n", FILE)
    assert len(findings) == 2
    assert source is not None
    assert source.data == {"a": 1, "c": UNREAD, "d": 3}
    assert source.line_of(("a",)) == 1


def test_what_is_dropped_does_not_move_the_lines_of_what_is_kept() -> None:
    source, findings = scan_source(b"a: {b: 1}\na:\n  b: 2\n? {c: 1}\n: {d: 2}\nc: 3\n", FILE)
    assert places(findings) == [("duplicate-key", 2), ("key-not-text", 4)]
    assert source is not None
    assert source.data == {"a": {"b": 1}, "c": 3}
    assert [source.line_of(path) for path in (("a",), ("a", "b"), ("c",))] == [1, 1, 6]


BOMB = "a: &a [x, x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 9)}]\n" for n in range(9)
)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a: 'x'\n" * (10_000_000 // 7), "too-large"),
        (BOMB, "anchor"),
        ("[" * (SIZE_MAX_BYTES - 1), "nested-too-deeply"),
        ("{a: " * (SIZE_MAX_BYTES // 4), "nested-too-deeply"),
        ("a:\n" + "- b\n" * (SIZE_MAX_BYTES // 4 - 1), "too-many-values"),
        ("a: 1\n" * (SIZE_MAX_BYTES // 5), "too-many-findings"),
        ("a: " + "9" * (SIZE_MAX_BYTES - 4), "number-too-large"),
        ("? " * (SIZE_MAX_BYTES // 2), "nested-too-deeply"),
        ("&a " * 1000, "yaml-syntax"),
    ],
    ids=["10 MB", "bomb", "brackets", "braces", "items", "duplicates", "digits", "keys", "anchors"],
)
def test_a_hostile_document_is_refused_in_well_under_a_second(text: str, code: str) -> None:
    started = time.process_time()
    found = refused(text)
    assert time.process_time() - started < WELL_UNDER_A_SECOND_S
    assert code in {finding.code for finding in found}
    assert len(found) <= 201


def test_the_size_is_said() -> None:
    (finding,) = refused(b"a" * (SIZE_MAX_BYTES + 1))
    assert str(SIZE_MAX_BYTES + 1) in finding.message
    assert VALUES_MAX > 10_000


values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\u2028\u2029\ufeff"), max_size=12),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text("abcxyz.-_ 019", max_size=6), inner, max_size=4)
    ),
    max_leaves=15,
)


@settings(max_examples=150, deadline=None)
@given(st.dictionaries(st.text("abc", min_size=1), values, max_size=4))
def test_what_is_written_quoted_is_read_back(data: dict[str, Any]) -> None:
    """JSON is YAML: whatever plain values are written as JSON come back, with their types."""
    import json

    found = read_source(json.dumps(data, ensure_ascii=False).encode(), FILE)
    assert isinstance(found, Source)
    assert found.data == data


@settings(max_examples=300, deadline=None)
@given(st.text("ab:-?[]{}&*!|>'\"%@` \n\t#,01.~<", max_size=60))
def test_no_text_makes_reading_raise_and_nothing_is_read_that_another_reader_refuses(text: str) -> None:
    """PyYAML's own composer is the outside judge of syntax; we refuse more, never less."""
    found = read_source(text.encode(), FILE)
    if isinstance(found, Source):
        assert isinstance(yaml.compose(text, Loader=yaml.CSafeLoader), yaml.MappingNode)
    else:
        assert found
        assert all(finding.line >= 1 for finding in found)
