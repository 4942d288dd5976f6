"""Requests that were counted ahead of time: what is asked for thousands of times a minute is not counted one by one."""

from collections.abc import Callable
from typing import Final

from limits import parse

_PART: Final = 100
"""A hundredth of what a rule allows is counted at a time: at most that much of it is lost to a source."""
_BATCH_MAX: Final = 50
_SOURCES_MAX: Final = 20_000


class Prepaid:
    """Of each source, how many requests are counted already and not yet made; good for one window of the rule.

    A process that counted for a source may leave less than `batch` unused in a window, and use less than that in the
    one after it.
    """

    def __init__(self, rule: str, monotonic_s: Callable[[], float]) -> None:
        """`rule` is `count/unit`. Raises ValueError for one that cannot be read."""
        item = parse(rule)
        self.batch = max(1, min(_BATCH_MAX, item.amount // _PART))
        self._window_s, self._monotonic_s = item.get_expiry(), monotonic_s
        self._left: dict[str, tuple[int, float]] = {}

    def take(self, source: str) -> bool:
        """Whether this request is counted already."""
        left, until_s = self._left.get(source, (0, 0.0))
        if left == 0 or self._monotonic_s() >= until_s:
            return False
        self._left[source] = (left - 1, until_s)
        return True

    def add(self, source: str) -> None:
        """`batch` requests were counted, of which this is the first."""
        if self.batch == 1:
            return
        if len(self._left) >= _SOURCES_MAX:
            self._left.clear()  # they are counted anew: nobody gets more than the rule says
        self._left[source] = (self.batch - 1, self._monotonic_s() + self._window_s)
