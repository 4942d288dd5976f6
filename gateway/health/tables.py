"""The rows of `clausegate health` and `clausegate status` as tables for a terminal."""

from collections.abc import Iterable, Iterator, Mapping

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from gateway.health.ecosystem import Term
from gateway.health.latency_table import latency_table
from gateway.health.report import HealthRow, StatusRow
from gateway.sla.result import Verdict
from policies.reference import Language, Words

_HEADS: dict[str, Words] = {
    "partner": {"zh": "合作方", "en": "Partner"},
    "activity": {"zh": "调用 / 申报", "en": "Served / declared"},
    "good": {"zh": "成功应答", "en": "Good answers"},
    "clauses": {"zh": "服务条款达标", "en": "SLA clauses met"},
    "refusals": {"zh": "按条款拒绝", "en": "Refused by clause"},
    "score": {"zh": "健康分", "en": "Health"},
    "agreement": {"zh": "协议", "en": "Agreement"},
    "requests": {"zh": "调用", "en": "Calls"},
    "disclosed": {"zh": "披露", "en": "Disclosed"},
    "rule": {"zh": "质量规则", "en": "Quality rule"},
    "must": {"zh": "要求", "en": "Must"},
    "failed": {"zh": "不合 / 已查", "en": "Failed / checked"},
    "verdict": {"zh": "结论", "en": "Verdict"},
    "place": {"zh": "位置", "en": "Place"},
    "answers": {"zh": "与合同不符", "en": "Not as the contract says"},
    "promises": {"zh": "本月服务条款\n实际 / 承诺", "en": "SLA clauses this month\nachieved / promised"},
}
_DIRECTIONS: dict[str, Words] = {
    "out": {"zh": "（提供）", "en": "(served)"},
    "in": {"zh": "（写入）", "en": "(written)"},
}
_SAMPLED: Words = {
    "zh": "近 7 日抽样 {samples:,} 次，{records:,} 条",
    "en": "samples of the last 7 days: {samples:,}, with {records:,} records",
}
_WITHHELD: Words = {"zh": "{count:,} 次应答中的值被扣留", "en": "values withheld from {count:,} answers"}
_UNDECLARED: Words = {"zh": "{count:,} 个合同未声明的字段", "en": "{count:,} fields that the product does not declare"}
_RECORD: Words = {"zh": "（记录本身）", "en": "(the record)"}
_UNFINISHED: Words = {
    "zh": "{agreement}：{count:,} 项变更只有意向而无结果",
    "en": "{agreement}: {count:,} changes begun, of whose outcome the log says nothing",
}
_LATEST: Words = {"zh": "最近一次", "en": "latest"}
_UNKNOWN: Words = {"zh": "未知", "en": "unknown"}
_VERDICTS: dict[Verdict, Words] = {
    "met": {"zh": "达标", "en": "met"},
    "missed": {"zh": "未达标", "en": "missed"},
    "unknown": _UNKNOWN,
}
_TERMS: dict[Term, Words] = {
    "in_force": {"zh": "生效中", "en": "in force"},
    "not_yet": {"zh": "尚未生效", "en": "not yet in force"},
    "ended": {"zh": "已终止", "en": "ended"},
}


def health_table(rows: Iterable[HealthRow], language: Language) -> Group:
    """The rows of `health_rows` for people: a table of figures, below it each point that was lost, with why, and
    latencies."""
    rows = list(rows)
    table = _table(("partner", "score", "activity", "good", "clauses", "refusals"), language)
    lines = []
    for row in rows:
        score = str(row.score) if row.score is not None else _UNKNOWN[language]
        table.add_row(
            escape(f"{row.name[language]}\n{row.partner}"),
            score,
            f"{row.good:,} / {row.declared:,}" if row.declared is not None else f"{row.good:,} / –",
            f"{row.good_percent}%\n{row.good:,} / {row.judged:,}" if row.good_percent else _UNKNOWN[language],
            f"{row.clauses_met} / {row.clauses}",
            _listed(row.refusals),
        )
        lines += [escape(f"{row.partner}  -{loss.points}: {loss.because[language]}") for loss in row.lost]
    return Group(table, *lines, *latency_table(((row.partner, row.latency) for row in rows), language))


def status_table(rows: Iterable[StatusRow], language: Language) -> Group:
    """The rows of `status_rows` for people: agreements, how long answers took, then what was measured of their data."""
    rows = list(rows)
    table = _table(("agreement", "requests", "refusals", "disclosed", "promises"), language)
    disclosed: Words = {
        "zh": "{records:,} 条记录\n{subjects:,} 个主体\n{bytes:,} 字节",
        "en": "{records:,} records\n{subjects:,} subjects\n{bytes:,} bytes",
    }
    for row in rows:
        latest = f"{_LATEST[language]} {row.latest[:19]}" if row.latest else "–"
        promises = [
            f"{clause.id} {_VERDICTS[clause.verdict][language]}: "
            + (f"{clause.achieved_percent}% / " if clause.achieved_percent else "")
            + f"{clause.target_percent}%"
            for clause in row.clauses
        ]
        table.add_row(
            escape(f"{row.agreement} {row.version}\n{_TERMS[row.term][language]}\n{row.contract[:12]}…\n{latest}"),
            f"{row.requests:,}\n{_listed(row.statuses)}",
            _listed(row.refusals),
            disclosed[language].format(records=row.records, subjects=row.subjects, bytes=row.bytes),
            escape("\n".join(promises)) or "–",
        )
    unfinished = [
        escape(_UNFINISHED[language].format(agreement=f"{row.agreement} {row.version}", count=row.unfinished))
        for row in rows
        if row.unfinished
    ]
    latencies = ((f"{row.agreement} {row.version}", row.latency) for row in rows)
    return Group(table, *unfinished, *latency_table(latencies, language), *_data_parts(rows, language))


def _data_parts(rows: Iterable[StatusRow], language: Language) -> Iterator[RenderableType]:
    """For each product and direction of an agreement a heading, its quality rules, and what departs from the contract.

    Names of rules are long, so the agreement stands above its table and not in a column of it.
    """
    for row in rows:
        for data in row.data:
            sampled = _SAMPLED[language].format(samples=data.samples, records=data.records)
            who, what = f"{row.agreement} {row.version}", f"{data.product} {_DIRECTIONS[data.direction][language]}"
            yield escape(f"\n{who}: {what}\n{sampled}")
            rules = _table(("rule", "must", "failed", "verdict"), language, lines=False)
            for rule in data.rules:
                counted = f"{rule.failed:,} / {rule.checked:,}"
                rules.add_row(escape(rule.id), escape(rule.must), counted, _VERDICTS[rule.verdict][language])
            departing = _table(("place", "answers"), language, lines=False)
            for path, count in data.drift.items():
                departing.add_row(escape(path), _WITHHELD[language].format(count=count))
            for path, count in data.undeclared.items():
                departing.add_row(escape(path) or _RECORD[language], _UNDECLARED[language].format(count=count))
            yield from (table for table in (rules, departing) if table.row_count)


def _table(columns: Iterable[str], language: Language, *, lines: bool = True) -> Table:
    table = Table(show_lines=lines)
    for column in columns:
        # names are for copying: a folded one cannot be
        table.add_column(_HEADS[column][language], overflow="fold", no_wrap=column in ("partner", "agreement"))
    return table


def _listed(counts: Mapping[str, int]) -> str:
    return escape("\n".join(f"{name}: {count:,}" for name, count in counts.items())) or "–"
