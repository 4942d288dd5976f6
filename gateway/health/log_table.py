"""How the trees of the audit log stand, for a terminal."""

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from gateway.health.log_report import LogStatus, State, TreeRow
from gateway.tlog.layout import ROOT
from policies.reference import Language, Words

_HEADS: tuple[Words, ...] = (
    {"zh": "日志树", "en": "Tree"},
    {"zh": "记录", "en": "Records"},
    {"zh": "等待入树", "en": "Waiting"},
    {"zh": "最近检查点", "en": "Last checkpoint"},
    {"zh": "已锚定于总日志", "en": "In the root log"},
)
_TITLE: Words = {"zh": "审计日志 {origin}", "en": "The audit log {origin}"}
_STATES: dict[State, Words] = {
    "published": {"zh": "", "en": ""},
    "waiting": {"zh": "审计日志：尚未生成任何树", "en": "The audit log: no tree has been built from it yet"},
    "no-log": {"zh": "审计日志：此处尚无任何记录", "en": "The audit log: nothing was ever recorded here"},
    "unknown": {
        "zh": "审计日志：状态存储不可用，无法得知各树的状况",
        "en": "The audit log: how its trees stand is not known, as the state store cannot be used",
    },
}
_FAULT: Words = {"zh": "记录不再入树：{fault}", "en": "no more records are put into trees: {fault}"}
_REASON: Words = {"zh": "原因：{fault}", "en": "the reason: {fault}"}
_OVERDUE: Words = {
    "zh": "{tree}：有记录已等待 {time}，超过回执承诺的 {due}：已违约",
    "en": "{tree}: a record has waited for {time}, and receipts promise {due}: a deadline was missed",
}
_MISSING: Words = {
    "zh": "{tree}：最近检查点仍缺 {count:,} 个见证方的副签",
    "en": "{tree}: witnesses still wanted for the last checkpoint: {count:,}",
}
_MORE: Words = {"zh": "等待的记录多于所计", "en": "more records wait than were counted"}
_OLDEST: Words = {"zh": "最久 {time}", "en": "oldest {time}"}
_AGO: Words = {"zh": "{time}前", "en": "{time} ago"}
_UNITS: tuple[tuple[int, Words], ...] = (
    (172_800, {"zh": "{0:,} 天", "en": "{0:,} days"}),
    (7200, {"zh": "{0:,} 小时", "en": "{0:,} hours"}),
    (120, {"zh": "{0:,} 分钟", "en": "{0:,} minutes"}),
    (0, {"zh": "{0:,} 秒", "en": "{0:,} s"}),
)
_SECONDS = (86_400, 3600, 60, 1)


def log_table(log: LogStatus, language: Language) -> Group:
    """A row for each tree and one for the root log; below them whatever is not as it ought to be."""
    rows = [*log.trees, *([log.root] if log.root is not None else [])]
    return Group("", *_heading(log, rows, language), *(escape(line) for line in _warnings(log, rows, language)))


def _heading(log: LogStatus, rows: list[TreeRow], language: Language) -> Iterator[RenderableType]:
    if log.state != "published":
        yield escape(_STATES[log.state][language])
    else:
        yield escape(_TITLE[language].format(origin=log.origin))
    if rows:
        table = Table()
        for place, head in enumerate(_HEADS):
            # names are for copying: a folded one cannot be
            table.add_column(head[language], overflow="fold", no_wrap=place == 0)
        for row in rows:
            table.add_row(*_cells(row, language))
        yield table


def _cells(row: TreeRow, language: Language) -> tuple[str, ...]:
    waiting = f"{row.waiting:,}"
    if row.behind_s is not None:
        waiting += "\n" + _OLDEST[language].format(time=duration(row.behind_s, language))
    age = row.checkpoint_age_s
    made = "–" if age is None else _AGO[language].format(time=duration(age, language))
    anchored = "–" if row.tree == ROOT else f"{row.anchored:,} / {row.size:,}"
    return escape(row.tree), f"{row.size:,}", waiting, made, anchored


def _warnings(log: LogStatus, rows: list[TreeRow], language: Language) -> Iterator[str]:
    if log.fault:
        yield (_REASON if log.state == "unknown" else _FAULT)[language].format(fault=log.fault)
    due = duration(log.due_s, language)
    for row in rows:
        if row.overdue and row.behind_s is not None:
            yield _OVERDUE[language].format(tree=row.tree, time=duration(row.behind_s, language), due=due)
        if row.witnesses_missing:
            yield _MISSING[language].format(tree=row.tree, count=row.witnesses_missing)
    if not log.complete:
        yield _MORE[language]


def duration(time_s: int, language: Language) -> str:
    """A time in the largest unit of which there are two at least, rounded down."""
    for (least_s, words), unit_s in zip(_UNITS, _SECONDS, strict=True):
        if time_s >= least_s:
            return words[language].format(time_s // unit_s)
    return _UNITS[-1][1][language].format(time_s)
