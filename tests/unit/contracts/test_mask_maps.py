"""Maps with free keys: a key is a value too, and goes out only as the view says."""

import json
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Envelope
from contracts.mask import Mask, Masked
from contracts.product import SchemaObject
from contracts.view import GrantedView, grant
from policies.keys import PartnerKeys

SCHEMA = msgspec.convert(
    {
        "name": "parcel",
        "properties": [
            {"name": "id", "logicalType": "string", "primaryKey": True},
            {
                "name": "attributes",
                "logicalType": "map",
                "map": {
                    "key": {"name": "", "logicalType": "string"},
                    "value": {"name": "", "logicalType": "number"},
                },
            },
            {
                "name": "contacts",
                "logicalType": "map",
                "map": {
                    "key": {"name": "", "logicalType": "string"},
                    "value": {
                        "name": "",
                        "logicalType": "object",
                        "properties": [
                            {"name": "phone", "logicalType": "string"},
                            {"name": "secret", "logicalType": "string"},
                        ],
                    },
                },
            },
        ],
    },
    SchemaObject,
)


def compiled(fields: dict[str, Any]) -> Mask:
    granted = grant(SCHEMA, fields)
    assert isinstance(granted, GrantedView), granted
    return Mask(granted.record, Envelope(None, None))


def page(mask: Mask, *records: str) -> tuple[str, tuple[str, ...]]:
    masked = mask.page(("[" + ",".join(records) + "]").encode())
    assert isinstance(masked, Masked), masked
    return mask.encode(masked.records).decode(), masked.drift


def test_a_map_comes_out_with_its_keys_and_the_text_of_its_numbers() -> None:
    mask = compiled({"attributes": "clear"})
    assert page(mask, '{"id":"canary","attributes":{"长":1.50,"b":null}}') == (
        '[{"attributes":{"长":1.50,"b":null}}]',
        (),
    )


@pytest.mark.parametrize("value", ['"canary"', '["canary"]', '{"canary":1}', "true"])
def test_a_value_that_drifted_is_withheld_with_its_key(value: str) -> None:
    mask = compiled({"id": "clear", "attributes": "clear"})
    text, drift = page(mask, f'{{"id":"1","attributes":{{"a":1.0,"b":{value}}}}}', '{"id":"2","attributes":{"c":2}}')
    assert text == '[{"id":"1","attributes":{"a":1.0}},{"id":"2","attributes":{"c":2}}]'
    assert drift == ("attributes.value",)


@pytest.mark.parametrize("value", ['"canary"', '["canary"]', "7", '[["canary",1]]'])
def test_what_is_no_map_is_withheld(value: str) -> None:
    mask = compiled({"id": "clear", "attributes": "clear"})
    assert page(mask, f'{{"id":"1","attributes":{value}}}') == ('[{"id":"1"}]', ("attributes",))


def test_objects_in_a_map_are_masked_like_any_other() -> None:
    mask = compiled(
        {"contacts": "clear", "contacts.value.phone": {"keep_last": 4}, "contacts.value.secret": "suppress"}
    )
    record = '{"contacts":{"张伟":{"phone":"13812345678","secret":"canary","more":"canary"},"b":null}}'
    assert page(mask, record) == ('[{"contacts":{"张伟":{"phone":"*******5678"},"b":null}}]', ())


@pytest.mark.parametrize(
    "fields",
    [
        {"contacts": "redact"},
        {"contacts.value": "clear"},
        {"contacts": "clear", "contacts.key": "redact"},
        {"contacts": "clear", "contacts.key": {"keep_first": 1}},
        {"contacts": "clear", "contacts.key": "suppress"},
    ],
    ids=str,
)
def test_a_map_whose_keys_would_not_be_told_apart_or_were_not_granted_is_refused(fields: dict[str, Any]) -> None:
    found = grant(SCHEMA, fields)
    assert isinstance(found, list)
    assert [(fault.field, fault.code) for fault in found] == [("contacts.key", "technique-unfit")]


def test_keys_can_be_pseudonyms_which_need_the_partners_own_keys() -> None:
    mask = compiled({"contacts": "clear", "contacts.key": "pseudonym"})
    assert mask.keyed
    with pytest.raises(RuntimeError):
        page(mask, '{"contacts":{"张伟":{"phone":"1"}}}')
    texts = set()
    for partner in ("swift", "harbor"):
        text, drift = page(mask.with_keys(PartnerKeys(bytes(32), partner)), '{"contacts":{"张伟":{"phone":"1"}}}')
        assert "张伟" not in text
        assert drift == ()
        texts.add(text)
    assert len(texts) == 2


@given(
    st.dictionaries(
        st.text(max_size=5),
        st.one_of(st.none(), st.integers(), st.decimals(allow_nan=False, allow_infinity=False, places=3)),
        max_size=5,
    )
)
def test_any_map_of_numbers_comes_out_as_it_went_in(values: dict[str, Any]) -> None:
    members = ",".join(f"{json.dumps(key)}:{'null' if value is None else value}" for key, value in values.items())
    text, drift = page(compiled({"attributes": "clear"}), f'{{"attributes":{{{members}}}}}')
    assert drift == ()
    out = json.loads(text, parse_float=Decimal, parse_int=Decimal)[0]["attributes"]
    assert out == values
    assert list(out) == list(values)
