"""answers: does the hub answer well?"""

from typing import ClassVar

from gateway.health.dimension import Dimension, Measure, Observed, Score, Unknown, kept
from policies.reference import Words

GONE_AT_PERCENT = 10


class Answers(Dimension, frozen=True):
    """The share of answers that are 5xx; refusals and the caller's own mistakes are left out."""

    name = "answers"
    weight = 30
    title: ClassVar[Words] = {"zh": "应答质量", "en": "Good answers"}

    def measure(self, observed: Observed) -> Measure:
        answers = observed.good + observed.faults
        if not answers:
            return Unknown({"zh": "尚无可评判的应答", "en": "there is no answer to judge yet"})
        return Score(
            kept(observed.faults, answers, GONE_AT_PERCENT),
            {
                "zh": f"{answers:,} 次应答中有 {observed.faults:,} 次为 5xx",
                "en": f"{observed.faults:,} of {answers:,} answers were 5xx",
            },
        )
