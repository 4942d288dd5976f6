"""Percents of a monthly fee that the agreement does not name are found; what is an amount, or has a fee, is not."""

import pytest

from adapters.base import Backend
from contracts.compile import compile_documents
from contracts.fees import fee_findings
from contracts.finding import Finding
from contracts.plan import Plans
from contracts.workspace import decode_documents
from gateway.demo.workspace import samples
from tests.unit.sla.hub import NOON_S, POLICY, PRODUCT
from tests.unit.statements.hub import AGREEMENT

CREDITING = """\
  - id: "7.1"
    kind: availability
    owed_by: hub
    window: month
    slice: PT5M
    empty_slice: good
    good: status < 500
    exclude: [partner_fault]
    target: "99.9"
    credit: {credit}
    text:
      zh: >-
        每{{window}}以 {{slice}} 计,{{owed_by}}保证 {{target}};应答{{good}}为可用,无调用时{{empty_slice}},
        {{exclude}}除外;抵扣{said}。
      en: >-
        In each {{window}} {{owed_by}} keeps {{target}} of {{slice}} with {{good}}, else {{empty_slice}}, {{exclude}}
        excluded; {said}.
"""
PERCENT = CREDITING.format(
    credit="{of: monthly_fee, bands: [{below: '99.9', percent: 10}]}", said="{credit.of} {credit.bands}"
)
OF_VALUE = PERCENT.replace("of: monthly_fee", "of: value")
AMOUNT = CREDITING.format(credit="{bands: [{below: '99.9', amount: '10'}]}", said="{credit.bands}")


def found(clause: str, fees: str = "", from_s: int = NOON_S) -> list[Finding]:
    agreement = AGREEMENT.format(version="1.0.0", begins="2026-01-01", ends="2028-01-01", fees=fees)
    files = {
        "policies/standard-terms.yaml": POLICY + clause,
        "products/shipments.odcs.yaml": PRODUCT.format(name="shipments", role="logistics", purpose="delivery"),
        "agreements/swift.yaml": agreement,
    }
    documents, mistakes = decode_documents({name: text.encode() for name, text in files.items()})
    assert mistakes == [], mistakes
    plans = compile_documents(documents, {"records": Backend()})
    assert isinstance(plans, Plans), plans
    return fee_findings(documents.agreements, plans, from_s)


def test_percents_of_no_fee_are_an_error_that_names_agreement_clause_and_what_to_add() -> None:
    (finding,) = found(PERCENT)
    assert (finding.code, finding.severity) == ("credit-without-fee", "error")
    assert (finding.file, finding.line, finding.path) == ("agreements/swift.yaml", 7, "policies")
    for words in ("clause 7.1", "swift-2026", "add `fees: {monthly"):
        assert words in finding.message


@pytest.mark.parametrize(
    "fees", ['fees: {monthly: "20000.00", currency: CNY}', 'fees: {monthly: "0.00", currency: CNY}']
)
def test_a_fee_makes_them_good_also_one_of_nothing_that_both_sides_signed(fees: str) -> None:
    assert found(PERCENT, fees) == []


@pytest.mark.parametrize("fees", ["", 'fees: {monthly: "20000.00", currency: CNY}'])
def test_percents_of_a_value_are_an_error_with_a_fee_and_without(fees: str) -> None:
    (finding,) = found(OF_VALUE, fees)
    assert (finding.code, finding.severity) == ("credit-of-value", "error")
    for words in ("clause 7.1", "swift-2026", "`of: monthly_fee`"):
        assert words in finding.message


def test_amounts_of_money_need_no_fee_and_what_has_ended_is_over() -> None:
    assert found(AMOUNT) == []
    assert found("") == []
    assert found(PERCENT, from_s=1_900_000_000) == []


def test_no_sample_agreement_leaves_its_fees_out() -> None:
    folder = samples() / "contracts/documents/agreements"
    documents, _ = decode_documents({f"agreements/{file.name}": file.read_bytes() for file in folder.iterdir()})
    assert len(documents.agreements) == 4
    assert all(each.value.fees is not None for each in documents.agreements)
