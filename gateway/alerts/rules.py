"""alerts.toml: what operations wants to be told of, and whom to tell. Every field has a default; so has the file.

The rules are multi-window, multi-burn-rate alerts (The Site Reliability Workbook, chapter 5): a burn rate of 1 uses up
exactly what a promise allows in its window, and a rule is about a rate in a long window that a short one confirms.
"""

import re
import tomllib
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct

from contracts.decode import examine
from contracts.finding import Finding, path_text
from policies.reference import Language

FILE: Final = "alerts.toml"
FILE_BYTES_MAX: Final = 256 * 1024
_MINUTE: Final = timedelta(minutes=1)
LONGEST: Final = timedelta(days=28)
"""The longest window: so much is counted by the minute whatever the calendar says."""

Kind: TypeAlias = Literal["availability", "response_time", "error_rate"]
"""Kinds of clause that have an error budget."""
Severity: TypeAlias = Literal["page", "ticket"]
Factor: TypeAlias = Annotated[str, Meta(pattern=r"^[0-9]{1,4}(\.[0-9]{1,4})?\Z")]
KINDS: Final[tuple[Kind, ...]] = ("availability", "response_time", "error_rate")


class Rule(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One rule: raise when the burn rate is above `factor` in the long window and in the short one."""

    name: Annotated[
        str, Meta(pattern=r"^(?:[a-z0-9][a-z0-9-]{0,31})?\Z", description="Its name, once in the file. Empty: rule-1.")
    ] = ""
    long: Annotated[timedelta, Meta(description="The long window, whole minutes, at most P28D.")] = timedelta(hours=1)
    short: Annotated[timedelta, Meta(description="The short window: it is over soon after what burns is over.")] = (
        timedelta(minutes=5)
    )
    factor: Annotated[Factor, Meta(description="The burn rate that has to be exceeded in both.")] = "14.4"
    severity: Annotated[Severity, Meta(description="Whether somebody is woken (page), or it is work (ticket).")] = (
        "ticket"
    )
    minimum_events: Annotated[
        int, Meta(ge=0, le=10**9, description="With fewer events in the long window no rate is judged.")
    ] = 100
    bad_events: Annotated[
        int,
        Meta(
            ge=0,
            le=10**9,
            description="Fewest bad events for an alert; they decide where no rate is judged. 0: then none is raised.",
        ),
    ] = 5
    resolve_events: Annotated[
        int, Meta(ge=1, le=10**6, description="Events that have to show that it is over before an alert is resolved.")
    ] = 10
    kinds: Annotated[tuple[Kind, ...], Meta(min_length=1, description="Kinds of clause that it watches.")] = KINDS
    agreements: Annotated[tuple[str, ...], Meta(description="Agreements that it watches. Empty: all.")] = ()
    clauses: Annotated[tuple[str, ...], Meta(description="Numbers of clauses that it watches. Empty: all.")] = ()

    @property
    def burning(self) -> Fraction:
        """The factor, exact."""
        return Fraction(self.factor)

    @property
    def long_us(self) -> int:
        """The long window in microseconds."""
        return self.long // timedelta(microseconds=1)

    @property
    def short_us(self) -> int:
        """The short window in microseconds."""
        return self.short // timedelta(microseconds=1)

    def is_about(self, agreement: str, clause: str, kind: str) -> bool:
        """Whether a clause is among those that it watches."""
        chosen = (not self.agreements or agreement in self.agreements) and (not self.clauses or clause in self.clauses)
        return chosen and kind in self.kinds

    def faults(self) -> list[tuple[str, str]]:
        """(field, what is wrong) where values contradict each other, whatever is watched."""
        found = []
        for name, window in (("long", self.long), ("short", self.short)):
            if window < _MINUTE or window % _MINUTE or window > LONGEST:
                found.append((name, "a window is whole minutes, from PT1M to P28D"))
        if Fraction(self.factor) <= 0:
            found.append(("factor", "a burn rate of 0 is exceeded by every bad event: at least 0.0001"))
        if 0 < self.minimum_events <= self.bad_events:
            message = "never decide: they are no fewer than minimum_events, from which on the rate does"
            found.append(("bad_events", f"{self.bad_events} bad events {message}"))
        return found


DEFAULT_RULES: Final[tuple[Rule, ...]] = (
    Rule(name="fast", long=timedelta(hours=1), short=timedelta(minutes=5), factor="14.4", severity="page"),
    Rule(name="steady", long=timedelta(hours=6), short=timedelta(minutes=30), factor="6", severity="page"),
    Rule(name="slow", long=timedelta(days=3), short=timedelta(hours=6), factor="1", severity="ticket"),
)
"""2 % of a month's budget in an hour, 5 % in six, 10 % in three days: the table of the SRE Workbook."""


class AlertsFile(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What alerts.toml holds."""

    webhooks: Annotated[bool, Meta(description="Whether the hub's webhook endpoints are told.")] = True
    email: Annotated[
        tuple[Annotated[str, Meta(pattern=r"^[^\s@<>,;:\"()]{1,64}@[A-Za-z0-9.-]{1,190}\Z")], ...],
        Meta(max_length=50, description="E-mail addresses that are told."),
    ] = ()
    email_from: Annotated[Severity, Meta(description="The least severity that is mailed: ticket mails all.")] = "ticket"
    quiet: Annotated[
        timedelta, Meta(description="After telling of an alert, the same one raised anew is not told for so long.")
    ] = timedelta(hours=1)
    language: Annotated[Language | None, Meta(description="Language of e-mail: zh or en. None: both.")] = None
    rules: Annotated[tuple[Rule, ...], Meta(max_length=50, description="The rules. None: the three of the table.")] = ()


class Alerts(Struct, frozen=True):
    """What holds. `written` False: the rules are the default ones, and where one can never raise it is left out.

    `lines` are those of the file that begin each rule, and their fields: [(rule, field)], field "" for the beginning.
    `trusted` False: the file has mistakes and no earlier one is known, so nobody knows which rules are meant.
    """

    file: AlertsFile
    rules: tuple[Rule, ...]
    written: bool
    lines: dict[tuple[int, str], int]
    trusted: bool = True

    def line(self, rule: int, field: str = "") -> int:
        """Where the file says this, or the nearest place to it."""
        return self.lines.get((rule, field)) or self.lines.get((rule, ""), 1)


DEFAULT_ALERTS: Final = Alerts(AlertsFile(), DEFAULT_RULES, written=False, lines={})


def read_alerts(folder: Path) -> Alerts | list[Finding]:
    """The workspace's alerts.toml; without a file the defaults. All mistakes are reported."""
    try:
        with (folder / FILE).open("rb") as file:
            data = file.read(FILE_BYTES_MAX + 1)
        if len(data) > FILE_BYTES_MAX:
            return [_finding(f"larger than {FILE_BYTES_MAX:,} bytes", 1)]
        return parse_alerts(data.decode())
    except FileNotFoundError:
        return DEFAULT_ALERTS
    except (OSError, UnicodeDecodeError) as error:
        return [_finding(f"cannot be read: {type(error).__name__}", 1)]


def parse_alerts(text: str) -> Alerts | list[Finding]:
    """What the text of an alerts.toml says, or every mistake of it."""
    try:
        # Numbers with a point stay the text that they are: no binary fraction decides whether an alert is raised.
        values = tomllib.loads(text, parse_float=str)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = re.search(r"at line (\d+)", str(error))
        return [_finding(str(error), int(place[1]) if place else 1)]
    lines = _lines(text)
    for rule in _tables(values.get("rules")):
        if type(rule.get("factor")) is int:
            rule["factor"] = str(rule["factor"])
    mistakes = examine(values, AlertsFile)
    if mistakes:
        return [_finding(each.message, _line_of(lines, each.path), path_text(each.path)) for each in mistakes]
    file = msgspec.convert(values, AlertsFile)
    rules = tuple(
        msgspec.structs.replace(rule, name=rule.name or f"rule-{number}") for number, rule in enumerate(file.rules, 1)
    )
    alerts = Alerts(file, rules or DEFAULT_RULES, written=bool(rules), lines=lines)
    return _contradictions(alerts) or alerts


def _contradictions(alerts: Alerts) -> list[Finding]:
    found, seen = [], set()
    for index, rule in enumerate(alerts.rules if alerts.written else ()):
        for field, message in rule.faults():
            found.append(_finding(message, alerts.line(index, field), f"rules[{index}].{field}"))
        if rule.name in seen:
            message = f"two rules are called {rule.name}: an alert is told from others by its rule's name"
            found.append(_finding(message, alerts.line(index, "name"), f"rules[{index}].name"))
        seen.add(rule.name)
    return found


def _finding(message: str, line: int, path: str = "") -> Finding:
    return Finding("bad-alert", message, FILE, line, path)


def _tables(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _lines(text: str) -> dict[tuple[int, str], int]:
    """Where each rule and each field of it begins, -1 for what stands before the rules: tomllib keeps no places."""
    found: dict[tuple[int, str], int] = {}
    rule = -1
    for number, line in enumerate(text.splitlines(), 1):
        if re.match(r"\s*\[\[\s*rules\s*\]\]", line):
            rule += 1
            found[rule, ""] = number
        elif key := re.match(r"\s*[\"']?([\w-]+)[\"']?\s*=", line):
            found.setdefault((rule, key[1]), number)
    return found


def _line_of(lines: dict[tuple[int, str], int], path: tuple[str | int, ...]) -> int:
    match path:
        case ("rules", int(rule), str(field), *_):
            return lines.get((rule, field)) or lines.get((rule, ""), 1)
        case ("rules", int(rule), *_):
            return lines.get((rule, ""), 1)
        case (str(field), *_):
            return lines.get((-1, field), 1)
    return 1
