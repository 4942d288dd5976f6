"""Decoding: every mistake is found, in words, and what has none is decoded."""

from datetime import date, timedelta
from typing import Annotated, Any, Literal

import msgspec
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta, Struct, inspect

from contracts.agreement import Agreement
from contracts.decode import decode, examine
from contracts.finding import Finding
from contracts.product import Product, View
from contracts.source import Source, read_source
from contracts.words import expected
from contracts.workspace import UNIONS
from policies.kinds import KINDS
from policies.kinds.purpose import Purpose
from policies.kinds.rate_limit import RateLimit
from policies.library import Policy
from policies.techniques import TECHNIQUES

POLICY = """\
policy: standard
version: 1.0.0
title: {zh: 标准, en: Standard}
prevails: zh
clauses:
  - id: "4.1"
    kind: rate_limit
    per: partner
    limit: 600
    window: PT1M
    burst: 60
    on_outage: refuse
    text: {zh: "", en: ""}
  - id: "2.1"
    kind: purpose
    allowed: [delivery]
    unstated: assume
    text: {zh: "", en: ""}
"""


def source_of(text: str) -> Source:
    source = read_source(text.encode(), "policies/standard.yaml")
    assert isinstance(source, Source), source
    return source


def wrong(text: str, kind: Any = Policy) -> list[Finding]:
    found = decode(source_of(text), kind, UNIONS)
    assert isinstance(found, list)
    return found


def test_each_clause_becomes_its_own_kind() -> None:
    policy = decode(source_of(POLICY), Policy, UNIONS)
    assert isinstance(policy, Policy)
    limit, purpose = policy.clauses
    assert type(limit) is KINDS["rate_limit"]
    assert isinstance(limit, RateLimit)
    assert limit.window == timedelta(minutes=1)
    assert isinstance(purpose, Purpose)
    assert purpose.allowed == ("delivery",)


@pytest.mark.parametrize(
    ("old", "new", "code", "place", "words"),
    [
        ("policy: standard", "policy: Std!", "bad-value", (1, "policy"), "lower-case"),
        ("version: 1.0.0", "version: 1.0", "wrong-type", (2, "version"), "write it in quotes"),
        ("prevails: zh", "prevail: zh", "unknown-key", (4, "prevail"), "did you mean prevails?"),
        ("prevails: zh", "prevail: zh", "missing-key", (1, "prevails"), "one of en, zh"),
        ("prevails: zh", "prevails: fr", "unknown-choice", (4, "prevails"), "one of en, zh"),
        ("limit: 600", 'limit: "600"', "wrong-type", (9, "clauses[0].limit"), 'a whole number of at least 1'),
        ("limit: 600", "limit: 0", "bad-value", (9, "clauses[0].limit"), "found the number 0"),
        ("limit: 600", "limit: 1000001", "bad-value", (9, "clauses[0].limit"), "at most 1000000"),
        ("limit: 600", "limit: true", "wrong-type", (9, "clauses[0].limit"), "found true"),
        ("limit: 600", "limit: 600.0", "wrong-type", (9, "clauses[0].limit"), "found the number 600.0"),
        ("    limit: 600\n", "", "missing-key", (6, "clauses[0].limit"), "limit is missing"),
        ("window: PT1M", "window: 1 minute", "bad-value", (10, "clauses[0].window"), "PT5M"),
        ("window: PT1M", "window: -PT1M", "bad-value", (10, "clauses[0].window"), "PT5M"),
        ("kind: rate_limit", "kind: ratelimit", "unknown-kind", (7, "clauses[0].kind"), "did you mean rate_limit?"),
        ("    kind: rate_limit\n", "", "missing-key", (6, "clauses[0].kind"), "availability"),
        ("kind: rate_limit", "kind: [a]", "unknown-kind", (7, "clauses[0].kind"), "is no kind"),
        ("allowed: [delivery]", "allowed: []", "bad-value", (16, "clauses[1].allowed"), "at least 1"),
        ("allowed: [delivery]", "allowed: [delivery, 3]", "wrong-type", (16, "clauses[1].allowed[1]"), "quotes"),
        ("title: {zh: 标准,", "title: {cn: 标准,", "unknown-key", (3, "title.cn"), "en, zh"),
        ("title: {zh: 标准, en: Standard}", "title: Standard", "wrong-type", (3, "title"), "a mapping"),
    ],
)  # fmt: skip
def test_a_mistake_is_named_with_its_line_and_path(
    old: str, new: str, code: str, place: tuple[int, str], words: str
) -> None:
    line, path = place
    assert old in POLICY
    findings = {(finding.code, finding.path): finding for finding in wrong(POLICY.replace(old, new, 1))}
    finding = findings[code, path]
    assert finding.line == line
    assert words in finding.message


def test_all_mistakes_are_reported_not_the_first() -> None:
    text = POLICY.replace("limit: 600", "limit: no").replace("PT1M", "soon").replace("[delivery]", "delivery")
    assert [finding.path for finding in wrong(text + "extra: 1\n")] == [
        "clauses[0].limit",
        "clauses[0].window",
        "clauses[1].allowed",
        "extra",
    ]


