"""Products of others are read, and ours are held against the official schema."""

import pytest

from contracts.decode import decode
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


def test_the_official_example_contracts_are_read(testdata):
    files = sorted((testdata / "odcs").glob("*.odcs.yaml"))
    if not files:
        pytest.skip("no official example contracts in the folder of real data")
    for file in files:
        source = read_source(file.read_bytes(), file.name)
        assert isinstance(source, Source), source
        product = decode(source, Product)
        assert isinstance(product, Product), product
        assert odcs_findings([Loaded(product, source)]) == []


def test_our_sample_products_are_valid_under_the_official_schema():
    documents, findings = decode_documents(sample_files())
    assert findings == []
    assert documents.products
    assert odcs_findings(documents.products) == []


def test_a_departure_from_the_standard_is_a_warning_with_its_place():
    text = TABLE["workspace"][PRODUCT]
    assert odcs_findings(loaded(text)) == []
    (finding,) = odcs_findings(loaded(text.replace("logicalType: number", "logicalType: weight")))
    assert (finding.code, finding.severity) == ("not-odcs", "warning")
    assert finding.path.startswith("schema[0].properties[2]")
    assert "weight" in finding.message
    line = text.splitlines()[finding.line - 1]
    assert "weight_kg" in line
