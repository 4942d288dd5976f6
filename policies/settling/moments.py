"""Moments as whole microseconds: two of one time zone subtracted would give what clocks show, not what has passed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Unix time of a moment that says its offset, in microseconds. Raises TypeError for one that does not."""
    if moment.tzinfo is None:
        raise TypeError(f"{moment} says no offset from UTC")
    return (moment.astimezone(UTC) - _EPOCH) // MICROSECOND


def span_of(seconds: Decimal) -> timedelta:
    """A number of seconds as a span of time; what is beyond microseconds is cut off."""
    return timedelta(microseconds=int(seconds * 1_000_000))
