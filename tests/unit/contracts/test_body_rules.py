"""Each type and constraint of ODCS takes its values and no others; what cannot be checked is not written."""

import json
import re
from typing import Any

import pytest

from adapters.base import Backend
from contracts.body_faults import BODY_CODES
from contracts.compile import compile_documents
from contracts.plan import Plans
from contracts.workspace import decode_documents
from contracts.writing import Written, compile_writing
from openapi.generate import sample_files
from tests.house.project import page
from tests.unit.contracts.leads import PARTNER, faults, one, prop, schema, written


@pytest.mark.parametrize(
    ("declared", "code"),
    [
        (prop("f", None), "unknown-type"),
        (prop("f", "uuid"), "unknown-type"),
        (prop("f", "array"), "unknown-type"),
        (prop("f", "map"), "unknown-type"),
        (prop("f", "object"), "unknown-type"),
        (prop("f", "array", items=prop("", "object")), "unknown-type"),
        (prop("f", "map", map={"key": prop("", "integer"), "value": prop("")}), "unknown-type"),
        (prop("f", options={"pattern": "("}), "bad-value"),
        (prop("f", options={"pattern": "(?=a)b"}), "bad-value"),
        (prop("f", options={"pattern": 1}), "bad-value"),
        (prop("f", options={"minlength": 1}), "bad-value"),
        (prop("f", options={"minLength": -1}), "bad-value"),
        (prop("f", options={"minLength": True}), "bad-value"),
        (prop("f", "integer", options={"format": "i7"}), "bad-value"),
        (prop("f", "integer", options={"multipleOf": 0}), "bad-value"),
        (prop("f", "integer", options={"minimum": "1"}), "bad-value"),
        (prop("f", "date", options={"minimum": "1.1.2026"}), "bad-value"),
        (prop("f", "date", options={"format": "d MMM yyyy"}), "bad-value"),
        (prop("f", "date", options={"format": "HH:mm"}), "bad-value"),
        (prop("f", "vector"), "bad-value"),
        (prop("f", enum=["a", 1]), "bad-value"),
        (prop("f", enum=[{"description": "none"}]), "bad-value"),
        (prop("f", "array", items=prop("", "integer", options={"maximum": []})), "bad-value"),
        (prop("f", "object", properties=[prop("a")], options={"required": ["b"]}), "bad-value"),
        (prop("f", "object", properties=[prop("a")], options={"maxProperties": 1}), "unwritable-field"),
    ],
)
def test_a_declaration_that_cannot_be_checked_is_not_written(declared: dict[str, Any], code: str) -> None:
    made = compile_writing(schema(declared), "update", ("f",), {})
    assert isinstance(made, list)
    assert [(fault.code, fault.field) for fault in made] == [(code, "f")]


