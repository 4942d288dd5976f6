"""promises: are the SLA clauses met?"""

from fractions import Fraction
from typing import ClassVar

from gateway.health.dimension import Dimension, Measure, Observed, Score, Unknown
from policies.reference import Words


class Promises(Dimension, frozen=True):
    """The share of SLA clauses met so far this month, of those with a verdict."""

    name = "promises"
    weight = 30
    title: ClassVar[Words] = {"zh": "服务承诺", "en": "SLA clauses"}

    def measure(self, observed: Observed) -> Measure:
        judged = len(observed.met) + len(observed.missed)
        if not judged:
            return Unknown({"zh": "本月尚无可判定的服务条款", "en": "no SLA clause has a verdict this month yet"})
        zh, en = (
            f"{judged} 条服务条款中有 {len(observed.missed)} 条未达标",
            f"{len(observed.missed)} of {judged} SLA clauses missed",
        )
        if observed.missed:
            zh, en = f"{zh}（{'、'.join(observed.missed)}）", f"{en} ({', '.join(observed.missed)})"
        return Score(Fraction(len(observed.met), judged), {"zh": zh, "en": en})
