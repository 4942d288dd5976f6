"""Dates, timestamps and times as text: RFC 3339, or the format that a product gives in JDK's letters."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

_DATE = "(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
_TIME = r"(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})(?:\.(?P<fraction>[0-9]{1,6}))?"
_OFFSET = r"(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})"
_LETTERS = {
    "yyyy": "(?P<year>[0-9]{4})",
    "uuuu": "(?P<year>[0-9]{4})",
    "MM": "(?P<month>[0-9]{2})",
    "dd": "(?P<day>[0-9]{2})",
    "HH": "(?P<hour>[0-9]{2})",
    "mm": "(?P<minute>[0-9]{2})",
    "ss": "(?P<second>[0-9]{2})",
    "XXX": _OFFSET,
}
_LETTERS |= {"S" * digits: f"(?P<fraction>[0-9]{{{digits}}})" for digits in range(1, 7)}
_TOKEN = re.compile(r"'(?P<quoted>[^']*)'|(?P<letter>[A-Za-z])(?P=letter)*|(?P<plain>[^A-Za-z'\[\]{}#])")
_SPECIAL = re.compile(r"[\\^$.|?*+()\[\]{}/]")  # re.escape does more, which ECMA-262 does not read
_NEEDED = {"date": {"year", "month", "day"}, "time": {"hour", "minute"}}
_NEEDED["timestamp"] = _NEEDED["date"] | _NEEDED["time"]
_RFC3339 = frozenset({"date", "date-time", "time", "iso8601", "iso-8601", "rfc3339", "rfc-3339"})
"""What products write in the place of a format that mean the default."""
_NAMED_GROUP = re.compile(r"\(\?P<[a-z]+>")


class Moments(Struct, frozen=True):
    """How a field writes a moment. `written` says it to people, `pattern` to readers of JSON Schema.

    `json_format` is the format of JSON Schema that it is, if any.
    """

    written: str
    expression: re.Pattern[str]
    json_format: str | None

    @property
    def pattern(self) -> str:
        """The expression as ECMA-262 has it, anchored."""
        return f"^{_NAMED_GROUP.sub('(?:', self.expression.pattern)}$"

    def read(self, text: str) -> datetime | None:
        """The moment, to be compared with others of the same field; None when the text is none.

        What a date or time leaves out is the same in all of them. Leap seconds are none: backends do not hold them.
        """
        found = self.expression.fullmatch(text)
        if found is None:
            return None
        parts = _PARTS | {name: value for name, value in found.groupdict().items() if value is not None}
        try:
            return datetime.fromisoformat(_ISO.format_map(parts))
        except ValueError:
            return None


_ISO = "{year}-{month}-{day}T{hour}:{minute}:{second}.{fraction:0<6}{offset}"
_PARTS = {"year": "2000", "month": "01", "day": "01", "hour": "00", "minute": "00", "second": "00"}
_PARTS |= {"fraction": "0", "offset": "Z"}


def moments_of(logical_type: str, options: Mapping[str, Any]) -> Moments | str:
    """How a field of type date, timestamp or time is written; or what cannot be understood of it.

    By default a timestamp has an offset and a time of day has none; ODCS's `timezone` says otherwise.
    """
    given = options.get("format")
    if given is not None and not isinstance(given, str):
        return "format is text, such as yyyy-MM-dd"
    if given is not None and given.lower() not in _RFC3339:
        return _of_format(logical_type, given)
    zoned = options.get("timezone", logical_type == "timestamp")
    if not isinstance(zoned, bool):
        return "timezone is true or false"
    offset, said = (_OFFSET, "+08:00") if zoned and logical_type != "date" else ("", "")
    if logical_type == "date":
        return Moments("2026-01-31", re.compile(_DATE), "date")
    if logical_type == "time":
        return Moments(f"23:59:59{said}", re.compile(_TIME + offset), None)
    return Moments(f"2026-01-31T23:59:59{said}", re.compile(f"{_DATE}T{_TIME}{offset}"), "date-time" if zoned else None)


def _of_format(logical_type: str, given: str) -> Moments | str:
    """A format in JDK's letters: those that have one meaning in every language."""
    expression, end, parts = "", 0, set()
    for token in _TOKEN.finditer(given):
        if token.start() != end:
            break
        end = token.end()
        if token["letter"]:
            part = _LETTERS.get(token[0])
            name = part and part[4 : part.index(">")]
            if part is None or name in parts:
                return f"format {given!r} has {token[0]}, which is not understood; known are {', '.join(_LETTERS)}"
            parts.add(name)
            expression += part
        else:
            expression += _SPECIAL.sub(r"\\\g<0>", token["plain"] or token["quoted"] or "'")
    if end != len(given) or not parts >= _NEEDED[logical_type]:
        return f"format {given!r} does not say how a {logical_type} is written"
    return Moments(given, re.compile(expression), None)
