"""export: a list sent piece by piece, as lines. Each piece passes the same stages as a page and is on the log before it
leaves; no more than one piece is ever in memory.

Each further piece costs one call of every limit, so an export is no way around them: one call for every page of
records. Where the limits admit no further call yet, the export waits; the caller reads more slowly. What breaks it
off ends the connection without its proper end, which every HTTP client reports: half a list never looks whole.
"""

import asyncio
import hashlib
import time
from collections.abc import Callable
from typing import TypeAlias

import structlog
from msgspec import UNSET, Struct
from msgspec.structs import replace

from adapters.base import Adapter, Answer, Query
from contracts.plan import Plan
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Part
from gateway.audit.writer import Writer
from gateway.exchange.admit import passed, verdict_of
from gateway.exchange.asked import Asked
from gateway.exchange.call import call
from gateway.exchange.caller import Caller, Receive, Send
from gateway.exchange.compressing import Piecewise, piecewise
from gateway.exchange.lines import Lines, lines_of
from gateway.exchange.negotiate import Coding
from gateway.exchange.outcome import Disclosed, Outcome, problem
from gateway.exchange.record import Commit, part_of, payload_of
from gateway.exchange.settle import Settling, narrowed
from gateway.exchange.shape import Shown, select
from gateway.quality.sampler import Sampler
from policies.clause import Granted, Refused
from policies.limit import InFlight, Moment

WAIT_MAX_S = 60.0
"""An export that would have to wait longer for its limits is broken off: connections are not kept for hours."""
Watch: TypeAlias = Callable[[Plan, str, int, str | tuple[str, ...], Outcome], None]
"""Is told of every exchange of a plan that was recorded: client, time, what was looked for, outcome."""
_ENDLESS = problem("backend-invalid")
"""The backend leads back to a page that was sent already."""

_log = structlog.get_logger(__name__)


def begun(plan: Plan, asked: Asked, answer: Answer) -> tuple[Shown, Outcome] | Outcome:
    """The beginning of an export: status, headers, and the first lines, which are recorded as any answer is."""
    shown = select(plan, asked, answer)
    if isinstance(shown, Outcome):
        return shown
    header, lines = lines_of(asked.media, plan.view.record, asked.fields)
    headers = ((b"vary", b"Accept, Accept-Encoding"), (b"accept-ranges", b"none"))
    body = header + lines(shown.records)
    return shown, Outcome(
        200,
        body=body,
        headers=headers,
        records=len(shown.records),
        subjects=shown.subjects,
        drift=shown.drift,
        rest=following(plan, asked, shown, len(shown.records)),
        disclosed=_disclosed(body, shown),
    )


def _disclosed(body: bytes, shown: Shown) -> Disclosed:
    return Disclosed(hashlib.sha256(body).digest(), shown.people)


def following(plan: Plan, asked: Asked, shown: Shown, sent: int) -> Query | None:
    """The query for the piece after `sent` records in all; None when that was the last.

    However few a quota left of the piece before, the next is a whole page again: a piece costs a call.
    """
    left = asked.remaining - sent
    if shown.next is None or left <= 0:
        return None
    return replace(asked.query, after=shown.next, limit=min(plan.page_limit[1], left))


