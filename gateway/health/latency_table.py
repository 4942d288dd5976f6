"""Percentiles of latency as a table for a terminal."""

from collections.abc import Iterable, Iterator

from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from gateway.health.latency import LatencyRow, Span
from gateway.sla.latencies import RELATIVE_ERROR, OperationClass
from policies.reference import Language, Words

_SPANS: dict[Span, Words] = {"today": {"zh": "今日", "en": "today"}, "month": {"zh": "本月", "en": "this month"}}
_KINDS: dict[OperationClass, Words] = {
    "read": {"zh": "读取", "en": "reading"},
    "write": {"zh": "写入", "en": "writing"},
}
_HEADS: tuple[Words, ...] = (
    {"zh": "成功应答耗时", "en": "Latency of good answers"},
    {"zh": "操作", "en": "Operations"},
    {"zh": "期间", "en": "Span"},
    {"zh": "应答", "en": "Answers"},
    {"zh": "p50", "en": "p50"},
    {"zh": "p95", "en": "p95"},
    {"zh": "p99", "en": "p99"},
)
_NOTE: Words = {
    "zh": "百分位由 DDSketch 估算，相对误差不超过 {error}%；条款按其门槛精确计数，不以此为准。",
    "en": "Percentiles are a DDSketch's, at most {error}% off; clauses are counted exactly, at their thresholds.",
}


def latency_table(rows: Iterable[tuple[str, tuple[LatencyRow, ...]]], language: Language) -> Iterator[RenderableType]:
    """The rows of agreements or partners for a terminal, each under its name; nothing where nobody was answered."""
    table = Table()
    for head in _HEADS:
        table.add_column(head[language], overflow="fold")
    for name, latencies in rows:
        for row in latencies:
            spoken = _KINDS[row.operations][language], _SPANS[row.span][language], f"{row.answers:,}"
            table.add_row(escape(name), *spoken, *(f"{each} ms" for each in (row.p50_ms, row.p95_ms, row.p99_ms)))
    if table.row_count:
        yield table
        yield _NOTE[language].format(error=f"{float(RELATIVE_ERROR) * 100:g}")
