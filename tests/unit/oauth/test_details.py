"""authorization_details are read strictly, covered by the agreement or refused, and written out in full."""

import json
from typing import Any

import pytest
from hypothesis import given as drawn
from hypothesis import settings
from hypothesis import strategies as st
from msgspec import UNSET

from gateway.oauth.access import Right
from gateway.oauth.details import ENTRIES_MAX, TEXT_BYTES_MAX, Given, given, grant_details, read_details, still_given
from gateway.oauth.grant import Detail
from gateway.oauth.tokens import GrantedDetail
from tests.unit.oauth.rights import RIGHTS, right

WHOLE = {"type": "data_contract", "agreement": "vault-2026"}
VAULT = RIGHTS["vault-bank"]
PRODUCTS, ACTIONS, PURPOSES = ["accounts", "balances", "cards"], ["get", "list", "update"], ["audit", "lending"]


def read(*entries: dict[str, Any]) -> Given | None:
    asked = read_details(json.dumps(entries))
    assert asked is not None, entries
    return given(asked, VAULT)


def test_everything_that_may_be_said_is_read() -> None:
    entry = WHOLE | {"products": ["accounts"], "actions": ["list"], "purpose": ["audit"]}
    (asked,) = read_details(json.dumps([entry])) or ()
    assert (asked.agreement, asked.products, asked.actions, asked.purpose) == (
        "vault-2026",
        ("accounts",),
        ("list",),
        ("audit",),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "null",
        "[]",
        "7",
        json.dumps(WHOLE),
        "[7]",
        '[{"agreement":"vault-2026"}]',
        '[{"type":"data_contract"}]',
        '[{"type":"other","agreement":"vault-2026"}]',
        '[{"type":"data_contract","agreement":""}]',
        '[{"type":"data_contract","agreement":7}]',
        '[{"type":"data_contract","agreement":"a","agreement":"b"}]',
        '[{"type":"data_contract","agreement":"a","locations":["x"]}]',
        '[{"type":"data_contract","agreement":"a","products":"accounts"}]',
        '[{"type":"data_contract","agreement":"a","products":[]}]',
        '[{"type":"data_contract","agreement":"a","actions":[""]}]',
        '[{"type":"data_contract","agreement":"a","purpose":[null]}]',
        '[{"type":"data_contract","agreement":"a","purpose":null}]',
        '[{"type":"data_contract","agreement":NaN}]',
        "[" * 4000,
        "\ud800",
        json.dumps([WHOLE] * (ENTRIES_MAX + 1)),
        json.dumps([WHOLE]) + " " * TEXT_BYTES_MAX,
    ],
)
def test_anything_else_is_invalid_as_a_whole(text: str) -> None:
    assert read_details(text) is None


def test_so_many_entries_and_so_many_bytes_are_read() -> None:
    assert len(read_details(json.dumps([WHOLE] * ENTRIES_MAX)) or ()) == ENTRIES_MAX
    text = json.dumps([WHOLE])
    assert read_details(text + " " * (TEXT_BYTES_MAX - len(text))) is not None


def test_what_an_entry_leaves_out_stands_for_all_that_the_agreement_gives() -> None:
    found = read(WHOLE)
    assert found is not None
    assert found.details == (
        GrantedDetail("vault-2026", ("accounts",), ("get", "list", "update")),
        GrantedDetail("vault-2026", ("balances",), ("list",)),
    )
    assert found.rights == VAULT


@pytest.mark.parametrize(
    "entry",
    [
        {"agreement": "swift-2026"},
        {"products": ["cards"]},
        {"products": ["accounts", "cards"]},
        {"actions": ["delete"]},
        {"actions": ["list", "delete"]},
        {"products": ["accounts", "balances"], "actions": ["list", "get"]},
        {"purpose": ["audit"]},
    ],
    ids=str,
)
def test_an_entry_is_refused_and_not_narrowed(entry: dict[str, Any]) -> None:
    assert read(WHOLE | entry) is None
    assert read(WHOLE, WHOLE | entry) is None


def test_a_purpose_leaves_the_operations_that_have_it() -> None:
    text = json.dumps([WHOLE | {"agreement": "swift-2026", "purpose": ["planning"]}])
    found = given(read_details(text) or (), RIGHTS["swift-logistics"])
    assert found is not None
    assert found.details == (GrantedDetail("swift-2026", ("shipments",), ("list",), ("planning",)),)
    assert grant_details(found.details) == (
        Detail("swift-2026", frozenset({"shipments"}), frozenset({"list"}), frozenset({"planning"})),
    )


def test_a_right_that_two_entries_name_is_there_once() -> None:
    found = read(WHOLE | {"products": ["balances"]}, WHOLE | {"actions": ["list"]})
    assert found is not None
    assert [each.product for each in found.rights] == ["balances", "accounts"]


def test_an_entry_is_left_out_once_the_agreement_gives_nothing_of_it() -> None:
    accounts = GrantedDetail("vault-2026", ("accounts",), ("list",))
    balances = GrantedDetail("vault-2026", ("balances",), ("list",))
    assert still_given([accounts, balances], VAULT) == (accounts, balances)
    assert still_given([accounts, balances], VAULT[:1]) == (accounts,)
    assert still_given([accounts, balances], ()) == ()


names = st.lists(st.sampled_from(PRODUCTS), min_size=1, unique=True)
entries = st.fixed_dictionaries(
    {"type": st.just("data_contract"), "agreement": st.sampled_from(["a", "b"])},
    optional={
        "products": names,
        "actions": st.lists(st.sampled_from(ACTIONS), min_size=1, unique=True),
        "purpose": st.lists(st.sampled_from(PURPOSES), min_size=1, unique=True),
    },
)
rights = st.lists(
    st.builds(
        lambda agreement, product, action, purposes: right(agreement, product, action, purposes=purposes),
        st.sampled_from(["a", "b"]),
        st.sampled_from(PRODUCTS),
        st.sampled_from(ACTIONS),
        st.sets(st.sampled_from(PURPOSES)),
    ),
    unique_by=lambda each: (each.agreement, each.product, each.action),
)


@settings(max_examples=50)
@drawn(st.lists(entries, min_size=1, max_size=3), rights)
def test_details_never_say_more_than_the_agreement_and_never_less_than_was_asked(
    asked: list[dict[str, Any]], held: list[Right]
) -> None:
    read_entries = read_details(json.dumps(asked))
    assert read_entries is not None
    found = given(read_entries, held)
    if found is None:
        return
    by_pair = {(each.agreement, each.product, each.action): each for each in held}
    for detail in found.details:
        for product in detail.products:
            for action in detail.actions:
                purposes = by_pair[detail.agreement, product, action].purposes
                assert detail.purpose is UNSET or purposes.issuperset(detail.purpose)
    for entry in asked:
        mine = [each for each in found.details if each.agreement == entry["agreement"]]
        assert {product for each in mine for product in each.products} >= set(entry.get("products", ()))
        assert {action for each in mine for action in each.actions} >= set(entry.get("actions", ()))


nested = st.recursive(st.none() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


@settings(max_examples=25)
@drawn(st.text(max_size=200) | nested.map(json.dumps))
def test_no_text_makes_it_fail(text: str) -> None:
    read_details(text)
