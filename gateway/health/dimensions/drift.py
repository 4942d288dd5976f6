"""drift: does the hub's data still look as the contract says?"""

from typing import ClassVar

from gateway.health.dimension import Dimension, Measure, Observed, Score, Unknown, kept
from policies.reference import Words

GONE_AT_PERCENT = 10


class Drift(Dimension, frozen=True):
    """The share of good answers from which values had to be withheld, their shape not being the contract's."""

    name = "drift"
    weight = 5
    title: ClassVar[Words] = {"zh": "数据一致", "en": "Data as agreed"}

    def measure(self, observed: Observed) -> Measure:
        if not observed.good:
            return Unknown({"zh": "尚无数据应答", "en": "no data were served yet"})
        return Score(
            kept(observed.drifted, observed.good, GONE_AT_PERCENT),
            {
                "zh": f"{observed.good:,} 次数据应答中有 {observed.drifted:,} 次存在被扣留的值",
                "en": f"{observed.drifted:,} of {observed.good:,} data answers had values withheld",
            },
        )
