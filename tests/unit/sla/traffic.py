"""Random traffic of the measured partner as several writers put it on a log, with all that may go wrong there."""

import random
from pathlib import Path
from typing import Any

from contracts.plan import Plan, Plans
from gateway.audit.frames import leaf_hash
from gateway.audit.leaf import (
    Authority,
    Entry,
    Exchange,
    Intent,
    Leaf,
    Measured,
    Observation,
    Opening,
    Part,
    Place,
    Pulse,
    Undelivered,
    encode,
)
from policies.kinds.freshness import rule_id
from tests.unit.sla.hub import exchange
from tests.unit.sla.measured import NAME, outbound, put, us

FROM_US, UNTIL_US = us(2026, 3, 10), us(2026, 5, 5)
"""In between clocks of the agreement's zone are put forward."""
ACTIVATED_US = us(2026, 3, 12, 9, 30)
_STATUSES = [(200, ""), (200, ""), (200, ""), (404, "not-found"), (429, "rate-limited"), (502, "backend-error")]
_STATUSES += [(503, "log-unavailable"), (504, "backend-timeout")]


class Writer:
    """One writer's leaves, and what a test has not put on the disk yet."""

    def __init__(self, log: Path, name: str) -> None:
        self.log, self.name = log, name
        self.leaves: list[bytes] = []
        self.written = 0
        self.segment = 1

    def add(self, entry: Entry) -> bytes:
        """Put an entry at the end."""
        leaf = encode(Leaf(2, Place(self.name, 1, len(self.leaves), ""), entry))
        self.leaves.append(leaf)
        return leaf

    def flush(self, chance: random.Random) -> None:
        """Write some more of it, now and then in a new segment."""
        until = chance.randint(self.written, len(self.leaves))
        self.segment += chance.random() < 0.3
        put(self.log, self.name, self.segment, self.leaves[self.written : until])
        self.written = until

    def flush_all(self) -> None:
        """Write the rest."""
        put(self.log, self.name, self.segment, self.leaves[self.written :])
        self.written = len(self.leaves)


def random_writers(log: Path, plans: Plans, chance: random.Random, count: int) -> list[Writer]:
    """Writers with `count` entries among them."""
    writers = [Writer(log, f"gw-{number}") for number in range(1, chance.randint(2, 4))]
    writers[0].add(Opening(FROM_US, 0, -1, "0" * 64, 0))
    writers[0].add(Authority(ACTIVATED_US, "agreement-activated", " ".join(NAME), "", "measured"))
    burst_us = chance.randrange(FROM_US, UNTIL_US)
    for number in range(count):
        writer = chance.choice(writers)
        near = chance.random() < 0.5
        time_us = burst_us + chance.randrange(7_200_000_000) if near else chance.randrange(FROM_US, UNTIL_US)
        entry = _random_entry(plans, chance, time_us, number)
        leaf = writer.add(entry)
        if chance.random() < 0.08:
            writer.add(Pulse(time_us))
        if isinstance(entry, Exchange) and chance.random() < 0.05:
            for _ in range(chance.randint(0, 6)):
                writer.add(Pulse(time_us + 1))
            whose = {"request_id": entry.request_id, "partner": "", "agreement": NAME[0], "version": NAME[1]}
            writer.add(Undelivered(time_us=time_us + 2, leaf=leaf_hash(leaf), retracted="exchange", **whose))
    return writers


def _random_entry(plans: Plans, chance: random.Random, time_us: int, number: int) -> Entry:
    kind = chance.choices(
        ["exchange", "outbound", "observation", "part", "intent", "opening", "activation"], [70, 10, 8, 4, 4, 2, 2]
    )[0]
    plan = chance.choice(plans.all_plans())
    if kind == "exchange":
        return _random_exchange(plan, chance, time_us, number)
    if kind == "outbound":
        said: dict[str, Any] = {
            "status": chance.choice([200, 200, 404, 500, 0]),
            "code": chance.choice(["", "", "", "partner-timeout"]),
            "latency_us": chance.choice([100_000, 1_000_000, 1_000_001]),
            "attempts": chance.choice([0, 1, 1, 2]),
            "operation": chance.choice(["quote", "rates"]),
        }
        return outbound(time_us, **said)
    if kind == "observation":
        return _random_observation(plan, chance, time_us)
    if kind == "opening":
        return Opening(time_us, 1, number, "0" * 64, 0)
    if kind == "activation":
        later_us = max(time_us, ACTIVATED_US + chance.randrange(10**12))
        return Authority(later_us, "agreement-activated", " ".join(NAME), "", "measured")
    whole = _random_exchange(plan, chance, time_us, number)
    made: type[Part | Intent] = Part if kind == "part" else Intent
    fields: dict[str, Any] = {name: getattr(whole, name) for name in made.__struct_fields__ if hasattr(whole, name)}
    if made is Part:
        fields |= {"number": 2, "last": True}
    return made(**fields)


def _random_exchange(plan: Plan, chance: random.Random, time_us: int, number: int) -> Exchange:
    status, code = chance.choice(_STATUSES)
    return exchange(
        plan,
        time_us / 1_000_000,
        status=status,
        code=code,
        latency_us=chance.choice([1_000, 500_000, 500_001, 2_000_000, 2_000_001]),
        request_id=f"request-{number}",
        time_us=time_us,
    )


def _random_observation(plan: Plan, chance: random.Random, time_us: int) -> Observation:
    judged = chance.randint(0, 5)
    one = Measured(rule_id("5.4"), judged, 0, judged, chance.randint(0, judged))
    return Observation(
        time_us=time_us,
        partner="measured",
        agreement=NAME[0],
        version=NAME[1],
        contract="",
        product=plan.resource,
        direction=chance.choice(["out", "in"]),
        samples=judged,
        records=judged,
        measured=(one, Measured("id nullValues", 1, 1, 1, 1)),
        drift=(),
        undeclared=(),
    )
