"""changing: the stages of a change, each once: read it, see that it is signed, claim its key, look, announce it on the
log, ask, settle."""

import hashlib
import time
from typing import Any

import msgspec
import structlog
from msgspec import UNSET, Struct

from adapters.base import Adapter
from contracts.plan import Plan
from gateway.audit.faults import LogFault
from gateway.audit.sidecar import Subject
from gateway.audit.writer import Writer
from gateway.exchange.asked import Asked
from gateway.exchange.caller import Caller
from gateway.exchange.change import Wish, change, fingerprint, passed_on, read_body, read_wish, still_as_known
from gateway.exchange.outcome import Disclosed, Outcome, problem
from gateway.exchange.record import intent_of
from gateway.exchange.signed import SignedChanges, nobody_signs
from gateway.store.faults import StoreError
from gateway.store.hidden import Hidden
from gateway.store.idempotency import Claim, Fresh, Idempotency, InFlight, Mismatch, Replay, read_key

_MASK = b"clausegate-mask"
"""Kept beside a settled answer and never sent: by what it was decided what the partner sees, the mask and the rows.
Under others its data are not repeated."""
_PEOPLE = b"clausegate-people"
"""Kept likewise: whom the answer is about, for the commitment to each repetition of it. Sealed as the answer is."""

_PEOPLE_DECODER = msgspec.json.Decoder(list[Subject])

_log = structlog.get_logger(__name__)


class Changes(Struct, frozen=True):
    """Makes changes. `secret` derives the keys that backends are told; `signed` sees to signatures."""

    writer: Writer
    idempotency: Idempotency
    secret: Hidden[bytes]
    signed: SignedChanges = msgspec.field(default_factory=nobody_signs)

    async def run(self, plan: Plan, caller: Caller, asked: Asked, adapter: Adapter) -> tuple[Outcome, Wish | None]:
        """One change, from the request's body to the record as it is now; the wish once it was granted."""
        arrival, client = caller.arrival, f"{caller.grant.partner}\n{caller.grant.client}"
        wish = await self._wished(plan, caller, asked)
        if isinstance(wish, Outcome):
            return wish, None
        if arrival.idempotency_key is None:
            outcome, _ = await self._made(plan, caller, adapter, wish)
            return outcome, wish
        key = read_key(arrival.idempotency_key)
        if key is None:
            return problem("invalid-idempotency-key"), None
        try:
            claimed = await self.idempotency.claim(client, key, fingerprint(arrival, wish), int(time.time()))
            if not isinstance(claimed, Fresh):
                return _again(plan, claimed), None
            wish = passed_on(wish, client, key, self.secret.reveal())
            outcome, certain = await self._made(plan, caller, adapter, wish)
        except StoreError:
            return problem("state-unavailable", headers=((b"retry-after", b"5"),)), None
        await self._settle(plan, claimed.claim, outcome, certain)
        return outcome, wish

    async def _wished(self, plan: Plan, caller: Caller, asked: Asked) -> Wish | Outcome:
        """What is asked for, once it is certain who asks for it: a body that nobody signed is not even parsed."""
        body = await read_body(plan, caller)
        if isinstance(body, Outcome):
            return body
        signed = await self.signed.check(plan, caller, body)
        if isinstance(signed, Outcome):
            return signed
        caller.observed = signed
        return await read_wish(plan, asked, body)

    async def _made(self, plan: Plan, caller: Caller, adapter: Adapter, wish: Wish) -> tuple[Outcome, bool]:
        """Look, announce, ask. True beside the outcome: it is certain whether the change was made."""
        if wish.change.key is not None:
            ended = await still_as_known(plan, adapter, wish.change.key, caller.arrival)
            if ended is not None:
                return ended, True
        receipt = await self.writer.append_durable(intent_of(caller, plan))
        if isinstance(receipt, LogFault):
            _log.error("log unavailable", kind=receipt.kind, detail=receipt.detail, plan=plan.id)
            return problem("log-unavailable", headers=((b"retry-after", b"5"),)), True
        return await change(plan, adapter, wish)

    async def _settle(self, plan: Plan, claim: Claim, outcome: Outcome, certain: bool) -> None:
        """Keep an answer for repetitions, free the key of what was not done; an uncertain change stays claimed.

        A store that fails now leaves the claim: a repetition is told that nobody knows, and changes nothing twice.
        """
        try:
            if outcome.body is not UNSET:
                headers = (*outcome.headers, (_MASK, _seen_by(plan)), (_PEOPLE, _named(outcome)))
                await self.idempotency.settle(claim, outcome.status, headers, outcome.body)
            elif certain:
                await self.idempotency.release(claim)
            else:
                await self.idempotency.abandon(claim)
        except StoreError as error:
            _log.error("idempotency key not settled", reason=str(error))


def _seen_by(plan: Plan) -> bytes:
    """Names a mask and a row filter."""
    return f"{plan.mask_id} {plan.rows.expression if plan.rows else ''}".encode()


def _named(outcome: Outcome) -> bytes:
    """The people whom an answer is about."""
    return msgspec.json.encode([] if outcome.disclosed is None else list(outcome.disclosed.people))


def _disclosed(body: bytes, kept: tuple[tuple[bytes, bytes], ...]) -> Disclosed:
    """What a repeated answer shows, and of whom. An answer that was kept without them names nobody."""
    named = next((value for name, value in kept if name == _PEOPLE), b"[]")
    return Disclosed(hashlib.sha256(body).digest(), frozenset(_PEOPLE_DECODER.decode(named)))


def _again(plan: Plan, claimed: Any) -> Outcome:
    """A key that was used before."""
    if isinstance(claimed, Replay):
        same_mask = (_MASK, _seen_by(plan)) in claimed.headers
        headers = tuple(header for header in claimed.headers if header[0] not in (_MASK, _PEOPLE))
        body = claimed.body if same_mask and claimed.body is not None else b""
        status = claimed.status if body or claimed.status != 200 else 204
        shown = 1 if body else 0
        subjects = shown if plan.offer.subjects else 0
        return Outcome(
            status,
            body=body,
            headers=headers if body else (),
            records=shown,
            subjects=subjects,
            disclosed=_disclosed(body, claimed.headers) if body else None,
        )
    if isinstance(claimed, Mismatch):
        return problem("idempotency-mismatch")
    return problem("idempotency-in-flight" if isinstance(claimed, InFlight) else "idempotency-unknown")
