"""What a document says of one operation: the parameters that the gateway reads, and the problems that can occur."""

from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from msgspec.structs import replace

from contracts.openapi import openapi_for
from contracts.openapi_problems import STATED
from contracts.plan import Plan
from contracts.selecting import filter_of, narrow_to, order_of
from gateway.problems import PROBLEMS
from gateway.problems_partner import PARTNER_PROBLEMS
from policies.clause import Authentication, Signing
from policies.reference import ClauseRef, Language
from tests.unit.contracts.sample import compiled
from tests.unit.contracts.test_openapi_limits import limited

BASE = "http://127.0.0.1:8080"
PRODUCT = "products/shipments.odcs.yaml"
POLICY = "policies/logistics-standard.yaml"
WRITING = """\
operations: [list, get, create, update, delete]
          writable: {create: [shipment_id, weight_kg], update: [weight_kg, customer.phone]}
          assign: {carrier_code: partner.code}
"""


def asking(plan: Plan) -> Plan:
    """The plan of an agreement that says how its partner's programs prove who they are, and what they sign."""
    text: Mapping[Language, str] = {"zh": "如此。", "en": "So it is."}
    numbered = (("2.2", "authentication"), ("2.3", "sign"))
    who, what = (ClauseRef("swift-2026", "1.2.0", number, kind, text) for number, kind in numbered)
    authentication = Authentication(who, frozenset({"private_key_jwt"}), frozenset({"dpop"}))
    signing = Signing(what, ("@method",), frozenset({"ed25519"}), 60) if plan.writing else None
    return replace(plan, authentication=(authentication,), signing=(signing,) if signing else ())


def plans_of(changes: Mapping[str, tuple[str, str]] | None = None) -> tuple[Plan, ...]:
    return compiled(changes)[1].all_plans()


def writing_plans() -> tuple[Plan, ...]:
    return plans_of({PRODUCT: ("operations: [list, get]\n", WRITING)})


def operations(plans: tuple[Plan, ...]) -> dict[str, Any]:
    """Every operation of the only product, by what it does."""
    paths = openapi_for(plans, "swift", BASE)["paths"]
    found = [operation for methods in paths.values() for operation in methods.values()]
    return {operation["operationId"].partition("-")[0]: operation for operation in found}


def parameters(operation: Mapping[str, Any]) -> dict[str, Any]:
    return {each["name"]: each for each in operation["parameters"]}


