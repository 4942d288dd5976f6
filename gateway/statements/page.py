"""A statement as it is laid out, in one language: every string that a page shows, in order. All forms render this."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from msgspec import Struct

from gateway.statements.answers import Answer, read_answer
from gateway.statements.document import ClauseResult, Exclusion, Statement, Total, WindowResult
from gateway.statements.words import LABELS, name_of
from gateway.store.statements import KeptStatement
from policies.reference import Language, Words


class Row(Struct, frozen=True):
    """A label and what it says. `code`: a hash or an id, set in a type that tells its characters apart."""

    label: str
    text: str
    code: bool = False


class Table(Struct, frozen=True):
    """A table: heads, rows, and which columns hold numbers."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    numbers: tuple[int, ...] = ()


class MonthPart(Struct, frozen=True):
    """One clause in one month. `steps` say how it was computed; `fault` is not empty where it could not be."""

    title: str
    verdict: str
    missed: bool
    rows: tuple[Row, ...]
    steps: str
    figures: tuple[Row, ...]
    causes: tuple[Row, ...]
    exclusions: Table | None
    fault: str


class ClausePart(Struct, frozen=True):
    """One clause: its heading, who owes it, its sentence, and its months."""

    title: str
    owed_by: str
    text: str
    months: tuple[MonthPart, ...]


class Page(Struct, frozen=True, kw_only=True):
    """All of it. `labels` are the headings by name; `banner` is a warning at the top, "" for none."""

    language: Language
    title: str
    subtitle: str
    banner: str
    labels: dict[str, str]
    parties: tuple[Row, ...]
    replaces: str
    differences: Table | None
    totals: Table
    net: str
    overview: Table
    clauses: tuple[ClausePart, ...]
    answer: tuple[Row, ...]
    reasons: Table | None
    seal: tuple[Row, ...]
    notes: tuple[str, ...]
    hash: str


def lay_out(statement: Statement, language: Language, kept: KeptStatement | None = None, replaced_by: str = "") -> Page:
    """The page of a statement. `kept` is how it stands in the store, None for one that was not issued; `replaced_by` is
    the revision that took its place, "" while it is the latest."""
    return _Layout(statement, language, kept, replaced_by).page()


