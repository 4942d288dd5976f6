"""Comparing contracts: each change is classed by what it does to the partner."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.change import Comparison, Effect
from contracts.compare import Contracts, compare, compare_files, contracts_of, is_breaking, is_widening
from contracts.workspace import Documents, Loaded, decode_document, decode_documents
from tests.unit.contracts.sample import TABLE

PRODUCT = "products/shipments.odcs.yaml"
POLICY = "policies/logistics-standard.yaml"
AGREEMENT = "agreements/swift-2026.yaml"
FILES: dict[str, str] = dict(TABLE["workspace"])
MIRROR: dict[Effect, Effect] = {
    "exposes": "withholds",
    "withholds": "exposes",
    "tightens": "loosens",
    "loosens": "tightens",
    "wording": "wording",
}
DISCLOSED = """            shipment_id: clear
            weight_kg: clear
            customer.phone: {keep_last: 4}
"""


def contracts(files: dict[str, str]) -> Contracts:
    documents, findings = decode_documents({name: text.encode() for name, text in files.items()})
    assert findings == []
    made = contracts_of(documents)
    assert isinstance(made, Contracts), made
    return made


BASE = contracts(FILES)


def edited(name: str, before: str, after: str) -> Contracts:
    assert before in FILES[name]
    return contracts({**FILES, name: FILES[name].replace(before, after, 1)})


def said(found: list[Comparison]) -> set[tuple[str, tuple[Effect, ...]]]:
    return {(f"{change.about} {change.part}".strip(), change.effects) for side in found for change in side.changes}


def meaning(found: list[Comparison]) -> set[tuple[str, tuple[Effect, ...]]]:
    return {(place, effects) for place, effects in said(found) if effects != ("wording",)}


EXPOSES, WITHHOLDS, TIGHTENS, LOOSENS = ("exposes",), ("withholds",), ("tightens",), ("loosens",)
CASES = [
    (
        PRODUCT,
        "weight_kg: clear",
        "weight_kg: clear\n            carrier_code: clear",
        "fields.carrier_code",
        EXPOSES,
    ),
    (PRODUCT, "weight_kg: clear", "", "fields.weight_kg", WITHHOLDS),
    (PRODUCT, "weight_kg: clear", "weight_kg: redact", "fields.weight_kg", WITHHOLDS),
    (PRODUCT, "{keep_last: 4}", "{keep_last: 6}", "fields.customer.phone", EXPOSES),
    (PRODUCT, "{keep_last: 4}", "{keep_last: 2}", "fields.customer.phone", WITHHOLDS),
    (PRODUCT, "{keep_last: 4}", "clear", "fields.customer.phone", EXPOSES),
    (PRODUCT, "{keep_last: 4}", "{keep_first: 4}", "fields.customer.phone", ("exposes", "withholds")),
    (PRODUCT, "[list, get]", "[get]", "operations", WITHHOLDS),
    (PRODUCT, "purpose: [delivery]", "purpose: [delivery, research]", "purpose", LOOSENS),
    (PRODUCT, "== partner.code", "== partner.code && record.weight_kg < 5.0", "rows", WITHHOLDS),
    (PRODUCT, "== partner.code", "== partner.code || record.weight_kg < 5.0", "rows", EXPOSES),
    (PRODUCT, "record.carrier_code == partner.code", "record.weight_kg < 5.0", "rows", ("exposes", "withholds")),
    (PRODUCT, "rows: record.carrier_code == partner.code", "", "rows", EXPOSES),
    (
        PRODUCT,
        "name: weight_kg, logicalType: number",
        "name: weight_kg, logicalType: integer",
        "fields.weight_kg",
        ("exposes", "withholds"),
    ),
]
CLAUSES = [
    ("burst: 60", "burst: 90", "clause 4.1 burst", LOOSENS),
    ("window: PT1M", "window: PT2M", "clause 4.1 window", TIGHTENS),
    ("burst: 60", "burst: 30", "clause 4.1 burst", TIGHTENS),
    ("per: partner", "per: client", "clause 4.1 per", LOOSENS),
    ("on_outage: refuse", "on_outage: allow", "clause 4.1 on_outage", LOOSENS),
    ("allowed: [delivery]", "allowed: [delivery, research]", "clause 2.1 allowed", LOOSENS),
    ("unstated: assume", "unstated: refuse", "clause 2.1 unstated", TIGHTENS),
    ('target: "99.5"', 'target: "99.95"', "clause 5.1 target", LOOSENS),
    ("empty_slice: good", "empty_slice: ignore", "clause 5.1 empty_slice", LOOSENS),
    ("good: status < 500", "good: status < 400", "clause 5.1 good", LOOSENS),
    ("slice: PT5M", "slice: PT10M", "clause 5.1 slice", ("tightens", "loosens")),
    ("owed_by: hub", "owed_by: partner", "clause 5.1 owed_by", TIGHTENS),
    ("prevails: zh", "prevails: en", "policy logistics-standard prevails", ("tightens", "loosens")),
]
COVER = [
    ("to: 2027-01-01", "to: 2027-06-01", "cover effective.to", EXPOSES),
    ("from: 2026-01-01", "from: 2026-02-01", "cover effective.from", WITHHOLDS),
    ("time_zone: Asia/Shanghai", "time_zone: Europe/Berlin", "cover effective.time_zone", ("exposes", "withholds")),
    ("code: SWIFT", "code: OTHER", "cover partner.code", ("exposes", "withholds")),
]
ALL = [
    *((name, before, after, f"product shipments {place}", effects) for name, before, after, place, effects in CASES),
    *((POLICY, *case) for case in CLAUSES),
    *((AGREEMENT, *case) for case in COVER),
]


@pytest.mark.parametrize(("name", "before", "after", "place", "effects"), ALL, ids=[f"{c[3]}: {c[2]}" for c in ALL])
def test_a_change_is_classed_and_its_reverse_is_the_opposite(
    name: str, before: str, after: str, place: str, effects: tuple[Effect, ...]
) -> None:
    new = edited(name, before, after)
    assert meaning(compare(BASE, new)) == {(place, effects)}
    back = {(place, tuple(MIRROR[effect] for effect in effects))}
    assert {(at, frozenset(found)) for at, found in meaning(compare(new, BASE))} == {
        (at, frozenset(found)) for at, found in back
    }


def test_nothing_changed_is_no_change() -> None:
    assert compare(BASE, contracts(FILES)) == []


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        (POLICY, "At most {limit} calls", "No more than {limit} calls"),
        (POLICY, "Logistics partner standard terms", "Terms for logistics"),
        (AGREEMENT, "en: Swift Logistics", "en: Swift Logistics Ltd"),
        (AGREEMENT, "version: 1.2.0", "version: 1.3.0"),
        (PRODUCT, "status: active", "status: draft"),
        (PRODUCT, "record.carrier_code == partner.code", "(record.carrier_code  ==  partner.code)"),
    ],
)
def test_words_alone_are_wording(name: str, before: str, after: str) -> None:
    found = compare(BASE, edited(name, before, after))
    assert {effects for _, effects in said(found)} == {("wording",)}
    assert not is_breaking(found)
    assert not is_widening(found)


def test_what_the_agreement_sets_counts_and_not_what_it_overrides() -> None:
    own = edited(AGREEMENT, "limit: 1200", "limit: 1500")
    assert meaning(compare(BASE, own)) == {("clause 4.1 limit", LOOSENS)}
    assert compare(BASE, edited(POLICY, "limit: 600", "limit: 700")) == []


def test_an_agreement_that_is_new_exposes_and_one_that_is_gone_withholds() -> None:
    alone = contracts({name: text for name, text in FILES.items() if name != AGREEMENT})
    (new,), (gone,) = compare(alone, BASE), compare(BASE, alone)
    assert (new.name, new.old_version, new.new_version) == ("swift-2026", None, "1.2.0")
    assert [change.effects for change in new.changes] == [EXPOSES]
    assert [change.effects for change in gone.changes] == [WITHHOLDS]


FIELDS = ["carrier_code", "weight_kg", "customer.name", "customer.phone"]
HOW = st.sampled_from(["clear", "{keep_last: 4}", "{keep_first: 1}", "redact", "suppress"])
VIEWS = st.dictionaries(st.sampled_from(FIELDS), HOW).map(
    lambda view: {name: "clear" if name == "weight_kg" and "keep" in how else how for name, how in view.items()}
)


def with_view(view: dict[str, str]) -> Contracts:
    lines = "".join(f"            {name}: {how}\n" for name, how in {"shipment_id": "clear", **view}.items())
    assert DISCLOSED in FILES[PRODUCT]
    return contracts({**FILES, PRODUCT: FILES[PRODUCT].replace(DISCLOSED, lines)})


@settings(deadline=None, max_examples=60)
@given(VIEWS, VIEWS)
def test_a_field_that_was_not_disclosed_before_always_exposes(old: dict[str, str], new: dict[str, str]) -> None:
    served = [{name for name, how in view.items() if how != "suppress"} for view in (old, new)]
    found = {place.split("fields.")[1]: effects for place, effects in meaning(compare(with_view(old), with_view(new)))}
    assert {name for name in found if "exposes" in found[name] and name not in served[0]} == served[1] - served[0]
    assert {name for name in found if "withholds" in found[name] and name not in served[1]} == served[0] - served[1]
    assert set(found) == {name for name in served[0] | served[1] if old.get(name) != new.get(name)}
    back = {place.split("fields.")[1]: effects for place, effects in meaning(compare(with_view(new), with_view(old)))}
    assert {name: {MIRROR[effect] for effect in effects} for name, effects in back.items()} == {
        name: set(effects) for name, effects in found.items()
    }


CREDIT = """    credit:
      of: monthly_fee
      bands: [{{below: "99.9", percent: {first}}}, {{below: "{second}", percent: 50}}]
      minimum_exclusive: "{minimum}"
      cap_percent: {cap}
      claim_within: P{months}M
