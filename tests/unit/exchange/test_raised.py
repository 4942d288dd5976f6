"""What is granted beyond a clause, and what is imposed under one, as a caller meets it."""

from pathlib import Path

import pytest

from gateway.limits.charging import Allowance
from tests.unit.exchange.stage import MIDSUMMER_2026_US, Stage

UNTIL_US = MIDSUMMER_2026_US + 3_600_000_000


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path / "log")


async def test_an_allowance_raises_the_limit_and_what_the_fields_say_of_it(stage: Stage) -> None:
    before = await stage.get("/v1/shipments")
    assert before.headers["ratelimit-policy"] == '"4.1";q=1200;w=60'
    stage.settling.charging.adopt([Allowance("swift-2026", "4.1", 300, UNTIL_US)], [])
    raised = await stage.get("/v1/shipments")
    assert raised.headers["ratelimit-policy"] == '"4.1";q=1500;w=60'
    assert raised.headers["ratelimit"].startswith('"4.1";r=1498;')


async def test_it_ends_by_itself(stage: Stage) -> None:
    stage.settling.charging.adopt([Allowance("swift-2026", "4.1", 300, UNTIL_US)], [])
    await stage.get("/v1/shipments")
    stage.now_us = UNTIL_US
    assert (await stage.get("/v1/shipments")).headers["ratelimit-policy"] == '"4.1";q=1200;w=60'


async def test_one_for_another_agreement_or_clause_does_nothing(stage: Stage) -> None:
    others = [Allowance("swift-2027", "4.1", 300, UNTIL_US), Allowance("swift-2026", "4.2", 300, UNTIL_US)]
    stage.settling.charging.adopt(others, [])
    assert (await stage.get("/v1/shipments")).headers["ratelimit-policy"] == '"4.1";q=1200;w=60'


async def test_however_much_is_granted_the_fields_can_say_it(stage: Stage) -> None:
    """An integer of a structured field has at most 15 digits (RFC 9651 section 3.3.1)."""
    granted = [Allowance("swift-2026", "4.1", 10**15 - 1, UNTIL_US) for _ in range(3)]
    stage.settling.charging.adopt(granted, [])
    reply = await stage.get("/v1/shipments")
    assert reply.headers["ratelimit-policy"] == '"4.1";q=999999999999999;w=60'
    assert reply.headers["ratelimit"].startswith('"4.1";r=999999999999998;')
