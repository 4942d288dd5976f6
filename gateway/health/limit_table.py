"""What limits did besides refusing, and how shared counters stand, for a terminal."""

from collections.abc import Iterable, Iterator

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from gateway.health.counter_report import CounterRow
from gateway.health.report import StatusRow
from policies.reference import Language, Words

_HEADS: tuple[Words, ...] = (
    {"zh": "协议", "en": "Agreement"},
    {"zh": "条款", "en": "Clause"},
    {"zh": "本应拒绝", "en": "Would have refused"},
    {"zh": "未计数放行", "en": "Let pass uncounted"},
    {"zh": "应答被截短", "en": "Answers cut short"},
)
_AWAY: Words = {
    "zh": "{writer}：自 {since} 起无法连接共享计数服务（累计 {outages:,} 次）",
    "en": "{writer}: the shared counters cannot be reached since {since} (lost {outages:,} times in all)",
}
_BACK: Words = {
    "zh": "{writer}：共享计数服务自 {since} 起可用（曾中断 {outages:,} 次，重建 {rebuilt:,} 次）",
    "en": "{writer}: the shared counters are reached since {since} (lost {outages:,} times, rebuilt {rebuilt:,} times)",
}


def limit_table(rows: Iterable[StatusRow], counters: Iterable[CounterRow], language: Language) -> Group:
    """A row for each clause that let calls pass and is named all the same, or cut answers; then each shared counter's
    gateways. Nothing where there is nothing to say."""
    return Group(*_clauses(rows, language), *_counters(counters, language))


def _clauses(rows: Iterable[StatusRow], language: Language) -> Iterator[RenderableType]:
    table = Table()
    for place, head in enumerate(_HEADS):
        # names are for copying: a folded one cannot be
        table.add_column(head[language], overflow="fold", no_wrap=place < 2)
    for row in rows:
        for clause in sorted({*row.observed, *row.uncounted, *row.cuts}):
            counts = (counted.get(clause, 0) for counted in (row.observed, row.uncounted, row.cuts))
            table.add_row(escape(f"{row.agreement} {row.version}"), escape(clause), *(f"{count:,}" for count in counts))
    if table.row_count:
        yield ""
        yield table


def _counters(counters: Iterable[CounterRow], language: Language) -> Iterator[RenderableType]:
    for number, row in enumerate(counters):
        if not number:
            yield ""
        words = (_BACK if row.reachable else _AWAY)[language]
        yield escape(
            words.format(writer=row.writer, since=f"{row.since[:19]}Z", outages=row.outages, rebuilt=row.rebuilt)
        )
