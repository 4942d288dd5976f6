"""Facts from JSON, as a person writes them: dates for midnights, amounts as text or numbers; the first mistake named.

Nothing is guessed: an unknown name, a name given twice, a moment that clocks show twice are mistakes.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from policies.settling.checks import zone_named
from policies.settling.facts import FactFault, Facts

SIZE_MAX_BYTES = 64 * 2**20
_MOMENTS = frozenset(
    {"from", "to", "start", "announced", "reported", "acknowledged", "fixed", "due", "arrived", "effective"}
)
_PLACE = re.compile(r" - at `\$\.?(.*)`$")
_DATE = re.compile(r"^\d{4}-\d{2}-\d{2}\Z")
_DIGITS_MAX = 80


def facts_of(data: bytes) -> Facts | FactFault:
    """The facts that a JSON document holds, or the first thing that is wrong with it. Its path is "" for the whole."""
    if len(data) > SIZE_MAX_BYTES:
        return FactFault("", f"the facts are more than {SIZE_MAX_BYTES} bytes")
    try:
        value = json.loads(
            data.decode(), parse_float=Decimal, parse_int=_whole, parse_constant=_no_number, object_pairs_hook=_once
        )
    except _MistakeError as mistake:
        return FactFault("", str(mistake))
    except RecursionError:
        return FactFault("", "the facts are nested too deeply")
    except ValueError as error:
        return FactFault("", f"is no JSON in UTF-8: {error}")
    if not isinstance(value, dict):
        return FactFault("", 'the facts are a JSON object such as {"from": ..., "to": ..., "slices": [...]}')
    name = value.get("zone", "UTC")
    zone = zone_named(name) if isinstance(name, str) else None
    if zone is None:
        return FactFault("zone", f"there is no time zone {name!r}")
    fault = next(_moments(value, "", zone), None)
    return fault if fault is not None else _converted(value)


class _MistakeError(Exception):
    """Says what is wrong while JSON is being read."""


def _converted(value: dict[str, Any]) -> Facts | FactFault:
    missing = next((name for name in ("from", "to") if name not in value), None)
    if missing is not None:
        return FactFault(missing, "is missing: a date such as 2026-10-01, or a date and time")
    try:
        return msgspec.convert(value, Facts)
    except msgspec.ValidationError as error:
        message = str(error)
        place = _PLACE.search(message)
        path, said = place[1] if place else "", _PLACE.sub("", message)
        unknown = re.fullmatch(r"Object contains unknown field `(.*)`", said)
        absent = re.fullmatch(r"Object missing required field `(.*)`", said)
        if unknown:
            return FactFault(_joined(path, unknown[1]), "there is no such fact")
        if absent:
            return FactFault(_joined(path, absent[1]), "is missing")
        return FactFault(_numbered(value, path), said[:1].lower() + said[1:])


def _numbered(value: Any, path: str) -> str:
    """The path with the number of the item, which the decoder leaves out: `slices[...].good`."""
    before, dots, after = path.partition("[...]")
    if not dots:
        return path
    items = value.get(before) if isinstance(value, dict) else None
    kind = next((field.type for field in msgspec.structs.fields(Facts) if field.encode_name == before), None)
    for number, item in enumerate(items if isinstance(items, list) else ()):
        try:
            msgspec.convert([item], kind)
        except msgspec.ValidationError:
            return f"{before}[{number}]{after}"
    return path


def _moments(value: Any, path: str, zone: ZoneInfo) -> Iterator[FactFault]:
    """Replaces what stands for a moment by that moment, in place; what does not stand for one is a fault."""
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _moments(item, f"{path}[{number}]", zone)
    elif isinstance(value, dict):
        for name, item in value.items():
            where = _joined(path, name)
            if name in _MOMENTS and item is not None:
                found = _moment(item, zone)
                if isinstance(found, str):
                    yield FactFault(where, found)
                else:
                    value[name] = found
            else:
                yield from _moments(item, where, zone)


def _moment(value: Any, zone: ZoneInfo) -> datetime | str:
    """The moment in UTC, or what is wrong. A date is its midnight; a time without offset is what clocks there show."""
    if not isinstance(value, str):
        return "is no text such as 2026-10-01 or 2026-10-01T08:30:00+08:00"
    try:
        if _DATE.match(value):
            return datetime.combine(date.fromisoformat(value), time(), tzinfo=zone).astimezone(UTC)
        found = datetime.fromisoformat(value)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
        readings = {found.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
    except (ValueError, OverflowError):
        return f"{value!r} is no date such as 2026-10-01 and no time such as 2026-10-01T08:30:00+08:00"
    if len(readings) > 1:
        return f"clocks of {zone.key} show {value} twice or never: say the offset, such as +08:00"
    return readings.pop()


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        raise _MistakeError(f"{next(name for name in names if names.count(name) > 1)!r} is given twice")
    return found


def _whole(text: str) -> int:
    if len(text) > _DIGITS_MAX:
        raise _MistakeError(f"a number has more than {_DIGITS_MAX} digits")
    return int(text)


def _no_number(text: str) -> Decimal:
    raise _MistakeError(f"{text} is no number")
