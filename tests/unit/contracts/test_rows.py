"""Row filters: typed when compiled, exact when evaluated, and in doubt a record is withheld."""

import json
from typing import Any

import pytest
from cel_expr_python import cel
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import AllOf, AnyOf, Compare, Constant, Envelope, Field, Negation, Within
from contracts.facts import Facts
from contracts.rows import RowFault, RowFilter, RowRule, compile_rows
from tests.unit.contracts.shipments import SCHEMA

PARTNER = {"id": "swift-logistics", "code": "SWIFT", "role": "logistics"}


def compiled(expression: str) -> RowFilter:
    rule = compile_rows(expression, SCHEMA)
    assert isinstance(rule, RowRule), rule
    return rule.bind(PARTNER)


def keeps(expression: str, record: Any) -> bool:
    rows = compiled(expression)
    facts = Facts(rows.paths or [("id",)], Envelope())
    (read,) = facts.page(json.dumps({"data": [record]}).encode())
    return rows.predicate(facts)(read)


def test_a_comparison_with_the_partner_becomes_a_condition_with_the_partners_value() -> None:
    carrier = Field(("carrier",), "carrier", "string")
    assert compiled("record.carrier == partner.code").condition == Compare("==", carrier, "SWIFT")
    assert compiled("partner.code == record.carrier").condition == Compare("==", carrier, "SWIFT")
    weight = Field(("weight",), "weight", "number")
    assert compiled("5.5 < record.weight").condition == Compare(">", weight, 5.5)


def test_and_or_not_and_in_have_a_condition_each() -> None:
    condition = compiled('record.carrier in ["A", partner.code] && !(record.pieces >= 3)').condition
    carrier, pieces = Field(("carrier",), "carrier", "string"), Field(("pieces",), "pieces", "integer")
    assert condition == AllOf((Within(carrier, ("A", "SWIFT")), Negation(Compare(">=", pieces, 3))))


def test_what_only_the_partner_decides_is_settled_when_it_is_compiled() -> None:
    pieces = Field(("pieces",), "pieces", "integer")
    mine = AllOf((Constant(True), Compare("==", pieces, 1)))
    theirs = AllOf((Constant(False), Compare("==", pieces, 2)))
    expression = 'partner.code == "SWIFT" && record.pieces == 1 || "OTHER" == partner.code && record.pieces == 2'
    assert compiled(expression).condition == AnyOf((mine, theirs))
    assert [keeps(expression, {"pieces": number}) for number in (1, 2)] == [True, False]


def test_only_the_fields_that_a_condition_names_are_read() -> None:
    assert compiled("record.customer.active && record.pieces > 1").paths == (("customer", "active"), ("pieces",))


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("record.nope == 1", "undefined field 'nope'"),
        ("record.weight > 1", "no matching overload"),
        ("record.carrier ==", "Syntax error"),
        ("record.carrier", "a row filter says yes or no"),
        ("partner.secret == record.carrier", "undefined field 'secret'"),
        ("record.nodes.exists(n, n.city == 'x')", "undefined field 'nodes'"),
        ("", "Syntax error"),
    ],
)
def test_an_expression_that_does_not_fit_the_product_is_refused_with_its_place(expression: str, said: str) -> None:
    fault = compile_rows(expression, SCHEMA)
    assert isinstance(fault, RowFault)
    assert said in fault.message
    assert "INVALID_ARGUMENT" not in fault.message
    if "undefined" in said:
        assert "^" in fault.message


@pytest.mark.parametrize(
    ("expression", "record", "kept"),
    [
        ("record.carrier == partner.code", {"carrier": "SWIFT"}, True),
        ("record.carrier == partner.code", {"carrier": "OTHER"}, False),
        ("record.carrier == partner.code", {"carrier": None}, False),
        ("record.carrier == partner.code", {}, False),
        ("record.carrier != partner.code", {}, False),
        ("record.carrier != partner.code", {"carrier": None}, False),
        ("!(record.carrier == partner.code)", {}, False),
        ("record.carrier == partner.code", {"carrier": ["SWIFT"]}, False),
        ("record.carrier == partner.code", {"carrier": {"SWIFT": 1}}, False),
        ("record.carrier != partner.code", {"carrier": 7}, False),
        ("record.weight > 1.0", {"weight": 2}, True),
        ("record.weight > 1.0", {"weight": "2"}, False),
        ("record.insured", {"insured": True}, True),
        ("record.insured", {"insured": "true"}, False),
        ("record.carrier == 'X' || record.pieces > 1", {"pieces": 2}, True),
        ("record.carrier == 'X' && record.pieces > 1", {"pieces": 2}, False),
        ("record.customer.name == '张伟'", {"customer": {"name": "张伟"}}, True),
        ("record.customer.name == '张伟'", {"customer": None}, False),
        ("record.customer.name == '张伟'", {"customer": "张伟"}, False),
        ("record.carrier.startsWith('SW')", {"carrier": "SWIFT"}, True),
        ("record.carrier.startsWith('SW')", {"carrier": None}, False),
        ("record.carrier.startsWith('SW')", {}, False),
        ("record.carrier.startsWith('SW')", 7, False),
        ("true", {}, True),
        ("false", {}, False),
    ],
)
def test_a_record_is_kept_only_when_the_filter_is_certainly_true(expression: str, record: Any, kept: bool) -> None:
    assert keeps(expression, record) is kept


def test_a_page_of_which_one_record_is_broken_still_tells_the_others() -> None:
    rows = compiled("record.carrier == partner.code")
    facts = Facts(rows.paths, Envelope())
    read = facts.page(b'{"data":[{"carrier":"SWIFT"},{"carrier":{}},3,{"carrier":"SWIFT"}]}')
    assert list(map(rows.predicate(facts), read)) == [True, False, False, True]


fields = st.fixed_dictionaries(
    {},
    optional={
        "carrier": st.sampled_from(["SWIFT", "OTHER", ""]),
        "pieces": st.integers(-3, 3),
        "weight": st.sampled_from([-1.5, 0.0, 2.5]),
        "insured": st.booleans(),
    },
)
comparisons = st.one_of(
    st.builds(
        "record.carrier {} {}".format,
        st.sampled_from(["==", "!=", "<", ">="]),
        st.sampled_from(["partner.code", "'OTHER'"]),
    ),
    st.builds("record.pieces {} {}".format, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), st.integers(0, 3)),
    st.builds("record.weight {} {}".format, st.sampled_from(["<", ">="]), st.sampled_from(["0.0", "2.5"])),
    st.just("record.insured"),
    st.just("record.carrier in ['SWIFT', 'X']"),
)
expressions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("({} || {})".format, inner, inner),
        st.builds("!{}".format, inner.map("({})".format)),
    ),
    max_leaves=5,
)


@settings(max_examples=300, deadline=None)
@given(expressions, fields)
def test_a_condition_agrees_with_the_reference_evaluator(expression: str, record: dict[str, Any]) -> None:
    dynamic = cel.Type.Map(cel.Type.STRING, cel.Type.DYN)
    program = cel.NewEnv(variables={"record": dynamic, "partner": dynamic}).compile(expression)
    try:
        outcome = program.eval(data={"record": record, "partner": PARTNER}).plain_value()
    except RuntimeError:
        outcome = False
    assert compiled(expression).condition is not None
    assert keeps(expression, record) is (outcome is True)
