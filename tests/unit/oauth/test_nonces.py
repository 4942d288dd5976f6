"""A nonce is known by everybody who has the secret, for a while, and made up by nobody else."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.oauth.jose import CLOCK_SKEW_S
from gateway.oauth.nonces import WINDOW_S, WINDOWS, Nonces
from gateway.store.hidden import Hidden

START_S = 1_800_000_000.0
LIFETIME_S = WINDOW_S * (WINDOWS + 1)


def nonces(byte: int = 1) -> Nonces:
    return Nonces(Hidden(bytes([byte]) * 32))


def test_another_process_with_the_secret_knows_it() -> None:
    assert nonces().age(nonces().issue(START_S), START_S) == "fresh"


def test_whoever_has_another_secret_does_not() -> None:
    assert nonces(2).age(nonces(1).issue(START_S), START_S) is None


def test_it_is_fresh_for_its_window_then_older_then_no_good() -> None:
    made = nonces()
    nonce = made.issue(START_S)
    assert START_S % WINDOW_S == 0
    ages = {
        0.0: "fresh",
        WINDOW_S - 0.1: "fresh",
        WINDOW_S: "older",
        LIFETIME_S - 0.1: "older",
        LIFETIME_S: None,
        10 * LIFETIME_S: None,
    }
    assert {after_s: made.age(nonce, START_S + after_s) for after_s in ages} == ages


def test_one_of_a_node_whose_clock_is_ahead_is_good_as_far_as_clocks_may_differ() -> None:
    nonce = nonces().issue(START_S)
    assert nonces().age(nonce, START_S - CLOCK_SKEW_S) == "fresh"
    assert nonces().age(nonce, START_S - CLOCK_SKEW_S - 0.1) is None


def test_it_changes_with_each_window_and_stays_within_one() -> None:
    made = nonces()
    assert made.issue(START_S) == made.issue(START_S + WINDOW_S - 0.1)
    assert len({made.issue(START_S + WINDOW_S * number) for number in range(100)}) == 100


def test_what_is_kept_of_windows_past_has_a_bound() -> None:
    made = nonces()
    for number in range(1000):
        made.issue(START_S + WINDOW_S * number)
    assert len(made._made) < 20


@settings(max_examples=50)
@given(text=st.text(max_size=60))
def test_nothing_that_is_made_up_is_one(text: str) -> None:
    assert nonces().age(text, START_S) is None


@settings(max_examples=50)
@given(place=st.integers(0, 27), character=st.sampled_from("ABCxyz019-_="))
def test_no_changed_character_goes_unseen(place: int, character: str) -> None:
    nonce = nonces().issue(START_S)
    changed = nonce[:place] + character + nonce[place + 1 :]
    assert (nonces().age(changed, START_S) is not None) == (changed == nonce)