def problems(plans: tuple[Plan, ...], operation: str) -> set[str]:
    """The codes that an operation of these plans can end with."""
    document = openapi_for(plans, "swift", BASE)
    found: set[str] = set()
    for status, reference in operations(plans)[operation]["responses"].items():
        if int(status) >= 400:
            response = document["components"]["responses"][reference["$ref"].rsplit("/", 1)[1]]
            schema = response["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]
            assert str(schema["status"]["const"]) == status
            found |= {kind.removeprefix("/problems/") for kind in schema["type"]["enum"]}
    return found


def test_a_list_can_be_filtered_by_what_is_in_clear_and_by_nothing_else() -> None:
    found = parameters(operations(plans_of())["list"])
    filters = {"shipment_id", "weight_kg"}
    written = {
        f"{name}{operator}" for name in filters for operator in ("", "[ne]", "[gt]", "[gte]", "[lt]", "[lte]", "[in]")
    }
    own = {"limit", "cursor", "fields", "If-None-Match", "Clausegate-Purpose"}
    assert found.keys() - written <= own | {"sort"}
    assert written <= found.keys()


def test_each_filter_is_one_that_the_gateway_reads() -> None:
    (plan, *_) = plans = plans_of()
    for name, parameter in parameters(operations(plans)["list"]).items():
        if name.partition("[")[0] in plan.offer.clear:
            assert parameter["in"] == "query"
            assert filter_of(plan.offer.clear, name, "1") is not None, name


def test_a_list_is_sorted_only_where_the_backend_sorts() -> None:
    (plan, *_) = plans = plans_of()
    found = parameters(operations(plans)["list"])
    assert ("sort" in found) is plan.sorts
    sorting = tuple(replace(each, sorts=True) for each in plans)
    choices = parameters(operations(sorting)["list"])["sort"]["schema"]["items"]["enum"]
    assert choices == ["shipment_id", "-shipment_id", "weight_kg", "-weight_kg"]
    assert all(order_of(plan.offer.clear, choice) for choice in choices)
    still = tuple(replace(each, sorts=False) for each in plans)
    assert "sort" not in parameters(operations(still)["list"])


@pytest.mark.parametrize("operation", ["list", "get"])
def test_fields_names_all_that_is_granted_and_nothing_else(operation: str) -> None:
    (plan, *_) = plans = plans_of()
    schema = parameters(operations(plans)[operation])["fields"]["schema"]
    assert schema["items"]["enum"] == ["shipment_id", "weight_kg", "customer", "customer.phone"]
    for name in schema["items"]["enum"]:
        assert narrow_to(plan.view.record, [name]) is not None


def test_the_page_and_the_purpose_are_those_of_the_plan() -> None:
    (plan, *_) = plans = plans_of()
    found = parameters(operations(plans)["list"])
    limit = found["limit"]["schema"]
    assert (limit["default"], limit["maximum"]) == plan.page_limit
    assert found["Clausegate-Purpose"]["schema"]["enum"] == ["delivery"]
    assert found["Clausegate-Purpose"]["required"] is False
    strict = operations(plans_of({POLICY: ("unstated: assume", "unstated: refuse")}))
    assert parameters(strict["list"])["Clausegate-Purpose"]["required"] is True


def test_each_operation_takes_its_own_headers() -> None:
    found = {name: parameters(operation) for name, operation in operations(writing_plans()).items()}
    conditional = {"If-None-Match", "If-Match", "Idempotency-Key"}
    assert {name: each.keys() & conditional for name, each in found.items()} == {
        "list": {"If-None-Match"},
        "get": {"If-None-Match"},
        "create": {"Idempotency-Key"},
        "update": {"Idempotency-Key", "If-Match"},
        "delete": {"Idempotency-Key", "If-Match"},
    }
    assert {name for name, each in found.items() if "key" in each} == {"get", "update", "delete"}


def test_what_may_be_written_is_what_the_plan_takes() -> None:
    plans = writing_plans()
    found = operations(plans)
    assert found["create"]["requestBody"]["content"].keys() == {"application/json"}
    assert found["update"]["requestBody"]["content"].keys() == {"application/json", "application/merge-patch+json"}
    assert {name for name, each in found.items() if "requestBody" not in each} == {"list", "get", "delete"}
    for plan in plans:
        if plan.writing is not None:
            body = found[plan.operation]["requestBody"]["content"]["application/json"]
            assert body["schema"] == plan.writing.json_schema
            jsonschema.validate(body["example"], body["schema"], cls=jsonschema.Draft202012Validator)
            assert "carrier_code" not in str(body)


def test_each_operation_says_what_it_answers() -> None:
    found = {
        name: {status for status in operation["responses"] if int(status) < 400}
        for name, operation in operations(writing_plans()).items()
    }
    assert found == {
        "list": {"200", "304"},
        "get": {"200", "304"},
        "create": {"201"},
        "update": {"200", "204"},
        "delete": {"204"},
    }
    listed = operations(writing_plans())["list"]["responses"]["200"]["content"]
    assert listed.keys() == {"application/json", "application/x-ndjson", "text/csv"}


def test_the_problems_are_the_gateways_own() -> None:
    assert {
        code: (problem.status, problem.title["en"]) for code, problem in PROBLEMS.items() if code in STATED
    } == STATED


def test_every_problem_can_occur_somewhere_but_those_of_calls_that_are_not_documented() -> None:
    """Such as those to a path or by a method that the document does not name, and those for the partner's own log."""
    plans = tuple(asking(limited(plan)) for plan in writing_plans())
    found = set().union(*(problems(plans, operation) for operation in operations(plans)))
    of_the_log = {"invalid-leaf-hash", "receipt-not-found", "log-empty", "log-file-not-found", "log-unreadable"}
    of_nobody_known = {"not-found", "unknown-product", "method-not-allowed", "too-many-requests"}
    assert PROBLEMS.keys() - found == of_nobody_known | of_the_log | PARTNER_PROBLEMS.keys()


def test_an_operation_names_the_problems_that_it_can_end_with_and_no_other() -> None:
    plans = writing_plans()
    listed, got, created, changed = (problems(plans, name) for name in ("list", "get", "create", "update"))
    assert {"invalid-limit", "invalid-cursor", "invalid-filter", "invalid-sort"} == listed - got
    assert {"record-not-found"} == got - listed
    assert {"invalid-body", "unsupported-media-type", "outside-rows", "conflict"} <= created - listed
    assert {"record-not-found", "precondition-failed"} == changed - created
    assert created - changed == {"outside-rows"}
    assert problems(plans, "delete") < changed


def test_what_no_clause_can_cause_is_not_named() -> None:
    bound = plans_of()
    assert {"rate-limited", "purpose-not-covered"} <= problems(bound, "list")
    unbound = tuple(replace(plan, limits=(), gates=()) for plan in bound)
    assert not {"rate-limited", "purpose-not-covered"} & problems(unbound, "list")
    headers = operations(unbound)["list"]["responses"]["200"]["headers"]
    assert "RateLimit" not in headers
    assert "RateLimit" in operations(bound)["list"]["responses"]["200"]["headers"]


def test_signatures_that_are_only_watched_are_asked_for_and_nothing_is_refused_for_them() -> None:
    binding = tuple(asking(plan) for plan in writing_plans())
    watching = tuple(
        replace(plan, signing=tuple(replace(each, enforce="observe") for each in plan.signing)) for plan in binding
    )
    refused = {"signature-required", "signature-invalid"}
    for plans, required in ((binding, True), (watching, False), ((*binding, *watching), False)):
        create = operations(plans)["create"]
        assert {parameters(create)[name]["required"] for name in ("Signature", "Signature-Input")} == {required}
        assert refused <= problems(plans, "create") or plans is watching
    assert not refused & problems(watching, "create")
    (said,) = operations(watching)["create"]["x-signed-requests"]
    assert (said["enforce"], said["clause"]["id"]) == ("observe", "2.3")
    assert "enforce" not in operations(binding)["create"]["x-signed-requests"][0]
