"""Guessing is slowed down where it comes from, and nobody is locked out by somebody else."""

import logging

import pytest

from gateway.store.hidden import Hidden
from gateway.throttle import Throttle, ThrottleRules

KEY = Hidden(b"k" * 32)
RULES = ThrottleRules(requests="3/hour", failures="2/hour", login="2/hour", login_source="5/hour", public="4/hour")
HERE, THERE = "192.0.2.1", "192.0.2.2"


async def test_requests_of_a_source_are_counted_exactly() -> None:
    throttle = Throttle(KEY, RULES)
    waits = [await throttle.admit_source(HERE) for _ in range(5)]
    assert waits[:3] == [None, None, None]
    assert all(wait is not None and 0 < wait <= 3600 for wait in waits[3:])
    assert await throttle.admit_source(THERE) is None


async def test_looking_at_failures_counts_nothing() -> None:
    throttle = Throttle(KEY, RULES)
    assert [await throttle.admit_client("app", HERE) for _ in range(10)] == [None] * 10


async def test_two_failures_of_two_make_a_client_wait_here_and_nowhere_else() -> None:
    throttle = Throttle(KEY, RULES)
    await throttle.note_failure("app", HERE)
    assert await throttle.admit_client("app", HERE) is None
    await throttle.note_failure("app", HERE)
    wait_s = await throttle.admit_client("app", HERE)
    assert wait_s is not None
    assert 3500 < wait_s <= 3600
    assert await throttle.admit_client("app", THERE) is None
    assert await throttle.admit_client("another-app", HERE) is None


async def test_logins_are_counted_by_name_and_source_and_by_source() -> None:
    throttle = Throttle(KEY, RULES)
    assert [await throttle.allow_login("ana", HERE) is None for _ in range(3)] == [True, True, False]
    assert await throttle.allow_login("ana", THERE) is None
    assert [await throttle.allow_login(name, HERE) is None for name in ("bo", "cy", "di")] == [True, True, False]


async def test_addresses_of_one_ipv6_subscriber_are_one_source() -> None:
    throttle = Throttle(KEY, RULES)
    waits = [await throttle.admit_source(f"2001:db8::{number}") for number in range(1, 5)]
    assert [wait is None for wait in waits] == [True, True, True, False]
    assert await throttle.admit_source("2001:db8:0:1::1") is None
    mapped = [await throttle.admit_source(f"::ffff:{HERE}"), *[await throttle.admit_source(HERE) for _ in range(3)]]
    assert [wait is None for wait in mapped] == [True, True, True, False]


async def test_any_name_is_a_counter_and_never_an_error() -> None:
    throttle = Throttle(KEY, RULES)
    for name in ("", "\ud800", "a" * 100_000, "\0", "%s"):
        assert await throttle.admit_client(name, "") is None


async def test_neither_names_nor_addresses_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    throttle = Throttle(KEY, RULES)
    with caplog.at_level(logging.DEBUG):
        for _ in range(4):
            await throttle.allow_login("canary-name", HERE)
    assert "exceeded" in caplog.text
    assert "canary" not in caplog.text
    assert HERE not in caplog.text


async def test_the_environment_does_not_turn_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "RATELIMIT_ENABLED",
        "RATELIMIT_HEADERS_ENABLED",
        "RATELIMIT_SWALLOW_ERRORS",
        "RATELIMIT_IN_MEMORY_FALLBACK_ENABLED",
    ):
        monkeypatch.setenv(name, "false")
    throttle = Throttle(KEY, RULES)
    assert [await throttle.admit_source(HERE) is None for _ in range(4)] == [True, True, True, False]


def test_a_rule_that_cannot_be_read_is_an_error_and_not_no_rule() -> None:
    with pytest.raises(ValueError, match="often"):
        ThrottleRules(login="often")


async def test_what_is_public_has_a_count_of_its_own_of_each_source() -> None:
    throttle = Throttle(KEY, RULES)
    assert [await throttle.admit_public(HERE) is None for _ in range(5)] == [True, True, True, True, False]
    assert await throttle.admit_public(THERE) is None
    assert await throttle.admit_source(HERE) is None


async def test_many_requests_for_what_is_public_are_counted_together_and_no_more_pass_than_the_rule_says() -> None:
    throttle = Throttle(KEY, ThrottleRules(public="1000/hour"))
    waits = [await throttle.admit_public(HERE) for _ in range(1_100)]
    assert waits[:1000] == [None] * 1000
    assert all(wait is not None and 0 < wait <= 3600 for wait in waits[1000:])
    assert await throttle.admit_public(THERE) is None


async def test_counting_alone_does_not_leave_the_loop() -> None:
    """No thread, no network: a public file is asked for thousands of times in a row."""
    waiting = Throttle(KEY, RULES).admit_public(HERE)
    with pytest.raises(StopIteration):
        waiting.send(None)
