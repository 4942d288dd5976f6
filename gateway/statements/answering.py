"""How a partner's answer to a statement is taken: only to the latest revision, only to the text it was shown, once.

The record comes before the answer is kept. The same answer given again is answered the same.
"""

import time
from collections.abc import Callable
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from gateway.audit.events import Event
from gateway.audit.writer import Writer
from gateway.authority import AuthorityError, record
from gateway.statements.answers import Answer, Countersign, Dispute, is_readable, signed_by
from gateway.statements.document import digest, read_statement
from gateway.statements.issuing import told
from gateway.store.clients import Clients
from gateway.store.statements import Answered, KeptStatement, State, Statements
from gateway.store.store import Store
from gateway.webhooks.notify import Notify

Why: TypeAlias = Literal[
    "replaced", "answered", "another-text", "bad-signature", "unknown-clause", "unreadable", "busy"
]


class NotTaken(Struct, frozen=True):
    """Why an answer was not taken. `place` is a JSON pointer into what was sent, "" where it is about all of it."""

    why: Why
    place: str = ""


class Answering:
    """Takes answers. Every method raises AuthorityError and StoreError."""

    def __init__(
        self,
        store: Store,
        writer: Writer,
        notify: Notify,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._writer, self._notify, self._now_us = writer, notify, now_us
        self._statements, self._clients = Statements(store), Clients(store)

    async def countersign(self, kept: KeptStatement, said: Countersign, client_id: str) -> KeptStatement | NotTaken:
        """The partner agrees with the statement whose hash it names."""
        answer = Answer(sha256=said.sha256)
        if said.signature:
            client = await self._clients.find(client_id)
            key = signed_by(said.signature, client.keys if client else (), kept.id, said.sha256)
            if key is None:
                return NotTaken("bad-signature", "/signature")
            answer = replace(answer, signature=said.signature, kid=key.kid)
        return await self._take(kept, "countersigned", answer, client_id)

    async def dispute(self, kept: KeptStatement, said: Dispute, client_id: str) -> KeptStatement | NotTaken:
        """The partner does not agree, clause by clause, with reasons."""
        clauses = {clause.clause for clause in read_statement(kept.json).settlement.clauses}
        for number, reason in enumerate(said.reasons):
            if reason.clause not in clauses:
                return NotTaken("unknown-clause", f"/reasons/{number}/clause")
            if not is_readable(reason.reason):
                return NotTaken("unreadable", f"/reasons/{number}/reason")
        answer = Answer(sha256=said.sha256 or kept.sha256, reasons=said.reasons)
        return await self._take(kept, "disputed", answer, client_id)

    async def _take(
        self, kept: KeptStatement, state: State, answer: Answer, client_id: str
    ) -> KeptStatement | NotTaken:
        if answer.sha256 != kept.sha256:
            return NotTaken("another-text", "/sha256")
        text = msgspec.json.encode(answer).decode()
        if kept.answer:
            return kept if _same(kept, state, answer) else NotTaken("answered")
        latest = await self._statements.latest(kept.agreement, kept.period)
        if latest is None or latest.id != kept.id:
            return NotTaken("replaced")
        if not await self._statements.claim_answer(kept.id, self._now_us()):
            return await self._lost(kept, state, answer)
        try:
            event: Event = "statement-countersigned" if state == "countersigned" else "statement-disputed"
            detail = digest(answer)
            await record(self._writer, event, kept.id, partner=kept.partner, contract=kept.sha256, detail=detail)
        except AuthorityError:
            await self._statements.disclaim(kept.id)
            raise
        said = Answered(state=state, answered_us=self._now_us(), answered_by=client_id, answer=text)
        if not await self._statements.answer(kept.id, said):
            return await self._lost(kept, state, answer)
        answered = replace(kept, **msgspec.structs.asdict(said))
        await self._notify(f"statement.{state}", "", {**told(answered), "partner": kept.partner})
        return answered

    async def _lost(self, kept: KeptStatement, state: State, answer: Answer) -> KeptStatement | NotTaken:
        """Somebody else was faster: with the same answer, or with another."""
        now = await self._statements.find(kept.id)
        if now is None or not now.answer:
            return NotTaken("busy")
        return now if _same(now, state, answer) else NotTaken("answered")


def _same(kept: KeptStatement, state: State, answer: Answer) -> bool:
    """Whether the answer that was taken says this. Signatures may differ, and agree with the same text."""
    before = msgspec.json.decode(kept.answer, type=Answer)
    return kept.state == state and (before.sha256, before.reasons) == (answer.sha256, answer.reasons)
