"""commitment: opens to one value and no other, with nothing but SHA-256."""

from base64 import urlsafe_b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import UNSET

from policies.commitments import commit, verify
from policies.technique import Target
from policies.techniques.commitment import Commitment
from tests.unit.policies.masks import keys, masker, technique

TARGET = Target("vin", "string")


def opening(value: str, target: Target = TARGET, partner: str = "swift-logistics") -> str:
    made = technique("commitment")
    assert isinstance(made, Commitment)
    salt = made.opening(value, target, keys(partner))
    assert salt is not None
    return salt


def test_a_token_is_the_hash_that_anybody_computes() -> None:
    salt = bytes(range(32))
    digest = sha256(salt + b"LSVAA").digest()
    assert commit(salt, "LSVAA", 1) == "c1." + urlsafe_b64encode(digest).decode().rstrip("=")
    # The 32 bytes 00 to 1f through sha256sum, in base64url.
    assert commit(salt, "", 1) == "c1.Yw3NKWbEM2aRElRIu7JbT_QSpJxzLbLIq8G4WBvXEN0"


@given(st.text())
def test_salt_and_value_open_a_token_with_sha_256_alone(value: str) -> None:
    token = masker("commitment", path="vin")(value)
    salt = bytes.fromhex(opening(value))
    assert len(salt) == 32
    assert token == "c1." + urlsafe_b64encode(sha256(salt + value.encode()).digest()).decode().rstrip("=")
    assert verify(str(token), opening(value), value)


@given(st.text(), st.text())
def test_it_opens_to_no_other_value(value: str, other: str) -> None:
    token = str(masker("commitment", path="vin")(value))
    assert verify(token, opening(value), other) == (value == other)
    assert verify(token, opening(other), value) == (value == other)


@given(st.text(min_size=1))
def test_no_part_of_a_value_passes_for_salt(value: str) -> None:
    token, salt = str(masker("commitment", path="vin")(value)), opening(value)
    moved = salt + value.encode()[:1].hex()
    assert not verify(token, moved, value[1:])


@given(st.text())
def test_equal_values_have_equal_tokens_in_one_field_of_one_partner_only(value: str) -> None:
    token = masker("commitment", path="vin")(value)
    assert token == masker("commitment", path="vin")(value)
    assert token != masker("commitment", path="vin", partner="east-bank")(value)
    assert token != masker("commitment", path="engine.vin")(value)
    assert str(token)[3:] != str(masker({"commitment": 2}, path="vin")(value))[3:]
    assert opening(value) != opening(value, partner="east-bank")


@pytest.mark.parametrize("text", ["12.5", "12.50", "125e-1"])
def test_a_number_is_committed_to_in_its_shortest_form(text: str) -> None:
    token = masker("commitment", path="price", logical_type="number")(text)
    assert verify(str(token), opening(text, Target("price", "number")), "12.5")


def test_a_number_that_cannot_be_read_is_withheld_and_has_no_opening() -> None:
    vast, target = "1e99999999999999999999", Target("price", "number")
    assert masker("commitment", path="price", logical_type="number")(vast) is UNSET
    made = technique("commitment")
    assert isinstance(made, Commitment)
    assert made.opening(vast, target, keys()) is None


@pytest.mark.parametrize("token", ["", "c1", "p1.x", "cx.y", "c1.", "c².x", "c1.é"])
def test_what_is_no_token_verifies_nothing(token: str) -> None:
    assert not verify(token, "00" * 32, "")
    assert not verify("c1.Yw3NKWbEM2aRElRIu7JbT_QSpJxzLbLIq8G4WBvXEN0", "no hexadecimal digits", "")


def test_without_keys_nothing_is_served() -> None:
    with pytest.raises(RuntimeError):
        technique("commitment").masker(TARGET, None)("LSVAA")


def test_a_boolean_is_refused_and_everything_else_is_fit() -> None:
    kinds = ("string", "date", "timestamp", "time", "number", "integer", "boolean")
    assert {kind for kind in kinds if technique("commitment").unfit(Target("x", kind))} == {"boolean"}
