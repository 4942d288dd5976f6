"""How an alert reads: as the data of a webhook, and as a mail for people. Ids and figures, no words of anybody."""

from collections.abc import Mapping
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any, Final

import msgspec
import rfc8785

from gateway.alerts.burning import Burnt, Events, burn_rate
from gateway.alerts.rules import Rule
from gateway.alerts.watched import Watched
from gateway.limits.events import detail_of
from gateway.store.alerts import AlertState, KeptAlert
from policies.reference import Language, Words

_STATES: Final[Mapping[AlertState, Words]] = {
    "raised": {"zh": "告警", "en": "Alert"},
    "acknowledged": {"zh": "告警已确认", "en": "Alert acknowledged"},
    "resolved": {"zh": "告警已解除", "en": "Alert resolved"},
}
RULE_WITHDRAWN: Final = "rule-withdrawn"
"""Why an alert is over that no data ended: nothing watches its clause by its rule any more."""
_WITHDRAWN: Final[Words] = {"zh": "告警已撤销", "en": "Alert withdrawn"}
_NOT_WATCHED: Final[Words] = {
    "zh": "该规则已从 alerts.toml 中移除或不再适用，或该条款已不再生效，因此不再监测；撤销并不表示数据显示已恢复。",
    "en": "The rule was taken out of alerts.toml or fits no longer, or the clause is no longer in force, so that "
    "nothing watches it any more. No data show that it is over.",
}
_SEVERITIES: Final[Mapping[str, Words]] = {
    "page": {"zh": "立即处理", "en": "page"},
    "ticket": {"zh": "待办", "en": "ticket"},
}
_BURNING: Final[Mapping[str, Words]] = {
    "long": {"zh": "长窗口", "en": "long window"},
    "short": {"zh": "短窗口", "en": "short window"},
}


def evidence_of(rule: Rule, watched: Watched, burnt: Burnt) -> dict[str, Any]:
    """The figures that an alert is raised for. Rates are decimal text, rounded down."""
    return {
        "kind": watched.kind,
        "owed_by": "partner" if watched.meter.side == "out" else "hub",
        "target_percent": watched.meter.target_percent,
        "factor": rule.factor,
        "minimum_events": rule.minimum_events,
        "bad_events": rule.bad_events,
        "long": _window(rule.long_us, burnt.long, watched.budget),
        "short": _window(rule.short_us, burnt.short, watched.budget),
    }


def _window(window_us: int, events: Events, budget: Fraction) -> dict[str, Any]:
    rate = burn_rate(events, budget)
    return {
        "minutes": window_us // 60_000_000,
        "total": events.total,
        "bad": events.bad,
        "burn_rate": None if rate is None else tenths(rate),
    }


def tenths(value: Fraction, places: int = 2) -> str:
    """A number as decimal text, rounded down (towards minus infinity)."""
    scaled = value.numerator * 10**places // value.denominator
    sign, digits = "-" if scaled < 0 else "", str(abs(scaled)).zfill(places + 1)
    return f"{sign}{digits[:-places]}.{digits[-places:]}"


def subject_of(alert: KeptAlert) -> str:
    """How the log names it."""
    return f"{alert.id} {alert.agreement} {alert.clause} {alert.rule}"


def withdrawn_evidence(alert: KeptAlert) -> str:
    """Its figures, and that its rule is gone."""
    return rfc8785.dumps({**msgspec.json.decode(alert.evidence), "ended": RULE_WITHDRAWN}).decode()


def resolved_by(alert: KeptAlert) -> str | None:
    """What ended it: "data" or "rule-withdrawn"; None while it is open."""
    if alert.state != "resolved":
        return None
    ended: str = msgspec.json.decode(alert.evidence).get("ended", "data")
    return ended


def figures_of(alert: KeptAlert) -> dict[str, Any]:
    """The figures that it was raised for."""
    return {name: value for name, value in msgspec.json.decode(alert.evidence).items() if name != "ended"}


def acknowledged_detail(by: str, note: str) -> str:
    """Commits to who has seen it, and to what they said."""
    return detail_of({"by": by, "note": note})


