"""A watcher with simulated time: told of calls of generated traces or of a test's own, and what it found."""

from collections.abc import Iterable

from msgspec.structs import replace

from bench.traces import MINUTE_US, MONDAY_US, ZONE, Call, Trace
from contracts.plan import Plan
from gateway.exchange.outcome import Disclosed, Outcome
from gateway.scraping.finding import Finding
from gateway.scraping.watcher import Watcher
from policies.clause import Bulk
from policies.reference import ClauseRef
from tests.unit.contracts.sample import compiled


def plans(requests_per_day: int | None = None, bulk_records: int = 0) -> dict[str, Plan]:
    """The sample agreement's plans by operation, with a nightly bulk read from 2 to 4 o'clock if it declares one."""
    clause = ClauseRef("swift-2026", "1.2.0", "8.1", "bulk_sync", {})
    bulk = Bulk(clause, frozenset(range(7)), 120, 240, bulk_records, ZONE)
    found = {}
    for plan in compiled()[1].all_plans():
        contract = replace(plan.contract, requests_per_day=requests_per_day)
        found[str(plan.operation)] = replace(plan, contract=contract, bulks=(bulk,) if bulk_records else ())
    return found


class Stage:
    """One watched gateway. Findings are kept in the order of their reports."""

    def __init__(self, requests_per_day: int | None = 1_000, bulk_records: int = 0) -> None:
        self.plans = plans(requests_per_day, bulk_records)
        self.findings: list[Finding] = []
        self.watcher = Watcher(lambda person: str(person).encode(), self.findings.append, now_us=lambda: MONDAY_US)
        self._tick_us = 0

    def play(self, calls: Iterable[Call]) -> None:
        """Calls in order of time, with a tick every five simulated minutes and one at their end."""
        last_us = 0
        for call in calls:
            if last_us and call.time_us > last_us + 10 * MINUTE_US:
                self.watcher.tick(last_us + 2 * MINUTE_US)
            last_us = call.time_us
            if last_us >= self._tick_us:
                self.watcher.tick(last_us)
                self._tick_us = last_us + 5 * MINUTE_US
            self.tell(call)
        self.watcher.tick(last_us + MINUTE_US)

    def tell(self, call: Call) -> None:
        """One call, not folded yet."""
        people = frozenset(person.hex() for person in call.people)
        outcome = Outcome(call.status, records=call.records, disclosed=Disclosed(b"", people) if people else None)
        self.watcher.saw(self.plans[call.operation], call.client, call.time_us, call.key, outcome)

    def detectors(self) -> set[str]:
        """Which ones found something."""
        return {finding.detector for finding in self.findings}


def watched(trace: Trace, days: int | None = None) -> Stage:
    """A trace from its beginning to its end, or to the end of so many days."""
    stage = Stage(trace.requests_per_day, trace.bulk_records)
    for number, calls in enumerate(trace.days()):
        if number == days:
            break
        stage.play(calls)
    return stage
