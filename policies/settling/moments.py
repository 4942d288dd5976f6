"""Moments as whole microseconds: two of one time zone subtracted would give what clocks show, not what has passed."""

from datetime import UTC, datetime, timedelta

MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """Unix time of a moment that says its offset, in microseconds. Raises TypeError for one that does not."""
    if moment.tzinfo is None:
        raise TypeError(f"{moment} says no offset from UTC")
    return (moment.astimezone(UTC) - _EPOCH) // MICROSECOND
