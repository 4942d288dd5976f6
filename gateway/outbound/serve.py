"""outbound: a partner's own interface, called through the gateway by the hub's programs. The stages, in order.

`/out/{partner}/{operation}`: who asks, what is meant, may they, is it what the partner's document says, ask, judge the
answer, write it down, and only then pass it on.
"""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import structlog
from msgspec import UNSET, Struct
from msgspec.structs import replace

from contracts.agreement import HUB
from contracts.plan import Plans, ServicePlan
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Exchange, Intent
from gateway.audit.leaf import Outbound as Entry
from gateway.audit.receipt import format_receipt
from gateway.audit.writer import Writer
from gateway.credentials.noted import NoteRefusal, unnoted
from gateway.exchange.arrival import Arrival, Reception
from gateway.exchange.caller import Receive, Send
from gateway.exchange.details import covers
from gateway.exchange.identify import Verify, identify
from gateway.exchange.outcome import Header, Outcome, problem
from gateway.exchange.record import entry_of
from gateway.exchange.respond import respond
from gateway.oauth.grant import Grant
from gateway.outbound.answered import outcome_of
from gateway.outbound.asked import read_call
from gateway.outbound.breaker import Held
from gateway.outbound.connection import Answered, Called, Connection, Sending
from gateway.outbound.services import Connections
from gateway.outbound.target import ServiceTarget

PREFIX = "/out/"
_RETRY: tuple[Header, ...] = ((b"retry-after", b"1"),)
_UNSENT = Called(Answered(0, "", b""), 0, 0)

_log = structlog.get_logger(__name__)


class Counts(Protocol):
    """Whoever counts what is on the log (gateway/sla/tally.py)."""

    def add(self, exchange: Exchange) -> None: ...

    def add_outbound(self, called: Entry) -> None: ...


class _Ended(Struct, frozen=True):
    """How a call ended: what the hub's program gets, and how the partner did."""

    outcome: Outcome
    called: Called = _UNSENT


class Outbound:
    """Calls of partners' interfaces, as an ASGI application. `plans` and `services` give what is in force now."""

    def __init__(
        self,
        *,
        plans: Callable[[], Plans],
        services: Callable[[], Mapping[str, ServiceTarget]],
        verify: Verify,
        writer: Writer,
        counts: Counts,
        reception: Reception,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        note: NoteRefusal = unnoted,
    ) -> None:
        self._plans, self._verify, self._writer, self._counts = plans, verify, writer, counts
        self._reception, self._monotonic_ns, self._note = reception, monotonic_ns, note
        self._connections = Connections(services, monotonic_ns)

    async def serve(self, scope: Any, receive: Receive, send: Send) -> None:
        """One call, from the request to its answer."""
        arrival = self._reception.receive(scope)
        found = await identify(self._verify, arrival, "outbound", self._note)
        if arrival.oversized or isinstance(found, Outcome):  # nobody, or nothing, to record it for
            refused = problem(arrival.oversized) if arrival.oversized else found
            assert isinstance(refused, Outcome)  # noqa: S101 - narrows the type
            await respond(send, arrival, None, refused, None)
            return
        outcome, receipt = await self._answered(arrival, found.grant, receive)
        if found.headers:
            outcome = replace(outcome, headers=outcome.headers + found.headers)
        await respond(send, arrival, None, outcome, receipt)

    async def follow(self) -> None:
        """Look once whether the hub's certificates and keys were replaced."""
        await self._connections.follow()

    async def close(self) -> None:
        """Drop every connection."""
        await self._connections.close()

    async def _answered(self, arrival: Arrival, grant: Grant, receive: Receive) -> tuple[Outcome, str | None]:
        """What a caller who is known gets, with its receipt."""
        if grant.partner != HUB:
            return await self._turn_away(arrival, grant)
        plan = self._locate(arrival)
        if isinstance(plan, Outcome):
            return plan, None
        ended = await self._ended(plan, arrival, grant, receive)
        outcome, receipt = await self._record(plan, arrival, grant, ended)
        said = Outcome(
            outcome.status,
            outcome.code,
            body=outcome.body,
            clause=outcome.clause,
            headers=(plan.contract.header(), *outcome.headers),
            errors=outcome.errors,
        )
        return said, receipt

    def _locate(self, arrival: Arrival) -> ServicePlan | Outcome:
        """What the path names, under the agreement that is in force; else under the last one, which is refused."""
        parts = arrival.path.decode("latin-1").split("/")
        calls = self._plans().calls.get((parts[2], parts[3]), ()) if len(parts) == 4 else ()
        if not calls:
            return problem("unknown-service")
        plan = next((call for call in calls if _in_force(call, arrival)), calls[-1])
        if arrival.method != plan.operation.method:
            return problem("method-not-allowed", headers=((b"allow", plan.operation.method.encode()),))
        return plan

    async def _ended(self, plan: ServicePlan, arrival: Arrival, grant: Grant, receive: Receive) -> _Ended:
        """admit, read, announce, call and judge; each may end it."""
        contract = plan.contract
        beyond = _beyond(plan, grant)
        if beyond:
            scheme = "DPoP" if grant.binding == "dpop" else "Bearer"
            challenge = f'{scheme} error="insufficient_scope", scope="{plan.scope}"'.encode()
            return _Ended(problem(beyond, headers=((b"www-authenticate", challenge),)))
        if not _in_force(plan, arrival):
            return _Ended(problem("not-in-force", contract.effective_clause))
        try:
            sending = await read_call(plan, arrival, receive)
            if isinstance(sending, Outcome):
                return _Ended(sending)
            connection = self._connections.of(plan.service)
            if connection is None:
                return _Ended(problem("internal"))
            with connection.room() as has_room:
                if not has_room:
                    return _Ended(problem("too-many-in-flight", headers=_RETRY))
                return await self._called(plan, arrival, grant, connection, sending)
        except Exception as error:  # a defect of ours: the caller gets no data, the log its record
            _log.error("outbound call failed", request_id=arrival.request_id, error=type(error).__name__)
            return _Ended(problem("internal"))

    async def _called(
        self, plan: ServicePlan, arrival: Arrival, grant: Grant, connection: Connection, sending: Sending
    ) -> _Ended:
        """Announce it, and ask; unless the partner is left alone for a while."""
        held = connection.breaker.admit()
        if isinstance(held, Held):
            wait = str(held.retry_after_s).encode()
            return _Ended(problem("partner-failing", headers=((b"retry-after", wait),)))
        noted = False
        try:
            if plan.operation.changes:
                announced = await self._writer.append_durable(_intent_of(plan, arrival, grant))
                if isinstance(announced, LogFault):
                    return _Ended(_unavailable(announced, arrival))
            called = await connection.call(sending)
            connection.breaker.note(failed=called.failed)
            noted = True
        finally:
            if not noted:
                connection.breaker.forget()
        return _Ended(await outcome_of(plan, called, arrival.request_id), called)

    async def _record(
        self, plan: ServicePlan, arrival: Arrival, grant: Grant, ended: _Ended
    ) -> tuple[Outcome, str | None]:
        """Write it down, durably; without the record the partner's answer is dropped."""
        entry = _entry_of(plan, arrival, grant, ended)
        receipt = await self._writer.append_durable(entry)
        if isinstance(receipt, LogFault):
            return _unavailable(receipt, arrival), None
        self._counts.add_outbound(entry)
        return ended.outcome, format_receipt(receipt)

    async def _turn_away(self, arrival: Arrival, grant: Grant) -> tuple[Outcome, str | None]:
        """A partner's program: here is nothing for it, and that it came is on the log as any call of a partner is."""
        outcome = problem("unknown-service")
        entry = entry_of(arrival, grant, None, None, outcome, payload="", now_ns=self._monotonic_ns())
        receipt = await self._writer.append_durable(entry)
        if isinstance(receipt, LogFault):
            return _unavailable(receipt, arrival), None
        self._counts.add(entry)
        return outcome, format_receipt(receipt)


