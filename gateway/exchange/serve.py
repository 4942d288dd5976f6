"""serve: the hot path's table of contents. Seven stages, one direction, each a function from values to a value."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from msgspec import Struct

from adapters.base import Adapter
from contracts.plan import Plans
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Exchange
from gateway.audit.receipt import format_receipt
from gateway.audit.writer import Writer
from gateway.exchange.admit import admit
from gateway.exchange.arrival import Arrival, Reception
from gateway.exchange.call import call
from gateway.exchange.cursor import Cursors
from gateway.exchange.identify import Verify, identify
from gateway.exchange.locate import Located, locate
from gateway.exchange.outcome import Outcome, problem
from gateway.exchange.record import entry_of
from gateway.exchange.respond import Send, respond
from gateway.exchange.shape import shape
from gateway.oauth.grant import Grant
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
        reception: Reception,
        monotonic_ns: Callable[[], int],
        observe: Callable[[Arrival, Exchange], None] | None = None,
    ) -> None:
        self.serving = serving
        self._verify, self._counters, self._cursors = verify, counters, cursors
        self._writer, self._tally = writer, tally
        self._reception, self._monotonic_ns, self.observe = reception, monotonic_ns, observe

    async def serve(self, scope: Any, _receive: Any, send: Send) -> None:
        """One exchange, as an ASGI application."""
        arrival = self._reception.receive(scope)
        serving = self.serving
        grant = identify(self._verify, arrival)
        if isinstance(grant, Outcome):  # nobody to record it for
            await respond(send, arrival, None, problem(arrival.oversized) if arrival.oversized else grant, None)
            return
        located = locate(serving.plans, self._cursors, grant.partner, arrival)
        outcome = await self._outcome(serving, grant, located, arrival)
        outcome, receipt = await self._record(grant, located, outcome, arrival)
        await respond(send, arrival, located, outcome, receipt)

    async def _outcome(self, serving: Serving, grant: Grant, located: Located, arrival: Arrival) -> Outcome:
        """admit, call and shape; each may end the exchange."""
        plan, query = located.plan, located.query
        if plan is None or isinstance(query, Outcome):
            return query if isinstance(query, Outcome) else problem("not-found")
        verdict = admit(plan, grant, arrival, self._counters)
        if isinstance(verdict, Refused):
            return problem(verdict.reason, verdict.clause, verdict.headers)
        try:
            answer = await call(serving.adapters[plan.backend], plan, query)
            outcome = answer if isinstance(answer, Outcome) else shape(plan, self._cursors, query, answer)
        except Exception as error:  # a defect of ours: the caller gets no data, the log its record
            _log.error("exchange failed", request_id=arrival.request_id, plan=plan.id, error=type(error).__name__)
            outcome = problem("internal")
        if outcome.drift:
            fields = sorted(set(outcome.drift))
            _log.warning("drift", product=plan.product, backend=plan.backend, fields=fields, count=len(outcome.drift))
        return with_headers(outcome, verdict.headers)

    async def _record(
        self, grant: Grant, located: Located, outcome: Outcome, arrival: Arrival
    ) -> tuple[Outcome, str | None]:
        """Write the record, durable as the agreement says; without it the outcome is 503 and the data are dropped."""
        contract = located.contract
        entry = entry_of(arrival, grant, contract, located.plan, outcome, now_ns=self._monotonic_ns())
        if contract is not None and contract.ack == "write":
            receipt = self._writer.append_written(entry)
        else:
            receipt = await self._writer.append_durable(entry)
        if isinstance(receipt, LogFault):
            _log.error("log unavailable", kind=receipt.kind, detail=receipt.detail, request_id=arrival.request_id)
            return problem("log-unavailable", headers=((b"retry-after", b"5"),)), None
        self._tally.add(entry)
        if self.observe is not None:
            self.observe(arrival, entry)
        return outcome, format_receipt(receipt)


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
    )
