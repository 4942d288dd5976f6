"""What `clausegate alerts` shows, from the state store and the counts: as JSON, or as tables."""

import os
import pwd
import time
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from contracts.plan import Plans
from gateway.alerts.burning import Events, burn_rate, month_budget, window_events
from gateway.alerts.rules import Alerts, read_alerts
from gateway.alerts.telling import RULE_WITHDRAWN, figures_of, resolved_by, rfc3339, tenths
from gateway.alerts.watched import Watched, rules_for, watched_clauses
from gateway.commands.limits_report import local, window
from gateway.commands.reading import reading
from gateway.commands.tables import table
from gateway.commands.terminal import EXIT_FOUND, fail, printable, show_findings
from gateway.sla.result import results
from gateway.sla.tally import Tally
from gateway.store.alerts import KeptAlert, KeptAlerts
from gateway.store.store import Store
from gateway.workspace import Workspace
from policies.reference import Language, Words

_LATEST: Final = 200
"""Alerts that `--all` shows."""
_HEADS: Final[tuple[Words, ...]] = (
    {"zh": "告警", "en": "alert"},
    {"zh": "状态", "en": "state"},
    {"zh": "级别", "en": "severity"},
    {"zh": "协议", "en": "agreement"},
    {"zh": "条款", "en": "clause"},
    {"zh": "规则", "en": "rule"},
    {"zh": "发出时间", "en": "raised"},
    {"zh": "不合格/总数（长窗口）", "en": "bad/all, long window"},
    {"zh": "消耗速率", "en": "burn rate"},
    {"zh": "备注", "en": "note"},
)
_BUDGET_HEADS: Final[tuple[Words, ...]] = (
    {"zh": "协议", "en": "agreement"},
    {"zh": "条款", "en": "clause"},
    {"zh": "种类", "en": "kind"},
    {"zh": "月份", "en": "month"},
    {"zh": "目标", "en": "target"},
    {"zh": "允许不合格", "en": "may be bad"},
    {"zh": "已用", "en": "used up"},
    {"zh": "剩余", "en": "left"},
    {"zh": "消耗速率", "en": "burn rate"},
)
_STATES: Final[dict[str, Words]] = {
    "raised": {"zh": "未确认", "en": "raised"},
    "acknowledged": {"zh": "已确认", "en": "acknowledged"},
    "resolved": {"zh": "已解除", "en": "resolved"},
}
_WITHDRAWN: Final[Words] = {"zh": "已撤销（无规则）", "en": "withdrawn: no rule"}


def kept_alerts(workspace: Workspace, *, everything: bool) -> tuple[KeptAlert, ...]:
    """Those that are not resolved, or the latest ones whatever became of them."""

    async def read(store: Store) -> tuple[KeptAlert, ...]:
        kept = KeptAlerts(store)
        return await (kept.all(_LATEST) if everything else kept.open())

    return reading(workspace, read)


def alert_rows(kept: Iterable[KeptAlert]) -> list[dict[str, Any]]:
    """For machines. Times are RFC 3339."""
    return [
        {
            "alert": each.id,
            "state": each.state,
            "severity": each.severity,
            "partner": each.partner,
            "agreement": each.agreement,
            "clause": each.clause,
            "rule": each.rule,
            "contract": each.contract,
            "raised": rfc3339(each.raised_us),
            "recorded": each.recorded_us is not None,
            "acknowledged": None if each.acknowledged_us is None else rfc3339(each.acknowledged_us),
            "acknowledged_by": each.acknowledged_by,
            "note": each.note,
            "resolved": None if each.resolved_us is None else rfc3339(each.resolved_us),
            "resolved_by": resolved_by(each),
            "evidence": figures_of(each),
        }
        for each in kept
    ]


