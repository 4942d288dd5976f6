"""The rows of `clausegate health` and `clausegate status`, as values and as JSON."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct

from contracts.plan import Plan, Plans
from gateway.health.counter_report import CounterRow
from gateway.health.ecosystem import AgreementHealth, PartnerHealth, Term, agreement_health, ecosystem
from gateway.health.latency import LatencyRow, latency_rows
from gateway.health.log_report import LogStatus
from gateway.quality.result import DataResult, data_results
from gateway.sla.account import Account
from gateway.sla.counts import Counts
from gateway.sla.result import MeterResult, Verdict, decimal_down
from gateway.sla.tally import Tally
from policies.reference import Words

_encode = msgspec.json.Encoder(decimal_format="number").encode


class Lost(Struct, frozen=True):
    """Points that one dimension cost, and the counts that cost them."""

    dimension: str
    points: Decimal
    because: Words


class Missing(Struct, frozen=True):
    """A dimension that is left out of the score, and why."""

    dimension: str
    because: Words


class HealthRow(Struct, frozen=True):
    """One partner over the last seven local days.

    `requests` counts all exchanges, `good` answers below 400, `judged` those and the 5xx; `declared` is the volume that
    the agreements expect in `observed_s` seconds. Percentages are decimal text, rounded down. `score` is None when
    unknown.
    """

    partner: str
    name: Words
    role: str
    agreements: tuple[str, ...]
    observed_s: int
    requests: int
    requests_per_day: int | None
    declared: int | None
    good: int
    judged: int
    good_percent: str | None
    clauses_met: int
    clauses: int
    refusals: Mapping[str, int]
    score: Decimal | None
    lost: tuple[Lost, ...]
    unknown: tuple[Missing, ...]
    latency: tuple[LatencyRow, ...] = ()


class ClauseRow(Struct, frozen=True):
    """One SLA clause in the current month. `total` and `good` count exchanges, `slices` those that had any."""

    id: str
    kind: str
    period: str
    target_percent: str
    achieved_percent: str | None
    verdict: Verdict
    total: int
    good: int
    slices: int
    empty_slices_counted_good: int


class StatusRow(Struct, frozen=True):
    """One agreement version, since its log began.

    `statuses` counts answers by class, such as 2xx; `observed`, `uncounted` and `cuts` are by clause, as
    gateway/sla/counts.py has them; `latest` is a time in RFC 3339; `late` counts exchanges that came
    too late for the meters (gateway/sla/account.py). `unfinished` counts changes that were begun and of whose outcome
    the log says nothing: under way just now, or made or not made by a gateway that failed. `data` is what samples of
    the last seven local days showed.
    """

    agreement: str
    version: str
    partner: str
    contract: str
    term: Term
    requests: int
    statuses: Mapping[str, int]
    refusals: Mapping[str, int]
    observed: Mapping[str, int]
    uncounted: Mapping[str, int]
    cuts: Mapping[str, int]
    records: int
    subjects: int
    bytes: int
    withheld: int
    latest: str | None
    late: int
    unfinished: int
    clauses: tuple[ClauseRow, ...]
    data: tuple[DataResult, ...]
    latency: tuple[LatencyRow, ...] = ()


def health_rows(tally: Tally, plans: Plans, now_s: int) -> list[HealthRow]:
    """What `clausegate health` prints: the same figures as the console's."""
    return [_health_row(partner, tally, now_s) for partner in ecosystem(tally, plans, now_s)]


def status_rows(tally: Tally, plans: Plans, now_s: int) -> list[StatusRow]:
    """What `clausegate status` prints, agreement by agreement."""
    by_contract: dict[tuple[str, str], list[Plan]] = {key: [] for key in plans.contracts}
    for plan in plans.all_plans():
        by_contract[plan.contract.agreement, plan.contract.version].append(plan)
    found = []
    for key, contract in sorted(plans.contracts.items()):
        account = tally.of(contract)
        health = agreement_health(tally, contract, by_contract[key], now_s)
        data = data_results(health.counts, by_contract[key])
        found.append(_status_row(health, account, data, latency_rows([account], now_s)))
    return found


def as_json(
    rows: Iterable[HealthRow] | Iterable[StatusRow],
    now_s: int,
    log: LogStatus | None = None,
    counters: Iterable[CounterRow] | None = None,
) -> bytes:
    """Rows as one JSON document with the time they hold for; with how the log's trees and the shared counters stand,
    where that is asked."""
    document: dict[str, object] = {"at": datetime.fromtimestamp(now_s, UTC).isoformat(), "rows": list(rows)}
    if log is not None:
        document["log"] = log
    if counters is not None:
        document["counters"] = list(counters)
    return _encode(document)


def _health_row(partner: PartnerHealth, tally: Tally, now_s: int) -> HealthRow:
    share, counts = partner.good_share, partner.counts
    met, clauses = partner.clauses_met
    return HealthRow(
        partner=partner.partner,
        name=partner.name,
        role=partner.role,
        agreements=tuple(f"{one.contract.agreement} {one.contract.version}" for one in partner.agreements),
        observed_s=partner.observed_s,
        requests=counts.requests,
        requests_per_day=partner.requests_per_day,
        declared=None if partner.declared is None else -(-partner.declared.numerator // partner.declared.denominator),
        good=counts.good,
        judged=counts.judged,
        good_percent=None if share is None else decimal_down(share * 100, 2),
        clauses_met=met,
        clauses=clauses,
        refusals=dict(sorted(counts.refusals.items())),
        score=partner.health.score,
        lost=tuple(Lost(part.name, part.lost, part.evidence) for part in partner.health.judgements if part.lost),
        unknown=tuple(Missing(part.name, part.evidence) for part in partner.health.judgements if part.lost is None),
        latency=latency_rows([tally.of(one.contract) for one in partner.agreements], now_s),
    )


def _status_row(
    one: AgreementHealth, account: Account | None, data: list[DataResult], latency: tuple[LatencyRow, ...]
) -> StatusRow:
    contract = one.contract
    total = account.total() if account is not None else Counts()
    latest_us = account.latest_us if account is not None else None
    return StatusRow(
        agreement=contract.agreement,
        version=contract.version,
        partner=contract.partner,
        contract=contract.hash,
        term=one.term,
        requests=total.requests,
        statuses={f"{kind}xx": count for kind, count in enumerate(total.statuses) if count},
        refusals=dict(sorted(total.refusals.items())),
        observed=dict(sorted(total.observed.items())),
        uncounted=dict(sorted(total.uncounted.items())),
        cuts=dict(sorted(total.cuts.items())),
        records=total.records,
        subjects=total.subjects,
        bytes=total.bytes,
        withheld=total.withheld,
        latest=moment(latest_us // 1_000_000, contract.time_zone) if latest_us is not None else None,
        late=account.late if account is not None else 0,
        unfinished=account.unfinished if account is not None else 0,
        clauses=tuple(_clause_row(meter) for meter in one.meters),
        data=tuple(data),
        latency=latency,
    )


def _clause_row(meter: MeterResult) -> ClauseRow:
    return ClauseRow(
        id=meter.clause.id,
        kind=meter.clause.kind,
        period=meter.period,
        target_percent=meter.target_percent,
        achieved_percent=meter.achieved_percent,
        verdict=meter.verdict,
        total=meter.total,
        good=meter.good,
        slices=meter.slices,
        empty_slices_counted_good=meter.empty,
    )


def moment(time_s: int, time_zone: str) -> str:
    """A time as the parties of an agreement read it: RFC 3339 in its time zone."""
    return datetime.fromtimestamp(time_s, ZoneInfo(time_zone)).isoformat()
