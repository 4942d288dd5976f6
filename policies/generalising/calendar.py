"""Dates and timestamps, to the day, month, quarter or year that they are in."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Literal, TypeAlias

from msgspec import UNSET

from policies.technique import Disclosed, Masker

Span: TypeAlias = Literal["day", "month", "quarter", "year"]

PATTERNS: Mapping[Span, str] = {
    "day": r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$",
    "month": r"^[0-9]{4}-(0[1-9]|1[0-2])$",
    "quarter": r"^[0-9]{4}-Q[1-4]$",
    "year": r"^[0-9]{4}$",
}
"""What comes out, as regular expressions."""

_OFFSET = r"(?:[Zz]|[+-](?:[01][0-9]|2[0-3]):?[0-5][0-9])"
_CLOCK = rf"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::(?:[0-5][0-9]|60)(?:\.[0-9]+)?)? ?{_OFFSET}?"
_MOMENT = re.compile(rf"([0-9]{{4}})-([0-9]{{2}})-([0-9]{{2}})(?:[Tt ]{_CLOCK})?")


def calendar_span(span: Span) -> Masker:
    """Names the day, month, quarter or year of an RFC 3339 date or timestamp.

    A timestamp counts where it was written: 2026-01-01T07:00+08:00 is of 2026, though it was still 2025 in UTC. Its
    offset does not go out.
    """

    def generalise(value: str) -> Disclosed:
        match = _MOMENT.fullmatch(value)
        if match is None:
            return UNSET
        try:
            day = date(int(match[1]), int(match[2]), int(match[3]))
        except ValueError:
            return UNSET
        return _name(day, span)

    return generalise


def _name(day: date, span: Span) -> str:
    match span:
        case "day":
            return day.isoformat()
        case "month":
            return day.isoformat()[:7]
        case "quarter":
            return f"{day.year:04}-Q{(day.month + 2) // 3}"
    return f"{day.year:04}"
