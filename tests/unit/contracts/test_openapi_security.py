"""How a document says that tokens are bound: as a choice of schemes that a program can follow, and in words."""

import re
from typing import Any

import pytest
from msgspec.structs import replace

from contracts.openapi import openapi_for
from contracts.openapi_problems import STATED
from contracts.plan import Plan
from gateway.oauth.clients import new_key_pair
from gateway.oauth.dpop import PROOF_BYTES_MAX
from gateway.oauth.proof import make_proof, read_proof_key
from policies.clause import Authentication
from policies.reference import ClauseRef
from tests.unit.contracts.sample import compiled

BASE = "https://gateway.example.com"
SCOPE = {"oauth2": ["shipments:read"]}


def asking(*bindings: str, number: str = "2.2") -> Authentication:
    ref = ClauseRef("swift-2026", "1.2.0", number, "authentication", {"zh": "如此。", "en": "So it is."})
    return Authentication(ref, frozenset({"private_key_jwt"}), frozenset(bindings))


def document(*asked: Authentication) -> dict[str, Any]:
    return openapi_for(tuple(replace(plan, authentication=asked) for plan in compiled()[1].all_plans()), "swift", BASE)


def listing(found: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = found["paths"]["/v1/shipments"]["get"]
    return operation


def headers(operation: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each for each in operation["parameters"] if each["in"] == "header"}


def test_without_a_clause_a_token_is_all_that_it_takes() -> None:
    found = document()
    assert listing(found)["security"] == [SCOPE]
    assert found["components"]["securitySchemes"].keys() == {"oauth2"}
    assert "DPoP" not in headers(listing(found))
    assert "x-authentication" not in listing(found)


@pytest.mark.parametrize(
    ("asked", "ways", "schemes"),
    [
        ([asking("dpop")], [SCOPE | {"dpop": []}], {"oauth2", "dpop"}),
        ([asking("mtls")], [SCOPE | {"mutualTLS": []}], {"oauth2", "mutualTLS"}),
        (
            [asking("dpop", "mtls")],
            [SCOPE | {"dpop": []}, SCOPE | {"mutualTLS": []}],
            {"oauth2", "dpop", "mutualTLS"},
        ),
        ([asking("dpop", "mtls"), asking("none", "mtls")], [SCOPE | {"mutualTLS": []}], {"oauth2", "mutualTLS"}),
        ([asking("none", "dpop", "mtls")], [SCOPE], {"oauth2"}),
    ],
    ids=["dpop", "mtls", "either", "two clauses", "not bound"],
)
def test_each_way_that_all_clauses_admit_is_a_choice(
    asked: list[Authentication], ways: list[dict[str, list[str]]], schemes: set[str]
) -> None:
    found = document(*asked)
    assert listing(found)["security"] == ways
    assert found["components"]["securitySchemes"].keys() == schemes
    used = {name for way in listing(found)["security"] for name in way}
    assert used == schemes


def test_the_schemes_are_those_of_the_standards() -> None:
    schemes = document(asking("dpop", "mtls"))["components"]["securitySchemes"]
    assert (schemes["dpop"]["type"], schemes["dpop"]["scheme"]) == ("http", "DPoP")
    assert schemes["mutualTLS"]["type"] == "mutualTLS"
    assert all(re.search("[一-鿿]", schemes[name]["description"]) for name in ("dpop", "mutualTLS"))


@pytest.mark.parametrize(("bindings", "required"), [(("dpop",), True), (("dpop", "mtls"), False)])
def test_the_proof_is_a_parameter_required_where_there_is_no_other_way(
    bindings: tuple[str, ...], required: bool
) -> None:
    parameter = headers(listing(document(asking(*bindings))))["DPoP"]
    assert parameter["required"] == required
    assert parameter["schema"]["maxLength"] == PROOF_BYTES_MAX
    key = read_proof_key(new_key_pair("PS256").private_pem.reveal().encode())
    assert key is not None
    proof = make_proof(key, "GET", f"{BASE}/v1/shipments?limit=1", 1_782_000_000, token="a.b.c", nonce="n")
    assert re.fullmatch(parameter["schema"]["pattern"], proof)
    assert len(proof) <= PROOF_BYTES_MAX
    assert "DPoP" not in headers(listing(document(asking("mtls"))))


def test_the_clauses_are_named_with_what_they_ask() -> None:
    found = listing(document(asking("dpop", "mtls"), asking("mtls", number="2.4")))
    assert [(each["bound_to"], each["clause"]["id"]) for each in found["x-authentication"]] == [
        (["dpop", "mtls"], "2.2"),
        (["mtls"], "2.4"),
    ]
    assert found["x-authentication"][0]["methods"] == ["private_key_jwt"]
    assert "2.2: 如此。 / So it is." in found["description"]


def test_a_refusal_for_it_is_documented_where_it_can_happen_with_the_clause_that_refuses() -> None:
    found = document(asking("none", "dpop", "mtls"), asking("dpop", number="2.4"))
    assert found["components"]["examples"]["authentication-not-admitted"]["value"]["clause"]["id"] == "2.4"
    assert "authentication-not-admitted" not in document()["components"]["examples"]
    assert "authentication-not-admitted" not in document(asking("none", "dpop", "mtls"))["components"]["examples"]


def test_of_several_partners_the_hub_sees_every_way() -> None:
    (plan, *_) = [each for each in compiled()[1].all_plans() if each.operation == "list"]
    plans: tuple[Plan, ...] = (plan, replace(plan, authentication=(asking("dpop"),)))
    found = openapi_for(plans, None, BASE)
    assert listing(found)["security"] == [SCOPE, SCOPE | {"dpop": []}]
    assert headers(listing(found))["DPoP"]["required"] is False


def test_what_a_proof_can_end_with_is_said_to_everybody() -> None:
    """Any client may bind its tokens, whether its agreement asks for that or not."""
    examples = document()["components"]["examples"]
    assert {"invalid-dpop-proof", "use-dpop-nonce", "beyond-authorization-details"} <= examples.keys() <= STATED.keys()
    assert "DPoP-Nonce" in document()["components"]["responses"]["401"]["headers"]
