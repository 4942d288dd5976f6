"""A proof of who somebody is counts for five minutes, in one session, and only when the provider says when it was."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.people.confirmation import FRESH_S, Confirmations, confirmed_s
from gateway.people.transaction import Transactions, new_transaction
from gateway.store.hidden import Hidden

NOW_S = 1_800_000_000.5
KEY = Hidden(b"k" * 32)
KEPT = Confirmations(KEY)
TOKEN = "a" * 64


@pytest.mark.parametrize(
    ("said", "proved_s"),
    [
        (NOW_S - 1, 1_799_999_999),
        (int(NOW_S), 1_800_000_000),
        (int(NOW_S) + 60, 1_800_000_060),
        (int(NOW_S) + 61, None),
        (int(NOW_S) - FRESH_S + 1, 1_799_999_701),
        (int(NOW_S) - FRESH_S, None),
        (0, None),
        (True, None),
        (str(int(NOW_S)), None),
        (None, None),
        ([int(NOW_S)], None),
        (float("inf"), None),
        (float("nan"), None),
        (-(10**400), None),
    ],
)
def test_the_provider_has_to_say_when_and_not_long_ago(said: Any, proved_s: int | None) -> None:
    assert confirmed_s({"auth_time": said}, NOW_S) == proved_s


def test_a_provider_that_says_nothing_proves_nothing() -> None:
    assert confirmed_s({"iat": NOW_S}, NOW_S) is None


@pytest.mark.parametrize(("later_s", "fresh"), [(0, True), (FRESH_S - 1, True), (FRESH_S + 1, False), (-90, False)])
def test_a_confirmation_is_good_for_five_minutes(later_s: int, fresh: bool) -> None:
    assert KEPT.is_fresh(KEPT.seal(int(NOW_S), TOKEN), TOKEN, NOW_S + later_s) == fresh


def test_a_confirmation_is_of_one_session_and_of_one_gateway() -> None:
    sealed = KEPT.seal(int(NOW_S), TOKEN)
    assert not KEPT.is_fresh(sealed, "b" * 64, NOW_S)
    assert not KEPT.is_fresh(sealed, "", NOW_S)
    assert not Confirmations(Hidden(b"o" * 32)).is_fresh(sealed, TOKEN, NOW_S)


def test_what_was_sealed_for_a_login_confirms_nothing() -> None:
    sealed = Transactions(KEY).seal(new_transaction("/console/", NOW_S))
    assert not KEPT.is_fresh(sealed, TOKEN, NOW_S)


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.hex()))
def test_whatever_else_is_in_the_cookie_confirms_nothing(cookie: str) -> None:
    assert not KEPT.is_fresh(cookie, TOKEN, NOW_S)
