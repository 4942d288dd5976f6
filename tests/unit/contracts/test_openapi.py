"""The generated OpenAPI: valid, complete, true to what the mask lets out, and silent about everything else."""

import json
from typing import Any

import jsonschema
import openapi_spec_validator
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Envelope
from contracts.disclosed import record_schema
from contracts.granted import Branch, Keyed, Leaf, Many
from contracts.mask import Mask, Masked
from contracts.openapi import openapi_for
from contracts.plan import Plan
from contracts.product import Property, SchemaObject
from policies.technique import Target, Technique
from policies.techniques.clear import Clear
from policies.techniques.keep_first import KeepFirst
from policies.techniques.keep_last import KeepLast
from policies.techniques.pseudonym import Pseudonym
from policies.techniques.redact import Redact
from tests.unit.contracts.sample import TABLE, compiled
from tests.unit.contracts.test_several_objects import product

BASE = "http://127.0.0.1:8080"
PRODUCT = "products/shipments.odcs.yaml"
POLICY = "policies/logistics-standard.yaml"
OTHER = """\
agreement: rapid-2026
version: 1.0.0
partner: {id: rapid, code: RAPID, name: {zh: 疾速, en: Rapid}, role: bank}
effective: {from: 2026-01-01, to: 2027-01-01, time_zone: Asia/Shanghai}
products: [{product: shipments, version: 2.1.0}]
policies: [{policy: logistics-standard, version: 3.0.0}]
"""
BANK_VIEW = """\
roles:
  - role: bank
    customProperties:
      - {property: view, value: {operations: [list], purpose: [delivery], fields: {shipment_id: clear, customer.name: redact}}}
"""  # noqa: E501 - one line of YAML


def two_partners() -> tuple[Plan, ...]:
    return compiled({PRODUCT: ("roles:\n", BANK_VIEW)}, other=OTHER)[1].all_plans()


@pytest.mark.parametrize("partner", ["swift", "rapid", None, "nobody"])
def test_the_document_is_valid_openapi(partner: str | None) -> None:
    openapi_spec_validator.validate(openapi_for(two_partners(), partner, BASE))


def test_a_partner_sees_its_own_paths_fields_and_agreement_only() -> None:
    document = openapi_for(two_partners(), "rapid", BASE)
    assert list(document["paths"]) == ["/v1/shipments"]
    assert list(document["components"]["schemas"]) == ["Problem", "shipments-bank"]
    text = json.dumps(document, ensure_ascii=False)
    for foreign in ("swift", "SWIFT", "phone", "weight_kg", "carrier_code", 'logistics"', "record."):
        assert foreign not in text.replace("logistics-standard", ""), foreign


