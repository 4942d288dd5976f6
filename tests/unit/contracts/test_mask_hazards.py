"""Where a decoder that reads only what it is asked for could let something through: each hazard, met by the mask."""

import json
from typing import Any

import msgspec
import pytest
from msgspec import UNSET, Raw, Struct, UnsetType

from adapters.base import Envelope
from contracts.facts import Facts
from contracts.mask import Masked, NotMaskable
from contracts.product import SchemaObject
from contracts.view import ViewFault, grant
from tests.unit.contracts.shipments import mask
from tests.unit.contracts.test_document_cases import TABLE, findings_of


def served(fields: dict[str, Any], *records: str) -> str:
    compiled = mask(fields)
    masked = compiled.page(f'{{"data":[{",".join(records)}],"next":null}}'.encode())
    assert isinstance(masked, Masked), masked
    return compiled.encode(masked.records).decode()


def test_the_decoder_itself_skips_values_that_are_no_utf8_and_the_mask_does_not() -> None:
    body = b'{"id":"a","note":"\xff"}'

    class OnlyId(Struct):
        id: str

    assert msgspec.json.decode(body, type=OnlyId).id == "a"  # the hazard: what is skipped goes unchecked
    compiled = mask({"id": "clear"})
    assert isinstance(compiled.record(body), NotMaskable)
    assert isinstance(compiled.page(b'{"data":[' + body + b'],"next":null}'), NotMaskable)


@pytest.mark.parametrize("field", ["weight", "pieces", "insured", "customer.age"])
def test_a_raw_leaf_never_carries_an_object_or_an_array(field: str) -> None:
    for value in ('{"canary":1}', '["canary"]', '[{"weight":"canary"}]'):
        parts = field.split(".")
        record = '{"id":"A","' + '":{"'.join(parts) + f'":{value}' + "}" * len(parts)
        for technique in ("clear", "redact"):
            text = served({"id": "clear", field: technique}, record)
            assert "canary" not in text
            assert text.startswith('[{"id":"A"')


def test_a_union_with_raw_would_take_an_object_for_its_struct_so_no_type_is_one() -> None:
    class Inner(Struct):
        canary: int = 0

    class Outer(Struct):
        field: Raw | Inner | UnsetType = UNSET

    assert isinstance(msgspec.json.decode(b'{"field":{}}', type=Outer).field, Inner)  # the hazard
    assert served({"id": "clear", "weight": "clear"}, '{"id":"A","weight":{}}') == '[{"id":"A"}]'


def test_of_a_key_given_twice_the_last_counts_for_the_mask_and_for_the_facts_alike() -> None:
    """Were it not so, a record could pass the filter with one value and be served with another."""
    body = b'{"data":[{"id":"first","id":"last"}],"next":null}'
    compiled = mask({"id": "clear"})
    facts = Facts([("id",)], Envelope())
    [fact] = facts.page(body)
    assert fact is not None
    masked = compiled.page(body)
    assert isinstance(masked, Masked)
    [value] = json.loads(compiled.encode(masked.records))
    assert value["id"] == facts.value(fact, ("id",)) == "last"


@pytest.mark.parametrize(
    "record",
    ['{"id":"a","weight":{"x":1},"weight":2.50}', '{"id":"a","weight":2.50,"weight":{"x":"canary"}}'],
    ids=["an object first", "an object last"],
)
def test_a_key_given_twice_with_two_types_serves_a_number_or_nothing(record: str) -> None:
    assert served({"id": "clear", "weight": "clear"}, record) in {'[{"id":"a","weight":2.50}]', '[{"id":"a"}]'}


def test_a_key_given_twice_inside_what_is_not_granted_does_not_come_through() -> None:
    assert served({"id": "clear"}, '{"blob":{"z":"canary","z":"canary"},"id":"a"}') == '[{"id":"a"}]'


@pytest.mark.parametrize("levels", [2_000, 100_000])
def test_nesting_that_no_stack_holds_is_an_answer_that_cannot_be_masked(levels: int) -> None:
    compiled = mask({"id": "clear", "customer.name": "clear"})
    deep = '{"customer":' * levels + "1" + "}" * levels
    for body in (deep, f'{{"data":[{deep}],"next":null}}', "[" * levels + "]" * levels):
        for read in (compiled.page, compiled.record):
            found = read(body.encode())
            assert isinstance(found, NotMaskable) or "name" not in compiled.encode(found.records).decode()


def test_fields_come_out_in_the_products_order_whatever_the_backends() -> None:
    one = served({"id": "clear", "weight": "clear", "eta": "clear"}, '{"eta":"2026-01-02","weight":1.10,"id":"A"}')
    assert one == '[{"id":"A","weight":1.10,"eta":"2026-01-02"}]'


@pytest.mark.parametrize(
    "number", ["1.10", "0.10", "1e5", "1E+05", "-0.0", "123456789012345678901234567890.123456789", "1e400"]
)
def test_a_typed_number_would_lose_its_text_and_a_raw_one_keeps_it(number: str) -> None:
    assert served({"weight": "clear"}, f'{{"weight":{number}}}') == f'[{{"weight":{number}}}]'


@pytest.mark.parametrize("name", ['a"b', "a\\b", "a\nb", "a\x01b"])
def test_a_name_that_no_struct_can_carry_is_a_mistake_of_the_product(name: str) -> None:
    with pytest.raises(ValueError, match="must not contain"):  # the hazard: it would end the compiler
        msgspec.defstruct("Hazard", [("f0", int)], rename={"f0": name})
    files = dict(TABLE["workspace"])
    product = files["products/shipments.odcs.yaml"]
    files["products/shipments.odcs.yaml"] = product.replace("{name: carrier_code,", f"{{name: {json.dumps(name)},", 1)
    found = findings_of(files)
    assert ("products/shipments.odcs.yaml", "bad-value") in {(finding.file, finding.code) for finding in found}


def test_a_product_that_grants_nothing_below_an_object_has_no_place_for_it() -> None:
    found = grant(
        msgspec.convert({"name": "x", "properties": [{"name": "blob", "logicalType": "object"}]}, SchemaObject),
        {"blob": "clear"},
    )
    assert isinstance(found, list)
    assert isinstance(found[0], ViewFault)