def alert_table(kept: Iterable[KeptAlert], plans: Plans, language: Language) -> Table:
    """For people; times in the agreement's zone."""
    zones = {contract.agreement: contract.time_zone for contract in plans.contracts.values()}
    shown = table(*(head[language] for head in _HEADS))
    for each in kept:
        long = figures_of(each)["long"]
        shown.add_row(
            each.id,
            _state(each)[language],
            each.severity,
            *map(escape, (each.agreement, each.clause, each.rule)),
            local(each.raised_us, zones.get(each.agreement, "UTC")),
            f"{long['bad']:,}/{long['total']:,}",
            long["burn_rate"] or "-",
            escape(printable(each.note)),
        )
    return shown


def _state(alert: KeptAlert) -> Words:
    return _WITHDRAWN if resolved_by(alert) == RULE_WITHDRAWN else _STATES[alert.state]


def budget_rows(workspace: Workspace, tally: Tally, agreement: str | None, now_s: int = 0) -> list[dict[str, Any]]:
    """The error budget of each promise of the agreements in force. Shares and rates are decimal text.

    `now_s`: Unix seconds; 0 is now. Ends the command where alerts.toml has mistakes.
    """
    alerts, now_s = _alerts(workspace), now_s or int(time.time())
    return [
        _row(alerts, tally, watched, now_s)
        for watched in watched_clauses(workspace.plans, now_s, now_s + 1)
        if agreement in (None, watched.contract.agreement)
    ]


def _alerts(workspace: Workspace) -> Alerts:
    alerts = read_alerts(workspace.folder)
    if not isinstance(alerts, Alerts):
        show_findings(alerts)
        fail("alerts.toml has mistakes: see above", code=EXIT_FOUND)
    return alerts


def _row(alerts: Alerts, tally: Tally, watched: Watched, now_s: int) -> dict[str, Any]:
    account, contract = tally.of(watched.contract), watched.contract
    result = results(account, contract, [watched.meter], now_s)[0]
    budget = month_budget(watched.meter.target_percent, result.share)

    def counting(from_us: int, until_us: int) -> Events:
        return Events(0, 0) if account is None else Events(*account.window(watched.meter, from_us, until_us))

    burning = []
    for rule in rules_for(alerts, watched):
        events = window_events(counting, rule.long_us, now_s * 1_000_000)
        rate = burn_rate(events, watched.budget)
        said = {"rule": rule.name, "minutes": rule.long_us // 60_000_000, "total": events.total, "bad": events.bad}
        burning.append(said | {"burn_rate": None if rate is None else tenths(rate), "factor": rule.factor})
    return {
        "agreement": contract.agreement,
        "version": contract.version,
        "partner": contract.partner,
        "clause": watched.clause,
        "kind": watched.kind,
        "month": result.period,
        "target_percent": watched.meter.target_percent,
        "total": result.total,
        "good": result.good,
        "allowed_percent": tenths(watched.budget * 100, 4),
        "bad_percent": _percent(budget.bad, 6),
        "consumed_percent": _percent(budget.consumed, 2),
        "left_percent": _percent(budget.left, 2),
        "burning": burning,
    }


def _percent(share: Fraction | None, places: int) -> str | None:
    return None if share is None else tenths(share * 100, places)


def budget_table(rows: Sequence[dict[str, Any]], language: Language) -> Table:
    """For people."""
    shown = table(*(head[language] for head in _BUDGET_HEADS))
    for row in rows:
        rates = [
            f"{window(each['minutes'] * 60)} {each['burn_rate'] or '-'} ({each['factor']})" for each in row["burning"]
        ]
        shown.add_row(
            *map(escape, (row["agreement"], row["clause"], row["kind"], row["month"])),
            f"{row['target_percent']} %",
            f"{row['allowed_percent']} %",
            *("-" if row[name] is None else f"{row[name]} %" for name in ("consumed_percent", "left_percent")),
            ", ".join(rates) or "-",
        )
    return shown


def account_name() -> str:
    """Who runs this, as far as the operating system says."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name[:64]
    except KeyError:  # a container may run as a number without a name
        return str(os.getuid())
