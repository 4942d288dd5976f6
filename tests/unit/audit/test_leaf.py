"""A leaf's bytes, and what may never be in one."""

import msgspec
import pytest

from gateway.audit.frames import frame, leaf_hash
from gateway.audit.leaf import (
    Authority,
    Counters,
    Entry,
    Exchange,
    Intent,
    Leaf,
    Measured,
    Observation,
    Opening,
    Part,
    Place,
    Undelivered,
    decode,
    encode,
)
from tests.unit.audit.doubles import a_part, an_exchange, an_intent, an_observation

PLACE = Place("gw-1", 3, 1042, "0" * 64, 977)
OPENING = Opening(1_700_000_000_000_000, 0, -1, "0" * 64, 0)


def test_the_worked_example_of_the_documentation_holds() -> None:
    leaf = encode(Leaf(2, Place("gw-1", 1, 0, "0" * 64, 0), OPENING))
    assert leaf.decode() == (
        '{"v":2,"at":{"writer":"gw-1","epoch":1,"seq":0,"prev":"' + "0" * 64 + '","partner_seq":0},'
        '"entry":{"type":"opening","time_us":1700000000000000,"last_epoch":0,"last_seq":-1,'
        '"last_hash":"' + "0" * 64 + '","truncated_bytes":0}}'
    )
    assert frame(leaf)[:8].hex(" ", 4) == "00000140 591ba2bc"
    assert leaf_hash(leaf) == "973d48ffb99d535f43f8f2c7fa8c4c35137cf721b2f51c77df3b6a0f425929fa"


def test_a_leaf_of_version_1_is_read_and_its_records_are_not_counted() -> None:
    """The bytes are those that version 1 wrote, and their hash the one that its documentation gave."""
    raw = (
        '{"v":1,"at":{"writer":"gw-1","epoch":1,"seq":0,"prev":"' + "0" * 64 + '"},'
        '"entry":{"type":"opening","time_us":1700000000000000,"last_epoch":0,"last_seq":-1,'
        '"last_hash":"' + "0" * 64 + '","truncated_bytes":0}}'
    ).encode()
    assert decode(raw) == Leaf(1, Place("gw-1", 1, 0, "0" * 64, -1), OPENING)
    assert leaf_hash(raw) == "5faead38e7acc23db925683b361c54476b1f497c53bb03f1708ad9bb6931f8b0"


@pytest.mark.parametrize("entry", [an_exchange(1), a_part()])
def test_an_entry_without_a_payload_is_one_of_version_1(entry: Exchange | Part) -> None:
    raw = encode(Leaf(1, PLACE, entry)).replace(b',"payload":""', b"")
    found = decode(raw)
    assert found is not None
    assert found.entry == entry


@pytest.mark.parametrize(
    "entry",
    [
        *(an_exchange(1), an_intent(), a_part(), an_observation()),
        *(Authority(1, "key-created", "k1", "ab", "swift"), Opening(1, 2, 3, "ef", 4)),
        *(Undelivered(1, "r", "swift", "a", "1", "ab" * 32, "exchange"), Counters(1, (("", 2), ("swift", 3)), True)),
    ],
)
def test_a_leaf_comes_back_as_it_went(entry: Entry) -> None:
    leaf = Leaf(2, PLACE, entry)
    assert decode(encode(leaf)) == leaf


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        (b"", "nothing"),
        (b"{", "not JSON"),
        (b"\xff", "not UTF-8"),
        (b'{"v":1}', "fields missing"),
        (encode(Leaf(1, PLACE, an_exchange())).replace(b'"v":1', b'"v":"1"'), "another type"),
        (encode(Leaf(1, PLACE, an_exchange())).replace(b'"v":1', b'"v":1,"note":"x"'), "an unknown field"),
        (encode(Leaf(1, PLACE, an_exchange())).replace(b'"status"', b'"ip":"x","status"'), "an unknown field inside"),
        (encode(Leaf(1, PLACE, an_exchange())).replace(b'"exchange"', b'"other"'), "an unknown type"),
        (encode(Leaf(1, PLACE, an_exchange())).replace(b"swift", b"sw\xfft", 1), "not UTF-8 inside"),
        (b'{"v":1,"at":' + b"[" * 60_000, "absurdly nested"),
    ],
)
def test_what_is_no_leaf_is_refused(raw: bytes, why: str) -> None:
    assert decode(raw) is None, why


def test_a_record_has_no_room_for_payloads_paths_addresses_or_tokens() -> None:
    """Adding a field to a record is a decision: this list is where it is taken."""
    assert [field.name for field in msgspec.structs.fields(Exchange)] == [
        *("time_us", "request_id", "partner", "client", "agreement", "version", "contract", "plan", "product"),
        *("operation", "route", "method", "status", "code", "clause", "latency_us", "bytes", "records"),
        *("subjects", "withheld", "mask", "payload", "observed", "uncounted"),
    ]
    assert [field.name for field in msgspec.structs.fields(Authority)] == [
        *("time_us", "event", "subject", "contract", "partner", "detail"),
    ]
    assert [field.name for field in msgspec.structs.fields(Undelivered)] == [
        *("time_us", "request_id", "partner", "agreement", "version", "leaf", "retracted"),
    ]
    assert [field.name for field in msgspec.structs.fields(Counters)] == ["time_us", "counts", "more"]
    assert [field.name for field in msgspec.structs.fields(Intent)] == [
        *("time_us", "request_id", "partner", "client", "agreement", "version", "contract", "plan", "product"),
        *("operation", "route", "method"),
    ]
    assert [field.name for field in msgspec.structs.fields(Part)] == [
        *("time_us", "request_id", "partner", "client", "agreement", "version", "contract", "plan", "product"),
        *("operation", "number", "code", "last", "bytes", "records", "subjects", "withheld", "payload", "clause"),
        *("observed", "uncounted"),
    ]
    assert [field.name for field in msgspec.structs.fields(Observation)] == [
        *("time_us", "partner", "agreement", "version", "contract", "product", "direction", "samples", "records"),
        *("measured", "drift", "undeclared"),
    ]
    assert [field.name for field in msgspec.structs.fields(Measured)] == [
        *("rule", "checked", "failed", "judged", "broken"),
    ]


def test_what_was_measured_is_written_as_a_row_of_counts() -> None:
    leaf = encode(Leaf(1, PLACE, an_observation()))
    assert b'"measured":[["kind nullValues",10,2,1,1]],"drift":[["weight",3]],"undeclared":[["",4]]' in leaf
    assert decode(leaf.replace(b"10,2,1,1]", b'10,2,1,1,"x"]')) is None, "no room for anything more"
