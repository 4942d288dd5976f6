"""Recurrence rules (RFC 5545 section 3.3.10) over wall-clock times, in bounded time whatever the rule says.

A rule is days, weeks, months or years with any of their parts; it needs no end of its own, for a notice has one.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from itertools import islice, takewhile
from types import MappingProxyType
from typing import Final

from dateutil.rrule import rrulestr

RULE_CHARACTERS_MAX: Final = 500
OCCURRENCES_MAX: Final = 5_000
"""Of one rule: ten a week for almost ten years."""

_NUMBERS = r"[-+]?[0-9]{1,3}(,[-+]?[0-9]{1,3})*"
_DAYS = r"[-+]?[0-9]{0,2}(MO|TU|WE|TH|FR|SA|SU)(,[-+]?[0-9]{0,2}(MO|TU|WE|TH|FR|SA|SU))*"
_PARTS: Mapping[str, re.Pattern[str]] = MappingProxyType(
    {
        "FREQ": re.compile("DAILY|WEEKLY|MONTHLY|YEARLY"),
        "INTERVAL": re.compile("[1-9][0-9]{0,2}"),
        "COUNT": re.compile("[1-9][0-9]{0,3}"),
        "WKST": re.compile("MO|TU|WE|TH|FR|SA|SU"),
        "BYDAY": re.compile(_DAYS),
        **{name: re.compile(_NUMBERS) for name in ("BYMONTH", "BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS")},
        **{name: re.compile(r"[0-9]{1,2}(,[0-9]{1,2})*") for name in ("BYHOUR", "BYMINUTE")},
    }
)
_BOUNDS = MappingProxyType(
    {
        "BYMONTH": range(1, 13),
        "BYMONTHDAY": range(1, 32),
        "BYYEARDAY": range(1, 367),
        "BYWEEKNO": range(1, 54),
        "BYSETPOS": range(1, 367),
        "BYHOUR": range(24),
        "BYMINUTE": range(60),
    }
)
_SIGNED = frozenset({"BYMONTHDAY", "BYYEARDAY", "BYWEEKNO", "BYSETPOS"})
_CYCLE_YEARS = 400
"""After so many years the Gregorian calendar repeats, days of the week included (146,097 days are 20,871 weeks)."""
_YEAR_MAX = 9998


def rule_fault(rule: str, first: datetime, until: datetime) -> str:
    """What is wrong with a rule, or with how often it happens from `first` until `until`; "" when nothing is."""
    if len(rule) > RULE_CHARACTERS_MAX:
        return f"a rule has at most {RULE_CHARACTERS_MAX} characters"
    fault = _parts_fault(rule)
    if fault:
        return fault
    try:
        found = _expand(rule, first, until, OCCURRENCES_MAX + 1)
    except (ValueError, TypeError, OverflowError):
        return "this is no recurrence rule (RFC 5545 section 3.3.10)"
    if not found:
        return "the rule never happens between from and until"
    return (
        "" if len(found) <= OCCURRENCES_MAX else f"the rule happens more than {OCCURRENCES_MAX:,} times until its end"
    )


def occurrences(rule: str, first: datetime, until: datetime) -> list[datetime]:
    """When a rule without a fault happens, from `first` (inclusive) until `until` (exclusive); no zones."""
    return _expand(rule, first, until, OCCURRENCES_MAX)


def _expand(rule: str, first: datetime, until: datetime, most: int) -> list[datetime]:
    # A rule that never happens, such as 30 February, is looked for until the last year that a date can have. So it is
    # followed in the last cycle of the calendar before that, where the same days are the same days of the week.
    years = (_YEAR_MAX - until.year) // _CYCLE_YEARS * _CYCLE_YEARS
    last = until.replace(year=until.year + years)
    rules = rrulestr(rule, dtstart=first.replace(year=first.year + years))
    found = islice(takewhile(lambda at: at < last, rules), most)
    return [at.replace(year=at.year - years) for at in found]


def _parts_fault(rule: str) -> str:
    seen: set[str] = set()
    for part in rule.split(";"):
        name, _, value = part.partition("=")
        if name in ("UNTIL", "DTSTART"):
            return f"{name} is said by the notice: give from and until"
        if name not in _PARTS:
            return f"a rule has the parts {', '.join(_PARTS)}, in capitals, parted by semicolons"
        if name in seen:
            return f"{name} is given twice"
        seen.add(name)
        if not _PARTS[name].fullmatch(value) or not _in_bounds(name, value):
            return f"{name} has a value that is not possible here"
    if "FREQ" not in seen:
        return "FREQ is missing: DAILY, WEEKLY, MONTHLY or YEARLY"
    if "BYSETPOS" in seen and not any(name.startswith("BY") and name != "BYSETPOS" for name in seen):
        return "BYSETPOS needs another part that begins with BY (RFC 5545)"
    return ""


def _in_bounds(name: str, value: str) -> bool:
    if name not in _BOUNDS:
        return True
    numbers = [int(number) for number in value.split(",")]
    return all((abs(number) if name in _SIGNED else number) in _BOUNDS[name] for number in numbers)
