"""Downtime: how long it lasted that slices were bad, counting only runs of bad ones that are long enough."""

import re
from datetime import timedelta
from fractions import Fraction
from functools import cache
from typing import Annotated

from msgspec import Meta, Struct

from policies.reference import Words
from policies.settling.counting import Counted, Rules, Run, counts_as, merged
from policies.settling.moments import MICROSECOND

BadSlice = Annotated[str, Meta(pattern=r"^(errors (>|>=)|good (<|<=)) [0-9]{1,3}(\.[0-9]{1,6})?\Z")]
"""What makes a slice bad: `errors > 5`, `errors >= 100`, `good < 95` or `good <= 50`, in percent of its requests."""

_PARTS = re.compile(r"^(errors|good) (>=|>|<=|<) (\S+)$")
_SAID: dict[str, Words] = {
    ">": {"zh": "高于", "en": "more than"},
    ">=": {"zh": "不低于", "en": "at least"},
    "<": {"zh": "低于", "en": "less than"},
    "<=": {"zh": "不高于", "en": "at most"},
}


class Downtime(Struct, frozen=True):
    """`down_us` of `base_us` microseconds, in `runs` runs that are long enough of `bad_runs` in all."""

    down_us: int
    base_us: int
    runs: int
    bad_runs: int

    @property
    def share(self) -> Fraction | None:
        """The share of the base that was no downtime, None without a base."""
        return Fraction(self.base_us - self.down_us, self.base_us) if self.base_us else None


def downtime(counted: Counted, rules: Rules, bad: str, run_min: timedelta) -> Downtime:
    """Bad slices that follow each other make a run; a slice that is left out ends one.

    Where operations are counted apart, a slice is bad when it is bad for any of them.
    """
    base: list[tuple[int, int]] = []
    down: list[tuple[int, int]] = []
    for window in counted.windows:
        for run in window.runs:
            as_good = counts_as(run, rules)
            begin = max(run.first * window.slice_us, window.deployed_us[0])
            end = begin + window.lasting_us(run)
            if as_good is None:
                continue
            base.append((begin, end))
            if is_bad(run, bad) if run.standing == "judged" else not as_good:
                down.append((begin, end))
    runs = [end - begin for begin, end in merged(down)]
    long = [length for length in runs if length >= run_min // MICROSECOND]
    return Downtime(sum(long), sum(end - begin for begin, end in merged(base)), len(long), len(runs))


def is_bad(run: Run, rule: str) -> bool:
    """Whether a slice with requests is bad. Exactly at a threshold it is not beyond it."""
    what, sign, limit = _taken(rule)
    # Compared as whole numbers: a month has tens of thousands of slices, and fractions take ten times as long.
    share = (run.good if what == "good" else run.total - run.good) * 100 * limit.denominator
    bound = limit.numerator * run.total
    if sign in (">", ">="):
        return share > bound or (sign == ">=" and share == bound)
    return share < bound or (sign == "<=" and share == bound)


def bad_slice_words(rule: str) -> Words:
    """The rule in words."""
    what, sign, _ = _taken(rule)
    limit = rule.rpartition(" ")[2]
    zh = "合格应答比例" if what == "good" else "错误率"
    en = "good answers are" if what == "good" else "errors are"
    return {"zh": f"{zh}{_SAID[sign]['zh']} {limit}%", "en": f"{en} {_SAID[sign]['en']} {limit}%"}


def bad_slice_faults(rule: str) -> list[tuple[str, str]]:
    """A share is at most 100 percent, and a rule that nothing or everything fulfils is none."""
    _, sign, limit = _taken(rule)
    never = limit > 100 or (sign == ">" and limit == 100) or (sign == "<" and limit == 0)
    always = (sign == ">=" and limit == 0) or (sign == "<=" and limit >= 100)
    if never or always:
        return [("bad_slice", f"{rule}: {'no' if never else 'every'} slice is bad by that rule")]
    return []


@cache
def _taken(rule: str) -> tuple[str, str, Fraction]:
    found = _PARTS.match(rule)
    if found is None:
        raise ValueError(rule)
    return found[1], found[2], Fraction(found[3])
