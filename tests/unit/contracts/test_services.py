"""Services in agreements: what is found wrong, what is hashed, explained and compared."""

import hashlib
import json
from pathlib import Path

import pytest
import rfc8785

from contracts.compare import compare, contracts_of
from contracts.explain import explain
from contracts.plan import Plans
from contracts.workspace import decode_documents, read_workspace
from tests.unit.outbound.stage import AGREEMENT, DOCUMENT, NAMED, SERVICE, compiled, documents


def found(document: str = DOCUMENT, named: str = NAMED) -> list[tuple[str, str, str]]:
    """File, path and code of each finding."""
    outcome = compiled(documents(document, named))
    assert not isinstance(outcome, Plans), "nothing was found"
    return [(finding.file, finding.path, finding.code) for finding in outcome]


def changed(before: str, after: str, named: str = NAMED) -> list[tuple[str, str, str]]:
    assert before in DOCUMENT
    return found(DOCUMENT.replace(before, after), named)


def test_the_contract_hash_is_over_the_document_too() -> None:
    plans = compiled(documents())
    assert isinstance(plans, Plans)
    (contract,) = plans.of_partner("swift")
    resolved = json.loads(plans.canonical[contract.hash]())
    assert [service["x-service"] for service in resolved["services"]] == ["rates"]
    assert contract.hash == hashlib.sha256(rfc8785.dumps(resolved)).hexdigest()
    other = compiled(documents(DOCUMENT.replace("maxLength: 20", "maxLength: 21")))
    assert isinstance(other, Plans)
    assert other.of_partner("swift")[0].hash != contract.hash


@pytest.mark.parametrize(
    ("named", "path", "code"),
    [
        ("\nservices: [{service: rate, version: 1.0.0, operations: [quote]}]\n", "services[0]", "unknown-service"),
        (
            "\nservices: [{service: rates, version: 2.0.0, operations: [quote]}]\n",
            "services[0]",
            "unknown-service-version",
        ),
        (
            "\nservices: [{service: rates, version: 1.0.0, operations: [quot]}]\n",
            "services[0].operations[0]",
            "unknown-service",
        ),
        (
            "\nservices: [{service: rates, version: 1.0.0, operations: [quote, quote]}]\n",
            "services[0].operations[1]",
            "duplicate-operation",
        ),
        ("\nservices: [{service: rates, operations: [quote]}]\n", "services[0].version", "missing-key"),
        ("\nservices: [{service: rates, version: 1.0.0, operations: []}]\n", "services[0].operations", "bad-value"),
        (
            "\nservices: [{service: rates, version: 1.0.0, operations: ['a/b']}]\n",
            "services[0].operations[0]",
            "bad-value",
        ),
    ],
)
def test_what_an_agreement_names_has_to_be_there(named: str, path: str, code: str) -> None:
    assert found(named=named) == [(AGREEMENT, path, code)]


@pytest.mark.parametrize(
    ("before", "after", "path"),
    [
        ('"^[a-z-]+$"', '"^(?=a)"', "paths./quotes.post"),
        ('"#/components/schemas/Wanted"', '"#/components/schemas/Nothing"', "paths./quotes.post"),
        ('"#/components/schemas/Wanted"', '"http://127.0.0.1:9/x.json"', "paths./quotes.post"),
        ('application/json: {schema: {$ref: "#/components/schemas/Wanted"}}', "text/xml: {}", "paths./quotes.post"),
        ("/rates/{lane}:", "/rates/{lanes}:", "paths./rates/{lanes}.get"),
        ("name: weight_kg, in: query", "name: weight_kg, in: header", "paths./rates/{lane}.get"),
        ("schema: {type: number, exclusiveMinimum: 0}", "schema: {type: array}", "paths./rates/{lane}.get"),
        ('responses: {"204": {description: done}}', "responses: {}", "paths./cancellations.post"),
        ("operationId: cancel", "operationId: quote", "paths./quotes.post"),
    ],
)
def test_what_cannot_be_called_is_said_with_its_place(before: str, after: str, path: str) -> None:
    named = NAMED.replace(", cancel", "") if "operationId" in before else NAMED
    outcome = compiled(documents(DOCUMENT.replace(before, after), named))
    assert isinstance(outcome, list)
    assert {(finding.file, finding.code) for finding in outcome} == {(SERVICE, "bad-service")}
    assert all(_plain(finding.path).startswith(path) for finding in outcome), outcome
    assert before in DOCUMENT


