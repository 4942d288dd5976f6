"""activity: does the partner use what it signed up for?"""

from fractions import Fraction
from math import ceil
from typing import ClassVar

from gateway.health.dimension import Dimension, Measure, Observed, Score, Unknown
from policies.reference import Words


class Activity(Dimension, frozen=True):
    """Good answers against the volume that the agreements declare for the time observed; more than declared is full.

    Only good answers are use: a partner that calls in vain is not active.
    """

    name = "activity"
    weight = 20
    title: ClassVar[Words] = {"zh": "活跃度", "en": "Activity"}

    def measure(self, observed: Observed) -> Measure:
        if observed.declared is None:
            return Unknown(
                {"zh": "协议未申报调用量，或尚无观测", "en": "no volume is declared, or nothing was observed yet"}
            )
        declared = max(Fraction(1), observed.declared)
        return Score(
            min(Fraction(1), observed.good / declared),
            {
                "zh": f"按申报应有 {ceil(declared):,} 次调用，成功应答 {observed.good:,} 次",
                "en": f"{observed.good:,} calls were served of {ceil(declared):,} declared for the time observed",
            },
        )
