"""An agreement with promises both ways and a fee, a source of given facts, and statements made of them."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import cache

from adapters.base import Backend
from contracts.compile import compile_documents
from contracts.plan import Contract, Plans, Promised
from contracts.workspace import decode_documents
from gateway.statements.document import Settlement, TreeHead, WriterRange
from gateway.statements.period import read_period
from gateway.statements.revise import Computed
from gateway.statements.settle import Asked, settle
from gateway.statements.source import Left, Window
from policies.settling.facts import Excluded, Facts, Slice
from tests.unit.sla.hub import PRODUCT

POLICY = """
policy: standard-terms
version: 1.0.0
title: {zh: 标准条款, en: Standard terms}
prevails: zh
clauses:
  - id: "2.1"
    kind: purpose
    allowed: [delivery]
    unstated: assume
    text:
      zh: 乙方仅可将数据用于{allowed}；未写明目的的，{unstated}。
      en: The Partner uses the data only for {allowed}; a call without a purpose is {unstated}.
"""
PROMISE = """\
  - id: "{id}"
    kind: availability
    owed_by: {side}
    window: month
    slice: PT5M
    empty_slice: good
    good: status < 500
    exclude: [announced_maintenance, partner_fault]
    credit:
      of: monthly_fee
      bands:
        - {{below: "99.95", percent: 10}}
        - {{below: "99.0", percent: 25}}
        - {{below: "95.0", percent: 100}}
      minimum_exclusive: "1.00"
      cap_percent: 100
      cap_12_months_percent: 15
      claim_within: P2M
    text:
      zh: >-
        {{owed_by}}保证接口在每个{{window}}内可用：以 {{slice}} 为一时段，应答{{good}}为可用，
        无调用的时段{{empty_slice}}，{{exclude}}除外；按{{credit.of}}抵扣：{{credit.bands}}；
        不超过 {{credit.minimum_exclusive}} 不付，以 {{credit.cap_percent}} 为限，
        十二个月以 {{credit.cap_12_months_percent}} 为限，{{credit.claim_within}}内提出。
      en: >-
        {{owed_by}} keeps the interface available in each {{window}}: in slices of {{slice}} an answer with {{good}} is
        available, a slice without calls is {{empty_slice}}, {{exclude}} excluded; credited of {{credit.of}}:
        {{credit.bands}}; not up to {{credit.minimum_exclusive}}, at most {{credit.cap_percent}}, in twelve months
        {{credit.cap_12_months_percent}}, claimed within {{credit.claim_within}}.
"""
AGREEMENT = """
agreement: swift-2026
version: {version}
partner: {{id: swift-logistics, code: SWIFT, name: {{zh: 迅达物流, en: Swift Logistics}}, role: logistics}}
effective: {{from: {begins}, to: {ends}, time_zone: Asia/Shanghai}}
products: [{{product: shipments, version: 1.0.0}}]
policies: [{{policy: standard-terms, version: 1.0.0}}]
{fees}
"""
FEES = 'fees: {monthly: "20000.00", currency: CNY}'
OCTOBER = datetime(2026, 9, 30, 16, tzinfo=UTC)
"""When October 2026 begins in Shanghai."""
LATER = datetime(2027, 3, 1, tzinfo=UTC)
RANGE = (WriterRange("gw-0", 0, 4711, 2, "a" * 64),)
TREE = TreeHead("hub.example/partners/swift-logistics", 1200, "b" * 64, "hub.example/…\n1200\nu7u=\n\n— k AAAA\n")


@cache
def versions(
    fees: str = FEES, cover: tuple[tuple[str, str, str], ...] = (("1.0.0", "2026-01-01", "2028-01-01"),)
) -> tuple[Contract, ...]:
    """The versions of the agreement, each (version, begins, ends)."""
    promises = PROMISE.format(id="5.1", side="hub") + PROMISE.format(id="6.1", side="partner")
    files = {
        "policies/standard-terms.yaml": POLICY + promises,
        "products/shipments.odcs.yaml": PRODUCT.format(name="shipments", role="logistics", purpose="delivery"),
    }
    for version, begins, ends in cover:
        text = AGREEMENT.format(version=version, begins=begins, ends=ends, fees=fees)
        files[f"agreements/swift-{version}.yaml"] = text
    documents, findings = decode_documents({name: text.encode() for name, text in files.items()})
    assert findings == [], findings
    plans = compile_documents(documents, {"records": Backend()})
    assert isinstance(plans, Plans), plans
    return plans.of_partner("swift-logistics")


def outage(day: int, slices: int, month: datetime = OCTOBER) -> tuple[Slice, ...]:
    """Slices from the morning of a day of a month on, in which every one of ten calls failed."""
    begins = month + timedelta(days=day - 1, hours=8)
    return tuple(Slice(begins + timedelta(minutes=5 * number), 10, 0) for number in range(slices))


class GivenFacts:
    """Facts by clause and month, all good where none are given; spans left out where a notice says so. A `Source`."""

    def __init__(
        self,
        bad: Mapping[tuple[str, str], Sequence[Slice]],
        left: Mapping[tuple[str, str], Sequence[Left]] | None = None,
    ) -> None:
        self._bad, self._left = bad, left or {}

    def facts(self, contract: Contract, promised: Promised, window: Window, without: frozenset[str]) -> Facts | None:
        key = (promised.ref.id, f"{window.from_:%Y-%m}")
        spans = [one for one in self._left.get(key, ()) if one.counts and one.notice not in without]
        slices = [Slice(window.from_.astimezone(UTC), 100, 100), *self._bad.get(key, ())]
        return Facts(
            from_=window.from_,
            to=window.to,
            zone=contract.time_zone,
            slices=tuple(_without(each, spans) for each in slices),
            excluded=tuple(Excluded(one.from_, one.to, one.cause) for one in spans),
            causes={"hub": 1, "backend": 2, "partner": 0},
        )

    def left_out(self, contract: Contract, promised: Promised, window: Window) -> tuple[Left, ...]:
        return tuple(self._left.get((promised.ref.id, f"{window.from_:%Y-%m}"), ()))


def maintenance(notice: str, day: int, hours: int, announced: datetime, *, counts: bool = True) -> Left:
    """Announced maintenance from eight in the morning of a day of October."""
    begins = OCTOBER + timedelta(days=day - 1, hours=8)
    return Left(
        notice=notice,
        cause="announced_maintenance",
        from_=begins,
        to=begins + timedelta(hours=hours),
        announced=announced,
        counts=counts,
        leaf="c" * 64,
        writer="gw-0",
        seq=7,
    )


def settled(
    source: GivenFacts,
    period: str = "2026-10",
    now: datetime = LATER,
    contracts: tuple[Contract, ...] | None = None,
) -> Settlement:
    """The settlement of a period from given facts."""
    named = read_period(period)
    assert named is not None
    found = settle(Asked(contracts or versions(), named, now), source)
    assert found is not None
    return found


def computed(settlement: Settlement, *, log: tuple[WriterRange, ...] = RANGE) -> Computed:
    """The settlement with what it was computed from."""
    return Computed(settlement=settlement, source="rollups", log=log, tree=TREE)


def amount(settlement: Settlement, clause: str) -> Decimal:
    """What was credited under a clause in the period."""
    (found,) = (each for each in settlement.clauses if each.clause == clause)
    return sum((Decimal(window.credit) for window in found.windows), Decimal(0))


def _without(each: Slice, spans: Sequence[Left]) -> Slice:
    inside = any(span.from_ <= each.start < span.to for span in spans)
    return Slice(each.start, each.total, 0, each.total) if inside else each
