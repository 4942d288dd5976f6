"""Report: puts together what a clause answers, step by step, as a lawyer would write it down."""

from collections.abc import Iterable
from datetime import timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from policies.reference import Words
from policies.settling.counting import Counted, Rules
from policies.settling.credit import Credit
from policies.settling.downtime import Downtime
from policies.settling.facts import FactFault, Facts
from policies.settling.saying import lasting, moment, plain, said, some, told
from policies.settling.schedule import Raised, by_bands, by_count, by_points, price
from policies.settling.settled import Figure, Settled

_COUNTS_AS: dict[str, Words] = {
    "good": {"zh": "视为可用", "en": "counted as available"},
    "ignore": {"zh": "不计入", "en": "not counted"},
    "bad": {"zh": "视为不可用", "en": "counted as unavailable"},
}


class Report:
    """What is said about one window, in order, until it is settled."""

    def __init__(self, facts: Facts, credit: Credit | None) -> None:
        self._facts, self._credit = facts, credit
        zone = ZoneInfo(facts.zone)
        begin, end = moment(facts.from_, zone), moment(facts.to, zone)
        self._steps = [said(f"期间自 {begin} 起至 {end} 止。", f"The period runs from {begin} to {end}.")]
        if facts.deployed is not None and (facts.deployed.from_ > facts.from_ or facts.deployed.to < facts.to):
            since, until = (moment(at, zone) for at in (facts.deployed.from_, facts.deployed.to))
            self.say(f"仅计 {since} 至 {until}。", f"Only the time from {since} to {until} counts.")
        self._figures: list[Figure] = []

    def say(self, zh: str, en: str) -> None:
        """One step more."""
        self._steps.append(said(zh, en))

    def figure(self, name: str, value: str, zh: str, en: str) -> None:
        """A counted figure that a statement shows."""
        self._figures.append(Figure(name, value, said(zh, en)))

    def slices(self, counted: Counted, rules: Rules) -> None:
        """How many slices there are, how they count and how many requests are in them."""
        long = lasting(rules.slice)
        numbers = {name: counted.number(name) for name in ("judged", "empty", "missing", "excluded")}
        total = sum(numbers.values())
        zh, en = [f"有调用的 {numbers['judged']} 个"], [f"{numbers['judged']} with calls"]
        for name, rule, words in (
            ("empty", rules.empty, said("无调用的", "without calls")),
            ("missing", rules.missing, said("网关缺席且无调用的", "without calls while the gateway was not there")),
            ("excluded", rules.excluded, said("全部除外的", "of which all is excluded")),
        ):
            if numbers[name]:
                as_ = _COUNTS_AS[rule]
                zh.append(f"{words['zh']} {numbers[name]} 个（{as_['zh']}）")
                en.append(f"{numbers[name]} {words['en']} ({as_['en']})")
        self.say(
            f"每 {long['zh']}一个时段，共 {total} 个：{'，'.join(zh)}。",
            f"In slices of {long['en']} there are {total}: {', '.join(en)}.",
        )
        self.requests(counted)
        self.figure("slices", str(total), "时段总数", "slices")
        self.figure("slices_judged", str(numbers["judged"]), "有调用的时段", "slices with calls")
        self.figure("slices_empty", str(numbers["empty"]), "无调用的时段", "slices without calls")
        self.figure("slices_missing", str(numbers["missing"]), "网关缺席的时段", "slices without the gateway")
        self.figure("slices_excluded", str(numbers["excluded"]), "除外的时段", "excluded slices")

    def requests(self, counted: Counted) -> None:
        """How many requests count, and how many are good."""
        self.figure("requests", str(counted.total), "计入的调用", "calls that count")
        self.figure("good", str(counted.good), "合格的调用", "good calls")
        self.figure("excluded", str(counted.excluded), "除外的调用", "excluded calls")
        out_zh = f"（另有 {counted.excluded} 次除外）" if counted.excluded else ""
        out_en = f" ({counted.excluded} more are excluded)" if counted.excluded else ""
        self.say(
            f"计入调用 {counted.total} 次，其中合格 {counted.good} 次{out_zh}。",
            f"{some(counted.total, 'call counts', 'calls count')}, {counted.good} of them good{out_en}.",
        )

    def downtime(self, down: Downtime, run_min: timedelta) -> None:
        """How long it was down."""
        base, lost, least = (
            lasting(span)
            for span in (timedelta(microseconds=down.base_us), timedelta(microseconds=down.down_us), run_min)
        )
        self.figure("base_s", plain(Fraction(down.base_us, 1_000_000)), "计算基数（秒）", "base in seconds")
        self.figure("downtime_s", plain(Fraction(down.down_us, 1_000_000)), "中断时间（秒）", "downtime in seconds")
        if run_min:
            self.say(
                f"连续不合格时段 {down.bad_runs} 段，其中不少于 {least['zh']}的 {down.runs} 段计为中断。",
                f"Runs of bad slices: {down.bad_runs}; of at least {least['en']}, which are downtime: {down.runs}.",
            )
        self.say(
            f"中断共 {lost['zh']}，计算基数 {base['zh']}。",
            f"Downtime is {lost['en']} of a base of {base['en']}.",
        )

    def unjudged(self, unit: str, zh: str, en: str) -> Settled | FactFault:
        """Nothing can be judged, so nothing is owed."""
        self.say(zh, en)
        return self._made(None, unit, missed=None, raised=Raised())

    def judged(
        self, measured: str, unit: str, *, missed: bool, figure: Fraction, promised: Fraction
    ) -> Settled | FactFault:
        """What the schedule makes of a figure: its band, its steps from the promise, or the one amount that it has."""
        raised = Raised()
        if self._credit is not None and self._credit.bands:
            raised = by_bands(self._credit, figure)
        elif self._credit is not None and missed and self._credit.per_points is not None:
            raised = by_points(self._credit, abs(promised - figure))
        elif self._credit is not None and missed:
            raised = by_count(self._credit, 1)
        return self._made(measured, unit, missed=missed, raised=raised)

    def raised(self, measured: str, unit: str, *, missed: bool, raised: Raised) -> Settled | FactFault:
        """As `judged`, for kinds that add up by themselves what each breach costs."""
        return self._made(measured, unit, missed=missed, raised=raised)

    def _made(self, measured: str | None, unit: str, *, missed: bool | None, raised: Raised) -> Settled | FactFault:
        priced = price(self._credit, raised, self._facts)
        if isinstance(priced, FactFault):
            return priced
        steps: Iterable[Words] = (*self._steps, *(priced.steps if missed is not None else ()))
        return Settled(
            measured=measured,
            unit=unit,
            verdict="unknown" if missed is None else "missed" if missed else "met",
            percent=priced.percent,
            credit=priced.credit,
            currency=self._facts.currency,
            capped_by=priced.capped_by,
            explanation=told(steps),
            figures=tuple(self._figures),
            claim_by=priced.claim_by,
        )