"""


def with_credit(owed_by: str, values: dict[str, object]) -> Loaded[object]:
    """The policy as a document by itself, its availability clause with a credit schedule."""
    text = FILES[POLICY].replace("owed_by: hub", f"owed_by: {owed_by}")
    target = '    target: "99.5"\n'
    assert target in text
    loaded = decode_document(text.replace(target, CREDIT.format(**values)).encode(), "policy.yaml")
    assert isinstance(loaded, Loaded), loaded
    return loaded


@pytest.mark.parametrize(
    ("changed", "place", "effects"),
    [
        ({"first": 20}, "credit.bands", LOOSENS),
        ({"second": "98.0"}, "credit.bands", TIGHTENS),
        ({"first": 20, "second": "98.0"}, "credit.bands", ("tightens", "loosens")),
        ({"minimum": "5.00"}, "credit.minimum_exclusive", TIGHTENS),
        ({"cap": 100}, "credit.cap_percent", LOOSENS),
        ({"months": 3}, "credit.claim_within", LOOSENS),
    ],
)
@pytest.mark.parametrize("owed_by", ["hub", "partner"])
def test_a_credit_schedule_counts_for_the_side_that_is_owed(
    owed_by: str, changed: dict[str, object], place: str, effects: tuple[Effect, ...]
) -> None:
    values: dict[str, object] = {"first": 10, "second": "99.0", "minimum": "1.00", "cap": 80, "months": 2}
    found = compare_files(with_credit(owed_by, values), with_credit(owed_by, {**values, **changed}))
    wanted = effects if owed_by == "hub" else tuple(MIRROR[effect] for effect in reversed(effects))
    assert [(change.part, set(change.effects)) for change in found.changes] == [(place, set(wanted))]


def test_documents_of_different_kinds_are_not_compared() -> None:
    policy, product = (decode_document(FILES[name].encode(), name) for name in (POLICY, PRODUCT))
    assert isinstance(policy, Loaded)
    assert isinstance(product, Loaded)
    with pytest.raises(ValueError, match="different kinds"):
        compare_files(policy, product)


def test_an_agreement_by_itself_cannot_say_what_another_version_holds() -> None:
    old = decode_document(FILES[AGREEMENT].encode(), "a")
    new = decode_document(FILES[AGREEMENT].replace("2.1.0", "2.2.0").encode(), "b")
    assert isinstance(old, Loaded)
    assert isinstance(new, Loaded)
    found = compare_files(old, new)
    assert [(change.about, change.effects) for change in found.changes] == [
        ("product shipments", ("exposes", "withholds"))
    ]


def test_documents_with_mistakes_are_findings() -> None:
    documents, _ = decode_documents({AGREEMENT: FILES[AGREEMENT].encode()})
    found = contracts_of(documents)
    assert isinstance(found, list)
    assert {finding.code for finding in found} >= {"unknown-product", "unknown-policy"}
    assert isinstance(contracts_of(Documents()), Contracts)
