"""How well scraping is told from work: 200 generated traces, simulated days, precision and recall. Same seed, same
figures.

A trace is found when a finding is reported within a day after its scraping began; a finding before that, or about a
partner that does not scrape, is false. `python -m bench.scraping [SEED ...]`.
"""

import random
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from msgspec import Struct
from msgspec.structs import replace

from adapters.base import Backend
from bench.scrapers import EXPECTED, NIGHTLY, SCRAPERS, scraping
from bench.traces import DAY_US, HOUR_US, MINUTE_US, NORMAL, Call, Trace, normal
from contracts.compile import compile_documents
from contracts.plan import Plan, Plans
from contracts.workspace import decode_documents
from gateway.demo.workspace import samples
from gateway.exchange.outcome import Disclosed, Outcome
from gateway.scraping.finding import Finding
from gateway.scraping.watcher import Watcher
from policies.clause import Bulk
from policies.reference import ClauseRef

SEEDS = ("clausegate", "another")
NORMAL_TRACES, SCRAPED_TRACES = 120, 80
AGREEMENT = "swift-logistics-2026"
TICK_US = 10 * MINUTE_US
NEW_DAYS = 3
USED_DAYS = 31


class Result(Struct, frozen=True):
    """What was found in a trace: detectors by hours after the scraping began, and those that said so for nothing."""

    trace: Trace
    found: dict[str, float]
    false: tuple[str, ...]

    @property
    def in_time(self) -> bool:
        """Whether anything was found within a day."""
        return any(hours <= 24 for hours in self.found.values())


def sample_plans() -> dict[str, Plan]:
    """The plans to list and to get of the sample agreement with the carrier."""
    root = samples()
    kinds = ("products", "services", "agreements")
    folders = (*(f"contracts/documents/{kind}" for kind in kinds), "policies/documents")
    files = {
        f"{folder.rsplit('/')[-1].replace('documents', 'policies')}/{file.name}": file.read_bytes()
        for folder in folders
        for file in sorted((root / folder).glob("*.yaml"))
    }
    documents, _ = decode_documents(files)
    plans = compile_documents(documents, {name: Backend() for name in ("hub", "operations")})
    if not isinstance(plans, Plans):
        raise TypeError([finding.message for finding in plans])
    return {
        plan.operation: plan
        for plan in plans.all_plans()
        if plan.contract.agreement == AGREEMENT and plan.resource == "shipments"
    }


def under(plan: Plan, trace: Trace) -> Plan:
    """A plan as the trace's agreement has it."""
    contract = replace(plan.contract, agreement=trace.name, requests_per_day=trace.requests_per_day)
    clause = ClauseRef(trace.name, "1.0.0", "8.1", "bulk_sync", {})
    bulk = Bulk(clause, frozenset(range(7)), 120, 240, trace.bulk_records, contract.time_zone)
    return replace(plan, contract=contract, bulks=(bulk,) if trace.bulk_records else ())


def watch(trace: Trace, plans: dict[str, Plan]) -> list[Finding]:
    """All findings about a trace, watched as it happens."""
    findings: list[Finding] = []
    watcher = Watcher(lambda person: person if isinstance(person, bytes) else b"", findings.append)
    mine = {operation: under(plan, trace) for operation, plan in plans.items()}
    for calls in trace.days():
        tell(watcher, mine, calls)
    return findings


def tell(watcher: Watcher, plans: dict[str, Plan], calls: Iterable[Call]) -> None:
    """Tell a watcher of calls in order of time, with a tick every ten simulated minutes and where they pause."""
    tick_us = last_us = 0
    for call in calls:
        if last_us and call.time_us > last_us + 2 * TICK_US:
            watcher.tick(last_us + TICK_US)
        last_us = call.time_us
        if call.time_us >= tick_us:
            watcher.tick(call.time_us)
            tick_us = call.time_us + TICK_US
        disclosed = Disclosed(b"", call.people) if call.records else None  # type: ignore[arg-type] # handles, not values
        outcome = Outcome(call.status, records=call.records, disclosed=disclosed)
        watcher.saw(plans[call.operation], call.client, call.time_us, call.key, outcome)
    watcher.tick(tick_us)


