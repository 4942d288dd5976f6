"""serve: the hot path's table of contents. Seven stages, one direction, each a function from values to a value."""

from collections.abc import Callable, Mapping
from typing import Any

import structlog
from msgspec import UNSET, Struct
from msgspec.structs import replace

from adapters.base import Adapter, Query
from contracts.plan import Plan, Plans
from contracts.product import READING
from contracts.selecting import keys_of
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Exchange
from gateway.audit.receipt import format_receipt
from gateway.audit.writer import Writer
from gateway.credentials.noted import NoteRefusal, RefusedCall, unnoted
from gateway.exchange.admit import admit, ratelimit
from gateway.exchange.arrival import Arrival, Reception
from gateway.exchange.asked import Asked
from gateway.exchange.call import call
from gateway.exchange.caller import Caller, Receive, Send, Waiting
from gateway.exchange.changing import Changes
from gateway.exchange.conditional import fresh
from gateway.exchange.cursor import Cursors
from gateway.exchange.export import Export, Watch, begun, unwatched
from gateway.exchange.identify import Verify, identify
from gateway.exchange.locate import Located, locate
from gateway.exchange.outcome import Header, Outcome, problem, together
from gateway.exchange.record import Commit, entry_of, payload_of
from gateway.exchange.respond import begin, respond
from gateway.exchange.settle import Settling, narrowed
from gateway.exchange.shape import Shown, shape
from gateway.exchange.signing import SignAnswer, unsigned
from gateway.notices.in_force import InForce
from gateway.quality.sampler import Sampler
from gateway.sla.tally import Tally
from policies.clause import Granted, Refused
from policies.limit import Moment

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
        settling: Settling,
        cursors: Cursors,
        writer: Writer,
        tally: Tally,
        changes: Changes,
        commit: Commit,
        sampler: Sampler,
        reception: Reception,
        monotonic_ns: Callable[[], int],
        observe: Callable[[Arrival, Exchange], None] | None = None,
        watch: Watch = unwatched,
        notices: InForce | None = None,
        note: NoteRefusal = unnoted,
        sign: SignAnswer = unsigned,
    ) -> None:
        self.serving = serving
        self._verify, self._settling, self._cursors = verify, settling, cursors
        self._writer, self._tally = writer, tally
        self._changes, self._commit, self._sampler = changes, commit, sampler
        self._reception, self._monotonic_ns, self.observe = reception, monotonic_ns, observe
        self._watch, self._notices, self._note, self._sign = watch, notices or InForce(), note, sign

    async def serve(self, scope: Any, receive: Receive, send: Send) -> None:
        """One exchange, as an ASGI application."""
        arrival = self._reception.receive(scope)
        serving = self.serving
        found = await identify(self._verify, arrival, "exchange", self._note)
        if isinstance(found, Outcome):  # nobody to record it for
            await respond(send, arrival, None, problem(arrival.oversized) if arrival.oversized else found, None)
            return
        caller = Caller(arrival, found.grant, receive, send, fresh=found.headers)
        try:
            await self._exchange(serving, caller)
        finally:
            if caller.held:
                await self._settling.limiter.release(caller.held, arrival.request_id)

    async def _exchange(self, serving: Serving, caller: Caller) -> None:
        """One exchange of a caller who is known, from what it wants to its answer."""
        arrival, grant = caller.arrival, caller.grant
        located = locate(serving.plans, self._cursors, grant.partner, arrival)
        outcome = await self._outcome(serving, caller, located)
        outcome, receipt = await self._record(caller, located, outcome)
        if caller.fresh:
            outcome = replace(outcome, headers=outcome.headers + caller.fresh)
        if isinstance(located.asked, Asked) and located.asked.media != "json" and outcome.body is not UNSET:
            await self._stream(serving, caller, located, outcome, receipt)
        else:
            await respond(caller.send, arrival, located, outcome, receipt, sign=self._sign)

    async def _outcome(self, serving: Serving, caller: Caller, located: Located) -> Outcome:
        """admit, call and shape, or admit and change; each may end the exchange."""
        plan, asked, arrival = located.plan, located.asked, caller.arrival
        if plan is None or isinstance(asked, Outcome):
            return asked if isinstance(asked, Outcome) else problem("not-found")
        admitted = Granted()
        ending = self._notices.headers(plan.product, plan.product_version, plan.contract.agreement, arrival.time_us)
        try:
            suspended = self._notices.suspended(plan.contract)
            verdict = await admit(plan, caller, self._settling.charging, self._settling.limiter, suspended)
            if isinstance(verdict, Refused):
                headers = (*verdict.headers, *ratelimit(caller), *ending)
                return problem(verdict.reason, verdict.clause, headers, observed=verdict.observed)
            admitted, adapter = verdict, serving.adapters[plan.backend]
            if plan.operation in READING:
                outcome = await self._read(plan, asked, adapter, caller, verdict)
            else:
                outcome = await self._change(plan, asked, adapter, caller)
        except Exception as error:  # a defect of ours: the caller gets no data, the log its record
            _log.error("exchange failed", request_id=arrival.request_id, plan=plan.id, error=type(error).__name__)
            outcome = problem("internal")
        if outcome.drift:
            self._sampler.drifted(plan, outcome.drift)
        if caller.observed:
            outcome = replace(outcome, observed=together(caller.observed, outcome.observed))
        return granted(outcome, admitted, (*ratelimit(caller), *ending))

    async def _read(self, plan: Plan, asked: Asked, adapter: Adapter, caller: Caller, verdict: Granted) -> Outcome:
        """Ask, mask, leave out what the caller has already, and count the rest."""
        arrival = caller.arrival

        async def ask(query: Query) -> tuple[Shown, Outcome] | Outcome:
            answer = await call(adapter, plan, query)
            if isinstance(answer, Outcome):
                return answer
            mine = asked if query is asked.query else replace(asked, query=query)
            shaped = shape(plan, self._cursors, mine, answer) if asked.media == "json" else begun(plan, mine, answer)
            if isinstance(shaped, Outcome):
                return shaped
            shown, outcome = shaped
            complete = query.after is None and query.where is None and shown.next is None
            self._sampler.offer(plan, answer.body, shown.kept, complete)
            return shown, outcome if arrival.if_none_match is None else fresh(outcome, arrival.if_none_match)

        at = Moment(arrival.time_us, arrival.start_ns)
        found = await self._settling.fitted(plan, caller, narrowed(asked.query, verdict), ask, at)
        return found if isinstance(found, Outcome) else found[1]

    async def _change(self, plan: Plan, asked: Asked, adapter: Adapter, caller: Caller) -> Outcome:
        """Make the change, once."""
        caller.receive = waiting = Waiting(caller.receive, self._monotonic_ns)
        try:
            outcome, wish = await self._changes.run(plan, caller, asked, adapter)
        finally:
            caller.waited_ns = waiting.waited_ns
        if wish is not None and wish.change.values:
            self._sampler.wrote(plan, wish.change.values)
        at = Moment(caller.arrival.time_us, caller.arrival.start_ns)
        return await self._settling.counted(plan, caller, outcome, at)

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
            self._settling,
            self._writer,
            self._commit,
            self._sampler,
            self._tally.add_part,
            self._reception.moment,
            self._watch,
        )
        await export.run(outcome, coding)

    async def _record(self, caller: Caller, located: Located, outcome: Outcome) -> tuple[Outcome, str | None]:
        """Write the record, durable as the agreement says; without it the outcome is 503 and the data are dropped."""
        arrival, grant = caller.arrival, caller.grant
        contract, payload = located.contract, payload_of(self._commit, outcome)
        if isinstance(payload, LogFault):  # recorded as what the caller gets: no data
            outcome, payload = _unavailable(payload, arrival), ""
        now_ns = self._monotonic_ns() - caller.waited_ns
        entry = entry_of(arrival, grant, contract, located.plan, outcome, payload=payload, now_ns=now_ns)
        if contract is not None and contract.ack == "write":
            receipt = await self._writer.append(entry, "write")
        else:
            receipt = await self._writer.append_durable(entry)
        if isinstance(receipt, LogFault):
            return _unavailable(receipt, arrival), None
        self._tally.add(entry)
        if outcome.code:
            self._note(refused_of(entry, outcome.reason))
        if self.observe is not None:
            self.observe(arrival, entry)
        if located.plan is not None:
            self._watch(located.plan, grant.client, arrival.time_us, sought(located.plan, located.asked), outcome)
        return outcome, format_receipt(receipt)


