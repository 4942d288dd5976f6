"""serve: the hot path's table of contents. Seven stages, one direction, each a function from values to a value."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from msgspec import UNSET, Struct

from adapters.base import Adapter
from contracts.plan import Plan, Plans
from contracts.product import READING
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Exchange
from gateway.audit.receipt import format_receipt
from gateway.audit.writer import Writer
from gateway.exchange.admit import admit
from gateway.exchange.arrival import Arrival, Reception
from gateway.exchange.asked import Asked
from gateway.exchange.call import call
from gateway.exchange.caller import Caller, Receive, Send
from gateway.exchange.changing import Changes
from gateway.exchange.conditional import fresh
from gateway.exchange.cursor import Cursors
from gateway.exchange.export import Export, begun
from gateway.exchange.identify import Verify, identify
from gateway.exchange.locate import Located, locate
from gateway.exchange.outcome import Outcome, problem
from gateway.exchange.record import Commit, entry_of, payload_of
from gateway.exchange.respond import begin, respond
from gateway.exchange.shape import shape
from gateway.oauth.grant import Grant
from gateway.quality.sampler import Sampler
from gateway.sla.tally import Tally
from policies.clause import Refused
from policies.counters import Counters

_log = structlog.get_logger(__name__)


class Serving(Struct, frozen=True):
    """What is in force: swapped whole by a reload, so that a request sees one state from start to end."""

    plans: Plans
    adapters: Mapping[str, Adapter]


class Gateway:
    """The exchange with its collaborators. `serving` is the one reference that a reload replaces."""

    def __init__(
        self,
        serving: Serving,
        *,
        verify: Verify,
        counters: Counters,
        cursors: Cursors,
        writer: Writer,
        tally: Tally,
        changes: Changes,
        commit: Commit,
        sampler: Sampler,
        reception: Reception,
        monotonic_ns: Callable[[], int],
        observe: Callable[[Arrival, Exchange], None] | None = None,
    ) -> None:
        self.serving = serving
        self._verify, self._counters, self._cursors = verify, counters, cursors
        self._writer, self._tally = writer, tally
        self._changes, self._commit, self._sampler = changes, commit, sampler
        self._reception, self._monotonic_ns, self.observe = reception, monotonic_ns, observe

    async def serve(self, scope: Any, receive: Receive, send: Send) -> None:
        """One exchange, as an ASGI application."""
        arrival = self._reception.receive(scope)
        serving = self.serving
        grant = identify(self._verify, arrival)
        if isinstance(grant, Outcome):  # nobody to record it for
            await respond(send, arrival, None, problem(arrival.oversized) if arrival.oversized else grant, None)
            return
        caller = Caller(arrival, grant, receive, send)
        located = locate(serving.plans, self._cursors, grant.partner, arrival)
        outcome = await self._outcome(serving, caller, located)
        outcome, receipt = await self._record(grant, located, outcome, arrival)
        if isinstance(located.asked, Asked) and located.asked.media != "json" and outcome.body is not UNSET:
            await self._stream(serving, caller, located, outcome, receipt)
        else:
            await respond(send, arrival, located, outcome, receipt)

    async def _outcome(self, serving: Serving, caller: Caller, located: Located) -> Outcome:
        """admit, call and shape, or admit and change; each may end the exchange."""
        plan, asked, arrival = located.plan, located.asked, caller.arrival
        if plan is None or isinstance(asked, Outcome):
            return asked if isinstance(asked, Outcome) else problem("not-found")
        verdict = admit(plan, caller.grant, arrival, self._counters)
        if isinstance(verdict, Refused):
            return problem(verdict.reason, verdict.clause, verdict.headers)
        adapter = serving.adapters[plan.backend]
        try:
            if plan.operation in READING:
                outcome = await self._read(plan, asked, adapter, arrival)
            else:
                outcome = await self._change(plan, asked, adapter, caller)
        except Exception as error:  # a defect of ours: the caller gets no data, the log its record
            _log.error("exchange failed", request_id=arrival.request_id, plan=plan.id, error=type(error).__name__)
            outcome = problem("internal")
        if outcome.drift:
            self._sampler.drifted(plan, outcome.drift)
        return with_headers(outcome, verdict.headers)

    async def _read(self, plan: Plan, asked: Asked, adapter: Adapter, arrival: Arrival) -> Outcome:
        """Ask, mask, and leave out what the caller has already."""
        answer = await call(adapter, plan, asked.query)
        if isinstance(answer, Outcome):
            return answer
        shaped = shape(plan, self._cursors, asked, answer) if asked.media == "json" else begun(plan, asked, answer)
        if isinstance(shaped, Outcome):
            return shaped
        shown, outcome = shaped
        complete = asked.query.after is None and asked.query.where is None and shown.next is None
        self._sampler.offer(plan, answer.body, shown.kept, complete)
        return outcome if arrival.if_none_match is None else fresh(outcome, arrival.if_none_match)

    async def _change(self, plan: Plan, asked: Asked, adapter: Adapter, caller: Caller) -> Outcome:
        """Make the change, once."""
        outcome, wish = await self._changes.run(plan, caller, asked, adapter)
        if wish is not None and wish.change.values:
            self._sampler.wrote(plan, wish.change.values)
        return outcome

    async def _stream(
        self, serving: Serving, caller: Caller, located: Located, outcome: Outcome, receipt: str | None
    ) -> None:
        """An answer that goes out piece by piece, its first piece recorded as any answer is."""
        plan, asked = located.plan, located.asked
        assert plan is not None and isinstance(asked, Asked)  # noqa: S101, PT018 - narrows the types
        coding = await begin(caller, located, outcome, receipt, asked.media)
        if caller.arrival.method == "HEAD":
            await caller.send({"type": "http.response.body", "body": b""})
            return
        adapter = serving.adapters[plan.backend]
        export = Export(
            plan,
            caller,
            asked,
            adapter,
            self._counters,
            self._writer,
            self._commit,
            self._sampler,
            self._tally.add_part,
            self._reception.now_us,
        )
        await export.run(outcome, coding)

    async def _record(
        self, grant: Grant, located: Located, outcome: Outcome, arrival: Arrival
    ) -> tuple[Outcome, str | None]:
        """Write the record, durable as the agreement says; without it the outcome is 503 and the data are dropped."""
        contract, payload = located.contract, payload_of(self._commit, outcome)
        if isinstance(payload, LogFault):  # recorded as what the caller gets: no data
            outcome, payload = _unavailable(payload, arrival), ""
        now_ns = self._monotonic_ns()
        entry = entry_of(arrival, grant, contract, located.plan, outcome, payload=payload, now_ns=now_ns)
        if contract is not None and contract.ack == "write":
            receipt = await self._writer.append(entry, "write")
        else:
            receipt = await self._writer.append_durable(entry)
        if isinstance(receipt, LogFault):
            return _unavailable(receipt, arrival), None
        self._tally.add(entry)
        if self.observe is not None:
            self.observe(arrival, entry)
        return outcome, format_receipt(receipt)


def _unavailable(fault: LogFault, arrival: Arrival) -> Outcome:
    """What cannot be recorded is not answered."""
    _log.error("log unavailable", kind=fault.kind, detail=fault.detail, request_id=arrival.request_id)
    return problem("log-unavailable", headers=((b"retry-after", b"5"),))


def with_headers(outcome: Outcome, headers: tuple[tuple[bytes, bytes], ...]) -> Outcome:
    """The outcome with the RateLimit headers of the decision that let it happen."""
    if not headers:
        return outcome
    return Outcome(
        outcome.status,
        outcome.code,
        outcome.body,
        outcome.clause,
        outcome.headers + headers,
        outcome.detail,
        outcome.records,
        outcome.subjects,
        outcome.drift,
        outcome.errors,
        outcome.rest,
        outcome.disclosed,
    )
