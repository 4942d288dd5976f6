"""An exchange in process, with everything but sockets: what a request costs apart from its transport."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from adapters.base import Adapter
from contracts.plan import Plan, Plans
from gateway.audit.sidecar import Sidecar, handle_of, subject_text
from gateway.audit.writer import Writer
from gateway.exchange.arrival import Reception
from gateway.exchange.changing import Changes
from gateway.exchange.cursor import Cursors
from gateway.exchange.identify import Verify
from gateway.exchange.serve import Gateway, Serving
from gateway.exchange.settle import Settling
from gateway.limits.charging import Charging
from gateway.oauth.grant import Admitted, Grant, Presented
from gateway.quality.sampler import Sampler
from gateway.sla.tally import Tally
from gateway.store.hidden import Hidden
from policies.counters import Counters

_BATCHES = 7
_YEARS_S = 2**40


def gateway_of(folder: Path, plans: Plans, adapter: Adapter, grant: Grant) -> tuple[Gateway, Writer]:
    """A gateway that knows one caller; every backend is the same adapter. It makes no changes."""
    writer = Writer.open(folder, "bench")
    if not isinstance(writer, Writer):
        raise TypeError(writer)
    tally = Tally(plans)
    key = bytes(32)
    gateway = Gateway(
        Serving(plans, {plan.backend: adapter for plan in plans.all_plans()}),
        verify=_admitting(grant),
        settling=Settling(Charging(), Counters(), lambda person: handle_of(subject_text(person), Hidden(key))),
        cursors=Cursors(key),
        writer=writer,
        tally=tally,
        changes=Changes(writer, _none(), Hidden(key)),
        commit=Sidecar(folder / "sidecar" / "bench", Hidden(key)).commit,
        sampler=Sampler(writer.append_durable, tally.observe, monotonic_ns=time.monotonic_ns),
        reception=Reception(lambda: time.time_ns() // 1000, time.monotonic_ns),
        monotonic_ns=time.monotonic_ns,
    )
    return gateway, writer


def _admitting(grant: Grant) -> Verify:
    """In the place of the guard, whose cost bench/micro.py measures."""

    async def admit(_shown: Presented, _now_s: float) -> Admitted:
        return Admitted(grant)

    return admit


def _none() -> Any:
    """In the place of what reading never touches."""
    return None


def grant_for(plan: Plan) -> Grant:
    """A caller who may do what the plan does."""
    return Grant("bench-app", plan.contract.partner, "http://bench", frozenset({plan.scope}), "jti", "kid", 0, _YEARS_S)


async def asking(gateway: Gateway, target: str, headers: tuple[tuple[bytes, bytes], ...] = ()) -> int:
    """One GET; its status. Raises ValueError when it is not 200."""
    path, _, query = target.partition("?")
    statuses: list[int] = []

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    scope = {
        "type": "http",
        "method": "GET",
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers,
    }
    await gateway.serve(scope, _nothing, send)
    if statuses != [200]:
        raise ValueError(f"{target} answered {statuses}")
    return statuses[0]


async def _nothing() -> Any:
    return {"type": "http.request", "body": b"", "more_body": False}


async def exchanging(folder: Path, plans: Plans, adapter: Adapter, requests: int) -> float:
    """Microseconds of one exchange, the best of several batches that together make so many requests."""
    plan = next(plan for plan in plans.all_plans() if plan.operation == "list")
    gateway, writer = gateway_of(folder, plans, adapter, grant_for(plan))
    try:
        batch = max(1, requests // _BATCHES)
        return min([await _timed(lambda: asking(gateway, plan.route), batch) for _ in range(_BATCHES)])
    finally:
        writer.close()


async def _timed(work: Callable[[], Awaitable[object]], times: int) -> float:
    started = time.perf_counter_ns()
    for _ in range(times):
        await work()
    return (time.perf_counter_ns() - started) / times / 1000
