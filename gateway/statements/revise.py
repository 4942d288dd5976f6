"""Statement from settlement: sealed as it stands, or as the next revision of one that was issued. Pure."""

from collections.abc import Iterator

from msgspec import Struct

from gateway.statements.document import (
    ClauseResult,
    Difference,
    Replaces,
    Seal,
    Settlement,
    SourceName,
    Statement,
    TreeHead,
    WindowResult,
    WriterRange,
    digest,
    sealed,
    statement_id,
)
from gateway.statements.words import LABELS, name_of, phrase, same
from policies.reference import Words

_LABELLED = {
    "verdict": "verdict",
    "measured": "measured",
    "percent": "percent",
    "fee": "fee",
    "credit": "credit",
    "capped_by": "capped",
    "prior_credit": "prior",
    "claim_until": "claim",
}
"""What of a window is compared, and the label of each."""


class Unchanged(Struct, frozen=True):
    """Nothing to issue: the latest revision says the same."""

    id: str


class Computed(Struct, frozen=True, kw_only=True):
    """A settlement and what it was computed from."""

    settlement: Settlement
    source: SourceName
    log: tuple[WriterRange, ...]
    tree: TreeHead | None


def computed_only(computed: Computed) -> Statement:
    """A statement that is not issued."""
    return _statement(computed, 0, None)


def first(computed: Computed) -> Statement:
    """The first revision."""
    return _statement(computed, 1, None)


def following(computed: Computed, before: Statement) -> Statement | Unchanged:
    """The revision after one that was issued, which says in what it differs."""
    if digest(computed.settlement) == before.seal.figures_sha256:
        return Unchanged(before.id)
    differences = tuple(differences_of(before.settlement, computed.settlement))
    return _statement(computed, before.revision + 1, Replaces(before.id, before.seal.sha256, differences))


def differences_of(before: Settlement, after: Settlement) -> Iterator[Difference]:
    """Every figure that differs, clause by clause and month by month; "" for what one of the two does not have."""
    earlier, later = _values(before), _values(after)
    for key in dict.fromkeys([*earlier, *later]):
        old, new = earlier.get(key, _ABSENT), later.get(key, _ABSENT)
        if old.value != new.value:
            clause, version, month, what = key
            yield Difference(clause, version, month, what, new.words or old.words, old.value, new.value)


class _Value(Struct, frozen=True):
    value: str
    words: Words


_ABSENT = _Value("", {})


def _values(settlement: Settlement) -> dict[tuple[str, str, str, str], _Value]:
    found = {}
    for clause in settlement.clauses:
        for window in clause.windows:
            for what, value in _figures(clause, window):
                found[(clause.clause, clause.version, window.month, what)] = value
    for total in settlement.totals:
        words = phrase("total", side=LABELS[total.owed_by], currency=same(total.currency))
        found[("", "", "", f"total {total.owed_by} {total.currency}".rstrip())] = _Value(total.amount, words)
    return found


def _figures(clause: ClauseResult, window: WindowResult) -> Iterator[tuple[str, _Value]]:
    yield "text", _Value(digest(clause.text), LABELS["text"])
    for what, label in _LABELLED.items():
        yield what, _Value(str(getattr(window, what) or ""), LABELS[label])
    for figure in window.figures:
        yield figure.name, _Value(figure.value, figure.words)
    for cause, count in window.causes.items():
        yield f"cause {cause}", _Value(str(count), phrase("cause", cause=name_of(f"{cause}-cause")))
    for number, exclusion in enumerate(window.exclusions, 1):
        span = f"{exclusion.from_} / {exclusion.to}" if exclusion.counts else ""
        words = phrase("exclusion", notice=same(exclusion.notice))
        yield f"exclusion {exclusion.notice} {number}", _Value(span, words)


def _statement(computed: Computed, revision: int, replaces: Replaces | None) -> Statement:
    settlement = computed.settlement
    seal = Seal(
        source=computed.source, log=computed.log, tree=computed.tree, figures_sha256=digest(settlement), sha256=""
    )
    issued = statement_id(settlement.agreement, settlement.period, revision) if revision else ""
    return sealed(Statement(id=issued, revision=revision, replaces=replaces, settlement=settlement, seal=seal))