class Export(Struct, frozen=True):
    """One export under way: who asked for what, and whom to ask for more."""

    plan: Plan
    caller: Caller
    asked: Asked
    adapter: Adapter
    settling: Settling
    writer: Writer
    commit: Commit
    sampler: Sampler
    add: Callable[[Part], None]
    now: Callable[[], Moment]
    watch: Watch

    async def run(self, outcome: Outcome, coding: Coding | None) -> None:
        """Send the first piece, then all others. Status and headers have been sent already."""
        send = self.caller.send
        stream = piecewise(coding)
        _, lines = lines_of(self.asked.media, self.plan.view.record, self.asked.fields)
        gone = asyncio.ensure_future(_until_gone(self.caller.receive))
        sent, number, mark = outcome.records, 1, None
        try:
            await _send(send, stream, outcome)
            while outcome.rest is not None and not gone.done():
                number += 1
                rest = outcome.rest
                outcome = _ENDLESS if rest.after == mark else await self._next(rest, lines, sent, gone)
                if number & (number - 1) == 0:  # Brent: a mark set ever more rarely is met again in any circle
                    mark = rest.after
                if outcome.code and outcome.clause is not None and gone.done():
                    return  # nobody waits any more, so nobody was refused
                if not await self._recorded(outcome, number):
                    return
                self.watch(self.plan, self.caller.grant.client, self.now().time_us, rest.after or "", outcome)
                if outcome.code:
                    request_id = self.caller.arrival.request_id
                    _log.warning("export broken off", request_id=request_id, code=outcome.code, piece=number)
                    return
                sent += outcome.records
                await _send(send, stream, outcome)
        finally:
            gone.cancel()

    async def _next(self, query: Query, lines: Lines, sent: int, gone: "asyncio.Future[None]") -> Outcome:
        """The next piece; a defect of ours ends the export, and is recorded as what ended it."""
        try:
            outcome = await self._piece(query, lines, sent, gone)
        except Exception as error:
            _log.error("export failed", request_id=self.caller.arrival.request_id, error=type(error).__name__)
            return problem("internal")
        if outcome.drift:
            self.sampler.drifted(self.plan, outcome.drift)
        return outcome

    async def _piece(self, query: Query, lines: Lines, sent: int, gone: "asyncio.Future[None]") -> Outcome:
        """The next page, admitted, asked for and masked as lines; or what breaks the export off."""
        admitted = await self._admitted(gone)
        if isinstance(admitted, Outcome):
            return admitted

        async def ask(query: Query) -> tuple[Shown, Outcome] | Outcome:
            asked = replace(self.asked, query=query)
            answer = await call(self.adapter, self.plan, query)
            if isinstance(answer, Outcome):
                return answer
            shown = select(self.plan, asked, answer)
            if isinstance(shown, Outcome):
                return shown
            body = lines(shown.records)
            return shown, Outcome(
                200,
                body=body,
                records=len(shown.records),
                subjects=shown.subjects,
                drift=shown.drift,
                rest=following(self.plan, asked, shown, sent + len(shown.records)),
                disclosed=_disclosed(body, shown),
                observed=admitted.observed,
                uncounted=admitted.uncounted,
            )

        wanted = narrowed(query, admitted)
        found = await self.settling.fitted(self.plan, self.caller, wanted, ask, self.now())
        return found if isinstance(found, Outcome) else found[1]

    async def _admitted(self, gone: "asyncio.Future[None]") -> Granted | Outcome:
        """Charge one more call, waiting until it fits; or why it was not charged.

        A caller that is gone is charged nothing more. What is in flight was counted with the first piece.
        """
        plan, client = self.plan, self.caller.grant.client
        until = time.monotonic() + WAIT_MAX_S
        refused = problem("rate-limited")
        while not gone.done():
            at = self.now()
            if not plan.contract.effective_from_s <= at.time_us // 1_000_000 < plan.contract.effective_until_s:
                return problem("not-in-force", plan.contract.effective_clause)
            watching = passed(plan, replace(self.caller.arrival, time_us=at.time_us))
            if isinstance(watching, Refused):  # the hours are over
                return problem(watching.reason, watching.clause)
            charged = self.settling.charging.of(plan, client, at.time_us)
            if charged.suspended is not None:
                return problem("suspended", charged.suspended)
            counted = [charge for charge in charged.admission if not isinstance(charge.limit, InFlight)]
            if not counted:
                return Granted(observed=watching)
            decision = await self.settling.limiter.decide(counted, at)
            verdict = verdict_of(decision, watching)
            if isinstance(verdict, Granted):
                return verdict
            refused = problem(verdict.reason, verdict.clause)
            wait_s = decision.wait_ns / 1e9
            if decision.unavailable or time.monotonic() + wait_s > until:
                return refused
            await asyncio.wait({gone}, timeout=wait_s)
        return refused

    async def _recorded(self, outcome: Outcome, number: int) -> bool:
        """Write the piece down, durable as the agreement says. False: it must not be sent."""
        payload = payload_of(self.commit, outcome)
        if isinstance(payload, LogFault):
            return self._unavailable(payload)
        entry = part_of(self.caller, self.plan, number, outcome, payload=payload, time_us=self.now().time_us)
        receipt = await self.writer.append(entry, self.plan.contract.ack)
        if isinstance(receipt, LogFault):
            return self._unavailable(receipt)
        self.add(entry)
        return True

    def _unavailable(self, fault: LogFault) -> bool:
        """False, and why on the operator's log."""
        request_id = self.caller.arrival.request_id
        _log.error("log unavailable", kind=fault.kind, detail=fault.detail, request_id=request_id)
        return False


def unwatched(plan: Plan, client: str, time_us: int, sought: str | tuple[str, ...], outcome: Outcome) -> None:
    """A Watch that looks away."""


async def _send(send: Send, stream: Piecewise, outcome: Outcome) -> None:
    """A piece; with the end of the body after the last."""
    data = b"" if outcome.body is UNSET else stream.piece(outcome.body)
    more = outcome.rest is not None
    await send({"type": "http.response.body", "body": data if more else data + stream.end(), "more_body": more})


async def _until_gone(receive: Receive) -> None:
    """Returns when the caller has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass
