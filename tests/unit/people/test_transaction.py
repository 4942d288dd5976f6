"""A transaction is good for ten minutes, for whoever has the cookie, and nobody can read or make one."""

from base64 import urlsafe_b64decode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.people.transaction import LIFETIME_S, Transactions, new_transaction
from gateway.store.hidden import Hidden

NOW_S = 1_800_000_000.5
KEPT = Transactions(Hidden(b"k" * 32))


def test_it_comes_back_as_it_was() -> None:
    transaction = new_transaction("/console/", NOW_S)
    assert KEPT.open(KEPT.seal(transaction), NOW_S + 1) == transaction
    assert len({transaction.state, transaction.nonce, transaction.verifier}) == 3
    assert 43 <= len(transaction.verifier) <= 128


@pytest.mark.parametrize(("later_s", "good"), [(0, True), (LIFETIME_S - 1, True), (LIFETIME_S + 1, False), (-2, False)])
def test_it_is_over_after_ten_minutes(later_s: int, good: bool) -> None:
    sealed = KEPT.seal(new_transaction("/console/", NOW_S))
    assert (KEPT.open(sealed, NOW_S + later_s) is not None) == good


def test_the_cookie_shows_nothing_and_no_message_does() -> None:
    transaction = new_transaction("/console/", NOW_S)
    shown = urlsafe_b64decode(KEPT.seal(transaction))
    for secret in (transaction.state, transaction.nonce, transaction.verifier):
        assert secret.encode() not in shown
        assert secret not in repr(transaction)


def test_another_gateway_cannot_open_it() -> None:
    sealed = KEPT.seal(new_transaction("/console/", NOW_S))
    assert Transactions(Hidden(b"o" * 32)).open(sealed, NOW_S) is None


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=60) | st.binary(max_size=60).map(lambda raw: raw.hex()))
def test_whatever_else_is_in_the_cookie_is_no_transaction(cookie: str) -> None:
    assert KEPT.open(cookie, NOW_S) is None


def test_a_changed_cookie_is_none() -> None:
    sealed = KEPT.seal(new_transaction("/console/", NOW_S))
    middle = len(sealed) // 2
    changed = sealed[:middle] + ("A" if sealed[middle] != "A" else "B") + sealed[middle + 1 :]
    assert KEPT.open(changed, NOW_S) is None
    assert KEPT.open(sealed + "A" * 4_000, NOW_S) is None