def test_a_part_is_decoded_where_it_stands() -> None:
    source = source_of("top:\n  - {operations: [list], purpose: [x], fields: {a: clear}, extra: 1}\n")
    found = decode(source, View, at=("top", 0))
    assert isinstance(found, list)
    assert (found[0].path, found[0].line) == ("top[0].extra", 2)


def test_dates_and_field_names_are_read() -> None:
    text = """\
agreement: a
version: 1.0.0
partner: {id: p, code: P, name: {zh: x, en: x}, role: r}
effective: {from: 2026-01-01, to: 2027-01-01, time_zone: Asia/Shanghai}
products: [{product: s, version: 1.0.0}]
policies: [{policy: standard, version: 1.0.0, set: {"4.1": {limit: 3}}}]
"""
    agreement = decode(source_of(text), Agreement, UNIONS)
    assert isinstance(agreement, Agreement)
    assert agreement.effective.from_ == date(2026, 1, 1)
    assert agreement.policies[0].set == {"4.1": {"limit": 3}}
    for bad in ("2026-02-30", "20260101", "2026-1-1", "1 January"):
        (finding,) = wrong(text.replace("2026-01-01", bad), Agreement)
        assert finding.path == "effective.from"


def test_long_values_are_not_repeated_in_messages() -> None:
    (finding,) = wrong(POLICY.replace("PT1M", "secret-" * 20))
    assert "secret-secret" not in finding.message


def test_mistakes_are_listed_up_to_a_bound() -> None:
    text = POLICY + "".join(f"x{number}: 1\n" for number in range(1000))
    findings = wrong(text)
    assert len(findings) == 201
    assert findings[-1].code == "too-many-findings"


class Square(Struct, forbid_unknown_fields=True, tag="square", tag_field="shape"):
    side: Annotated[int, Meta(gt=0, lt=100, multiple_of=2)]


class Circle(Struct, forbid_unknown_fields=True, tag="circle", tag_field="shape"):
    radius: float | None = None


class Drawing(Struct, forbid_unknown_fields=True):
    name: Annotated[str, Meta(min_length=1, max_length=5)]
    shapes: list[Square | Circle]
    scale: float = 1.0
    mode: Literal["fine", "rough"] | None = None
    notes: dict[str, int | str] = {}
    since: date | None = None


plain = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 120) | st.floats(-2, 2) | st.sampled_from(
        ["", "a", "fine", "rough", "square", "circle", "toolong", "2026-01-01", "2026-13-01"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["name", "shapes", "scale", "mode", "notes", "since", "shape", "side", "radius"]),
        inner, max_size=6),
    max_leaves=12,
)  # fmt: skip
squares = st.fixed_dictionaries({"shape": st.just("square"), "side": st.sampled_from([2, 98, 0, 3, 100, 1.0, True])})
circles = st.fixed_dictionaries(
    {"shape": st.sampled_from(["circle"] * 4 + ["oval"])},
    optional={"radius": st.sampled_from([0.5, 3, None, "1", False])},
)
near = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["ok", "a", "fives", "", "toolong", 3]),
        "shapes": st.lists(squares | circles, max_size=2),
    },
    optional={
        "scale": st.sampled_from([1.5, 2, "1"]),
        "mode": st.sampled_from(["fine", "rough", None, "finest", 1]),
        "notes": st.dictionaries(st.sampled_from(["a", "b"]), st.sampled_from([1, "x", 1.5]), max_size=2),
        "since": st.sampled_from(["2026-01-31", None, "2026-02-30", 5]),
        "shape": st.just(1),
    },
)


@settings(max_examples=400, deadline=None)
@given(near | plain)
def test_nothing_is_found_exactly_when_the_types_own_decoder_accepts(value: Any) -> None:
    """msgspec's strict decoder is the outside judge."""
    try:
        msgspec.convert(value, Drawing)
        accepted = True
    except msgspec.ValidationError:
        accepted = False
    assert (examine(value, Drawing) == []) is accepted


def patterns(info: inspect.Type, seen: set[Any]) -> set[str]:
    """Every pattern that text of a type must match."""
    if isinstance(info, inspect.StructType):
        if info.cls in seen:
            return set()
        seen.add(info.cls)
        return set().union(*(patterns(field.type, seen) for field in info.fields))
    if isinstance(info, inspect.StrType):
        return set() if info.pattern is None else {info.pattern}
    inner = [getattr(info, name) for name in ("type", "item_type", "key_type", "value_type") if hasattr(info, name)]
    return set().union(set(), *(patterns(part, seen) for part in [*inner, *getattr(info, "types", ())]))


def test_every_pattern_of_a_document_reads_as_words() -> None:
    kinds = [Product, View, Policy, Agreement, *KINDS.values(), *TECHNIQUES.values()]
    found = set().union(*(patterns(inspect.type_info(kind), set()) for kind in kinds))
    assert found
    for pattern in found:
        assert pattern not in expected(inspect.StrType(pattern=pattern))


def test_the_documents_of_these_tests_are_yaml_as_others_read_it() -> None:
    assert yaml.safe_load(POLICY)["clauses"][0]["limit"] == 600