def _plain(path: str) -> str:
    return path.replace('["', ".").replace('"]', "")


def test_an_operation_that_nobody_names_may_be_what_it_likes() -> None:
    outcome = compiled(documents(DOCUMENT.replace('"^[a-z-]+$"', '"^(?=a)"'), NAMED.replace("quote, ", "")))
    assert isinstance(outcome, Plans)


def test_a_document_that_is_not_understood_is_one_mistake() -> None:
    assert changed("openapi: 3.1.0", 'openapi: "2.0"') == [(SERVICE, "openapi", "bad-value")]


def test_the_id_of_the_hubs_own_programs_is_nobodys() -> None:
    files = documents()
    files[AGREEMENT] = files[AGREEMENT].replace(b"{id: swift,", b"{id: hub,")
    outcome = compiled(files)
    assert isinstance(outcome, list)
    assert [(finding.path, finding.code) for finding in outcome] == [("partner.id", "reserved-partner")]


def test_two_agreements_do_not_open_one_operation_at_the_same_time() -> None:
    files = documents()
    second = files[AGREEMENT].replace(b"swift-2026", b"swift-more")
    files["agreements/swift-more.yaml"] = second
    outcome = compiled(files)
    assert isinstance(outcome, list)
    said = [finding.message for finding in outcome if finding.code == "overlapping-agreements"]
    assert any("the hub already calls quote of swift" in message for message in said)
    files["agreements/swift-more.yaml"] = second.replace(b"2026-01-01, to: 2027", b"2027-01-01, to: 2028")
    plans = compiled(files)
    assert isinstance(plans, Plans)
    assert [call.contract.agreement for call in plans.calls["swift", "quote"]] == ["swift-2026", "swift-more"]


def test_the_prose_says_what_the_hub_may_call() -> None:
    read, _ = decode_documents(documents())
    plans = compiled(documents())
    assert isinstance(plans, Plans)
    english, chinese = (explain("swift-2026", read, plans, language) or "" for language in ("en", "zh"))
    assert "## Interface of the Partner rates, version 1.0.0" in english
    assert "POST /quotes" in english
    assert "## 乙方接口 rates" in chinese


@pytest.mark.parametrize(
    ("document", "named", "part"),
    [
        (DOCUMENT, NAMED.replace("quote, ", ""), "operations"),
        (DOCUMENT, "\n", "version"),
        (DOCUMENT.replace("maxLength: 20", "maxLength: 21"), NAMED, "document"),
        (DOCUMENT.replace("title: Rates", "title: Prices"), NAMED, "document"),
    ],
)
def test_an_edit_of_what_may_be_called_is_a_change(document: str, named: str, part: str) -> None:
    sides = [contracts_of(decode_documents(files)[0]) for files in (documents(), documents(document, named))]
    before, after = sides
    assert not isinstance(before, list)
    assert not isinstance(after, list)
    (comparison,) = compare(before, after)
    changes = {change.part: change.effects for change in comparison.changes if change.about == "service rates"}
    assert part in changes
    assert changes[part] == (("wording",) if "Prices" in document else ("exposes", "withholds"))


def test_the_demos_service_is_read_without_a_mistake() -> None:
    read, findings = read_workspace(Path(__file__).parents[3] / "contracts" / "documents")
    assert [finding for finding in findings if finding.file.startswith("services/")] == []
    assert [service.value.name for service in read.services] == ["harbor-financing"]