def judged(trace: Trace, findings: Sequence[Finding]) -> Result:
    """Sort findings into those of the scraping and false ones."""
    found: dict[str, float] = {}
    false = set()
    begin_us = trace.begin_us
    if trace.scraper in NIGHTLY:  # from the first hour of the next night
        begin_us = (begin_us + 8 * HOUR_US) // DAY_US * DAY_US + DAY_US - 8 * HOUR_US
    for finding in findings:
        if not trace.scraper or finding.until_us < begin_us:
            false.add(finding.detector)
        else:
            found.setdefault(finding.detector, (finding.until_us - begin_us) / HOUR_US)
    return Result(trace, found, tuple(sorted(false)))


def traces(seed: str) -> list[Trace]:
    """A set of traces: a sixth of the normal ones, and a third of the scrapers, are of partners without history."""
    characters, scrapers = list(NORMAL), list(SCRAPERS)
    made = []
    for number in range(NORMAL_TRACES):
        days = NEW_DAYS if number % 6 == 5 else USED_DAYS
        made.append(normal(_name(seed, number), characters[number % len(characters)], days))
    draw = random.Random(seed)  # noqa: S311 - a simulation
    hosts = [name for name in characters if name != "nightly"]
    for number in range(SCRAPED_TRACES):
        scraper = scrapers[number % len(scrapers)]
        new = number // len(scrapers) % 3 == 2
        history = {"history_days": 0} if new else {}
        made.append(scraping(_name(seed, NORMAL_TRACES + number), draw.choice(hosts), scraper, **history))
    return made


def _name(seed: str, number: int) -> str:
    """Names of different lengths: some characters draw on that."""
    return f"{seed}-{number}" + "x" * (number % 7)


def report(seed: str, results: Sequence[Result]) -> str:
    """The figures as Markdown."""
    scraped = [result for result in results if result.trace.scraper]
    flagged = [result for result in results if result.false or result.found]
    right = [result for result in flagged if result.trace.scraper and not result.false]
    found = [result for result in scraped if result.in_time]
    lines = [
        f"seed {seed}: {len(results)} traces, {len(scraped)} of them scraped; precision "
        f"{len(right) / max(1, len(flagged)):.3f}, recall within a day {len(found) / len(scraped):.3f}",
        "",
        "| detector | right | false | precision | recall of its own kinds | median hours |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    lines += [_detector_row(name, kinds, results) for name, kinds in EXPECTED.items()]
    missed = [result.trace.name for result in scraped if not result.in_time]
    false = [f"{result.trace.name} ({', '.join(result.false)})" for result in results if result.false]
    return "\n".join([*lines, "", f"missed: {'; '.join(missed) or 'none'}", f"false: {'; '.join(false) or 'none'}"])


def _detector_row(name: str, kinds: Sequence[str], results: Sequence[Result]) -> str:
    right = [result for result in results if name in result.found]
    false = [result for result in results if name in result.false]
    own = [result for result in results if result.trace.scraper in kinds]
    seen = [result for result in own if result.found.get(name, 99) <= 24]
    hours = sorted(result.found[name] for result in seen)
    median = f"{hours[len(hours) // 2]:.1f}" if hours else "-"
    precision = len(right) / max(1, len(right) + len(false))
    return f"| {name} | {len(right)} | {len(false)} | {precision:.3f} | {len(seen)}/{len(own)} | {median} |"


def main() -> None:
    """Print the figures for each seed."""
    plans = sample_plans()
    for seed in sys.argv[1:] or SEEDS:
        begin = time.perf_counter()
        results = [judged(trace, watch(trace, plans)) for trace in traces(seed)]
        print(report(seed, results))
        print(f"{time.perf_counter() - begin:.0f} s, {datetime.now(UTC):%Y-%m-%d}\n")


if __name__ == "__main__":
    main()
