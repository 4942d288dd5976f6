"""The generated OpenAPI: valid, complete, true to what the mask lets out, and silent about everything else."""

import json

import jsonschema
import openapi_spec_validator
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Envelope
from contracts.disclosed import record_schema
from contracts.granted import Branch, Leaf, Many
from contracts.mask import Mask, Masked
from contracts.openapi import openapi_for
from gateway.problems import PROBLEMS
from policies.techniques.clear import Clear
from policies.techniques.keep_first import KeepFirst
from policies.techniques.keep_last import KeepLast
from policies.techniques.redact import Redact
from tests.unit.contracts.sample import compiled

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


def two_partners():
    return compiled({PRODUCT: ("roles:\n", BANK_VIEW)}, other=OTHER)[1].all_plans()


@pytest.mark.parametrize("partner", ["swift", "rapid", None, "nobody"])
def test_the_document_is_valid_openapi(partner):
    openapi_spec_validator.validate(openapi_for(two_partners(), partner, BASE))


def test_a_partner_sees_its_own_paths_fields_and_agreement_only():
    document = openapi_for(two_partners(), "rapid", BASE)
    assert list(document["paths"]) == ["/v1/shipments"]
    assert list(document["components"]["schemas"]) == ["Problem", "shipments-bank"]
    text = json.dumps(document, ensure_ascii=False)
    for foreign in ("swift", "SWIFT", "phone", "weight_kg", "carrier_code", 'logistics"', "record."):
        assert foreign not in text.replace("logistics-standard", ""), foreign


def test_the_hubs_document_holds_every_partners_view_side_by_side():
    document = openapi_for(two_partners(), None, BASE)
    data = document["paths"]["/v1/shipments"]["get"]["responses"]["200"]["content"]["application/json"]["schema"]
    assert {choice["$ref"].rsplit("/", 1)[1] for choice in data["properties"]["data"]["items"]["anyOf"]} == {
        "shipments-bank",
        "shipments-logistics",
    }
    assert list(document["paths"]) == ["/v1/shipments", "/v1/shipments/{key}"]


def test_the_parameters_are_those_that_the_gateway_takes():
    (plan, *_) = plans = compiled()[1].all_plans()
    document = openapi_for(plans, "swift", BASE)
    parameters = {each["name"]: each for each in document["paths"]["/v1/shipments"]["get"]["parameters"]}
    assert parameters.keys() == {"limit", "cursor", "Clausegate-Purpose"}
    limit = parameters["limit"]["schema"]
    assert (limit["default"], limit["maximum"]) == plan.page_limit
    assert parameters["Clausegate-Purpose"]["schema"]["enum"] == ["delivery"]
    assert parameters["Clausegate-Purpose"]["required"] is False
    strict = compiled({POLICY: ("unstated: assume", "unstated: refuse")})[1].all_plans()
    purpose = openapi_for(strict, "swift", BASE)["paths"]["/v1/shipments"]["get"]["parameters"][-1]
    assert purpose["required"] is True


def test_every_status_that_the_gateway_answers_is_described():
    document = openapi_for(compiled()[1].all_plans(), "swift", BASE)
    answered = {str(problem.status) for problem in PROBLEMS.values()} - {"405"}  # only documented methods are listed
    for path in document["paths"].values():
        assert path["get"]["responses"].keys() == answered | {"200"}


def test_a_token_is_got_with_the_scope_of_the_plan():
    (plan, *_) = plans = compiled()[1].all_plans()
    document = openapi_for(plans, "swift", BASE)
    flow = document["components"]["securitySchemes"]["oauth2"]["flows"]["clientCredentials"]
    assert flow["tokenUrl"] == f"{BASE}/oauth/token"
    assert list(flow["scopes"]) == [plan.scope]
    assert document["paths"]["/v1/shipments"]["get"]["security"] == [{"oauth2": [plan.scope]}]


def test_the_clauses_that_decide_are_said_with_the_operation():
    description = openapi_for(compiled()[1].all_plans(), "swift", BASE)["paths"]["/v1/shipments"]["get"]["description"]
    assert "1200" in description
    assert "4.1" in description


@pytest.mark.parametrize(
    ("leaf", "schema"),
    [
        (Leaf("integer", Clear()), {"type": ["integer", "null"]}),
        (Leaf("boolean", Clear()), {"type": ["boolean", "null"]}),
        (Leaf("date", Clear()), {"type": ["string", "null"], "format": "date"}),
        (Leaf("number", Redact()), {"type": "null"}),
        (Leaf("string", Redact("***")), {"enum": ["***", None]}),
        (Leaf("string", KeepLast(4)), {"type": ["string", "null"]}),
    ],
)
def test_the_type_is_that_after_masking(leaf, schema):
    (found,) = record_schema(Branch({"a": leaf}), "en")["properties"].values()
    assert {key: value for key, value in found.items() if key != "description"} == schema


VIEW = Branch(
    {
        "id": Leaf("string", Clear()),
        "weight": Leaf("number", Clear()),
        "count": Leaf("integer", Clear()),
        "open": Leaf("boolean", Clear()),
        "name": Leaf("string", KeepFirst(1)),
        "phone": Leaf("string", KeepLast(2)),
        "secret": Leaf("number", Redact()),
        "marked": Leaf("string", Redact("#")),
        "customer": Branch({"name": Leaf("string", Clear()), "phone": Leaf("string", Redact())}),
        "nodes": Many(Branch({"city": Leaf("string", Clear()), "open": Leaf("boolean", Clear())})),
        "tags": Many(Leaf("string", KeepLast(1))),
    }
)
names = st.sampled_from(["id", "weight", "count", "open", "name", "phone", "secret", "marked", "customer", "nodes",
                         "tags", "city", "other"])  # fmt: skip
scalars = st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab#", max_size=3)
anything = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=4), max_leaves=8
)


@given(st.lists(st.dictionaries(names, anything, max_size=8), max_size=4))
def test_whatever_a_backend_sends_the_answer_fits_the_schema(records):
    """The library jsonschema is the outside judge."""
    mask = Mask(VIEW, Envelope())
    masked = mask.page(json.dumps({"data": records, "next": None}).encode())
    assert isinstance(masked, Masked)
    schema = record_schema(VIEW, "en")
    for record in json.loads(mask.encode([record for record in masked.records if record is not None])):
        jsonschema.validate(record, schema, cls=jsonschema.Draft202012Validator)
