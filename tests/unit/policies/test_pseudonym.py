"""pseudonym: joins for one partner, never for two, and says whose it is to nobody but the hub."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from hmac import new as hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from contracts.view import read_technique
from policies.pseudonyms import PATTERN, attribute, tokens_in
from policies.technique import Target
from tests.unit.policies.masks import SECRET, keys, masker, technique

PARTNERS = ["east-bank", "north-dealer", "swift-logistics"]


def hkdf(info: bytes) -> bytes:
    """RFC 5869 for 32 bytes and no salt, written out from the RFC."""
    extracted = hmac(bytes(32), SECRET, sha256).digest()
    return hmac(extracted, info + b"\x01", sha256).digest()


@given(st.text())
def test_a_token_is_what_the_page_says_computed_from_the_rfcs(value: str) -> None:
    mac = hmac(hkdf(b"clausegate\neast-bank\npseudonym of customer\n7"), value.encode(), sha256).digest()[:16]
    tag = hmac(hkdf(b"clausegate\neast-bank\npseudonym tag\n7"), mac, sha256).digest()[:6]
    expected = f"p7.{urlsafe_b64encode(mac + tag).decode().rstrip('=')}"
    assert masker({"pseudonym": {"domain": "customer", "version": 7}}, partner="east-bank")(value) == expected


@given(st.text(), st.text())
def test_values_have_one_token_if_and_only_if_they_are_equal(one: str, other: str) -> None:
    assert (masker("pseudonym")(one) == masker("pseudonym")(other)) == (one == other)


@given(st.text(), st.lists(st.from_regex(r"[a-z][a-z0-9-]{0,30}", fullmatch=True), min_size=2, max_size=5, unique=True))
def test_no_two_partners_have_a_token_in_common(value: str, partners: list[str]) -> None:
    tokens = {masker("pseudonym", partner=partner)(value) for partner in partners}
    assert len(tokens) == len(partners)


def test_fields_join_by_domain_and_versions_do_not() -> None:
    one = masker({"pseudonym": {"domain": "customer"}}, path="buyer")("C-1")
    assert one == masker({"pseudonym": {"domain": "customer"}}, path="order.customer_id")("C-1")
    assert one == masker("pseudonym", path="order.customer")("C-1")
    assert one != masker("pseudonym", path="order.vehicle")("C-1")
    assert one != masker({"pseudonym": {"domain": "customer", "version": 2}})("C-1")


@pytest.mark.parametrize("text", ["120", "120.0", "12e1", "1.2E+2", "1200e-1"])
def test_a_number_counts_by_value_and_like_the_text_of_it(text: str) -> None:
    assert masker("pseudonym", logical_type="number")(text) == masker("pseudonym")("120")


def test_a_number_that_cannot_be_read_is_withheld() -> None:
    assert masker("pseudonym", logical_type="integer")("1e99999999999999999999") is UNSET


@given(st.lists(st.tuples(st.text(), st.sampled_from(PARTNERS), st.integers(1, 3)), max_size=30))
def test_each_token_is_attributed_to_the_partner_that_it_was_made_for(made: list[tuple[str, str, int]]) -> None:
    tokens = [
        (str(masker({"pseudonym": version}, partner=partner)(value)), partner) for value, partner, version in made
    ]
    text = "x,".join(f'"{token}"' for token, _ in tokens)
    found = attribute(tokens_in(text), [keys(partner) for partner in PARTNERS])
    of = {partner: len({token for token, whose in tokens if whose == partner}) for partner in PARTNERS}
    assert (found.partners, found.nobody) == ({partner: count for partner, count in of.items() if count}, 0)


@given(st.text(), st.integers(0, 175))
def test_a_token_with_one_bit_changed_is_nobodys(value: str, bit: int) -> None:
    token = str(masker("pseudonym")(value))
    body = bytearray(urlsafe_b64decode(token[3:] + "=="))
    body[bit // 8] ^= 1 << bit % 8
    changed = "p1." + urlsafe_b64encode(body).decode().rstrip("=")
    assert attribute([changed], [keys(partner) for partner in PARTNERS]).nobody == 1


def test_a_token_of_another_hub_another_version_or_another_spelling_is_nobodys() -> None:
    token = str(masker("pseudonym")("C-1"))
    last = chr(ord(token[-1]) + 1)  # only bits that stand for nothing differ
    strange = ["p2" + token[2:], token[:-1] + last, "p1.", "c1." + token[3:], token + "A"]
    assert urlsafe_b64decode(token[3:-1] + last + "==") == urlsafe_b64decode(token[3:] + "==")
    assert attribute(strange, [keys()]).nobody == len(strange)
    assert attribute([token], [keys("somebody-else")]).nobody == 1


@pytest.mark.parametrize("around", ["{}", "x{}y", '["{}"]', "a\\n{}\\n", "id={}&b=1", "p1.short{}"])
def test_a_token_is_found_wherever_it_stands(around: str) -> None:
    token = str(masker("pseudonym")("C-1"))
    assert token in tokens_in(around.format(token))


def test_without_keys_nothing_is_served() -> None:
    mask = technique("pseudonym").masker(Target("x", "string"), None)
    with pytest.raises(RuntimeError) as raised:
        mask("C-1")
    assert "C-1" not in str(raised.value)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        (Target("x", "string"), None),
        (Target("x", "integer", 1_000_000), None),
        (Target("x", "number"), None),
        (Target("x", "string", 999_999), "at most 999,999 values"),
        (Target("x", "date", None), "generalise it"),
        (Target("x", "timestamp"), "generalise it"),
        (Target("x", "boolean", 2), "generalise it"),
    ],
)
def test_a_field_of_few_values_is_refused(target: Target, said: str | None) -> None:
    found = technique("pseudonym").unfit(target)
    assert found is None if said is None else said in (found or "")


@pytest.mark.parametrize("given", [0, 10_000, "two", {"domain": ""}, {"domain": "a\nb"}, {"key": "x"}])
def test_parameters_that_make_no_sense_are_refused(given: Any) -> None:
    assert isinstance(read_technique({"pseudonym": given}), str)


def test_the_schema_holds_for_the_token_and_for_no_other_version() -> None:
    made = technique({"pseudonym": 12})
    pattern = made.schema(Target("x", "string"))["pattern"]
    assert re.search(pattern, str(masker({"pseudonym": 12})("C-1")))
    assert not re.search(pattern, str(masker("pseudonym")("C-1")))
    assert re.fullmatch(PATTERN, str(masker({"pseudonym": 9_999})("C-1")))


def test_the_words_say_the_version() -> None:
    assert technique("pseudonym").words() == {"zh": "假名", "en": "pseudonym"}
    assert technique({"pseudonym": 2}).words() == {"zh": "假名（第 2 版）", "en": "pseudonym (version 2)"}
