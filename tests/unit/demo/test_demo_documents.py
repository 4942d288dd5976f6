"""The sample documents: valid ODCS, readable in both languages, and granting exactly what the demo promises."""

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from contracts.compile import compile_documents
from contracts.plan import Plans
from contracts.product import Property
from contracts.workspace import Documents, decode_documents
from gateway.demo.workspace import samples
from policies.limit import Rate
from policies.reference import LANGUAGES
from policies.techniques.pseudonym import Pseudonym
from tests.unit.demo.seen import Filtering, Unfiltering, granted

PRODUCT_FILES = sorted(samples().glob("contracts/documents/products/*.odcs.yaml")) + sorted(
    samples().glob("deploy/northwind/products/*.odcs.yaml")
)
HAN = re.compile("[一-鿿]")
ASCII_MARK_IN_CHINESE = re.compile("[一-鿿][,;:!?](?=[一-鿿])")


@pytest.fixture(scope="session")
def official() -> jsonschema.protocols.Validator:
    schema: dict[str, Any] = json.loads(files("open_data_contract_standard").joinpath("schema.json").read_bytes())
    return jsonschema.validators.validator_for(schema)(schema)


def properties(declared: tuple[Property, ...]) -> Iterator[Property]:
    for one in declared:
        yield one
        yield from properties(one.properties)
        if one.items is not None:
            yield from properties(one.items.properties)


@pytest.mark.parametrize("file", PRODUCT_FILES, ids=lambda file: file.name)
def test_a_product_is_valid_under_the_official_schema(file: Path, official: jsonschema.protocols.Validator) -> None:
    document = yaml.safe_load(file.read_bytes())
    assert [error.message for error in official.iter_errors(document)] == []
    document["schema"][0]["properties"][0]["logicalType"] = "text"
    assert list(official.iter_errors(document))  # the schema does look at properties


def test_every_field_says_its_type_its_class_and_its_name_in_both_languages(documents: Documents) -> None:
    for loaded in documents.products:
        for declared in properties(loaded.value.schema[0].properties):
            assert declared.logicalType, declared.name
            assert declared.classification, declared.name
            assert HAN.search(declared.businessName or ""), declared.name
            assert declared.description, declared.name


def test_every_personal_field_is_masked_hidden_or_needed_for_the_purpose(documents: Documents) -> None:
    needed = {  # who delivers needs the address, who follows up a lead calls the contact
        ("logistics", ("customer", "address", "province")),
        ("logistics", ("customer", "address", "city")),
        ("logistics", ("customer", "address", "street")),
        ("dealer", ("contact", "name")),
        ("dealer", ("contact", "phone")),
    }
    clear = set()
    for loaded in documents.products:
        personal = personal_paths(loaded.value.schema[0].properties, ())
        for role, view in granted(loaded.value):
            clear |= {(role, field.path) for field, how in view.leaves if how.unchanged and field.path in personal}
    assert clear == needed


def personal_paths(declared: tuple[Property, ...], prefix: tuple[str, ...]) -> set[tuple[str, ...]]:
    found = set()
    for one in declared:
        path = (*prefix, one.name)
        children = one.items.properties if one.items is not None else one.properties
        found |= personal_paths(children, path)
        if not children and (one.classification or "").startswith("personal"):
            found.add(path)
    return found


def test_each_partner_gets_what_the_demo_promises(plans: Plans) -> None:
    views = {
        (plan.contract.partner, plan.product): {".".join(field.path): how for field, how in plan.view.leaves}
        for plan in plans.all_plans()
    }
    assert set(views) == {
        ("swift-logistics", "shipments"),
        ("harbor-bank", "repayments"),
        ("delta-repair", "parts"),
        ("summit-dealer", "leads"),
    }
    logistics = views["swift-logistics", "shipments"]
    assert logistics["customer.phone"].apply("13812345678") == "*******5678"
    assert isinstance(logistics["customer.id"], Pseudonym)
    assert {"nodes.city", "nodes.at"} <= set(logistics)
    assert not [path for path in views["harbor-bank", "repayments"] if path.startswith(("customer", "guarantor"))]
    assert views["harbor-bank", "repayments"]["credit_score"].apply("655") == "[600, 700)"
    parts = views["delta-repair", "parts"]
    assert "stock.changsha" in parts
    assert not [path for path in parts if path.startswith("supplier") or path == "unit_cost"]


def test_every_view_names_its_purpose_and_where_it_gives_personal_data_its_legal_basis(plans: Plans) -> None:
    grounds = {plan.product: (plan.purposes, plan.legal_basis) for plan in plans.all_plans()}
    assert grounds == {
        "shipments": (("delivery",), "contract"),
        "repayments": (("credit_monitoring",), "contract"),
        "parts": (("maintenance",), None),
        "leads": (("sales_follow_up",), "consent"),
    }


