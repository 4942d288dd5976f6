"""Statements as a store keeps them, for tests."""

import msgspec

from gateway.statements.answers import Answer
from gateway.statements.document import Statement
from gateway.store.statements import KeptStatement, State

ISSUED_US = 1_800_000_000_000_000


def kept_of(statement: Statement, state: State = "issued", answer: Answer | None = None) -> KeptStatement:
    """A statement as it is kept, answered if an answer is given."""
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
        issued_us=ISSUED_US + statement.revision,
        issued_by="ops",
        state=state,
        answered_us=ISSUED_US + 60_000_000 if answer else None,
        answered_by="swift-app" if answer else "",
        answer=msgspec.json.encode(answer).decode() if answer else "",
    )