class _Layout:
    def __init__(self, statement: Statement, language: Language, kept: KeptStatement | None, replaced_by: str) -> None:
        self._statement, self._language = statement, language
        self._settlement, self._kept, self._replaced_by = statement.settlement, kept, replaced_by
        self._answer: Answer | None = read_answer(kept) if kept is not None else None

    def page(self) -> Page:
        settlement, replaces = self._settlement, self._statement.replaces
        until = _moment(settlement.settled_until)
        replaced = self._label("replaces", id=replaces.id, sha=replaces.sha256) if replaces else ""
        return Page(
            language=self._language,
            title=self._label("title"),
            subtitle=f"{settlement.partner.name[self._language]} · {settlement.agreement} · {settlement.period}",
            banner=self._label("provisional", until=until) if settlement.provisional else "",
            labels={name: words[self._language] for name, words in LABELS.items()},
            parties=tuple(self._parties()),
            replaces=replaced,
            differences=self._differences(),
            totals=self._totals(settlement.totals),
            net="; ".join(self._net(one) for one in settlement.net) or self._label("even"),
            overview=self._overview(),
            clauses=tuple(self._clause(clause) for clause in settlement.clauses),
            answer=tuple(self._answered()),
            reasons=self._reasons(),
            seal=tuple(self._seal()),
            notes=(
                self._label("prevails", language=self._label(settlement.prevails)),
                self._label("recompute"),
            ),
            hash=self._statement.seal.sha256,
        )

    def _label(self, name: str, **values: str) -> str:
        text = LABELS[name][self._language]
        return text.format(**values) if values else text

    def _said(self, words: Words) -> str:
        return words[self._language]

    def _parties(self) -> Iterator[Row]:
        settlement = self._settlement
        if self._statement.id:
            yield Row(self._label("id"), self._statement.id, code=True)
        yield Row(self._label("state"), self._state())
        yield Row(self._label("agreement"), settlement.agreement, code=True)
        yield Row(self._label("partner"), f"{self._said(settlement.partner.name)} ({settlement.partner.id})")
        yield Row(self._label("period"), f"{settlement.period}: {_span(settlement.from_, settlement.to)}")
        yield Row(self._label("zone"), settlement.zone)
        for version in settlement.versions:
            yield Row(self._label("versions"), version, code=True)

    def _state(self) -> str:
        state = self._label(self._kept.state) if self._kept is not None else self._label("not-issued")
        return f"{state}; {self._label('superseded', id=self._replaced_by)}" if self._replaced_by else state

    def _differences(self) -> Table | None:
        if self._statement.replaces is None:
            return None
        heads = tuple(self._label(name) for name in ("clause", "month", "what", "before", "after"))
        rows = tuple(
            (
                f"{one.clause} {one.version}".strip(),
                one.month,
                self._said(one.words),
                self._figure(one.before),
                self._figure(one.after),
            )
            for one in self._statement.replaces.differences
        )
        return Table(heads, rows)

    def _figure(self, value: str) -> str:
        return self._label(value) if value in ("met", "missed", "unknown") else value or "—"

    def _totals(self, totals: Sequence[Total]) -> Table:
        heads = (self._label("owes"), self._label("amount"))
        rows = tuple((self._label(total.owed_by), _money(total.amount, total.currency)) for total in totals)
        return Table(heads, rows, (1,))

    def _net(self, total: Total) -> str:
        return self._label("owes-net", side=self._label(total.owed_by), amount=_money(total.amount, total.currency))

    def _overview(self) -> Table:
        names = ("clause", "owes", "month", "measured", "verdict", "credit", "claim")
        rows = tuple(
            (
                clause.clause,
                self._label(clause.owed_by),
                window.month,
                self._measured(window.measured, window.unit),
                self._label(window.verdict),
                _money(window.credit, window.currency),
                window.claim_until or "—",
            )
            for clause in self._settlement.clauses
            for window in clause.windows
        )
        return Table(tuple(self._label(name) for name in names), rows, (3, 5))

    def _measured(self, value: str | None, unit: str) -> str:
        return "—" if value is None else f"{value}{self._said(name_of(unit))}"

    def _clause(self, clause: ClauseResult) -> ClausePart:
        sep = "：" if self._language == "zh" else ": "
        return ClausePart(
            title=f"{self._label('clause')} {clause.clause} ({clause.version})",
            owed_by=f"{self._label('owes')}{sep}{self._label(clause.owed_by)}",
            text=self._said(clause.text),
            months=tuple(self._month(window) for window in clause.windows),
        )

    def _month(self, window: WindowResult) -> MonthPart:
        running = f" ({self._label('running')})" if window.provisional else ""
        fault = window.fault
        return MonthPart(
            title=window.month + running,
            verdict=self._label(window.verdict),
            missed=window.verdict == "missed",
            rows=tuple(self._month_rows(window)),
            steps=self._said(window.explanation),
            figures=tuple(Row(self._said(figure.words), figure.value) for figure in window.figures),
            causes=tuple(
                Row(self._said(name_of(f"{cause}-cause")), f"{count:,}") for cause, count in window.causes.items()
            ),
            exclusions=self._exclusions(window.exclusions, window.unit, window.currency),
            fault=f"{self._label('fault')}{fault.fact}: {fault.message}" if fault else "",
        )

    def _month_rows(self, window: WindowResult) -> Iterator[Row]:
        yield Row(self._label("measured"), self._measured(window.measured, window.unit))
        if window.fee:
            yield Row(self._label("fee"), _money(window.fee, window.currency))
        yield Row(self._label("percent"), f"{window.percent}%")
        yield Row(self._label("credit"), _money(window.credit, window.currency))
        if window.capped_by:
            yield Row(self._label("capped"), window.capped_by, code=True)
        if window.prior_credit:
            yield Row(self._label("prior"), _money(window.prior_credit, window.currency))
        if window.claim_until:
            yield Row(self._label("claim"), window.claim_until)

    def _exclusions(self, exclusions: Sequence[Exclusion], unit: str, currency: str) -> Table | None:
        if not exclusions:
            return None
        heads = tuple(self._label(name) for name in ("notice", "span", "announced", "left-out", "record", "without"))
        return Table(heads, tuple(self._exclusion(one, unit, currency) for one in exclusions))

    def _exclusion(self, one: Exclusion, unit: str, currency: str) -> tuple[str, ...]:
        late = f" ({self._label('retroactive')})" if one.retroactive else ""
        place = f"{one.writer} #{one.seq}, {one.leaf[:16]}…" if one.leaf else "—"
        without = f"{self._measured(one.without_measured, unit)}, {_money(one.without_credit, currency)}"
        cause = f"{one.notice}: {self._said(name_of(one.cause))}"
        kept = self._label("late-for", clause=one.late_for) if one.late_for else self._label("no")
        left_out = self._label("yes") if one.counts else kept
        return cause, _span(one.from_, one.to), _moment(one.announced) + late, left_out, place, without

    def _answered(self) -> Iterator[Row]:
        kept, answer = self._kept, self._answer
        if kept is None or answer is None or kept.answered_us is None:
            return
        zone = ZoneInfo(self._settlement.zone)
        yield Row(self._label("state"), self._label(kept.state))
        yield Row(
            self._label("answered"), _moment(datetime.fromtimestamp(kept.answered_us // 1_000_000, zone).isoformat())
        )
        yield Row(self._label("client"), kept.answered_by, code=True)
        if answer.kid:
            yield Row(self._label("signature"), self._label("signed-with", kid=answer.kid))

    def _reasons(self) -> Table | None:
        if self._answer is None or not self._answer.reasons:
            return None
        heads = (self._label("clause"), self._label("reasons"))
        return Table(heads, tuple((reason.clause, reason.reason) for reason in self._answer.reasons))

    def _seal(self) -> Iterator[Row]:
        seal = self._statement.seal
        yield Row(self._label("source"), self._label(seal.source))
        for one in seal.log:
            text = f"{one.writer}: {one.first_seq}–{one.last_seq}, epoch {one.last_epoch}, {one.last_leaf}"
            yield Row(self._label("range"), text, code=True)
        if seal.tree is None:
            yield Row(self._label("tree"), self._label("no-tree"))
        else:
            head = self._label("tree-head", size=f"{seal.tree.size:,}", root=seal.tree.root)
            yield Row(self._label("tree"), f"{seal.tree.origin}: {head}", code=True)
        yield Row(self._label("figures-hash"), seal.figures_sha256, code=True)
        yield Row(self._label("hash"), seal.sha256, code=True)


def _money(amount: str, currency: str) -> str:
    whole, dot, places = amount.partition(".")
    text = f"{int(whole):,}{dot}{places}"
    return f"{text} {currency}".rstrip()


def _moment(text: str) -> str:
    return text[:19].replace("T", " ")


def _span(start: str, end: str) -> str:
    return f"{_moment(start)} – {_moment(end)}"
