"""Statements issued, with a record on the audit log before anybody can have one."""

import time
from collections.abc import Callable

import msgspec
from msgspec import Struct

from gateway.authority import Administration, AuthorityError, record
from gateway.statements.document import Statement, read_statement
from gateway.statements.revise import Computed, Unchanged, first, following
from gateway.statements.settle import faults_of
from gateway.store.statements import KeptStatement, Statements
from gateway.webhooks.notify import Notify


class Issued(Struct, frozen=True):
    """A statement that was issued, and how it is kept."""

    statement: Statement
    kept: KeptStatement


class StatementAuthority:
    """Issues statements. Every method raises AuthorityError and StoreError; then nothing was issued."""

    def __init__(
        self,
        administration: Administration,
        notify: Notify,
        now_us: Callable[[], int] = lambda: time.time_ns() // 1000,
    ) -> None:
        self._writer, self._notify, self._now_us = administration.writer, notify, now_us
        self._statements = Statements(administration.store)

    async def issue(self, computed: Computed, issued_by: str) -> Issued:
        """Issue the first statement of a period, or the revision of the one that there is."""
        settlement = computed.settlement
        if settlement.provisional:
            raise AuthorityError(f"{settlement.period} has not ended: a statement is issued when it has")
        if faults := faults_of(settlement):
            raise AuthorityError(f"what cannot be settled cannot be issued: {'; '.join(faults)}")
        latest = await self._statements.latest(settlement.agreement, settlement.period)
        statement = first(computed) if latest is None else following(computed, read_statement(latest.json))
        if isinstance(statement, Unchanged):
            raise AuthorityError(f"{statement.id} says the same already: nothing was issued")
        kept = self._kept(statement, issued_by)
        await record(self._writer, "statement-issued", kept.id, partner=kept.partner, contract=kept.sha256)
        if not await self._statements.add(kept):
            raise AuthorityError(f"{kept.id} was issued by somebody else at the same moment")
        await self._notify("statement.issued", kept.partner, told(kept))
        return Issued(statement, kept)

    def _kept(self, statement: Statement, issued_by: str) -> KeptStatement:
        settlement = statement.settlement
        return KeptStatement(
            id=statement.id,
            agreement=settlement.agreement,
            partner=settlement.partner.id,
            period=settlement.period,
            revision=statement.revision,
            sha256=statement.seal.sha256,
            figures_sha256=statement.seal.figures_sha256,
            json=msgspec.json.encode(statement).decode(),
            issued_us=self._now_us(),
            issued_by=issued_by,
        )


def told(kept: KeptStatement) -> dict[str, str | int]:
    """What a webhook says of a statement: which one, and how it stands."""
    return {
        "id": kept.id,
        "agreement": kept.agreement,
        "period": kept.period,
        "revision": kept.revision,
        "sha256": kept.sha256,
        "state": kept.state,
    }