def refused_of(entry: Exchange, reason: str) -> RefusedCall:
    """An exchange that ended with a problem, as its partner may ask about it."""
    return RefusedCall(
        entry.request_id,
        entry.partner,
        entry.client,
        entry.time_us,
        "exchange",
        entry.status,
        entry.code,
        reason,
        agreement=entry.agreement,
        version=entry.version,
        clause=entry.clause,
    )


def _unavailable(fault: LogFault, arrival: Arrival) -> Outcome:
    """What cannot be recorded is not answered."""
    _log.error("log unavailable", kind=fault.kind, detail=fault.detail, request_id=arrival.request_id)
    return problem("log-unavailable", headers=((b"retry-after", b"5"),))


def granted(outcome: Outcome, verdict: Granted, headers: tuple[Header, ...]) -> Outcome:
    """The outcome with what the decisions say that let it happen."""
    if not headers and not verdict.observed and not verdict.uncounted:
        return outcome
    return replace(
        outcome,
        headers=outcome.headers + headers,
        observed=together(verdict.observed, outcome.observed),
        uncounted=together(verdict.uncounted, outcome.uncounted),
    )


def sought(plan: Plan, asked: Asked | Outcome | None) -> str | tuple[str, ...]:
    """What was looked for, for whoever watches: a record's key, or the place that a page follows; "" for neither.
    Several, or one by itself: a list was filtered by these keys, which looks records up as well."""
    if not isinstance(asked, Asked):
        return ""
    query = asked.query
    looked_up = () if query.where is None else keys_of(query.where, plan.call.key)
    return looked_up or query.key or query.after or ""
