"""Disclosure clauses held against views: what they forbid is refused, with its field and its clause."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.base import Backend
from contracts.compile import compile_and_check
from contracts.finding import Finding
from contracts.workspace import decode_documents

PRODUCT, POLICY = "products/shipments.odcs.yaml", "policies/logistics-standard.yaml"
FILES = yaml.safe_load((Path(__file__).parents[2] / "cases" / "documents.yaml").read_text())["workspace"]
TECHNIQUES = ("clear", "redact", "keep_first", "keep_last")
CLASSIFICATIONS = ("internal", "personal", "personal-sensitive", "personal-sensitive jrt-3", None)


def rule(number: str, classifications: list[str], allowed: list[str], **more: Any) -> dict[str, Any]:
    names = ["classifications", "allowed", *more]
    text = " ".join(f"{{{name}}}" for name in names)
    values = {"id": number, "kind": "disclosure", "classifications": classifications, "allowed": allowed, **more}
    return values | {"text": {"zh": text, "en": text}}


def text_of(document: Any) -> str:
    """A document as JSON, which is YAML without anchors."""
    return json.dumps(document)


def findings(
    *rules: dict[str, Any], phone: Any = "clear", classification: str | None = "personal-sensitive", **view: Any
) -> list[Finding]:
    """What is found when the policy has these rules, and the phone this classification and technique."""
    product, policy = yaml.safe_load(FILES[PRODUCT]), yaml.safe_load(FILES[POLICY])
    policy["clauses"] += rules
    customer = product["schema"][0]["properties"][3]["properties"]
    assert customer[1].pop("name") == "phone"
    customer[1] |= {"name": "phone"} | ({"classification": classification} if classification else {})
    value = product["roles"][0]["customProperties"][0]["value"]
    value["fields"]["customer.phone"] = phone
    value |= view
    files = FILES | {PRODUCT: text_of(product), POLICY: text_of(policy)}
    documents, mistakes = decode_documents({name: text.encode() for name, text in files.items()})
    _, found = compile_and_check(documents, {"records": Backend()})
    return [*mistakes, *found]


def test_a_field_shown_as_no_clause_allows_is_refused_with_its_place_and_its_clause() -> None:
    (found,) = findings(rule("6.2", ["personal-sensitive"], ["redact", "keep_last"]))
    assert (found.code, found.file) == ("disclosure-forbidden", PRODUCT)
    assert found.path == 'roles[0].customProperties[0].value.fields["customer.phone"]'
    assert found.message == (
        "shipments 2.1.0 shows customer.phone to role logistics, which is personal-sensitive, as clear; allowed are "
        "keep_last, redact, suppress: clause 6.2 of swift-2026 1.2.0 (agreements/swift-2026.yaml)"
    )


def test_a_field_granted_with_what_it_lies_in_is_refused_at_that_line() -> None:
    fields = {"shipment_id": "clear", "customer": "clear", "customer.name": "clear"}
    (found,) = findings(rule("6.2", ["personal-sensitive"], ["redact"]), fields=fields)
    assert found.path == "roles[0].customProperties[0].value.fields.customer"


@pytest.mark.parametrize("phone", [{"keep_last": 4}, "redact", "suppress"])
def test_what_is_allowed_passes_and_so_does_what_is_not_shown_at_all(phone: Any) -> None:
    assert findings(rule("6.2", ["personal-sensitive"], ["keep_last", "redact"]), phone=phone) == []


def test_a_clause_does_not_hold_for_an_excepted_role() -> None:
    strict = rule("6.2", ["personal-sensitive"], ["redact"], except_roles=["hub", "logistics"], legal_basis="required")
    assert findings(strict) == []
    assert len(findings(rule("6.2", ["personal-sensitive"], ["redact"], except_roles=["hub"]))) == 1


def test_a_field_with_several_classifications_obeys_the_clauses_about_each() -> None:
    by_law = rule("6.1", ["personal-sensitive"], ["clear", "redact"])
    by_industry = rule("6.2", ["jrt-3"], ["redact"])
    (found,) = findings(by_law, by_industry, classification="personal-sensitive jrt-3")
    assert "clause 6.2 of" in found.message


def test_a_word_that_is_part_of_another_is_not_the_same_classification() -> None:
    assert findings(rule("6.1", ["personal"], ["redact"])) == []


def test_an_object_gives_its_fields_its_classification() -> None:
    product = FILES[PRODUCT].replace("- name: customer\n", "- name: customer\n        classification: personal\n")
    assert product != FILES[PRODUCT]
    policy = yaml.safe_load(FILES[POLICY])
    policy["clauses"].append(rule("6.1", ["personal"], ["redact"]))
    files = FILES | {PRODUCT: product, POLICY: text_of(policy)}
    documents, _ = decode_documents({name: text.encode() for name, text in files.items()})
    _, (found,) = compile_and_check(documents, {"records": Backend()})
    assert "customer.phone" in found.message


def test_a_view_that_shows_such_a_field_names_its_legal_basis() -> None:
    basis = rule("6.3", ["personal-sensitive"], ["clear"], legal_basis="required")
    (found,) = findings(basis)
    assert (found.code, found.file) == ("disclosure-forbidden", PRODUCT)
    assert "names no legal_basis: clause 6.3" in found.message
    assert findings(basis, legal_basis="contract") == []
    assert findings(basis, phone="suppress") == []


def test_a_technique_that_does_not_exist_is_a_mistake_of_the_policy() -> None:
    found = findings(rule("6.2", ["personal"], ["blur"]))
    assert [(finding.code, finding.file, finding.path) for finding in found] == [
        ("contradiction", POLICY, "clauses[3].allowed")
    ]


@settings(max_examples=30)
@given(
    st.sampled_from(TECHNIQUES),
    st.sampled_from(CLASSIFICATIONS),
    st.lists(
        st.tuples(
            st.sets(st.sampled_from(("internal", "personal", "personal-sensitive", "jrt-3")), min_size=1),
            st.sets(st.sampled_from(TECHNIQUES), min_size=1),
            st.sampled_from(([], ["logistics"])),
        ),
        max_size=3,
    ),
)
def test_exactly_the_clauses_that_a_field_breaks_are_found(
    technique: str, classification: str | None, rules: list[tuple[set[str], set[str], list[str]]]
) -> None:
    written = [
        rule(f"6.{number}", sorted(about), sorted(allowed), **({"except_roles": excepted} if excepted else {}))
        for number, (about, allowed, excepted) in enumerate(rules)
    ]
    phone = {technique: 1} if technique.startswith("keep") else technique
    broken = [
        f"6.{number}"
        for number, (about, allowed, excepted) in enumerate(rules)
        if about & set((classification or "").split()) and technique not in allowed and not excepted
    ]
    found = findings(*written, phone=phone, classification=classification)
    assert {finding.code for finding in found} <= {"disclosure-forbidden"}
    assert sorted(finding.message.split(": clause ")[1].split()[0] for finding in found) == broken


def test_a_product_of_several_objects_is_refused_at_the_object() -> None:
    product = yaml.safe_load(FILES[PRODUCT])
    (shipment,) = product["schema"]
    second = copy.deepcopy(shipment) | {"name": "returns"}
    second["properties"][2]["classification"] = "confidential"
    product["schema"] = [shipment | {"name": "shipments"}, second]
    value = product["roles"][0]["customProperties"][0]["value"]
    part = {"operations": ["list"], "fields": {"shipment_id": "clear", "weight_kg": "clear"}}
    product["roles"][0]["customProperties"][0]["value"] = {
        "purpose": value["purpose"],
        "objects": {"shipments": part, "returns": part},
    }
    policy = yaml.safe_load(FILES[POLICY])
    policy["clauses"].append(rule("6.1", ["confidential"], ["suppress"]))
    files = FILES | {PRODUCT: text_of(product), POLICY: text_of(policy)}
    documents, mistakes = decode_documents({name: text.encode() for name, text in files.items()})
    assert mistakes == []
    _, found = compile_and_check(documents, {"records": Backend()})
    assert [finding.path for finding in found] == [
        "roles[0].customProperties[0].value.objects.returns.fields.weight_kg"
    ]
