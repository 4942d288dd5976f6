"""A Change as HTTP: its body and header fields, and what the backend's answer to it means."""

import math
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec

from adapters.base import Answer, Change, Fault, Field

_ENCODER = msgspec.json.Encoder(decimal_format="number")
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")
_MEDIA_TYPES = {"create": "application/json", "update": "application/merge-patch+json"}
_MISSING, _DONE = Answer(404, "", b""), Answer(204, "", b"")
_CONFLICT, _UNFIT = Answer(409, "", b""), Answer(422, "", b"")


def body_of(values: Iterable[tuple[Field, Any]]) -> bytes | None:
    """The values as JSON, each at its place in the record; None for what JSON cannot say.

    Numbers keep their exact text: a Decimal is written as a number, never through a float.
    """
    record: dict[str, Any] = {}
    for field, value in values:
        place = record
        for name in field.path[:-1]:
            place = place.setdefault(name, {})
        place[field.path[-1]] = value
    try:
        return _ENCODER.encode(record) if _is_finite(record) else None  # infinity would be written as such
    except (UnicodeEncodeError, msgspec.MsgspecError, OverflowError, ValueError):
        return None


def fields_of(change: Change) -> dict[str, str]:
    """What is said beside the body. The key that is the same for every try is a structured-field String
    (draft-ietf-httpapi-idempotency-key-header); a `traceparent` that is none (W3C Trace Context) is left out."""
    fields = {}
    media_type = _MEDIA_TYPES.get(change.action)
    if media_type is not None:
        fields["Content-Type"] = media_type
    if change.idempotency_key is not None:
        escaped = change.idempotency_key.replace("\\", "\\\\").replace('"', '\\"')
        fields["Idempotency-Key"] = f'"{escaped}"'
    if change.traceparent is not None and _TRACEPARENT.fullmatch(change.traceparent):
        fields["traceparent"] = change.traceparent
    return fields


def meaning(change: Change, answer: Answer) -> Answer | Fault:
    """The backend's status as a Change's answer; one that means none of these stays as it is."""
    status = answer.status
    if status in (200, 201):
        return answer if answer.body else _DONE
    if 200 < status < 300:
        return _DONE  # 202 as well: it has taken the change, and there is no record to show
    if 300 <= status < 400:
        return Fault("protocol", "the backend answered with a redirect, which says nothing about the change")
    if status in (409, 412):
        return _CONFLICT
    if status in (400, 422) and change.action != "delete":
        return _UNFIT
    if status in (404, 410) and change.action != "create":
        return _MISSING
    return answer


def _is_finite(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_finite(inner) for inner in value.values())
    if isinstance(value, list):
        return all(_is_finite(inner) for inner in value)
    return not isinstance(value, Decimal | float) or math.isfinite(value)
