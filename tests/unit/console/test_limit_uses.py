"""What an agreement's screen says of limits: every counter once, in units and periods, and what it cannot know."""

from collections.abc import Callable, Sequence

import pytest
from litestar.testing import TestClient
from msgspec.structs import replace

from gateway.console.language import load_catalogues
from gateway.console.limit_uses import Counted, charges, counted, limit_use
from gateway.console.wiring import Console
from policies.limit import Charge, InFlight, Limit, LimiterUnavailable, Moment, Quota, Rate, Standing
from policies.reference import ClauseRef
from tests.unit.console.house import House, Page, enter, house
from tests.unit.sla.hub import NOON_S, contract_of, exchange, plan_of, plans_of

PLANS = plans_of()
EN, ZH = (load_catalogues()[language] for language in ("en", "zh"))
CLAUSE = contract_of(PLANS).clauses[1]
AGREEMENT = "/console/agreements/swift-logistics-2026"
HOUR_NS = 3_600_000_000_000


def _common(clause: ClauseRef = CLAUSE) -> dict[str, object]:
    return {"clause": clause, "key": f"swift/{clause.id}", "per": "partner", "limit": 1000, "on_outage": "refuse"}


def a_rate(**said: object) -> Rate:
    return Rate(**(_common() | {"window_ns": HOUR_NS, "burst": 10} | said))  # type: ignore[arg-type]


def a_quota(**said: object) -> Quota:
    return Quota(**(_common() | {"unit": "records", "period": "day", "zone": "UTC"} | said))  # type: ignore[arg-type]


def in_flight(**said: object) -> InFlight:
    return InFlight(**(_common() | said))  # type: ignore[arg-type]


class Fixed:
    """Counters that always stand the same; or cannot be reached."""

    def __init__(self, remaining: int | None) -> None:
        self._remaining = remaining

    async def standings(self, charges: Sequence[Charge], at: Moment) -> tuple[Standing, ...]:
        if self._remaining is None:
            raise LimiterUnavailable("away")
        return tuple(Standing(charge.limit, self._remaining, HOUR_NS) for charge in charges)


def with_limits(remaining: int | None, *limits: Limit) -> Callable[[Console], Console]:
    """A console whose plans have these limits."""
    return lambda console: replace(console, counters=Fixed(remaining), limits_of=lambda plan, _: limits)


def clauses_of(built: House, username: str = "ops") -> Page:
    with TestClient(built.app) as client:
        enter(client, username)
        return Page(client.get(f"{AGREEMENT}/clauses").text)


@pytest.mark.parametrize(
    ("limit", "en", "zh"),
    [
        (a_rate(), "250 of 1,000 calls in the last 1 hour", "最近 1 小时已用 250 / 1,000 次"),
        (a_quota(), "250 of 1,000 records today", "今日已用 250 / 1,000 条记录"),
        (a_quota(unit="calls", period="week"), "250 of 1,000 calls this week", "本周已用 250 / 1,000 次"),
        (a_quota(unit="bytes", period="month"), "250 of 1,000 bytes this month", "本月已用 250 / 1,000 字节"),
        (
            a_quota(unit="subjects", period="quarter"),
            "250 of 1,000 different people this quarter",
            "本季度已用 250 / 1,000 名不同的个人",
        ),
        (in_flight(), "250 of 1,000 calls under way", "进行中 250 / 1,000 次调用"),
    ],
)
def test_each_kind_says_what_is_used_in_its_unit_and_period_with_a_bar(limit: Limit, en: str, zh: str) -> None:
    one, standings = Counted(limit, limit.key, ""), {limit.key: Standing(limit, 750, 2 * HOUR_NS)}
    for catalogue, text in ((EN, en), (ZH, zh)):
        use = limit_use(one, standings, catalogue)
        assert use.text == text
        assert use.bar is not None
        assert (use.bar.length, use.bar.label) == ("25.0", text)
    assert limit_use(one, standings, EN).renewal == ("renewed in 2 h" if isinstance(limit, Quota) else "")


@pytest.mark.parametrize(
    ("limit", "text"),
    [
        (a_rate(), "1,000 calls in any 1 hour"),
        (a_quota(), "1,000 records in a calendar day"),
        (in_flight(), "1,000 calls under way at once"),
    ],
)
def test_a_counter_without_a_standing_says_its_limit_and_draws_no_bar(limit: Limit, text: str) -> None:
    use = limit_use(Counted(limit, limit.key, ""), {}, EN)
    assert (use.text, use.bar, use.renewal) == (text, None, "")