def _beyond(plan: ServicePlan, grant: Grant) -> str:
    """The code of a call that the token is not good for; "" for none."""
    if plan.scope not in grant.scopes:
        return "insufficient-scope"
    agreement, operation = plan.contract.agreement, plan.operation.name
    details = grant.details
    if details is not None and not any(covers(detail, agreement, plan.service, operation) for detail in details):
        return "beyond-authorization-details"
    return ""


def _in_force(plan: ServicePlan, arrival: Arrival) -> bool:
    return plan.contract.effective_from_s <= arrival.time_us // 1_000_000 < plan.contract.effective_until_s


def _unavailable(fault: LogFault, arrival: Arrival) -> Outcome:
    """What cannot be recorded is not answered."""
    _log.error("log unavailable", kind=fault.kind, detail=fault.detail, request_id=arrival.request_id)
    return problem("log-unavailable", headers=((b"retry-after", b"5"),))


def _intent_of(plan: ServicePlan, arrival: Arrival, grant: Grant) -> Intent:
    """Durable before a partner is asked to do something: its Outbound has the same request_id."""
    contract, operation = plan.contract, plan.operation
    return Intent(
        time_us=arrival.time_us,
        request_id=arrival.request_id,
        partner=contract.partner,
        client=grant.client,
        agreement=contract.agreement,
        version=contract.version,
        contract=contract.hash,
        plan="",
        product=plan.service,
        operation=operation.name,
        route=f"{PREFIX}{contract.partner}/{operation.name}",
        method=operation.method,
    )


def _entry_of(plan: ServicePlan, arrival: Arrival, grant: Grant, ended: _Ended) -> Entry:
    """What the log says: which operation, how the partner did, and nothing that was sent either way."""
    contract, called, outcome = plan.contract, ended.called, ended.outcome
    return Entry(
        time_us=arrival.time_us,
        request_id=arrival.request_id,
        partner=contract.partner,
        client=grant.client,
        agreement=contract.agreement,
        version=contract.version,
        contract=contract.hash,
        service=plan.service,
        operation=plan.operation.name,
        method=plan.operation.method,
        status=called.outcome.status if isinstance(called.outcome, Answered) else 0,
        code=outcome.code,
        latency_us=called.latency_us,
        attempts=called.attempts,
        bytes=0 if outcome.body is UNSET else len(outcome.body),
    )
