"""Products of others are read, and ours are held against the official schema."""

from pathlib import Path

import pytest

from adapters.base import Backend
from contracts.compile import compile_and_check
from contracts.decode import decode
from contracts.finding import errors
from contracts.odcs import odcs_findings
from contracts.product import Product
from contracts.source import Source, read_source
from contracts.workspace import Loaded, decode_documents
from openapi.generate import sample_files
from tests.unit.contracts.sample import TABLE

PRODUCT = "products/shipments.odcs.yaml"


def loaded(text: str) -> tuple[Loaded[Product], ...]:
    documents, findings = decode_documents({PRODUCT: text.encode()})
    assert findings == []
    return documents.products


def test_the_official_example_contracts_are_read(testdata: Path) -> None:
    files = sorted((testdata / "odcs").glob("*.odcs.yaml"))
    if not files:
        pytest.skip("no official example contracts in the folder of real data")
    for file in files:
        source = read_source(file.read_bytes(), file.name)
        assert isinstance(source, Source), source
        product = decode(source, Product)
        assert isinstance(product, Product), product
        assert odcs_findings([Loaded(product, source)]) == []


def test_our_sample_products_are_valid_under_the_official_schema() -> None:
    documents, findings = decode_documents(sample_files())
    assert findings == []
    assert documents.products
    assert odcs_findings(documents.products) == []


def test_a_departure_from_the_standard_is_a_warning_with_its_place() -> None:
    text = TABLE["workspace"][PRODUCT]
    assert odcs_findings(loaded(text)) == []
    (finding,) = odcs_findings(loaded(text.replace("logicalType: number", "logicalType: weight")))
    assert (finding.code, finding.severity) == ("not-odcs", "warning")
    assert finding.path.startswith("schema[0].properties[2]")
    assert "weight" in finding.message
    line = text.splitlines()[finding.line - 1]
    assert "weight_kg" in line


CASES = Path(__file__).parents[2] / "cases" / "odcs"
VERSIONS = ["v3.0.0", "v3.0.1", "v3.0.2", "v3.1.0", "v3.2.0"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_document_with_every_key_of_its_version_is_read(version: str) -> None:
    data = (CASES / f"{version}.odcs.yaml").read_bytes()
    documents, findings = decode_documents({f"products/{version}.odcs.yaml": data})
    assert findings == []
    (product,) = documents.products
    assert product.value.apiVersion == version
    assert product.value.roles[0].role == "reader"
    assert [declared.name for declared in product.value.schema[0].properties[:2]] == ["key", "day"]
    _, found = compile_and_check(documents, {})
    assert errors(found) == []
    assert {finding.code for finding in found} >= {"no-backend"}


@pytest.mark.parametrize("version", VERSIONS)
def test_such_a_document_departs_from_the_standard_nowhere(version: str) -> None:
    assert odcs_findings(loaded((CASES / f"{version}.odcs.yaml").read_text())) == []


@pytest.mark.parametrize(
    ("written", "mistaken", "where"),
    [
        ("logicalType: integer", "logicalType: count", "schema[0].properties[3]"),
        ("dimension: completeness", "dimension: size", "schema[0].properties[0].quality[0].dimension"),
        ("priceAmount: 9.95", "priceAmount: much", "price.priceAmount"),
        ("multipleOf: 0.5", "multiple: 0.5", "schema[0].properties[2].logicalTypeOptions"),
        ("- {url: 'https://example.org/definition', type: businessDefinition}", "- {type: a}", "description"),
    ],
)
def test_what_no_version_of_the_standard_allows_is_found_in_a_document_of_v3_0(
    written: str, mistaken: str, where: str
) -> None:
    text = (CASES / "v3.0.2.odcs.yaml").read_text()
    assert written in text
    found = odcs_findings(loaded(text.replace(written, mistaken, 1)))
    assert any(finding.path.startswith(where) for finding in found), found


def test_a_key_that_came_later_may_hold_anything_in_a_document_of_v3_0() -> None:
    text = (CASES / "v3.0.2.odcs.yaml").read_text()
    later = text.replace("- {property: alone}", "- {property: alone, description: [1]}")
    assert later != text
    assert odcs_findings(loaded(later)) == []
    found = odcs_findings(loaded(text.replace("- {property: alone}", "- {property: [1]}", 1)))
    assert [finding.path.rpartition(".")[2] for finding in found] == ["property"]


def test_only_v3_2_asks_for_the_logical_type_of_a_field() -> None:
    text = (CASES / "v3.1.0.odcs.yaml").read_text().replace("  - {name: key, logicalType: string}", "  - {name: key}")
    assert "  - {name: key}" in text
    assert odcs_findings(loaded(text)) == []
    (finding,) = odcs_findings(loaded(text.replace("apiVersion: v3.1.0", "apiVersion: v3.2.0", 1)))
    assert finding.path.startswith("schema[1].properties[0]")


def test_a_view_without_a_value_is_a_mistake_with_its_place() -> None:
    text = TABLE["workspace"][PRODUCT]
    before, after = text.split("        value:\n")
    documents, findings = decode_documents({PRODUCT: before.encode()})
    assert (findings, bool(after)) == ([], True)
    _, found = compile_and_check(documents, {"records": Backend()})
    assert [(finding.code, finding.path) for finding in found] == [
        ("missing-key", "roles[0].customProperties[0].value")
    ]