def test_what_is_over_the_limit_after_an_allowance_ended_fills_the_bar() -> None:
    limit = a_quota(limit=0)
    use = limit_use(Counted(limit, limit.key, ""), {limit.key: Standing(limit, 0, 0)}, EN)
    assert use.bar is not None
    assert use.text == "0 of 0 records today"


def test_a_counter_behind_several_plans_is_asked_for_once_and_one_of_each_client() -> None:
    plans = [plan for plan in PLANS.all_plans() if plan.contract == contract_of(PLANS)]
    assert len(plans) > 1
    whole, each = a_rate(), a_quota(per="client", key="swift/4.2")
    found = counted(plans, lambda plan, _: (whole, each), {"b", "a"}, 0)
    assert [one.key for one in found] == ["swift/4.1", "swift/4.2@a", "swift/4.2@b"]
    assert charges(found) == [
        Charge("swift/4.1", whole, 0),
        Charge("swift/4.2@a", each, 0),
        Charge("swift/4.2@b", each, 0),
    ]
    (nobody,) = counted(plans, lambda plan, _: (each,), (), 0)
    assert charges([nobody]) == []
    assert limit_use(nobody, {}, EN).of == "each client by itself"


def test_a_limit_is_shown_as_it_is_at_the_time_with_what_is_granted() -> None:
    asked: list[int] = []

    def limits_of(plan: object, time_us: int) -> tuple[Limit, ...]:
        asked.append(time_us)
        return (a_rate(limit=1500),)

    built = house(PLANS, wrap=lambda console: replace(console, counters=Fixed(1000), limits_of=limits_of))
    assert "500 of 1,500 calls in the last 1 hour" in clauses_of(built).rows["4.1"]
    assert set(asked) == {NOON_S * 1_000_000}


@pytest.mark.parametrize(
    ("username", "notice", "limit"),
    [
        ("ops", "The shared counters cannot be reached", "1,000 records in a calendar day"),
        ("li", "共享计数服务无法连接", "每自然日 1,000 条记录"),
    ],
)
def test_while_counters_cannot_be_asked_the_screen_says_so_and_still_names_the_limits(
    username: str, notice: str, limit: str
) -> None:
    built = house(PLANS, wrap=with_limits(None, a_quota()))
    with TestClient(built.app) as client:
        enter(client, username)
        text = client.get(AGREEMENT).text
    assert notice in text
    assert 'role="status"' in text
    assert limit in Page(text).rows["4.1"]
    reached = house(PLANS, wrap=with_limits(5, a_quota()))
    with TestClient(reached.app) as client:
        enter(client, username)
        assert notice not in client.get(AGREEMENT).text


def test_a_clause_that_only_watches_says_so_and_what_it_would_have_refused() -> None:
    built = house(PLANS, wrap=with_limits(5, a_quota(enforce="observe")))
    built.tally.add(exchange(plan_of(PLANS), NOON_S - 60, observed="4.1"))
    built.tally.add(exchange(plan_of(PLANS), NOON_S - 30 * 86_400, observed="4.1 2.1"))
    row = clauses_of(built).rows["4.1"]
    assert "watches only" in row
    assert "Would have refused: 1 in 7 days, 2 in all" in row
    assert "Refused:" not in row
    enforced = house(PLANS, wrap=with_limits(5, a_quota()))
    row = clauses_of(enforced).rows["4.1"]
    assert "watches only" not in row
    assert "Refused: 0 in 7 days, 0 in all" in row
    assert "Would have refused" not in row


def test_a_clause_that_refuses_in_one_place_is_not_one_that_only_watches() -> None:
    built = house(PLANS, wrap=with_limits(5, a_quota(enforce="observe"), a_quota(key="another")))
    row = clauses_of(built).rows["4.1"]
    assert "watches only" not in row
    assert "Refused: 0 in 7 days, 0 in all" in row


def test_calls_that_passed_uncounted_and_answers_cut_short_are_said_beside_the_clause() -> None:
    built = house(PLANS, wrap=with_limits(5, a_quota()))
    built.tally.add(exchange(plan_of(PLANS), NOON_S - 60, uncounted="4.1"))
    built.tally.add(exchange(plan_of(PLANS), NOON_S - 60, clause="4.1"))
    row = clauses_of(built, "li").rows["4.1"]
    assert "未计数放行：7 天内 1 次，累计 1 次" in row
    assert "应答被截短：7 天内 1 次，累计 1 次" in row