def test_the_hubs_document_holds_every_partners_view_side_by_side() -> None:
    document = openapi_for(two_partners(), None, BASE)
    data = document["paths"]["/v1/shipments"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert {choice["$ref"].rsplit("/", 1)[1] for choice in data["properties"]["data"]["items"]["anyOf"]} == {
        "shipments-bank",
        "shipments-logistics",
    }
    assert list(document["paths"]) == ["/v1/shipments", "/v1/shipments/{key}"]


def test_of_several_objects_each_has_paths_and_a_schema_of_its_own() -> None:
    """The objects of one product share its scope."""
    plans = compiled({PRODUCT: (TABLE["workspace"][PRODUCT], product())})[1].all_plans()
    document = openapi_for(plans, "swift", BASE)
    openapi_spec_validator.validate(document)
    assert list(document["paths"]) == ["/v1/shipments/events", "/v1/shipments/events/{key}", "/v1/shipments/shipment"]
    assert list(document["components"]["schemas"]) == [
        "Problem",
        "shipments-shipment-logistics",
        "shipments-events-logistics",
    ]
    assert [tag["name"] for tag in document["tags"]] == ["shipments/events", "shipments/shipment"]
    assert document["paths"]["/v1/shipments/events/{key}"]["get"]["operationId"] == "get-shipments-events"


def test_a_token_is_got_with_the_scope_of_the_plan() -> None:
    (plan, *_) = plans = compiled()[1].all_plans()
    document = openapi_for(plans, "swift", BASE)
    scheme = document["components"]["securitySchemes"]["oauth2"]
    assert scheme["description"].count(f"`resource={BASE}`") == 2  # in each language
    flow = scheme["flows"]["clientCredentials"]
    assert flow["tokenUrl"] == f"{BASE}/oauth/token"
    assert flow["scopes"] == {plan.scope: "shipments: list, get"}
    assert document["paths"]["/v1/shipments"]["get"]["security"] == [{"oauth2": [plan.scope]}]


def test_the_contract_is_named_with_its_hash_and_in_its_own_words() -> None:
    (plan, *_) = plans = compiled()[1].all_plans()
    document = openapi_for(plans, "swift", BASE)
    named = [{"agreement": "swift-2026", "version": plan.contract.version, "hash": plan.contract.hash}]
    assert document["info"]["x-contract"] == named
    assert document["paths"]["/v1/shipments"]["get"]["x-contract"] == named
    for words in (plan.contract.effective_clause.text, plan.contract.products_clause.text):
        for said in words.values():
            assert said in document["info"]["description"]
    assert "以中文为准" in document["info"]["description"]


def test_limits_promises_and_purposes_are_those_that_are_executed() -> None:
    (plan, *_) = plans = compiled()[1].all_plans()
    found = openapi_for(plans, "swift", BASE)["paths"]["/v1/shipments"]["get"]
    (limit,), (promise,) = found["x-rate-limits"], found["x-sla"]
    assert (limit["policy"], limit["quota"], limit["window_s"], limit["burst"]) == ("4.1", 1200, 60, 60)
    assert limit["clause"]["text"] == plan.limits[0].clause.text
    assert (promise["kind"], promise["target_percent"], promise["good"]) == ("availability", "99.5", "status < 500")
    assert promise["clause"]["id"] == "5.1"
    assert found["x-purpose"] == ["delivery"]
    assert "x-legal-basis" not in found
    legal = compiled({PRODUCT: ("purpose: [delivery]\n", "purpose: [delivery]\n          legal_basis: contract\n")})
    operation = openapi_for(legal[1].all_plans(), "swift", BASE)["paths"]["/v1/shipments"]["get"]
    assert operation["x-legal-basis"] == ["contract"]


def test_the_clauses_that_decide_are_said_with_the_operation() -> None:
    description = openapi_for(compiled()[1].all_plans(), "swift", BASE)["paths"]["/v1/shipments"]["get"]["description"]
    assert "1200" in description
    assert "4.1" in description


def leaf(logical_type: str, technique: Technique) -> Leaf:
    return Leaf(Target("a", logical_type), technique)


@pytest.mark.parametrize(
    ("granted", "schema"),
    [
        (leaf("integer", Clear()), {"type": ["integer", "null"]}),
        (leaf("boolean", Clear()), {"type": ["boolean", "null"]}),
        (leaf("date", Clear()), {"type": ["string", "null"], "format": "date"}),
        (leaf("number", Redact()), {"type": "null"}),
        (leaf("string", Redact("***")), {"enum": ["***", None]}),
        (leaf("string", KeepLast(4)), {"type": ["string", "null"]}),
    ],
)
def test_the_type_is_that_after_masking(granted: Leaf, schema: dict[str, Any]) -> None:
    (found,) = record_schema(Branch({"a": granted}), "en")["properties"].values()
    assert {key: value for key, value in found.items() if key != "description"} == schema


VIEW = Branch(
    {
        "id": leaf("string", Clear()),
        "weight": leaf("number", Clear()),
        "count": leaf("integer", Clear()),
        "open": leaf("boolean", Clear()),
        "name": leaf("string", KeepFirst(1)),
        "phone": leaf("string", KeepLast(2)),
        "secret": leaf("number", Redact()),
        "marked": leaf("string", Redact("#")),
        "customer": Branch({"name": leaf("string", Clear()), "phone": leaf("string", Redact())}),
        "nodes": Many(Branch({"city": leaf("string", Clear()), "open": leaf("boolean", Clear())})),
        "tags": Many(leaf("string", KeepLast(1))),
    }
)
names = st.sampled_from(["id", "weight", "count", "open", "name", "phone", "secret", "marked", "customer", "nodes",
                         "tags", "city", "other"])  # fmt: skip
scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab#", max_size=3)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=8
)


def test_a_field_is_described_in_the_products_own_words() -> None:
    named = Property(name="a", logicalType="string", businessName="手机号", description="Mobile number.")
    schema = SchemaObject(name="thing", properties=(named,))
    (found,) = record_schema(Branch({"a": leaf("string", KeepLast(4))}), "en", schema)["properties"].values()
    assert found["description"] == "手机号 · Mobile number. · Masked: last 4 characters only"


def test_the_keys_of_a_map_are_described_as_they_are_masked() -> None:
    key = Leaf(Target("m.key", "string"), Pseudonym())
    schema = record_schema(Branch({"m": Keyed(key, leaf("integer", Clear()))}), "en")["properties"]["m"]
    jsonschema.validate({"p1." + "a" * 30: 1}, schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"Wuhan": 1}, schema)


@given(st.lists(st.dictionaries(names, anything, max_size=8), max_size=4))
def test_whatever_a_backend_sends_the_answer_fits_the_schema(records: list[dict[str, Any]]) -> None:
    """The library jsonschema is the outside judge."""
    mask = Mask(VIEW, Envelope())
    masked = mask.page(json.dumps({"data": records, "next": None}).encode())
    assert isinstance(masked, Masked)
    schema = record_schema(VIEW, "en")
    for record in json.loads(mask.encode([record for record in masked.records if record is not None])):
        jsonschema.validate(record, schema, cls=jsonschema.Draft202012Validator)
