"""An agreement in prose says what is executed, in both languages."""

import re
from collections.abc import Mapping

import pytest

from adapters.base import Backend
from contracts.compile import compile_documents
from contracts.explain import explain
from contracts.plan import Plans
from contracts.workspace import decode_documents
from openapi.generate import sample_files
from policies.reference import LANGUAGES, Language
from tests.unit.contracts.sample import compiled

AGREEMENT = "agreements/swift-2026.yaml"
PRODUCT = "products/shipments.odcs.yaml"


def explained(language: Language, changes: Mapping[str, tuple[str, str]] | None = None) -> str:
    documents, plans = compiled(changes)
    text = explain("swift-2026", documents, plans, language)
    assert text is not None
    return text


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_executed_numbers_are_the_ones_that_are_read(language: Language) -> None:
    documents, plans = compiled()
    text = explain("swift-2026", documents, plans, language)
    assert text is not None
    (plan, *_) = plans.all_plans()
    assert str(plan.limits[0].limit) in text
    assert plan.limits[0].limit == 1200, "the agreement's own value, not the policy's 600"
    assert "600" not in text
    assert plan.contract.hash in text
    for clause in plan.contract.clauses:
        assert f"{clause.id}  {clause.text[language]}" in text


@pytest.mark.parametrize(
    ("language", "name", "other"), [("en", "Swift Logistics", "迅达"), ("zh", "迅达物流", "Swift L")]
)
def test_each_language_names_the_parties_and_dates_its_own_way(language: Language, name: str, other: str) -> None:
    text = explained(language)
    assert name in text
    assert other not in text
    assert "2026-01-01" in text
    assert "2027-01-01" in text
    assert "{" not in text.replace("{keep_last", "")


def test_each_granted_field_is_listed_with_its_technique_and_no_other_field() -> None:
    rows = re.findall(r"^\| (\S+) +\|.*\| (.+?) +\|$", explained("en"), re.MULTILINE)
    assert rows == [
        ("Field", "What the Partner sees"),
        ("shipment_id", "as it is"),
        ("weight_kg", "as it is"),
        ("customer.phone", "last 4 characters only"),
    ]


def test_the_row_filter_is_shown_as_written_with_the_partners_own_values() -> None:
    text = explained("en")
    assert "`record.carrier_code == partner.code`" in text
    assert 'partner.code = "SWIFT"' in text
    assert "partner.id =" not in text
    everything = explained("en", {PRODUCT: ("          rows: record.carrier_code == partner.code\n", "")})
    assert "Records opened: all" in everything


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            [
                "(update): quantity, budget, status, visit_on",
                "consent (PIPL",
                "in itself: `dealer_code = partner.code`",
            ],
        ),
        (
            "zh",
            ["(修改): quantity, budget, status, visit_on", "个人同意（", "网关自行填入: `dealer_code = partner.code`"],
        ),
    ],
)
def test_what_may_be_written_and_on_which_ground_data_are_given_is_said(language: Language, said: list[str]) -> None:
    documents, _ = decode_documents(sample_files())
    plans = compile_documents(documents, {"hub": Backend(), "operations": Backend()})
    assert isinstance(plans, Plans), plans
    text = explain("summit-dealer-2026", documents, plans, language)
    assert text is not None
    assert [words for words in said if words not in text] == []
    assert text.count(said[2]) == 1, "only what is created is filled in"


def test_fees_and_volume_are_said_when_they_are_agreed() -> None:
    fees = 'version: 1.2.0\nfees: {monthly: "20000.00", currency: CNY}\nvolume: {requests_per_day: 20000}\nack: write'
    text = explained("en", {AGREEMENT: ("version: 1.2.0", fees)})
    assert "20000.00 CNY a month" in text
    assert "20000 requests a day" in text
    assert "with the operating system" in text
    assert "Fees: none" in explained("en")


def test_a_table_lines_up_where_chinese_characters_are_two_columns_wide() -> None:
    text = explained("zh", {PRODUCT: ("{name: weight_kg,", "{name: weight_kg, businessName: 重量|千克,")})
    table = [line for line in text.splitlines() if line.startswith("|")]
    widths = {sum(2 if ord(character) > 0x2E80 else 1 for character in line) for line in table}
    assert len(widths) == 1
    assert "重量\\|千克" in text


def test_what_has_been_agreed_is_explained_version_by_version() -> None:
    documents, plans = compiled(
        later=(
            "agreement: swift-2026\nversion: 1.3.0\n"
            "partner: {id: swift, code: SWIFT, name: {zh: 迅达物流, en: Swift Logistics}, role: logistics}\n"
            "effective: {from: 2027-01-01, to: 2028-01-01, time_zone: Asia/Shanghai}\n"
            "products: [{product: shipments, version: 2.1.0}]\n"
            "policies: [{policy: logistics-standard, version: 3.0.0}]\n"
        )
    )
    text = explain("swift-2026", documents, plans, "en")
    assert text is not None
    assert text.index("version 1.2.0") < text.index("version 1.3.0")


def test_an_agreement_that_does_not_exist_is_explained_by_nothing() -> None:
    documents, plans = compiled()
    assert explain("swift", documents, plans, "en") is None
