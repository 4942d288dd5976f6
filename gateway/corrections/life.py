"""Takes steps with reported data errors: each is a record on the audit log first, and is taken then.

The record holds ids and closed words alone. It commits to what is said in words by a hash with a salt, which is kept
beside the words and erased with them: whoever guesses a value cannot find it confirmed on the log.
"""

import hashlib
import time
from collections.abc import Callable, Mapping
from secrets import token_hex
from typing import Any, Final, Literal, TypeAlias

import msgspec
import rfc8785
import structlog
from msgspec import Struct

from contracts.plan import Contract
from gateway.audit.faults import LogFault
from gateway.audit.leaf import Authority
from gateway.audit.writer import Writer
from gateway.authority import AuthorityError
from gateway.corrections.steps import OPEN, RULES, WITHDRAWN, Action, State, may_follow, side_of
from gateway.store.corrections import Corrections, KeptCorrection, KeptStep
from gateway.store.faults import StoreError
from gateway.store.store import Store
from gateway.webhooks.notify import Notify
from policies.correcting import span_us
from policies.kinds.correction import Correction as CorrectionClause
from policies.promise import OwedBy

OPEN_MAX: Final = 1_000
"""So many reports of one side may be open at once: more than a person can look at."""
STEPS_MAX: Final = 100
"""So many steps one report may have: two who disagree about it for longer have something else to settle."""

Refusal: TypeAlias = Literal["unknown", "state", "too-late", "too-many", "twice"]

_log = structlog.get_logger(__name__)


class Actor(Struct, frozen=True):
    """Who takes a step: a side, the partner where it is that one, and the client or account that it acts by."""

    side: OwedBy
    partner: str | None
    account: str


class Refused(Struct, frozen=True):
    """Why a step is not taken: no such report of theirs, another state, the time to reopen is over, too many, or one
    about the same value is open: an error is corrected once, and credited once."""

    why: Refusal
    state: str = ""


class NewReport(Struct, frozen=True):
    """A data error to report. `words` are record key, expected value and evidence; they may hold personal values."""

    contract: Contract
    clause: CorrectionClause
    severity: str
    product: str
    field: str
    words: Mapping[str, Any]


class Pending(Struct, frozen=True):
    """A step as it is about to be taken."""

    action: Action
    time_us: int
    taken_by: str
    words: str