def webhook_data(alert: KeptAlert) -> dict[str, Any]:
    """What a webhook says. Never the note: it is a person's words."""
    return {
        "alert": alert.id,
        "state": alert.state,
        "severity": alert.severity,
        "partner": alert.partner,
        "agreement": alert.agreement,
        "clause": alert.clause,
        "rule": alert.rule,
        "contract": alert.contract,
        "raised": rfc3339(alert.raised_us),
        "acknowledged": None if alert.acknowledged_us is None else rfc3339(alert.acknowledged_us),
        "resolved": None if alert.resolved_us is None else rfc3339(alert.resolved_us),
        "resolved_by": resolved_by(alert),
        "evidence": figures_of(alert),
    }


def mail_subject(alert: KeptAlert, language: Language | None) -> str:
    """One line."""
    said = " / ".join(_state(alert)[each] for each in _languages(language))
    return f"[Clausegate] {said}: {alert.agreement} {alert.clause} ({alert.rule})"


def mail_text(alert: KeptAlert, language: Language | None) -> str:
    """The whole of a mail: what is the matter, the figures, and what to do."""
    return "\n\n".join(_paragraphs(alert, each) for each in _languages(language)) + "\n"


def _paragraphs(alert: KeptAlert, language: Language) -> str:
    found = msgspec.json.decode(alert.evidence)
    severity = _SEVERITIES.get(alert.severity, {}).get(language, alert.severity)
    lines = [
        _heading(alert, severity, language),
        *(_figures(_BURNING[name][language], found[name], language) for name in ("long", "short")),
        _rule(found, language),
        "",
        _next_step(alert, language),
    ]
    return "\n".join(lines)


def _heading(alert: KeptAlert, severity: str, language: Language) -> str:
    said = _state(alert)[language]
    found = msgspec.json.decode(alert.evidence)
    target, raised = found["target_percent"], rfc3339(alert.raised_us)
    if language == "zh":
        owes = "乙方" if found["owed_by"] == "partner" else "甲方"
        return (
            f"{said}（{severity}）：协议 {alert.agreement} 第 {alert.clause} 条由{owes}承诺 {target}%，"
            f"其允许的差错正被过快用尽。告警 {alert.id}，{raised} 发出。"
        )
    owes = "the Partner" if found["owed_by"] == "partner" else "the Hub"
    return (
        f"{said} ({severity}): clause {alert.clause} of {alert.agreement}, of which {owes} promises {target} %,"
        f" is being used up too fast. Alert {alert.id}, raised {raised}."
    )


def _state(alert: KeptAlert) -> Words:
    return _WITHDRAWN if resolved_by(alert) == RULE_WITHDRAWN else _STATES[alert.state]


def _figures(window: str, found: Mapping[str, Any], language: Language) -> str:
    rate = found["burn_rate"]
    if language == "zh":
        burnt = "" if rate is None else f"，消耗速率 {rate}"
        return f"- {window} {found['minutes']} 分钟：{found['total']} 次中 {found['bad']} 次不合格{burnt}"
    burnt = "" if rate is None else f", burn rate {rate}"
    return f"- {window}, {found['minutes']} min: {found['bad']} of {found['total']} bad{burnt}"


def _rule(found: Mapping[str, Any], language: Language) -> str:
    factor, least, bad = found["factor"], found["minimum_events"], found["bad_events"]
    if language == "zh":
        return f"- 规则：两个窗口的消耗速率均高于 {factor}；长窗口不足 {least} 次时，不合格达 {bad} 次。"
    return f"- rule: a burn rate above {factor} in both; with fewer than {least} calls in the long one, {bad} bad ones"


def _next_step(alert: KeptAlert, language: Language) -> str:
    command = f"clausegate alerts acknowledge DIR {alert.id} --note WORDS"
    if alert.state == "raised":
        return f"确认：{command}" if language == "zh" else f"To acknowledge it: {command}"
    if resolved_by(alert) == RULE_WITHDRAWN:
        return _NOT_WATCHED[language]
    if alert.state == "resolved":
        return "之后的调用数据表明已恢复。" if language == "zh" else "The calls since then show that it is over."
    return "已有人处理。" if language == "zh" else "Somebody has seen it."


def _languages(language: Language | None) -> tuple[Language, ...]:
    return ("zh", "en") if language is None else (language,)


def rfc3339(time_us: int) -> str:
    """In UTC, to the second."""
    return datetime.fromtimestamp(time_us // 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