CASES: list[tuple[dict[str, Any], list[Any], list[Any]]] = [
    (prop("f", options={"minLength": 2, "maxLength": 3}), ["ab", "车牌号", "😀😀"], ["a", "abcd", 1, None]),
    (prop("f", options={"pattern": r"^[\u4e00-\u9fa5]{2}$"}), ["武汉"], ["武", "ab", "武汉\n"]),
    (prop("f", options={"pattern": "b"}), ["abc"], ["ac", "b" * 10_001]),
    (prop("f", options={"pattern": "^(a+)+$"}), ["a" * 10_000], ["a" * 9_999 + "!"]),
    (prop("f", options={"format": "email"}), ["a.b+c@x-y.example"], ["a", "a@", "@b", "a b@c", "a@b@c", "a@-b"]),
    (prop("f", options={"format": "uuid"}), ["8E03978e-40d5-43dd-bc93-6894a57f9324"], ["8e03978e40d543ddbc93", ""]),
    (
        prop("f", options={"format": "uri"}),
        ["https://a.example/b?c=%20#d", "urn:x:y"],
        ["a/b", "http://[::1", "http://a:99999", "a b:c", "u:%2"],
    ),
    (prop("f", options={"format": "hostname"}), ["a.example"], ["-a", "a..b", "a" * 64, ""]),
    (prop("f", options={"format": "ipv4"}), ["10.0.0.1"], ["10.0.0", "010.0.0.1", "::1"]),
    (prop("f", options={"format": "ipv6"}), ["::1"], ["fe80::1%eth0", "10.0.0.1"]),
    (prop("f", options={"format": "byte"}), ["YQ==", ""], ["YQ=", "Y Q="]),
    (prop("f", options={"format": "password"}), ["anything"], [1]),
    (prop("f", "integer"), [2**63 - 1, -(2**63), 1.0], [2**63, 1.5, "1", True]),
    (prop("f", "integer", options={"format": "i8"}), [-128, 127], [-129, 128]),
    (prop("f", "integer", options={"multipleOf": 3}), [-3, 0, 9], [1]),
    (prop("f", "number", options={"exclusiveMinimum": 0, "exclusiveMaximum": 1}), [0.5], [0, 1, 1.0]),
    (prop("f", "number", options={"minimum": 0, "exclusiveMinimum": True}), [0.1], [0]),
    (prop("f", "number", options={"minimum": 0, "exclusiveMinimum": False}), [0], [-1]),
    (prop("f", "number", options={"format": "f32"}), [1e38], [1e39]),
    (prop("f", "number", options={"multipleOf": 0.01}), [0.07, 1.1, 19.99, 1e300], [0.005]),
    (prop("f", "number", enum=[1.5, 2]), [1.5, 2.0], [1, "2"]),
    (prop("f", "boolean", enum=[True]), [True], [False, 1]),
    (prop("f", "date"), ["2024-02-29"], ["2023-02-29", "2024-2-29", "20240229", "2024-W01-1", "２０２４-02-29"]),
    (
        prop("f", "timestamp"),
        ["2026-01-01T00:00:00Z", "2026-01-01T23:59:59.123456+08:00"],
        [
            "2026-01-01T00:00:00",
            "2026-01-01",
            "2026-01-01T24:00:00Z",
            "2026-01-01T00:00:60Z",
            "2026-01-01T00:00:00+25:00",
        ],
    ),
    (prop("f", "timestamp", options={"timezone": False}), ["2026-01-01T00:00:00"], ["2026-01-01T00:00:00Z"]),
    (
        prop("f", "timestamp", options={"maximum": "2026-01-01T08:00:00+08:00"}),
        ["2026-01-01T00:00:00Z"],
        ["2026-01-01T00:00:01Z"],
    ),
    (
        prop("f", "timestamp", options={"format": "yyyy-MM-dd HH:mm:ss"}),
        ["2026-01-01 00:00:00"],
        ["2026-01-01T00:00:00"],
    ),
    (
        prop("f", "date", options={"format": "dd.MM.yyyy", "minimum": "31.12.2025"}),
        ["01.01.2026"],
        ["30.12.2025", "01-01-2026"],
    ),
    (prop("f", "time", options={"exclusiveMaximum": "18:00:00"}), ["17:59:59.9"], ["18:00:00", "08:00", "08:00:00Z"]),
    (
        prop("f", "array", items=prop("", "number"), options={"uniqueItems": True, "minItems": 1, "maxItems": 2}),
        [[1, 2]],
        [[1, 1.0], [], None, "ab", [1, 2, 3]],
    ),
    (
        prop("f", "array", items=prop("", "object", properties=[prop("a", required=True), prop("b")])),
        [[], [{"a": "x", "b": None}]],
        [[{}], [{"a": None}], [{"a": "x", "c": 1}], [None]],
    ),
    (
        prop(
            "f",
            "map",
            map={"key": prop("", "date"), "value": prop("", "integer")},
            options={"minProperties": 1, "maxProperties": 1},
        ),
        [{"2026-01-01": 1}],
        [{}, {"x": 1}, {"2026-01-01": None}, {"2026-01-01": 1, "2026-01-02": 1}],
    ),
    (prop("f", "vector", options={"dimensions": 2, "elementType": "uint8"}), [[0, 255]], [[0], [0, 256], [0, 0.5]]),
]


@pytest.mark.parametrize(("declared", "good", "bad"), CASES, ids=lambda value: str(value)[:60])
def test_each_type_takes_its_values_and_no_others(declared: dict[str, Any], good: list[Any], bad: list[Any]) -> None:
    writing = one({**declared, "required": True})
    for value in good:
        written(writing, {"f": value})
    for value in bad:
        assert {pointer[:2] for pointer, _ in faults(writing, {"f": value})} == {"/f"}, value


def test_every_code_has_words_in_both_languages() -> None:
    elsewhere = {
        "encoding",
        "json",
        "depth",
        "values",
        "character",
        "required",
        "additional",
        "duplicate",
        "number",
        "null",
        "more",
    }
    seen: set[str] = set()
    for declared, _, bad in CASES:
        writing = one({**declared, "required": True})
        for value in bad:
            read = writing.read(json.dumps({"f": value}).encode(), PARTNER)
            assert not isinstance(read, Written)
            seen |= {fault.code for fault in read}
            assert all(fault.words["zh"] and fault.words["en"] != fault.words["zh"] for fault in read)
    assert seen | elsewhere == set(BODY_CODES)


def test_the_partners_page_has_every_code_and_its_example_is_what_happens() -> None:
    text = page("docs/partners/writing.md")
    table = text[text.index("| code | the value |") : text.index("Numbers are passed on")]
    rows = [row.split("|")[1] for row in table.splitlines() if row.startswith("| `")]
    assert {code.strip("` ") for row in rows for code in row.split(",")} == set(BODY_CODES)
    (shown,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    (sent,) = re.findall(r"`(\{.*\})` is answered with", text)
    documents, _ = decode_documents(sample_files())
    plans = compile_documents(documents, {"hub": Backend(), "operations": Backend()})
    assert isinstance(plans, Plans)
    (plan,) = plans.by_route["summit-dealer", "leads", "create"]
    assert plan.writing is not None
    read = plan.writing.read(sent.encode(), plan.partner_values)
    assert not isinstance(read, Written)
    said = [{"pointer": fault.pointer, "code": fault.code, "detail": fault.words["en"]} for fault in read]
    assert said == json.loads(shown)["errors"]