class CorrectionLife:
    """Every method raises StoreError, and AuthorityError where the log cannot be written; then nothing was changed."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        notify: Notify,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
        *,
        open_max: int = OPEN_MAX,
    ) -> None:
        self.kept, self._open_max = Corrections(store), open_max
        self._writer, self._notify, self._now_us = writer, notify, now_us

    async def report(self, new: NewReport, actor: Actor) -> KeptCorrection | Refused:
        """A new report; its clock begins with the record of it."""
        contract, owed_by = new.contract, new.clause.owed_by
        if await self.kept.count_open(contract.partner, owed_by) >= self._open_max:
            return Refused("too-many")
        now_us = self._now_us()
        pending = Pending("report", now_us, actor.account, "")
        correction = KeptCorrection(
            id=f"c-{token_hex(8)}",
            partner=contract.partner,
            agreement=contract.agreement,
            version=contract.version,
            contract=contract.hash,
            clause=new.clause.id,
            owed_by=owed_by,
            severity=new.severity,
            product=new.product,
            field=new.field,
            reported_by=actor.account,
            state="",
            reported_us=now_us,
            closed_us=None,
            steps=0,
            words=_salted(new.words),
            pending=msgspec.json.encode(pending).decode(),
            pending_us=now_us,
        )
        if not await self.kept.announce(correction):
            return Refused("twice")
        return await self._take(correction, pending) or Refused("state")

    async def take(
        self,
        correction: KeptCorrection,
        action: Action,
        actor: Actor,
        *,
        words: Mapping[str, Any] | None = None,
        clause: CorrectionClause | None = None,
    ) -> KeptCorrection | Refused:
        """The next step with one, as it was read. `clause` is the one it was reported under, to know how long it may be
        reopened; without it there is no end to that."""
        if actor.partner is not None and actor.partner != correction.partner:
            return Refused("unknown")
        if action not in may_follow(correction.state, correction.owed_by, actor.side):
            return Refused("state", correction.state)
        if correction.steps >= STEPS_MAX:
            return Refused("too-many", correction.state)
        now_us = await self._next_us(correction)
        if action == "reopen" and clause is not None and now_us > reopen_until_us(correction, clause):
            return Refused("too-late", correction.state)
        pending = Pending(action, now_us, actor.account, _salted(words or {}))
        begin = self.kept.begin_reopening if action == "reopen" else self.kept.begin
        begun = await begin(correction, msgspec.json.encode(pending).decode(), self._now_us())
        if not begun:
            return Refused("twice" if begun is None else "state", correction.state)
        return await self._take(correction, pending) or Refused("state", correction.state)

    async def resume(self) -> int:
        """Take the steps that others began and ended before they took them; how many these were.

        The time is that of the first try: where its record is on the log already, it is there twice and counts once.
        """
        taken = 0
        for correction in await self.kept.stale(self._now_us()):
            if correction.pending is None or not await self.kept.resume(correction, self._now_us()):
                continue
            pending = msgspec.json.decode(correction.pending, type=Pending)
            taken += await self._take(correction, pending) is not None
        return taken

    async def _next_us(self, correction: KeptCorrection) -> int:
        """Now, and after every step before: clocks of two hosts may differ, the order of steps may not."""
        steps = await self.kept.steps_of(correction.id)
        return max(self._now_us(), steps[-1].time_us + 1 if steps else 0)

    async def _take(self, correction: KeptCorrection, pending: Pending) -> KeptCorrection | None:
        """Record a step and take it; None where somebody else has taken it."""
        rule = RULES[pending.action]
        try:
            await self._record(correction, pending)
        except AuthorityError:
            await self.kept.abandon(correction.id)
            raise
        number, closed_us = correction.steps + 1, None if rule.to in OPEN else pending.time_us
        step = KeptStep(
            correction=correction.id,
            number=number,
            action=pending.action,
            time_us=pending.time_us,
            taken_by=pending.taken_by,
            words=pending.words,
        )
        if not await self.kept.finish(step, rule.to, closed_us):
            return None
        await self._tell(correction, pending.action, rule.to)
        return msgspec.structs.replace(
            correction, state=rule.to, closed_us=closed_us, steps=number, pending=None, pending_us=0
        )

    async def _record(self, correction: KeptCorrection, pending: Pending) -> None:
        entry = Authority(
            pending.time_us,
            RULES[pending.action].event,
            subject_of(correction, pending.action),
            correction.contract,
            correction.partner,
            detail_of(correction.words if pending.action == "report" else pending.words),
        )
        receipt = await self._writer.append_durable(entry)
        if isinstance(receipt, LogFault):
            raise AuthorityError(f"the record cannot be written: {receipt.kind}: {receipt.detail}")

    async def _tell(self, correction: KeptCorrection, action: Action, state: State) -> None:
        """Tell the other side; that it cannot be told does not undo the step."""
        rule = RULES[action]
        whose = side_of(rule.whose, correction.owed_by)
        other = correction.partner if whose == "hub" else ""
        data = {
            "correction": correction.id,
            "agreement": correction.agreement,
            "clause": correction.clause,
            "severity": correction.severity,
            "state": state,
        }
        try:
            await self._notify(rule.event.replace("-", ".", 1), other, data)
        except StoreError as error:
            _log.warning("nobody was told of a correction", correction=correction.id, error=str(error))


def reopen_until_us(correction: KeptCorrection, clause: CorrectionClause) -> int:
    """Until when, inclusive, one that is closed may be reopened."""
    return (correction.closed_us or 0) + span_us(clause.reopen_within)


def subject_of(correction: KeptCorrection, action: Action) -> str:
    """Which report, under which clause, how severe, and who is to correct it; and that it was taken back."""
    about = f"{correction.id} {correction.agreement} {correction.clause} {correction.severity} {correction.owed_by}"
    return f"{about} {WITHDRAWN}" if action == "withdraw" else about


def detail_of(words: str) -> str:
    """What the log commits to: SHA-256, in hex, of canonical JSON (RFC 8785)."""
    return hashlib.sha256(words.encode()).hexdigest()


def _salted(words: Mapping[str, Any]) -> str:
    """Words as canonical JSON, with a salt without which nobody finds out what they are by trying."""
    return rfc8785.dumps({**words, "salt": token_hex(16)}).decode()
