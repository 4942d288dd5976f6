"""Records of hundreds of fields: the same answer as from a record of its granted fields alone."""

import json
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from adapters.base import Envelope
from contracts.mask import Mask, Masked
from contracts.mask_wide import GRANTED_MIN, wide_of
from contracts.product import SchemaObject
from contracts.view import GrantedView, grant

FIELDS = 3 * GRANTED_MIN
KINDS = ("string", "number", "integer", "boolean")
SCHEMA = msgspec.convert(
    {"name": "w", "properties": [{"name": f"n{i}", "logicalType": KINDS[i % 4]} for i in range(FIELDS)]}, SchemaObject
)
values = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 5), st.text(max_size=3), st.lists(st.integers(), max_size=1)
)


def view(names: list[str]) -> GrantedView:
    granted = grant(SCHEMA, dict.fromkeys(names, "clear"))
    assert isinstance(granted, GrantedView)
    return granted


@given(st.sets(st.integers(0, FIELDS - 1), min_size=GRANTED_MIN, max_size=FIELDS - 1), st.data())
def test_a_wide_record_is_masked_like_one_that_the_backend_sent_with_the_granted_fields_alone(
    numbers: set[int], data: st.DataObject
) -> None:
    names = [f"n{number}" for number in sorted(numbers)]
    granted = view(names)
    mask = Mask(granted.record, Envelope(None, None))
    narrow = Mask(msgspec.structs.replace(granted.record, declared=()), Envelope(None, None))
    assert wide_of(granted.record, narrow._compiled.type) is not None
    keys = data.draw(st.permutations([f"n{number}" for number in range(FIELDS)] + ["undeclared"]))
    records: list[dict[str, Any]] = [{key: data.draw(values) for key in keys} for _ in range(2)]
    kept = [{key: value for key, value in record.items() if key in names} for record in records]
    wide_page, narrow_page = mask.page(json.dumps(records).encode()), narrow.page(json.dumps(kept).encode())
    assert isinstance(wide_page, Masked)
    assert isinstance(narrow_page, Masked)
    assert mask.encode(wide_page.records) == narrow.encode(narrow_page.records)
    assert wide_page.drift == narrow_page.drift


def test_what_is_not_granted_is_in_no_masked_record() -> None:
    names = [f"n{number}" for number in range(0, FIELDS, 2)]
    mask = Mask(view(names).record, Envelope(None, None))
    body = json.dumps([{f"n{number}": "canary" if number % 2 else None for number in range(FIELDS)}]).encode()
    masked = mask.page(body)
    assert isinstance(masked, Masked)
    [record] = masked.records
    assert record is not None
    assert len(record.__struct_fields__) == len(names)
    assert b"canary" not in mask.encode(masked.records)
    assert "canary" not in repr(record)
