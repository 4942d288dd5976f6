"""What `check` finds in alerts.toml: its mistakes, and rules that can never raise an alert."""

from pathlib import Path

from msgspec import structs

from contracts.finding import Finding
from contracts.plan import Plans
from gateway.alerts.rules import FILE, Alerts, read_alerts
from gateway.alerts.watched import Watched, rules_for, watched_clauses, why_never


def alert_findings(folder: Path, plans: Plans, now_s: int) -> list[Finding]:
    """Everything wrong with the workspace's alerts.toml, as far as agreements that have not ended are concerned.

    Without the file, or without rules in it, the default ones hold where they can: then a clause is only warned of if
    none of them can ever raise an alert about it.
    """
    alerts = read_alerts(folder)
    if isinstance(alerts, list):
        return alerts
    watched = watched_clauses(plans, now_s)
    found = _never(alerts, watched) if alerts.written else []
    return found + _unwatched(alerts, watched)


def _never(alerts: Alerts, watched: list[Watched]) -> list[Finding]:
    found: dict[tuple[str, str], Finding] = {}
    for index, rule in enumerate(alerts.rules):
        about = [each for each in watched if rule.is_about(each.contract.agreement, each.clause, each.kind)]
        if not about and (rule.agreements or rule.clauses):
            field = "clauses" if rule.clauses else "agreements"
            message = "there is no such clause to watch: none of these kinds, numbers and agreements"
            found[field, message] = _finding(alerts, index, field, message)
        for each in about:
            for field, why in why_never(rule, each):
                found.setdefault((f"{index}.{field}", why), _finding(alerts, index, field, why))
    return list(found.values())


def _finding(alerts: Alerts, index: int, field: str, why: str) -> Finding:
    message = f"this rule can never raise an alert: {why}"
    return Finding("alert-never-fires", message, FILE, alerts.line(index, field), f"rules[{index}].{field}")


def _unwatched(alerts: Alerts, watched: list[Watched]) -> list[Finding]:
    """Where rules are written, leaving a clause out is a decision; where none can fire it should be known."""
    if alerts.written:
        return []
    found = [
        Finding(
            "promise-unwatched",
            f"no default rule can ever raise an alert about clause {each.clause} of {each.contract.agreement}:"
            f" {'; '.join(dict.fromkeys(why for rule in alerts.rules for _, why in why_never(rule, each)))}",
            FILE,
            1,
        )
        for each in watched
        if not rules_for(alerts, each)
    ]
    return [structs.replace(finding, severity="warning") for finding in found]
