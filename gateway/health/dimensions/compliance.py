"""compliance: does the partner keep to what was agreed?"""

from typing import ClassVar

from gateway.health.dimension import Dimension, Measure, Observed, Score, Unknown, kept
from policies.reference import Words

GONE_AT_PERCENT = 50


class Compliance(Dimension, frozen=True):
    """The share of calls that some clause refused, out of those refused and those served."""

    name = "compliance"
    weight = 15
    title: ClassVar[Words] = {"zh": "守约情况", "en": "Compliance"}

    def measure(self, observed: Observed) -> Measure:
        refused = sum(observed.refusals.values())
        calls = observed.good + refused
        if not calls:
            return Unknown({"zh": "尚无可评判的调用", "en": "there is no call to judge yet"})
        by_clause = sorted(observed.refusals.items(), key=lambda refusal: (-refusal[1], refusal[0]))
        named = ", ".join(f"{clause}: {count:,}" for clause, count in by_clause)
        zh, en = (
            f"{calls:,} 次调用中有 {refused:,} 次被条款拒绝",
            f"{refused:,} of {calls:,} calls were refused by a clause",
        )
        return Score(
            kept(refused, calls, GONE_AT_PERCENT),
            {"zh": f"{zh}（{named}）", "en": f"{en} ({named})"} if refused else {"zh": zh, "en": en},
        )