def test_a_partner_writes_where_its_view_says_and_nowhere_else(plans: Plans) -> None:
    written = {
        (plan.product, plan.operation): {".".join(field.path) for field in plan.writing.fields}
        for plan in plans.all_plans()
        if plan.writing is not None
    }
    lead = {"company", "contact.name", "contact.phone", "machine_model", "quantity", "budget", "visit_on"}
    assert written == {
        ("leads", "create"): lead,
        ("leads", "update"): {"status", "quantity", "budget", "visit_on"},
        ("repayments", "update"): {"disbursed_on", "disbursement_ref"},
    }


def test_what_moves_money_has_to_be_signed_and_nothing_else_has(plans: Plans) -> None:
    signed = {(plan.product, plan.operation): [each.clause.id for each in plan.signing] for plan in plans.all_plans()}
    assert {where: clauses for where, clauses in signed.items() if clauses} == {("repayments", "update"): ["2.3"]}


@pytest.mark.parametrize(
    ("product", "before", "after", "clause"),
    [
        ("shipments", "customer.phone: {keep_last: 4}", "customer.phone: clear", "3.2"),
        ("shipments", "          legal_basis: contract\n", "", "3.1"),
        (
            "repayments",
            "credit_score: {generalise",
            "customer.bank_account: clear\n            credit_score: {generalise",
            "3.1",
        ),
        (
            "repayments",
            "classification: internal jrt-2, businessName: 银行代码",
            "classification: jrt-4, businessName: 银行代码",
            "3.3",
        ),
        ("parts", "updated_on: clear", "unit_cost: clear", "3.2"),
    ],
)
def test_a_clause_of_the_terms_refuses_a_view_that_shows_too_much(
    workspace: Path, product: str, before: str, after: str, clause: str
) -> None:
    files = {
        str(file.relative_to(workspace)): file.read_text()
        for folder in ("products", "policies", "agreements", "services")
        for file in (workspace / folder).glob("*.yaml")
    }
    name = f"products/{product}.odcs.yaml"
    assert before in files[name]
    files[name] = files[name].replace(before, after)
    read, mistakes = decode_documents({name: text.encode() for name, text in files.items()})
    assert mistakes == []
    found = compile_documents(read, {"operations": Unfiltering(), "hub": Filtering()})
    assert isinstance(found, list)
    assert {finding.code for finding in found} == {"disclosure-forbidden"}
    assert {finding.message.split(": clause ")[1].split()[0] for finding in found} >= {clause}


def test_a_partner_sees_its_own_rows_only(plans: Plans) -> None:
    texts = {plan.product: plan.offer.view.rows for plan in plans.all_plans()}
    assert texts == {
        "shipments": "record.carrier_code == partner.code",
        "repayments": "record.bank_code == partner.code",
        "leads": "record.dealer_code == partner.code",
        "parts": None,
    }


def test_limits_of_a_small_partner_can_be_reached_within_a_tour(plans: Plans) -> None:
    (plan, *_) = plans.by_route["delta-repair", "parts", "list"]
    rates = [limit for limit in plan.limits if isinstance(limit, Rate)]
    assert [(rate.limit, rate.window_ns, rate.burst) for rate in rates] == [(30, 60 * 10**9, 10)]
    assert min(limit.limit for limit in plan.limits if limit not in rates) >= 50_000  # nobody meets those in the demo


def test_every_clause_reads_as_a_sentence_in_both_languages(plans: Plans) -> None:
    for contract in plans.contracts.values():
        numbers = [clause.id for clause in contract.clauses]
        assert numbers == sorted(numbers)
        assert {"2.1", "3.1", "4.1", "5.1", "5.2"} <= set(numbers)
        for clause in contract.clauses:
            for language in LANGUAGES:
                assert "{" not in clause.text[language]
                assert bool(HAN.search(clause.text[language])) == (language == "zh")
            assert clause.text["zh"].endswith("。")
            assert clause.text["en"].endswith(".")


def test_chinese_sentences_have_chinese_punctuation(documents: Documents) -> None:
    for loaded in documents.policies:
        for clause in loaded.value.clauses:
            assert not ASCII_MARK_IN_CHINESE.search(clause.text["zh"]), (loaded.source.file, clause.id)


def test_agreements_run_for_long_and_say_what_is_expected_and_paid(documents: Documents) -> None:
    for loaded in documents.agreements:
        agreement = loaded.value
        assert (str(agreement.effective.from_), str(agreement.effective.to)) == ("2026-01-01", "2036-01-01")
        assert agreement.fees
        assert agreement.volume
