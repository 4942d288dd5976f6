"""When a delivery is attempted again: the schedule of Standard Webhooks, never earlier than the receiver asks."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.webhooks.schedule import DELAYS_S, JITTER, RETRY_AFTER_S_MAX, Again, Dead, Done, following
from gateway.webhooks.sending import Attempt

FAILED = Attempt(500, "status")


def test_ten_attempts_span_more_than_three_days() -> None:
    assert [following(FAILED, number, 0, 0.0) for number in range(1, 10)] == [
        Again(delay * 1_000_000, hold=False) for delay in DELAYS_S
    ]
    assert following(FAILED, 10, 0, 0.0) == Dead()
    assert (DELAYS_S[0], DELAYS_S[-1], sum(DELAYS_S)) == (5, 86_400, 75 * 3600 + 35 * 60 + 5)


@given(st.integers(1, 9), st.floats(0, 1), st.none() | st.integers(0, 10**9), st.integers(0, 10**15))
def test_it_is_never_earlier_than_the_schedule_or_the_receiver_says_and_never_much_later(
    number: int, chance: float, asked_s: int | None, now_us: int
) -> None:
    step = following(Attempt(503, "status", asked_s), number, now_us, chance)
    assert isinstance(step, Again)
    waited_us, plain_us = step.due_us - now_us, DELAYS_S[number - 1] * 1_000_000
    asked_us = min(asked_s or 0, RETRY_AFTER_S_MAX) * 1_000_000
    assert max(plain_us, asked_us) <= waited_us <= max(round(plain_us * (1 + JITTER)), asked_us)


@pytest.mark.parametrize(
    ("attempt", "step"),
    [
        (Attempt(200), Done()),
        (Attempt(410, "gone"), Dead(gone=True)),
        (Attempt(550, "refused", permanent=True), Dead()),
        (Attempt(429, "status", 60), Again(60_000_000, hold=True)),
        (Attempt(500, "status", 60), Again(60_000_000, hold=False)),
        (Attempt(429, "status"), Again(5_000_000, hold=False)),
        (Attempt(fault="timeout"), Again(5_000_000, hold=False)),
    ],
)
def test_what_follows_the_first_attempt(attempt: Attempt, step: object) -> None:
    assert following(attempt, 1, 0, 0.0) == step
