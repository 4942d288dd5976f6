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

import structlog
from msgspec import UNSET, Struct
from msgspec.structs import replace

from adapters.base import Adapter, Answer, Query
from contracts.plan import Plan
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Part
from gateway.audit.writer import Writer
from gateway.exchange.admit import charges
from gateway.exchange.asked import Asked
from gateway.exchange.call import call
from gateway.exchange.caller import Caller, Receive, Send
from gateway.exchange.compressing import Piecewise, piecewise
from gateway.exchange.lines import Lines, lines_of
from gateway.exchange.negotiate import Coding
from gateway.exchange.outcome import Disclosed, Outcome, problem
from gateway.exchange.record import Commit, part_of, payload_of
from gateway.exchange.shape import Shown, select
from gateway.quality.sampler import Sampler
from policies.counters import Counters

WAIT_MAX_S = 60.0
"""An export that would have to wait longer for its limits is broken off: connections are not kept for hours."""
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
        rest=following(asked, shown, len(shown.records)),
        disclosed=_disclosed(body, shown),
    )


def _disclosed(body: bytes, shown: Shown) -> Disclosed:
    return Disclosed(hashlib.sha256(body).digest(), shown.people)


def following(asked: Asked, shown: Shown, sent: int) -> Query | None:
    """The query for the piece after `sent` records in all; None when that was the last."""
    left = asked.remaining - sent
    if shown.next is None or left <= 0:
        return None
    return replace(asked.query, after=shown.next, limit=min(asked.query.limit, left))


class Export(Struct, frozen=True):
    """One export under way: who asked for what, and whom to ask for more. `now_us` is Unix time."""

    plan: Plan
    caller: Caller
    asked: Asked
    adapter: Adapter
    counters: Counters
    writer: Writer
    commit: Commit
    sampler: Sampler
    add: Callable[[Part], None]
    now_us: Callable[[], int]

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
                if outcome.code == "rate-limited" and gone.done():
                    return  # nobody waits any more, so nobody was refused
                if not await self._recorded(outcome, number):
                    return
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
        refused = await self._admitted(gone)
        if refused:
            return problem(refused)
        asked = replace(self.asked, query=query)
        answer = await call(self.adapter, self.plan, query)
        if isinstance(answer, Outcome):
            return answer
        shown = select(self.plan, asked, answer)
        if isinstance(shown, Outcome):
            return shown
        body = lines(shown.records)
        return Outcome(
            200,
            body=body,
            records=len(shown.records),
            subjects=shown.subjects,
            drift=shown.drift,
            rest=following(asked, shown, sent + len(shown.records)),
            disclosed=_disclosed(body, shown),
        )

    async def _admitted(self, gone: "asyncio.Future[None]") -> str:
        """Charge one more call, waiting until it fits; "" when charged, else the problem code of why it was not.

        A caller that is gone is charged nothing more.
        """
        charged = charges(self.plan.limits, self.caller.grant.client)
        until = time.monotonic() + WAIT_MAX_S
        while not gone.done():
            now_s = self.now_us() // 1_000_000
            if not self.plan.contract.effective_from_s <= now_s < self.plan.contract.effective_until_s:
                return "not-in-force"
            if not charged:
                return ""
            decision = self.counters.decide(charged)
            if decision.bound is None:
                return ""
            wait_s = decision.wait_ns / 1e9
            if time.monotonic() + wait_s > until:
                return "rate-limited"
            await asyncio.wait({gone}, timeout=wait_s)
        return "rate-limited"

    async def _recorded(self, outcome: Outcome, number: int) -> bool:
        """Write the piece down, durable as the agreement says. False: it must not be sent."""
        payload = payload_of(self.commit, outcome)
        if isinstance(payload, LogFault):
            return self._unavailable(payload)
        entry = part_of(self.caller, self.plan, number, outcome, payload=payload, time_us=self.now_us())
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


async def _send(send: Send, stream: Piecewise, outcome: Outcome) -> None:
    """A piece; with the end of the body after the last."""
    data = b"" if outcome.body is UNSET else stream.piece(outcome.body)
    more = outcome.rest is not None
    await send({"type": "http.response.body", "body": data if more else data + stream.end(), "more_body": more})


async def _until_gone(receive: Receive) -> None:
    """Returns when the caller has hung up."""
    while (await receive())["type"] != "http.disconnect":
        pass
